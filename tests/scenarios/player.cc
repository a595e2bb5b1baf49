#include <scenarios/player.h>

#include <base/text.h>
#include <runtime/world.h>
#include <scenarios/stage.h>

#include <algorithm>
#include <filesystem>
#include <ranges>
#include <unistd.h>

namespace ragent::scenarios {
namespace {

using std::chrono::milliseconds;

constexpr std::uint32_t kTurnsMax = 100'000;  // of one statement
constexpr milliseconds kPatience = std::chrono::hours(24);  // virtual

class Player {
 public:
  explicit Player(const Case& scene)
      : scene_(scene),
        agent_(scene.agent),
        disk_(std::make_shared<MemoryDisk>()),
        reader_(make_memory_store(disk_)),
        ledger_(std::make_shared<Ledger>()) {
    agent_.tools = make_tools(scene.tools, ledger_);
  }
  ~Player() {
    engine_.reset();
    std::filesystem::remove_all(home_);
  }
  Player(const Player&) = delete;
  Player& operator=(const Player&) = delete;

  std::vector<std::string> play() {
    begin_life(0);
    for (std::size_t i = 0; i < scene_.statements.size(); ++i) {
      const Statement& statement = scene_.statements[i];
      arm(i);
      Result<void> done = perform(statement, i);
      if (!done && !(gate_->crashed && awaits_crash(i))) {
        note(statement.text + ": " + std::string(to_string(done.error().kind)) + ": " +
             done.error().message);
      }
    }
    for (std::size_t i = 0; i < runs_.size(); ++i) {
      (void)wait_for(runs_[i].name);
      adopt();
    }
    engine_.reset();
    return report();
  }

 private:
  struct Known {
    std::string name;
    std::string uid;
    std::optional<RunHandle> handle = {};
    std::string stands = {};  // why wait() did not end with the run's end
  };

  EngineOptions options() {
    EngineOptions out;
    out.home = home_.string();
    out.close_wait = {};  // destroying the engine is a crash
    out.threads = 0;
    out.store = make_gated_store(disk_, gate_);
    out.models.push_back(make_model(scene_.script, ledger_));
    out.planners = make_planners(life_);
    out.agents = {agent_};
    out.check_replay = true;
    out.world = std::make_unique<World>();
    out.world->loop = [this] {
      auto loop = make_simulated_loop(scene_.seed + life_, Logger(LogLevel::off));
      loop->set_now(now_);
      loop_ = loop.get();
      return loop;
    };
    out.world->pool = [seed = scene_.seed](Loop& loop, std::size_t, std::size_t) {
      return make_simulated_pool(loop, seed);
    };
    out.world->random = [seed = scene_.seed + life_] { return make_seeded_random(seed); };
    return out;
  }

  // One process. The crash that the statements from `next` on ask for may come at any time.
  void begin_life(std::size_t next) {
    ++life_;
    std::vector<Record> durable = gate_ ? std::move(gate_->records) : std::vector<Record>();
    gate_ = std::make_shared<Gate>();
    gate_->records = std::move(durable);
    arm(next);
    engine_.emplace(options());
    if (Result<void> opened = engine_->open(); !opened) note("open: " + opened.error().message);
  }

  void die_and_begin_again(std::size_t next) {
    for (Known& run : runs_) run.handle.reset();
    now_ = loop_->now();
    engine_.reset();
    begin_life(next);
    for (Known& run : runs_) (void)handle_of(run);  // events and waits from the beginning
  }

  // The next `crash after` or `crash before` from statement `from` on; behind an `until` it counts
  // only from there.
  void arm(std::size_t from) {
    gate_->dies_at.reset();
    for (std::size_t i = from; i < scene_.statements.size(); ++i) {
      const Statement& statement = scene_.statements[i];
      if (statement.what == Statement::What::crash) return;
      if (statement.what == Statement::What::until) return;
      if (!is_crash(statement)) continue;
      gate_->dies_at = statement.point;
      gate_->loses_it = statement.what == Statement::What::crash_before;
      return;
    }
  }

  static bool is_crash(const Statement& statement) {
    return statement.what == Statement::What::crash_after ||
           statement.what == Statement::What::crash_before;
  }
  bool awaits_crash(std::size_t i) const {
    return i + 1 < scene_.statements.size() && is_crash(scene_.statements[i + 1]);
  }

  Result<void> perform(const Statement& statement, std::size_t index) {
    using What = Statement::What;
    switch (statement.what) {
      case What::start:
        return started(statement, engine_->start(agent_, statement.input, statement.options));
      case What::fork: {
        Known* source = known(statement.of);
        if (!source) return fail(ErrorKind::not_found, "no run is called " + statement.of);
        return started(statement, engine_->fork(source->uid, statement.fork));
      }
      case What::wait: return wait_for(statement.run);
      case What::sleep: return sleep(statement.time);
      case What::until:
        return until([&] {
          return std::ranges::any_of(gate_->records,
                                     [&](const Record& one) { return statement.point.fits(one); });
        });
      case What::crash: die_and_begin_again(index + 1); return {};
      case What::crash_after:
      case What::crash_before: {
        Result<void> crashed = until([&] { return gate_->crashed; });
        if (crashed) die_and_begin_again(index + 1);
        return crashed;
      }
      case What::permit: return permit(statement);
      default: return decide(statement);
    }
  }

  // What names a run that must be there.
  Result<void> decide(const Statement& statement) {
    Known* run = known(statement.run);
    if (!run) return fail(ErrorKind::not_found, "no run is called " + statement.run);
    if (statement.what == Statement::What::answer) {
      return engine_->answer(run->uid + "/" + statement.step, statement.decision);
    }
    if (statement.what == Statement::What::resolve) {
      return engine_->resolve(run->uid, statement.step, statement.resolution);
    }
    return engine_->cancel(run->uid, statement.reason);
  }

  Result<void> started(const Statement& statement, Result<RunHandle> handle) {
    if (handle) {
      if (!named(handle->id())) runs_.push_back({statement.run, handle->id(), std::move(*handle)});
      return {};
    }
    for (const RunRow& row : *reader_->journal().runs()) {  // the process died over it
      if (gate_->crashed && !named(row.uid)) runs_.push_back({statement.run, row.uid, {}});
    }
    return fail(std::move(handle.error()));
  }

  // Runs that no statement began: what steered a run too late. Called then, then2, …
  void adopt() {
    std::vector<RunRow> rows = *list_runs(*reader_, {});
    for (const RunRow& row : rows | std::views::reverse) {
      if (named(row.uid)) continue;
      const std::string number = adopted_++ > 0 ? std::to_string(adopted_) : "";
      runs_.push_back({"then" + number, row.uid, {}});
    }
  }

  // Permissions are the agent's of today, not of the run's spec.
  Result<void> permit(const Statement& statement) {
    std::erase_if(agent_.permissions,
                  [&](const auto& old) { return old.first == statement.permission.first; });
    agent_.permissions.push_back(statement.permission);
    return {};
  }

  Known* known(const std::string& name) {
    auto found = std::ranges::find(runs_, name, &Known::name);
    return found == runs_.end() ? nullptr : &*found;
  }
  bool named(const std::string& uid) const {
    return std::ranges::find(runs_, uid, &Known::uid) != runs_.end();
  }

  // A handle on a run that an earlier process began; null when it has ended.
  RunHandle* handle_of(Known& run) {
    if (!run.handle) {
      if (Result<RunHandle> handle = engine_->attach(run.uid))
        run.handle.emplace(std::move(*handle));
    }
    return run.handle ? &*run.handle : nullptr;
  }

  // To the end of the run, or until it stands still (which the report shows).
  Result<void> wait_for(const std::string& name) {
    Known* run = known(name);
    if (!run) return fail(ErrorKind::not_found, "no run is called " + name);
    RunHandle* handle = handle_of(*run);
    if (!handle) return {};
    Result<Answer> answer = handle->wait();
    run->stands = answer ? "" : answer.error().message;
    if (!gate_->crashed) check_events(*run);
    return {};
  }

  // Events of records come in the order of their numbers.
  void check_events(Known& run) {
    if (state(run) != "ended") return;
    std::uint64_t last = 0;
    while (std::optional<Event> event = run.handle->next_event(milliseconds(0))) {
      if (event->kind != Event::Kind::step) continue;
      if (event->id <= last) note("event " + std::to_string(event->id) + " came too late");
      last = event->id;
    }
  }

  Result<void> sleep(milliseconds time) {
    TimePoint end = loop_->now() + time;
    while (loop_->now() < end) {
      engine_->poll(std::chrono::ceil<milliseconds>(end - loop_->now()));
    }
    return {};
  }

  Result<void> until(const std::function<bool()>& reached) {
    TimePoint end = loop_->now() + kPatience;
    for (std::uint32_t turn = 0; turn < kTurnsMax && loop_->now() < end; ++turn) {
      if (reached()) return {};
      if (gate_->crashed) break;
      engine_->poll(std::chrono::hours(1));
    }
    return fail(ErrorKind::timeout, "it did not come to that");
  }

  // ---- what came of it

  void note(std::string line) { lines_.push_back(std::move(line)); }

  std::string state(const Known& run) {
    Result<FiledRun> filed = reader_->tenants().run({}, run.uid);
    return filed ? filed->row.state : "lost";
  }

  std::vector<std::string> report() {
    for (const Known& run : runs_) {
      note("run " + run.name);
      Result<FiledRun> filed = reader_->tenants().run({}, run.uid);
      if (!filed) {
        note("it is lost: " + filed.error().message);
        continue;
      }
      records(*filed);
      bool ended = filed->row.state == "ended";
      if (!ended) note(filed->row.state + ": " + run.stands);
      if (ended && run.stands.find("does not replay") != run.stands.npos) note(run.stands);
    }
    for (const CaseTool& tool : scene_.tools) {
      const Ledger::Use& use = ledger_->tools[tool.spec.name];
      std::string line = "tool " + tool.spec.name + " ran " + std::to_string(use.executions);
      if (use.keys.size() != use.executions) line += " keys " + std::to_string(use.keys.size());
      if (use.queries > 0) line += " asked " + std::to_string(use.queries);
      note(std::move(line));
    }
    for (std::string& line : lines_) name_runs(line);
    return std::move(lines_);
  }

  void records(const FiledRun& run) {
    for (std::size_t i = 0; i < run.records.size(); ++i) {
      const Record& record = run.records[i];
      // The model noted the last request of a step: it belongs to the last intent.
      bool last = std::none_of(run.records.begin() + static_cast<std::ptrdiff_t>(i) + 1,
                               run.records.end(), [&](const Record& later) {
                                 return later.kind == record.kind && later.path == record.path &&
                                        later.step == record.step && later.phase == record.phase &&
                                        later.chapter == record.chapter;
                               });
      auto offers = ledger_->offers.find(run.row.uid + "/" + step_name(record.path, record.step));
      note(shown(record, last && offers != ledger_->offers.end() ? offers->second : ""));
    }
  }

  void name_runs(std::string& line) const {
    for (const Known& run : runs_) {
      for (std::size_t at = line.find(run.uid); at != line.npos; at = line.find(run.uid, at)) {
        line.replace(at, run.uid.size(), "<" + run.name + ">");
      }
    }
  }

  const Case& scene_;
  const std::filesystem::path home_ =
      std::filesystem::temp_directory_path() / ("ragent_scenario_" + std::to_string(::getpid()));
  Agent agent_;
  std::shared_ptr<MemoryDisk> disk_;  // shared with the stores of each life
  std::unique_ptr<Store> reader_;
  std::shared_ptr<Ledger> ledger_;  // shared with tools and models
  std::shared_ptr<Gate> gate_ = {};  // shared with the store of this life
  std::uint32_t life_ = 0;
  SimulatedLoop* loop_ = nullptr;  // the engine's
  TimePoint now_ = TimePoint(std::chrono::seconds(1));
  std::optional<Engine> engine_ = {};
  std::vector<Known> runs_ = {};
  std::size_t adopted_ = 0;
  std::vector<std::string> lines_ = {};
};

}  // namespace

std::vector<std::string> play(const Case& scene) { return Player(scene).play(); }

}  // namespace ragent::scenarios
