#include <runtime/engine_core.h>

#include <action/exec.h>
#include <base/home.h>
#include <base/hash.h>
#include <base/pool.h>
#include <base/text.h>
#include <profile/names.h>
#include <ragent/limits.h>
#include <runtime/handle.h>

#include <cstdlib>

namespace ragent {

std::string_view to_string(Outcome outcome) {
  static constexpr std::string_view kNames[] = {"answered", "gave_up", "budget", "cancelled",
                                                "failed"};
  return kNames[static_cast<std::size_t>(outcome)];
}

std::string_view to_string(RunState state) {
  static constexpr std::string_view kNames[] = {
      "working", "waiting_ask", "waiting_timer", "waiting_message", "queued", "in_doubt",
      "unbound", "diverged",    "quarantined",   "paused",          "ended"};
  return kNames[static_cast<std::size_t>(state)];
}

World real_world() {
  return {.loop = [] { return make_loop(Logger::from_environment()); },
          .pool = [](Loop&, std::size_t threads,
                     std::size_t queue) { return make_pool(threads, queue); },
          .random = [] { return make_system_random(); }};
}

EngineOptions::EngineOptions() = default;
EngineOptions::EngineOptions(EngineOptions&&) noexcept = default;
EngineOptions& EngineOptions::operator=(EngineOptions&&) noexcept = default;
EngineOptions::~EngineOptions() = default;

EngineCore::EngineCore(EngineOptions options, Engine& face)
    : face_(face), options_(std::move(options)), log_(Logger::from_environment()) {
  options_.home = home_folder(options_.home);
  world_ = options_.world ? std::move(*options_.world) : real_world();
  if (const char* check = std::getenv("RAGENT_CHECK");
      check && std::string_view(check) == "replay") {
    options_.check_replay = true;
  }
}

EngineCore::~EngineCore() { close(); }

Result<void> EngineCore::open() {
  std::lock_guard lock(open_mutex_);
  const bool was_owned =
      opened_ && !*opened_ && opened_->error().kind == ErrorKind::conflict && !store_ && !closing_;
  if (!opened_ || was_owned) opened_ = open_now();
  return *opened_;
}

Result<void> EngineCore::open_now() {
  if (options_.store) {
    store_ = std::move(options_.store);
  } else {
    Result<std::unique_ptr<Store>> opened = open_sqlite_store(options_.home);
    if (!opened) return fail(std::move(opened.error()));
    store_ = std::move(*opened);
    // What an earlier engine of this home left running ends before any run is resumed.
    reap_stale(options_.home);
    owns_home_ = true;
    serve();
  }
  Result<RunId> last = store_->last_run_id();
  if (!last) return fail(std::move(last.error()));
  run_id_last_ = *last;
  ids_ = world_.random();
  std::size_t count = std::max<std::size_t>(1, options_.threads);
  for (std::size_t i = 0; i < count; ++i) loops_.push_back(world_.loop());
  runners_ = std::vector<std::atomic<std::thread::id>>(count);
  Loop& first = *loops_.front();
  writer_pool_ = world_.pool(first, 1, 1024);
  store_pool_ = world_.pool(first, limits::kStoreThreads, limits::kPoolQueueMax);
  blocking_pool_ = world_.pool(first, limits::kBlockingThreads, limits::kPoolQueueMax);
  const auto failed = [this](Error error) { fail_with(std::move(error)); };
  writer_ = std::make_unique<JournalWriter>(JournalWriter::Parts{
      store_->journal(), *writer_pool_, first, log_, options_.full_disk_wait, failed});
  filer_ = std::make_unique<Filer>(
      Filer::Parts{first, *store_pool_, *store_, *writer_, log_, options_.full_disk_wait, failed});
  writer_->on_final([&first, filer = filer_.get()](RunId run) {
    first.post([filer, run] { filer->expect(run); });
  });
  for (std::size_t i = 0; i < count; ++i) {
    shards_.push_back(std::make_unique<Shard>(
        *loops_[i], ShardParts{options_, *store_, *writer_, *filer_, *store_pool_, *blocking_pool_,
                               places_, *ids_, run_id_last_, log_, i, count}));
  }
  if (Result<void> recovered = recover(); !recovered) return recovered;
  for (std::size_t i = 0; i < options_.threads; ++i) {
    threads_.emplace_back([this, i] {
      runners_[i] = std::this_thread::get_id();
      loops_[i]->run([this] { return closing_.load(); });
    });
  }
  return {};
}

// Before the engine is open, so that who comes meanwhile finds somebody: its calls wait for that.
void EngineCore::serve() {
  if (!options_.share || options_.threads == 0) return;
  for (const ServiceSource& source : options_.services) {
    Result<std::unique_ptr<EngineService>> service = source(face_, options_.home);
    if (service) {
      services_.push_back(std::move(*service));
    } else {
      log_.warn("the home is not shared", {{"error", service.error().message}});
    }
  }
}

// Before any thread runs: who is where, what was not applied, who goes on.
Result<void> EngineCore::recover() {
  struct Left {
    Tenant tenant;
    Applied applied;
    RunId run;
  };
  Result<std::vector<RunRow>> rows = store_->journal().runs();
  if (!rows) return fail(std::move(rows.error()));
  Result<std::vector<InboxRow>> inbox = store_->journal().inbox();
  if (!inbox) return fail(std::move(inbox.error()));
  std::vector<std::vector<RunRow>> by_shard(shards_.size());
  // Until the shards hold them: a call that comes right after opening is sent to the right one.
  std::vector<std::vector<Places::Hold>> places(shards_.size());
  std::map<std::uint64_t, Left> ended;  // by lsn: the order of applying
  for (RunRow& row : *rows) {
    if (row.state != to_string(RunState::ended)) {
      const std::size_t shard = shard_of(row.session, shards_.size());
      places[shard].push_back(places_.hold(row.uid, row.session));
      by_shard[shard].push_back(std::move(row));
      continue;
    }
    Result<Tenant> tenant = Tenant::parse(row.tenant);
    if (!tenant) return fail(std::move(tenant.error()));
    auto records = store_->journal().records(*tenant, row.id, row.chapter);
    if (!records) return fail(std::move(records.error()));
    Applied applied = applied_of(row, *records);
    const std::uint64_t lsn = applied.lsn;
    ended[lsn] = {*tenant, std::move(applied), row.id};
  }
  for (auto& [lsn, one] : ended) {
    // Now: the runs that go on below read these turns.
    Result<void> applied = store_->tenants().apply(one.tenant, {one.applied});
    if (!applied) return applied;
    filer_->expect(one.run);
    filer_->finished(one.tenant, std::move(one.applied), one.run, *loops_.front(), {});
  }
  for (std::size_t i = 0; i < shards_.size(); ++i) {
    if (by_shard[i].empty()) continue;
    Shard& shard = *shards_[i];
    shard.loop().post([&shard, mine = std::move(by_shard[i]), waiting = *inbox,
                       held = std::move(places[i])]() mutable {
      shard.recover(std::move(mine), std::move(waiting));
    });
  }
  return {};
}

bool EngineCore::failed() {
  std::lock_guard lock(failed_mutex_);
  return failure_.has_value();
}

Error EngineCore::stopped() {
  std::lock_guard lock(failed_mutex_);
  if (failure_) return *failure_;
  return {.kind = ErrorKind::unavailable, .message = "the engine was closed"};
}

void EngineCore::fail_with(Error error) {
  error.message += "; what was acknowledged is kept, and goes on when the home is opened again";
  {
    std::lock_guard lock(failed_mutex_);
    if (failure_) return;
    failure_ = error;
  }
  log_.error("the store failed: the engine stops", {{"error", error.message}});
  std::shared_lock lock(alive_);
  if (closing_) return;
  for (auto& shard : shards_) {
    shard->loop().post([&shard = *shard, error] { shard.halt(error); });
  }
}

void EngineCore::close() {
  {
    std::lock_guard lock(open_mutex_);
    if (!opened_) opened_ = fail(ErrorKind::unavailable, "the engine was closed");
  }
  if (closing_) return;
  if (*opened_ && options_.close_wait.count() > 0 && !failed()) drain();
  services_.clear();  // while all that they call can still answer
  {
    std::lock_guard lock(alive_);
    closing_ = true;
  }
  for (auto& loop : loops_) loop->post([] {});
  threads_.clear();
  for (auto& loop : loops_) loop->drop_posted();  // who waits for it is told
  shards_.clear();
  filer_.reset();
  writer_pool_.reset();
  store_pool_.reset();
  blocking_pool_.reset();
  if (owns_home_) reap_stale(options_.home);  // also of calls that ended well
  writer_.reset();
  store_.reset();  // now another may own the home, whoever still holds a handle
}

void EngineCore::drain() {
  for (auto& shard : shards_) {
    shard->loop().post([&shard = *shard] { shard.stop_effects(); });
  }
  auto wait = std::min<std::chrono::milliseconds>(options_.close_wait, limits::kWaitMax);
  TimePoint until = loops_.front()->now() + wait;
  for (std::size_t i = 0; i < shards_.size(); ++i) {
    (void)on_shard<void>(i, [until](Shard& shard) { return shard.drain(until); });
  }
}

// The shard of a run that will start. Runs of one session meet on one shard; so do all starts of a
// key, in the session of the first of them.
std::size_t EngineCore::place(RunOptions& options, RunHandle::State& state) {
  if (!options.key.empty()) {
    if (options.session.empty()) {
      options.session = sha256_base32(options.tenant.id() + "/session/" + options.key, 26);
    }
    state.place = places_.hold(uid_of_key(options.tenant, options.key), options.session);
  }
  return options.session.empty() ? started_++ % shards() : shard_of(options.session, shards());
}

Result<void> EngineCore::on_shard_of(const std::string& uid,
                                     std::function<Task<void>(Shard&)> body) {
  if (Result<void> opened = open(); !opened) return opened;
  const std::optional<std::string> session = places_.find(uid);
  return on_shard<void>(session ? shard_of(*session, shards()) : 0, std::move(body));
}

Result<void> EngineCore::cancel(const Tenant& tenant, const std::string& run, std::string reason) {
  return on_shard_of(run, [=](Shard& on) { return on.cancel(tenant, run, reason); });
}

Shard* EngineCore::current_shard() const {
  for (std::size_t i = 0; i < shards(); ++i) {
    if (runners_[i] == std::this_thread::get_id()) return shards_[i].get();
  }
  return nullptr;
}

void EngineCore::start_on(std::size_t shard, Agent agent, Input input, RunOptions options,
                          std::shared_ptr<RunHandle::State> state) {
  auto work = [](Shard& on, Agent who, Input what, RunOptions how,
                 std::shared_ptr<RunHandle::State> handle) -> Task<void> {
    Result<void> started =
        co_await on.start(std::move(who), std::move(what), std::move(how), handle).result();
    if (!started) handle->finish(fail(std::move(started.error())));
  };
  Shard& target = *shards_[shard];
  target.loop().post([this, &target, work, agent = std::move(agent), input = std::move(input),
                      options = std::move(options), state]() mutable {
    if (target.halted()) return state->finish(fail(stopped()));
    target.scope().spawn(
        work(target, std::move(agent), std::move(input), std::move(options), std::move(state)));
  });
}

void EngineCore::wait(std::mutex& mutex, std::condition_variable& changed,
                      const std::function<bool()>& ready,
                      std::optional<std::chrono::milliseconds> timeout) {
  if (timeout) timeout = std::min<std::chrono::milliseconds>(*timeout, limits::kWaitMax);
  if (options_.threads > 0) {
    std::unique_lock lock(mutex);
    if (timeout) {
      changed.wait_for(lock, *timeout, ready);
    } else {
      changed.wait(lock, ready);
    }
    return;
  }
  if (closing_) return;  // what a closed engine left on its loop speaks to parts that are gone
  std::lock_guard one(driving_);
  runners_[0] = std::this_thread::get_id();
  Loop& loop = *loops_.front();
  auto done = [&] {
    std::lock_guard lock(mutex);
    return ready();
  };
  loop.run(done, timeout ? std::optional(loop.now() + *timeout) : std::nullopt);
  runners_[0] = std::thread::id();
}

bool EngineCore::drive(std::chrono::milliseconds timeout) {
  if (options_.threads > 0 || !open() || closing_) return false;
  std::lock_guard one(driving_);
  runners_[0] = std::this_thread::get_id();
  Loop& loop = *loops_.front();
  std::uint32_t turns = 0;
  loop.run([&] { return turns++ > 0; }, loop.now() + timeout);
  runners_[0] = std::thread::id();
  return turns > 1;
}

// ---- Engine

Engine::Engine(EngineOptions options)
    : core_(std::make_shared<EngineCore>(std::move(options), *this)) {}

Engine::~Engine() {
  if (core_) core_->close();
}

Result<void> Engine::open() { return core_->open(); }

Result<Answer> Engine::run(const Agent& agent, Input input, RunOptions options) {
  Result<RunHandle> handle = start(agent, std::move(input), std::move(options));
  if (!handle) return fail(std::move(handle.error()));
  return handle->wait();
}

namespace {

Result<void> check_input(const Input& input, const RunOptions& options) {
  if (input.text.size() > limits::kInputBytesMax) {
    return fail(ErrorKind::invalid, "the input has " + std::to_string(input.text.size()) +
                                        " bytes, at most " +
                                        std::to_string(limits::kInputBytesMax) + " are taken");
  }
  if (!valid_utf8(input.text)) {
    return fail(ErrorKind::invalid, "the input: expected text in UTF-8, got `" +
                                        visible(std::string_view(input.text).substr(0, 60)) + "`");
  }
  if (!options.session.empty() && !is_session_name(options.session)) {
    return fail(ErrorKind::invalid, "the session: expected " + std::string(kSessionExpected) +
                                        ", got `" + visible(options.session) + "`");
  }
  return {};
}

}  // namespace

Result<RunHandle> Engine::start(const Agent& agent, Input input, RunOptions options) {
  if (Result<void> right = check_input(input, options); !right) {
    return fail(std::move(right.error()));
  }
  if (Result<void> opened = open(); !opened) return fail(std::move(opened.error()));
  auto state = std::make_shared<RunHandle::State>(core_, options.tenant);
  std::size_t shard = core_->place(options, *state);
  auto body = [agent, input, options, state](Shard& on) {
    return on.start(agent, input, options, state);
  };
  Result<void> started = core_->on_shard<void>(shard, body);
  if (!started) return fail(std::move(started.error()));
  return RunHandle(std::move(state));
}

Task<Answer> Engine::call(Agent agent, Input input, RunOptions options) {
  Shard* here = core_->current_shard();
  if (!here) {
    co_return Error{.kind = ErrorKind::misuse,
                    .message =
                        "engine.call is for coroutines on a shard of this engine: elsewhere "
                        "use engine.run, or engine.block_on around the coroutine"};
  }
  co_await check_input(input, options);
  auto state = std::make_shared<RunHandle::State>(core_, options.tenant);
  auto ended = std::make_shared<Op>(here->loop());
  state->when_finished([loop = &here->loop(), ended] {  // the loop outlives every shard
    loop->post([ended] { ended->done.set(); });
  });
  std::size_t shard = core_->place(options, *state);
  core_->start_on(shard, std::move(agent), std::move(input), std::move(options), state);
  co_await ended->done;
  co_return state->result();
}

Result<void> Engine::drive(Task<void> task) {
  auto shared = std::make_shared<Task<void>>(std::move(task));
  return core_->on_shard<void>(0, [shared](Shard&) { return std::move(*shared); });
}

Result<RunHandle> Engine::attach(const std::string& run, Tenant tenant) {
  auto state = std::make_shared<RunHandle::State>(core_, tenant);
  Result<void> found =
      core_->on_shard_of(run, [=](Shard& on) { return on.attach(tenant, run, state); });
  if (!found) return fail(std::move(found.error()));
  return RunHandle(std::move(state));
}

Result<RunHandle> Engine::fork(const std::string& run, ForkOptions options) {
  if (Result<void> opened = open(); !opened) return fail(std::move(opened.error()));
  auto state = std::make_shared<RunHandle::State>(core_, options.tenant);
  RunOptions where{.tenant = options.tenant, .key = options.key};
  std::size_t shard = core_->place(where, *state);
  auto body = [run, options, session = where.session, state](Shard& on) {
    return on.fork(run, options, session, state);
  };
  Result<void> forked = core_->on_shard<void>(shard, body);
  if (!forked) return fail(std::move(forked.error()));
  return RunHandle(std::move(state));
}

Result<std::vector<Ask>> Engine::asks(Tenant tenant) {
  if (Result<void> opened = open(); !opened) return fail(std::move(opened.error()));
  std::vector<Ask> all;
  for (std::size_t i = 0; i < core_->shards(); ++i) {
    auto some =
        core_->on_shard<std::vector<Ask>>(i, [tenant](Shard& on) { return on.asks(tenant); });
    if (!some) return some;
    all.insert(all.end(), some->begin(), some->end());
  }
  return all;
}

Result<void> Engine::answer(const std::string& ask, Decision decision, Tenant tenant) {
  std::size_t slash = ask.find('/');
  if (slash == ask.npos) {
    return fail(
        ErrorKind::invalid,
        "\"" + ask + "\" names no ask: expected RUN/PATH:STEP.CALL, as `ragent asks` lists");
  }
  Result<StepName> step = parse_step_name(std::string_view(ask).substr(slash + 1));
  if (!step) return fail(std::move(step.error()));
  const std::string run = ask.substr(0, slash);
  return core_->on_shard_of(run,
                            [=](Shard& on) { return on.answer(tenant, run, *step, decision); });
}

Result<void> Engine::resolve(const std::string& run, const std::string& step, Resolution resolution,
                             Tenant tenant) {
  Result<StepName> name = parse_step_name(step);
  if (!name) return fail(std::move(name.error()));
  return core_->on_shard_of(run,
                            [=](Shard& on) { return on.resolve(tenant, run, *name, resolution); });
}

Result<void> Engine::cancel(const std::string& run, std::string reason, Tenant tenant) {
  return core_->cancel(tenant, run, std::move(reason));
}

Result<std::string> Engine::artifact(std::string bytes, Tenant tenant) {
  if (Result<void> opened = open(); !opened) return fail(std::move(opened.error()));
  // Shared with the shard: a std::function is copied.
  auto kept = std::make_shared<const std::string>(std::move(bytes));
  return core_->on_shard<std::string>(0, [tenant, kept](Shard& on) {
    return offload(on.loop(), on.parts().store_pool, [&store = on.parts().store, tenant, kept] {
      return store.artifacts().put(tenant, *kept);
    });
  });
}

bool Engine::poll(std::chrono::milliseconds timeout) { return core_->drive(timeout); }

}  // namespace ragent
