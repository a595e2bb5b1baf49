#include <simulation/harness.h>

#include <runtime/world.h>
#include <simulation/planners.h>
#include <store/forwarding_store.h>

#include <cstdlib>

namespace ragent::simulation {

using std::chrono::milliseconds;

// The disk of one process: it counts commits, and refuses from the crash on.
struct CommitGate {
  Crash crash = {};
  std::uint64_t commits = 0;
  bool crashed = false;
};

namespace {

class CrashingStore final : public ForwardingStore {
 public:
  CrashingStore(std::unique_ptr<Store> inner, std::shared_ptr<CommitGate> gate)
      : ForwardingStore(std::move(inner)), gate_(std::move(gate)) {}

 private:
  Result<std::uint64_t> commit(const Group& group) override {
    const Error dead{.kind = ErrorKind::io, .message = "the process died"};
    if (gate_->crashed) return fail(dead);
    gate_->crashed = ++gate_->commits == gate_->crash.commit;
    if (!gate_->crashed) return ForwardingStore::commit(group);
    if (gate_->crash.written) (void)ForwardingStore::commit(group);
    return fail(dead);
  }

  std::shared_ptr<CommitGate> gate_;  // shared with the harness
};

// Work of a pool without delay: in a steady world a commit takes no time.
class PromptPool final : public Pool {
 public:
  explicit PromptPool(Loop& loop) : loop_(loop) {}
  Result<void> run(Function function) override {
    loop_.post(std::move(function));
    return {};
  }

 private:
  Loop& loop_;
};

}  // namespace

std::unique_ptr<World> simulated_world(std::shared_ptr<Outside> outside, std::uint64_t seed,
                                       std::uint64_t names) {
  auto world = std::make_unique<World>();
  world->loop = [outside, seed] {
    auto loop = make_simulated_loop(seed, Logger(LogLevel::off));
    outside->lend(*loop);
    return loop;
  };
  auto pools = std::make_shared<std::uint64_t>(seed);  // shared by the copies of the function
  world->pool = [outside, pools](Loop& loop, std::size_t, std::size_t) -> std::unique_ptr<Pool> {
    if (outside->steady()) return std::make_unique<PromptPool>(loop);
    return make_simulated_pool(loop, ++*pools);
  };
  world->random = [names] { return make_seeded_random(names ^ 0x1d5); };
  return world;
}

Universe::Universe(Trial trial)
    : trial_(std::move(trial)),
      outside_(std::make_shared<Outside>(trial_.seed, trial_.kind)),
      disk_(std::make_shared<MemoryDisk>()),
      reader_(make_memory_store(disk_)),
      random_(trial_.seed * 77 + 1) {}

EngineOptions Universe::options(std::uint64_t life, std::shared_ptr<CommitGate> gate) {
  ::setenv("RAGENT_LOG", "off", 0);  // every crash is a store that fails: thousands of lines
  EngineOptions out;
  out.close_wait = {};  // destroying the engine is a crash
  out.threads = 0;
  out.store = std::make_unique<CrashingStore>(make_memory_store(disk_), std::move(gate));
  // The same names until the run exists: a steady world gives them the same latencies.
  out.world = simulated_world(outside_, trial_.seed + life * 1'000'003,
                              run_.empty() && source_.empty() ? 0 : life);
  out.models.push_back(
      [outside = outside_](const std::string&, Loop& loop) -> Result<std::unique_ptr<Model>> {
        return make_simulated_model(outside, loop);
      });
  out.planners = planners();
  out.agents = {
      {.profile = {.name = "simulated"}, .model = "test", .tools = simulated_tools(outside_)}};
  out.check_replay = true;
  out.evict_after = trial_.evict_after;
  return out;
}

void Universe::fork(std::string at) {
  source_ = std::exchange(run_, "");
  at_ = std::move(at);
}

void Universe::back_to_source() { run_ = std::exchange(source_, ""); }

void Universe::start(Engine& engine) {
  if (!source_.empty()) {
    Result<RunHandle> handle = engine.fork(source_, {.at = at_});
    if (handle) run_ = handle->id();
    return;
  }
  Agent agent{.profile = {.name = "simulated"},
              .model = "test",
              .planner = trial_.planner,
              .budget = trial_.budget,
              .tools = simulated_tools(outside_)};
  Result<RunHandle> handle = engine.start(agent, "go");
  if (trial_.cancel_after.count() > 0) cancel_at_ = outside_->now() + trial_.cancel_after;
  if (handle) run_ = handle->id();
}

Lived Universe::live(Crash crash) {
  auto gate = std::make_shared<CommitGate>(CommitGate{.crash = crash});
  Lived lived;
  {
    Engine engine(options(lives_++, gate));
    Result<void> opened = engine.open();
    if (!opened) {
      wrong_ = "opening: " + opened.error().message;
      return lived;
    }
    if (run_.empty()) run_ = begun();
    if (run_.empty()) start(engine);
    if (run_.empty()) run_ = begun();  // the process died over it
    doubts_.clear();
    const TimePoint begin = outside_->now();
    std::uint64_t commits_seen = kNoCrash;
    while (!gate->crashed && lived.turns < crash.turn) {
      engine.poll(patience());
      ++lived.turns;
      if (gate->commits != commits_seen) {
        commits_seen = gate->commits;
        look_at_doubts();
        if (ended()) break;
      }
      answer_doubts(engine);
      if (cancel_at_ && outside_->now() >= *cancel_at_ && !run_.empty()) {
        cancel_at_.reset();
        (void)engine.cancel(run_, "enough");
      }
      if (outside_->now() - begin > std::chrono::hours(3)) {
        wrong_ = "the run stands still: " + state();
        break;
      }
    }
    lived.commits = gate->commits;
    outside_->crash(outside_->steady() ? std::chrono::microseconds(0)
                                       : std::chrono::microseconds(random_.below(50'000)));
  }
  if (!run_.empty() && !ended()) note_open_attempts();
  return lived;
}

// The run that an earlier process began.
std::string Universe::begun() {
  for (const RunRow& row : *list_runs(*reader_, {})) {
    if (row.uid != source_) return row.uid;
  }
  return "";
}

milliseconds Universe::patience() const {
  TimePoint next = outside_->now() + std::chrono::hours(1);
  for (const auto& [name, doubt] : doubts_) next = std::min(next, doubt.due);
  if (cancel_at_) next = std::min(next, *cancel_at_);
  return std::max(milliseconds(1), std::chrono::ceil<milliseconds>(next - outside_->now()));
}

// The harness is the person who finds out what happened: a while after the doubt is shown.
void Universe::look_at_doubts() {
  std::map<std::string, Doubt> now;
  for (const WaitRow& row : *reader_->journal().waits()) {
    if (row.kind != "doubt") continue;
    const auto known = doubts_.find(row.key);
    const milliseconds later(10 + static_cast<std::int64_t>(outside_->below(40)));
    now[row.key] = known != doubts_.end()
                       ? known->second
                       : Doubt{row.key.substr(row.key.find('/') + 1), outside_->now() + later};
  }
  doubts_ = std::move(now);
}

void Universe::answer_doubts(Engine& engine) {
  for (const auto& [key, doubt] : std::map(doubts_)) {
    if (outside_->now() < doubt.due) continue;
    doubts_.erase(key);
    std::string tool_key;
    std::string what;
    const std::string run = key.substr(0, key.find('/'));
    for (const Record& record : journal_of(run).records) {
      if (record.kind != RecordKind::act || record.phase != Phase::intent) continue;
      if (record.path + ":" + std::to_string(record.step) + "." + std::to_string(record.call) !=
          doubt.step) {
        continue;
      }
      Json body = *parse_json(record.body);
      tool_key = body.text("key");
      what = body.find("arguments")->text("what");
    }
    using Verdict = Resolution::Verdict;
    const bool happened = outside_->applied(tool_key) > 0;
    (void)engine.resolve(run, doubt.step,
                         {.verdict = happened ? Verdict::happened : Verdict::did_not_happen,
                          .result = Json("ok " + what),
                          .who = "the harness"});
  }
}

std::string Universe::state() {
  for (const RunRow& row : *reader_->journal().runs()) {
    if (row.uid == run_) return row.state;
  }
  return run_.empty() ? "not started" : "ended";
}

bool Universe::ended() { return !run_.empty() && state() == "ended"; }

FiledRun Universe::journal_of(const std::string& uid) {
  Result<FiledRun> run = reader_->tenants().run({}, uid);
  return run ? std::move(*run) : FiledRun{};
}

std::string Universe::answer() {
  const FiledRun run = journal();
  if (run.records.empty()) return "";
  const Json body = *parse_json(run.records.back().body);
  return body.text("outcome") + ": " + body.text("text");
}

// Recovery of a `once` call takes longer than the call: the order of a steady world may change.
void Universe::note_open_attempts() {
  std::map<std::string, bool> open;
  for (const Record& record : journal().records) {
    if (record.kind != RecordKind::act) continue;
    const std::string name =
        record.path + ":" + std::to_string(record.step) + "." + std::to_string(record.call);
    if (record.phase == Phase::outcome) {
      open.erase(name);
    } else if (parse_json(record.body)->text("effect") == "once") {
      open[name] = true;
    }
  }
  doubted_ = doubted_ || !open.empty();
}

std::string Universe::wrong() {
  if (!wrong_.empty()) return wrong_;
  if (!ended()) return "the run has not ended: " + state();
  outside_->settle_all();
  std::string broken = check_promises(journal(), *outside_);
  if (!broken.empty()) return broken + "\n" + dump();
  return replayed();
}

std::string Universe::dump() {
  std::string out;
  for (const Record& record : journal().records) {
    out += std::to_string(record.n) + " " + record.path + ":" +
           (record.step == kNoStep ? "-" : std::to_string(record.step)) + "." +
           std::to_string(record.call) + " " + std::string(to_string(record.kind)) +
           (record.phase == Phase::intent ? " intent " : " ") + std::to_string(record.attempt) +
           " at " + std::to_string(record.at % 100'000'000) + " " + record.body.substr(0, 160) +
           "\n";
  }
  return out;
}

// All records but the last on a new disk: an engine must write the same `final` again, and touch
// neither model nor tool.
std::string Universe::replayed() {
  const FiledRun run = journal();
  auto disk = std::make_shared<MemoryDisk>();
  std::unique_ptr<Store> store = make_memory_store(disk);
  Group group{.specs = {{run.row.spec, run.spec}}, .runs = {run.row}, .records = run.records};
  group.runs.front().state = "working";
  group.runs.front().outcome.clear();
  group.records.pop_back();
  if (Result<std::uint64_t> copied = store->journal().commit(group); !copied) {
    return "copying the journal: " + copied.error().message;
  }
  Universe again(trial_);
  again.disk_ = disk;
  again.reader_ = std::move(store);
  again.run_ = run_;
  again.outside_->crash(std::chrono::hours(10'000));  // long after everything was due
  again.live();
  if (again.outside_->calls() > 0) return "the replay of the finished run called a tool";
  if (!again.ended()) return "the finished run does not replay: " + again.state();
  const FiledRun copy = again.journal();
  // What nobody could find out before is asked again.
  const bool unresolved = parse_json(run.records.back().body)->find("unresolved")->size() > 0;
  if (!unresolved && copy.records.size() != run.records.size()) {
    return "the replay appended records";
  }
  if (again.answer() != answer()) return "the replay answers " + again.answer();
  return "";
}

}  // namespace ragent::simulation
