// Branch: one line of steps inside a run, and what stands behind a planner's Run&. It numbers the
// steps, keeps the digest, answers them from the tape while it can and performs them when it
// cannot. Owned by the LiveRun (the root) or a ForkState (children); shard only.
#pragma once

#include <action/gate.h>
#include <runtime/compaction.h>
#include <runtime/tape.h>
#include <runtime/wake.h>

#include <deque>

namespace ragent {

class LiveRun;

// One wait of a branch for the world. Shared between the branch and whoever will end the wait
// (a timer, an attempt, a person): either may go first.
struct Op {
  explicit Op(Loop& loop) : done(loop) {}
  Signal done;
  bool stopped = false;  // ended by `stop`: the step answers Error{cancelled}
  std::optional<Observation> observation = {};
  std::optional<Decision> decision = {};
  std::uint32_t n = 0;   // of the record that ended it
};

// One execution of an effect. Belongs to the run, not to the frame that asked for it: its outcome
// is recorded whoever still listens.
struct Attempt {
  std::string path = {};
  std::uint32_t step = 0;
  std::uint32_t call = 0;
  std::uint32_t number = 0;
  Digest digest = {};
  ToolCall asked = {};
  std::string key = {};
  std::int64_t not_after = 0;  // wall clock, ms
  bool started = false;
  bool orphan = false;         // its branch is gone
  bool over = false;
  bool recorded = false;       // that it is unknown; of an orphan, only what was found out since
  bool unknown = false;        // how it ended
  std::int64_t ms = 0;
  std::shared_ptr<Op> op = {};  // shared with the branch that waits
  Root root = {};
};

// The records of one call of an `act` step, as the tape has them, or nothing yet.
struct CallPlan {
  std::uint32_t step = 0;
  std::uint32_t index = 0;
  Digest digest = {};
  ToolCall call = {};
  bool affordable = true;
  std::int64_t ms = 0;  // of the last recorded outcome
  std::vector<const Record*> found = {};
};

struct CallRecords {
  std::optional<Observation> outcome = {};  // the last one
  std::optional<Observation> resolved = {};
  bool open = false;                        // an intent without an outcome
  std::uint32_t attempts = 0;
  std::int64_t not_after = 0;
  std::int64_t ms = 0;
  bool asked = false;
  std::optional<Decision> decision = {};
};

class Branch {
 public:
  Branch(LiveRun& run, std::string path, Digest digest, Budget budget, bool speculative,
         std::uint32_t last_n);
  Branch(const Branch&) = delete;
  Branch& operator=(const Branch&) = delete;
  ~Branch();

  Task<Transcript> open(Input input);
  Task<Reply> think(Transcript transcript, ThinkOptions options);
  Task<std::vector<Observation>> act_all(std::vector<ToolCall> calls);
  Task<Decision> ask(std::string question, Json schema);
  Task<void> sleep(std::chrono::milliseconds duration);
  Task<Json> value(std::string_view what, Json given);
  Task<bool> patched(std::string name);
  Task<Answer> continue_as_new(Json state);
  Task<ForkState*> fork(std::uint32_t count, bool speculative);
  Task<std::uint32_t> next(ForkState& fork);
  Task<void> cancel(std::vector<std::pair<ForkState*, std::uint32_t>> children, std::string reason);
  // The end of a branch: one `cancel` for the children not handed out.
  Task<void> close();

  Budget tree_budget() const;  // its own and that of every child at work
  void abandon();  // its frames go away: its attempts stay with the run, its waits end
  bool stopped() const { return path_ == "0" && cut_ != kNever; }

  Run face{*this};

 private:
  friend class Run;
  friend class LiveRun;
  friend class ForkState;

  struct InFlight;
  struct AttemptListed;
  struct Admitted {
    std::uint32_t step = 0;
    std::vector<const Record*> found = {};
  };
  // Numbers a step, extends the digest, and finds the records that count for this branch.
  Admitted admit(RecordKind kind, Digest asked, const std::function<std::string()>& describe);
  // The end of the records: parks a cancelled branch, ends a stopped one, else waits until the
  // replay of every branch is quiet.
  Task<void> live();
  Task<void> forever();
  // The body of a record; a record that cannot be read makes the run diverge and parks.
  Task<Json> read(const Record& record);
  Record record(std::uint32_t step, RecordKind kind, Phase phase, Json body,
                std::uint32_t attempt = 1, std::uint32_t call = 0) const;
  std::uint32_t append(Record record);
  // Waits for `work`, or for `stop` (Error{cancelled}); destroying it cancels the work.
  template <class T>
  Task<T> interruptible(Task<T> work);
  Task<void> wait(std::shared_ptr<Op> op);

  struct ThinkPlan {
    std::uint32_t step = 0;
    Json params = {};
    std::uint32_t attempts = 0;
    std::int64_t reserve = 0;  // of the last attempt
  };
  Task<Json> think_live(ThinkPlan& plan, Transcript transcript, ThinkOptions options);
  Task<Reply> reply_of(Model& model, ModelRequest request, DeltaSink& deltas);
  Task<Transcript> fitted(Transcript transcript, const ThinkOptions& options, Json* note);
  Task<Json> ask_model(Result<Transcript> transcript, ThinkOptions options, std::uint32_t step,
                       std::uint32_t attempt);
  void reserve(ThinkPlan& plan, std::int64_t tokens);
  void steer(const Json& intent, std::size_t position);
  void settle(const Usage& usage, std::int64_t ms, std::int64_t reserve);
  Transcript steered(Transcript transcript) const;

  Task<CallRecords> read_call(const CallPlan& plan);
  Task<void> lane(CallPlan plan, std::optional<Result<Observation>>& out, std::size_t& left,
                  Wake& all_done);
  Task<Observation> perform(CallPlan plan);
  Task<std::optional<Observation>> pass_gate(const CallPlan& plan, const CallRecords& known);
  Verdict verdict(const CallPlan& plan) const;
  std::string key_of(const CallPlan& plan) const;
  Task<Observation> perform_read(CallPlan& plan, const Tool& tool);
  Task<Observation> perform_effect(CallPlan& plan, const Tool& tool, CallRecords known);
  Task<Observation> run_effect(CallPlan& plan, const Tool& tool, std::uint32_t number,
                               std::int64_t not_after);
  Task<QueryAnswer> query_effect(const CallPlan& plan, const Tool& tool);
  Task<Observation> in_doubt(CallPlan& plan, std::shared_ptr<Attempt> last);
  Task<Decision> person(std::uint32_t step, std::uint32_t call, Digest digest, Json shown,
                        bool asked);
  Observation record_outcome(CallPlan& plan, Observation seen, std::uint32_t attempt,
                             std::int64_t ms);
  void observe(const ToolCall& call, const Observation& seen, std::int64_t ms);

  LiveRun& run_;
  std::string path_;
  Digest digest_;
  Budget budget_;
  bool speculative_;
  std::uint32_t cut_;  // records at or above this n do not count
  std::uint32_t last_n_;  // the last record of this branch
  std::uint32_t step_ = 0;
  bool ended_ = false;
  const char* busy_ = nullptr;  // the step in flight
  std::vector<Op*> waiting_ = {};  // what the step in flight waits for
  std::vector<std::shared_ptr<Attempt>> attempts_ = {};  // of the step in flight
  std::vector<std::unique_ptr<ForkState>> forks_ = {};
  Seen seen_ = {};
  std::shared_ptr<const std::string> said_;  // the user's words; shared with forked branches
  std::vector<std::pair<std::size_t, Message>> steering_ = {};  // (position, message)
  std::unique_ptr<Compaction> compaction_ = {};  // once a transcript may not fit
};

// The children of one fork.
class ForkState {
 public:
  ForkState(Branch& branch, std::uint32_t step) : branch_(branch), step_(step) {}

 private:
  friend class Branch;
  friend class Run;
  friend class LiveRun;
  friend Task<std::uint32_t> detail::fork_next(ForkState& fork);
  friend Task<void> detail::fork_cancel(ForkState& fork, std::vector<std::uint32_t> indices,
                                        std::string reason);
  friend Task<void> detail::fork_cancel_rest(ForkState& fork, std::string reason);
  friend std::size_t detail::fork_open(const ForkState& fork);

  struct Child {
    std::unique_ptr<Branch> branch = {};
    std::unique_ptr<Wake> start = {};  // a cancelled child may never get its first turn
    Root root = {};
    bool handed = false;
    bool cancelled = false;
    bool at_work() const { return !handed && !cancelled; }
    void kill();
  };
  Task<void> body(Child& child, Task<void> body);

  Branch& branch_;
  std::uint32_t step_;
  std::deque<Child> children_ = {};
  Wake* waiting_ = nullptr;  // the `next` in flight
};

}  // namespace ragent
