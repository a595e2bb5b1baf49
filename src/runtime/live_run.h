// LiveRun: one run in memory: its tape, its branches, its attempts, and what it waits for. Owned
// by a Shard; everything happens on that shard's thread.
#pragma once

#include <ragent/engine.h>
#include <runtime/binding.h>
#include <runtime/branch.h>

namespace ragent {

class ProgramCall;
class Shard;

// What a run needs to know before it can replay or begin: read from the store beforehand, so that
// replay itself touches nothing outside.
struct RunMaterial {
  RunRow row = {};
  std::shared_ptr<const Binding> binding = {};  // shared by the runs of one spec
  std::vector<Record> records = {};             // of the current chapter
  std::uint32_t head = 0;                       // turns of the session when it begins
  std::vector<Turn> history = {};               // the last of them
  std::vector<InboxRow> inbox = {};             // steering not yet delivered
};

class LiveRun {
 public:
  // `check`: replay a finished run and compare; nothing may be appended or executed.
  LiveRun(Shard& shard, RunMaterial material, bool check = false);
  LiveRun(const LiveRun&) = delete;
  LiveRun& operator=(const LiveRun&) = delete;
  ~LiveRun();

  void begin();  // replays what is recorded, then goes on live
  void listen(std::shared_ptr<RunHandle::State> listener);
  void stop(std::string reason, std::string who);
  // A person's word; Error{not_found} when nobody asked, Error{conflict} when it is too early.
  Result<void> answer(const StepName& step, const Decision& decision);
  Result<void> resolve(const StepName& step, const Resolution& resolution);
  void steer(InboxRow row);
  std::size_t undelivered() const { return inbox_.size(); }
  std::deque<InboxRow> take_inbox() { return std::exchange(inbox_, {}); }

  const RunRow& row() const { return row_; }
  Origin origin() const;  // of its session, when that begins with it
  const std::string& diverged() const { return diverged_; }
  bool finished() const { return finished_; }
  bool idle() const;  // every branch waits for a person: it may be evicted

 private:
  friend class Branch;
  friend class ForkState;
  friend class Run;
  friend struct Working;
  struct Held {
    std::uint32_t last_n = 0;
    std::string path = {};
    Wake* wake = nullptr;
  };
  struct Asked {  // a question or a doubt that waits for a person
    Digest digest = {};
    Json schema = {};
    std::shared_ptr<Attempt> doubt = {};  // shared with the branch that waits; null: a question
    std::shared_ptr<Op> op = {};  // shared with the branch that waits
  };

  Task<void> main();
  Task<Result<Answer>> plan();
  Task<void> next_chapter();
  Task<void> settled();  // until every attempt has its outcome, and every branch is quiet
  void finish(const Result<Answer>& result);
  void compare_final(const Record& final, const Result<Answer>& result);
  void go_live();
  void settle_leftovers();
  void pump();                // drains the queue; decides when a replay is over
  void wake(Wake& wake);
  void diverge(std::string why);
  std::string divergence() const;
  void report_divergence();

  Loop& loop();
  bool draining() const;
  std::int64_t now_ms();
  std::uint64_t random();
  Task<void> until(std::int64_t wall_ms);
  std::chrono::milliseconds time_of(const ToolSpec& spec) const;
  ToolContext context(const std::string& key, std::int64_t not_after);

  std::uint32_t append(Record record);
  void append_root(RecordKind kind, Json body);  // start, stop, chapter, final
  void set_wait(WaitRow row);
  void end_wait(const std::string& path, std::uint32_t step, std::uint32_t call);
  void end_waits(const std::string& path);  // of a branch that dies
  RunState state() const;
  void update_state();
  void save_row();
  std::string standing() const;  // what it waits for, for people
  Json take_steering(const Branch& branch);

  void emit(Event event);
  void hand_out(const Event& event);
  void emit_delta(const std::string& path, std::uint32_t step, std::uint32_t attempt,
                  const Delta& delta);
  void deliver();             // step events that are durable now

  void start_attempt(std::shared_ptr<Attempt> attempt, Tool tool);
  Task<void> attempt_body(Attempt& attempt, Tool tool);
  void end_attempt(Attempt& attempt, Observation seen);
  void orphan(std::shared_ptr<Attempt> attempt);
  Task<void> orphan_body(Attempt& attempt);

  Shard& shard_;
  RunRow row_;
  std::shared_ptr<const Binding> binding_;  // shared by the runs of one spec
  std::vector<ProgramCall*> programs_ = {};  // under way
  Tape tape_;
  Json start_;          // body of the start record
  std::uint32_t copied_n_ = 0;  // records up to this n are of the run it was forked from
  std::optional<Budget> fresh_ = {};  // that of a fork, until its root is past them
  std::uint32_t head_;
  std::vector<Turn> history_;
  std::deque<InboxRow> inbox_;
  bool check_;
  bool replaying_ = false;
  bool finished_ = false;
  std::uint64_t delivers_at_ = 0;  // ticket for which deliver() is called
  std::string diverged_ = {};
  std::uint32_t next_n_ = 0;
  std::uint32_t stop_n_ = kNever;
  std::string stop_reason_ = {};
  Budget stop_budget_ = {};
  Usage usage_ = {};
  std::optional<Json> next_state_ = {};  // continue_as_new was asked
  std::map<std::string, bool> patches_ = {};
  Answer answer_ = {};

  WakeQueue queue_ = {};
  bool pumping_ = false;
  bool pump_posted_ = false;
  std::vector<Held> held_ = {};
  std::map<std::tuple<std::string, std::uint32_t, std::uint32_t>, std::string> waits_ = {};
  std::map<std::string, Asked> asked_ = {};  // by call name
  std::uint32_t working_ = 0;                // waits for something else than a person
  std::vector<std::shared_ptr<Attempt>> attempts_ = {};  // shared with the branches that wait
  Wake* settled_ = nullptr;
  std::deque<std::pair<std::uint64_t, Event>> undelivered_ = {};  // until their group is durable
  std::vector<std::weak_ptr<RunHandle::State>> listeners_ = {};

  std::shared_ptr<ToolHost> host_;  // shared with its work on the blocking pool
  std::unique_ptr<Branch> root_;
  Root deadline_ = {};
  Root main_ = {};
  std::shared_ptr<LiveRun*> self_;  // shared with posted work, which finds null when it is gone
};

}  // namespace ragent
