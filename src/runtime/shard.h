// Shard: one loop and the runs on it: starts them, queues the inputs of busy sessions, loads and
// evicts, and hands what each turn brought to the writer. Owned by the engine; everything but the
// constructor happens on its loop's thread.
#pragma once

#include <base/ids.h>
#include <base/scope.h>
#include <runtime/filer.h>
#include <runtime/live_run.h>
#include <runtime/places.h>
#include <runtime/writer.h>

#include <atomic>
#include <unordered_map>

namespace ragent {

// What the shards of one engine share. Owned by the engine and outlives them.
struct ShardParts {
  const EngineOptions& options;
  Store& store;
  JournalWriter& writer;
  Filer& filer;
  Pool& store_pool;
  Pool& blocking_pool;
  Places& places;
  Random& ids;  // the real one keeps no state; a seeded one is the simulator's, on one thread
  std::atomic<RunId>& run_id_last;
  Logger log;
  std::size_t index;   // of this shard
  std::size_t shards;  // of the engine
};

// Where the runs of a session meet.
inline std::size_t shard_of(const std::string& session, std::size_t shards) {
  return std::hash<std::string>()(session) % shards;
}

// The uid of the one run that a tenant's key names.
std::string uid_of_key(const Tenant& tenant, const std::string& key);

class Shard {
 public:
  Shard(Loop& loop, ShardParts parts);
  Shard(const Shard&) = delete;
  Shard& operator=(const Shard&) = delete;
  ~Shard();

  // For the engine; each answers on this shard.
  void recover(std::vector<RunRow> rows, std::vector<InboxRow> inbox);
  Task<void> start(Agent agent, Input input, RunOptions options,
                   std::shared_ptr<RunHandle::State> handle);
  // `session`: of the new run; empty: one that belongs to this shard.
  Task<void> fork(std::string source, ForkOptions options, std::string session,
                  std::shared_ptr<RunHandle::State> handle);
  Task<void> attach(Tenant tenant, std::string uid, std::shared_ptr<RunHandle::State> handle);
  Task<std::vector<Ask>> asks(Tenant tenant);
  Task<void> answer(Tenant tenant, std::string uid, StepName step, Decision decision);
  Task<void> resolve(Tenant tenant, std::string uid, StepName step, Resolution resolution);
  Task<void> cancel(Tenant tenant, std::string uid, std::string reason);
  void stop_effects() { draining_ = true; }  // no new ones begin
  Task<void> drain(TimePoint until);         // until those under way have ended
  void halt(const Error& error);  // drops every run; what must be recorded answers this Error
  bool halted() const { return halted_.has_value(); }
  Scope& scope() { return scope_; }

  // For its runs.
  struct EffectUnderWay {  // from its intent to its outcome
    explicit EffectUnderWay(Shard& on) : shard(on) { ++shard.effects_; }
    EffectUnderWay(const EffectUnderWay&) = delete;
    EffectUnderWay& operator=(const EffectUnderWay&) = delete;
    ~EffectUnderWay() { --shard.effects_; }
    Shard& shard;
  };
  bool draining() const { return draining_; }
  Loop& loop() { return loop_; }
  const ShardParts& parts() const { return parts_; }
  Group& group() { return group_; }               // of this turn
  std::uint64_t ticket() const { return ticket_; }  // of that group
  std::uint64_t durable() const { return durable_; }
  void when_durable(std::uint64_t ticket, Function function);
  Task<void> committed(std::uint64_t ticket);
  Task<void> barrier();
  std::int64_t now_ms() const { return loop_.wall().time_since_epoch().count(); }
  std::uint64_t random() { return parts_.ids.next(); }
  std::string workspace(const std::string& uid) const;
  // New runs of its session for what came too late for the last think of a run that ends now:
  // their uids.
  Json follow(const RunRow& ended, std::deque<InboxRow> undelivered);
  void finished(LiveRun& run, Turn turn, std::string usage, Json final);
  void stands_still(LiveRun& run, std::string why);
  bool stands(const std::string& uid) const;  // it was told that this run does

 private:
  struct Known {  // a run that has not ended: in memory, parked on disk, or queued
    RunRow row = {};
    std::unique_ptr<LiveRun> live = {};
    std::vector<Record> records = {};  // of a run that never began: its start
    std::shared_ptr<const Binding> binding = {};
    std::deque<InboxRow> inbox = {};
    std::vector<std::weak_ptr<RunHandle::State>> handles = {};
    std::optional<std::string> cancelled = {};  // why it ends before it has begun
    Places::Hold place = {};
    std::string still = {};  // why it stands still; empty: it does not
    bool loading = false;
    bool asleep = false;  // quarantined or paused: not resumed by itself
    std::vector<std::shared_ptr<Op>> loaded = {};  // shared with who waits for it
  };
  struct Session {
    std::deque<std::string> runs = {};  // uids: the first is at work, the others queue
    bool fresh = false;                 // has no turns: nothing to read
    std::uint32_t applying = 0;  // ended runs whose turns cannot be read yet
    std::vector<std::shared_ptr<Op>> applied = {};  // shared with who waits for that
  };
  struct Ended;
  // Who waits for the one that is at something, by its name; shared with the waiting.
  using Turns = std::map<std::string, std::vector<std::shared_ptr<Op>>>;
  struct OneAtATime {  // at it; when it is gone the others go on
    OneAtATime(Turns& of, std::string called) : turns(of), name(std::move(called)) { turns[name]; }
    OneAtATime(const OneAtATime&) = delete;
    OneAtATime& operator=(const OneAtATime&) = delete;
    ~OneAtATime() {
      auto waiting = turns.extract(name);
      for (auto& op : waiting.mapped()) op->done.set();
    }
    Turns& turns;
    std::string name;
  };

  std::string new_session();  // one that belongs to this shard
  std::string session_key(const RunRow& row) const { return row.tenant + "/" + row.session; }
  void listen(Known& known, const std::shared_ptr<RunHandle::State>& handle);
  Task<void> turn(Turns& of, std::string name);  // until it may be free
  void tell_queue(const Known& front);  // that it stands still
  Result<void> has_room(const Session& session) const;  // for one more input
  Task<Known*> reach(Tenant tenant, std::string uid);
  Result<Known*> find(const Tenant& tenant, const std::string& uid);
  Result<std::shared_ptr<const Binding>> bind(const Agent& agent, const RunOptions& options);
  Result<void> meet(const Agent& agent);  // from now on the one of today
  const Agent* agent_today(const std::string& name) const;  // null: nobody gave it to us
  std::shared_ptr<const Binding> bound(const RunRow& row, const std::string& folder) const;
  Task<std::shared_ptr<const Binding>> rebind(Tenant tenant, RunRow row, std::string folder);
  Task<std::shared_ptr<const Binding>> bind_pinned(RunRow row, std::string folder,
                                                   std::string spec);
  void keep(std::shared_ptr<const Binding> binding);
  Result<Model*> model(const std::string& name);
  Result<Planner> planner(const std::string& name) const;
  Task<void> start_new(std::string uid, Agent agent, Input input, RunOptions options,
                       std::shared_ptr<RunHandle::State> handle);
  Task<void> start_keyed(std::string uid, Agent agent, Input input, RunOptions options,
                         std::shared_ptr<RunHandle::State> handle);
  Task<void> fork_new(std::string uid, std::string of, ForkOptions options, std::string session,
                      std::shared_ptr<RunHandle::State> handle);
  // `copied`: of a fork, what stands behind its start.
  Known& admit(RunRow row, std::shared_ptr<const Binding> binding, const Json& start,
               std::vector<Record> copied = {});
  // Joins the run that was started with this key, if there is one.
  Task<bool> join(Tenant tenant, std::string uid, std::shared_ptr<RunHandle::State> handle);
  Task<void> join_queue(std::string session, RunOptions options);
  Task<void> steer(Known& at_work, Input input, std::shared_ptr<RunHandle::State> handle);
  Task<void> carry_on();  // the recovered runs
  void begin_next(const std::string& session);
  void applied(const std::string& session);
  void begin(Known& known, RunMaterial material);
  Task<void> load(std::string uid);  // from the journal into memory, and begins
  Task<RunMaterial> read(Tenant tenant, RunRow row, std::shared_ptr<const Binding> binding);
  Task<void> live(Tenant tenant, std::string uid);  // loads it when it is parked
  Task<void> conclude(std::string uid, std::shared_ptr<Ended> ended);
  Task<void> check(const Known& known);
  Task<void> evict_later(std::string uid);
  void goes_on(Known& known);
  void set_state(Known& known, RunState state, std::string why);
  void made_durable(std::uint64_t ticket, std::uint64_t lsn);
  void flush();

  Loop& loop_;
  ShardParts parts_;
  Group group_ = {};
  std::uint64_t ticket_ = 1;
  std::uint64_t durable_ = 0;
  std::uint64_t durable_lsn_ = 0;  // of the first record of that group
  std::multimap<std::uint64_t, Function> after_ = {};  // by the ticket they wait for
  std::unordered_map<std::string, Known> runs_ = {};   // by uid
  std::unordered_map<std::string, Session> sessions_ = {};
  Turns starting_ = {};   // keys
  std::map<std::string, std::unique_ptr<Model>> models_ = {};
  std::vector<std::shared_ptr<const Binding>> bindings_ = {};  // lately made; shared with runs
  Turns rebinding_ = {};  // the files of agents, by spec and folder
  std::map<std::string, Agent> agents_ = {};  // by name: bodies and permissions of today
  std::optional<Error> halted_ = {};
  bool draining_ = false;
  std::uint32_t effects_ = 0;
  std::shared_ptr<Shard*> self_;  // null inside once it is gone
  Scope scope_;
};

std::shared_ptr<ToolHost> make_tool_host(Shard& shard, Tenant tenant,
                                         std::function<void(std::string)> progress);

}  // namespace ragent
