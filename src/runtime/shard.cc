#include <runtime/shard.h>

#include <base/deadline.h>
#include <base/file.h>
#include <base/hash.h>
#include <base/text.h>
#include <ragent/limits.h>
#include <runtime/handle.h>

#include <filesystem>
#include <ranges>

namespace ragent {

namespace {

// The body of a start record.
Json start_of(const RunRow& row, const Binding& binding, const Input& input, const Budget& budget) {
  Json body = Json::object({{"agent", row.agent},
                            {"folder", binding.folder},
                            {"spec", row.spec},
                            {"planner", row.planner},
                            {"session", row.session},
                            {"input", to_json(input_message(input))},
                            {"budget", to_json(budget)},
                            {"seed", 0}});
  if (input.schema) body["schema"] = *input.schema;
  if (input.state) body["state"] = *input.state;
  return body;
}

// Of a run cancelled before it began: nothing is asked, so no planner or tool need be there.
Task<Answer> never_begun(Run&, Input) {
  co_return Error{.kind = ErrorKind::cancelled, .message = "it never began"};
}

}  // namespace

struct Shard::Ended {
  Turn turn;
  std::string usage;
  Json final;
  std::uint64_t lsn = 0;
};

Shard::Shard(Loop& loop, ShardParts parts)
    : loop_(loop), parts_(std::move(parts)), self_(std::make_shared<Shard*>(this)), scope_(loop) {
  loop_.on_turn_end([self = self_] {
    if (*self) (*self)->flush();
  });
}

Shard::~Shard() {
  *self_ = nullptr;
  for (auto& [uid, known] : runs_) {
    for (const auto& weak : known.handles) {
      auto handle = weak.lock();
      if (!handle) continue;
      handle->finish(fail(ErrorKind::unavailable, "the engine was closed before run " + uid +
                                                      " ended: the next engine of this home "
                                                      "carries it on"));
    }
  }
  scope_.cancel();
  runs_.clear();
}

// ---- commits

void Shard::flush() {
  if (group_.empty() || halted_) return;
  std::uint64_t ticket = ticket_++;
  parts_.writer.submit(std::exchange(group_, {}), loop_, [self = self_, ticket](std::uint64_t lsn) {
    if (*self) (*self)->made_durable(ticket, lsn);
  });
}

void Shard::made_durable(std::uint64_t ticket, std::uint64_t lsn) {
  durable_ = ticket;
  durable_lsn_ = lsn;
  while (!after_.empty() && after_.begin()->first <= durable_) {
    Function next = std::move(after_.begin()->second);
    after_.erase(after_.begin());
    next();
  }
}

void Shard::when_durable(std::uint64_t ticket, Function function) {
  if (ticket <= durable_) return function();
  after_.emplace(ticket, std::move(function));
}

Task<void> Shard::committed(std::uint64_t ticket) {
  if (ticket <= durable_) co_return;
  if (halted_) co_await fail(*halted_);
  auto op = std::make_shared<Op>(loop_);
  after_.emplace(ticket, [op] { op->done.set(); });
  co_await op->done;
}

// Everything that was appended so far is durable.
Task<void> Shard::barrier() { return committed(group_.empty() ? ticket_ - 1 : ticket_); }

std::string Shard::workspace(const std::string& uid) const {
  return std::filesystem::path(parts_.options.home) / "work" / uid;
}

// ---- starting

std::string uid_of_key(const Tenant& tenant, const std::string& key) {
  return sha256_base32(tenant.id() + "/" + key, 26);
}

Task<bool> Shard::join(Tenant tenant, std::string uid, std::shared_ptr<RunHandle::State> handle) {
  if (runs_.contains(uid)) {
    co_await attach(tenant, uid, std::move(handle));
    co_return true;
  }
  Store& store = parts_.store;
  Result<FiledRun> filed = co_await offload(loop_, parts_.store_pool, [&store, tenant, uid] {
                             return store.tenants().run(tenant, uid);
                           }).result();
  if (!filed && filed.error().kind != ErrorKind::not_found) co_return filed.error();
  if (!filed || filed->records.empty()) co_return false;
  handle->name(uid, filed->row.session);
  Json final = co_await parse_json(filed->records.back().body);
  handle->push({.kind = Event::Kind::ended, .body = final});
  handle->finish(answer_of(uid, final));
  co_return true;
}

std::string Shard::new_session() {
  for (;;) {
    std::string session = new_uid(loop_.wall(), parts_.ids);
    if (shard_of(session, parts_.shards) == parts_.index) return session;
  }
}

Task<void> Shard::start(Agent agent, Input input, RunOptions options,
                        std::shared_ptr<RunHandle::State> handle) {
  if (options.key.empty()) {
    co_return co_await start_new(new_uid(loop_.wall(), parts_.ids), std::move(agent),
                                 std::move(input), std::move(options), std::move(handle));
  }
  if (options.on_busy == OnBusy::steer) {
    co_await fail(ErrorKind::invalid,
                  "key \"" + options.key +
                      "\" came with on_busy = steer: a key names a run, and "
                      "what steers a run at work has none of its own: start without the key, or "
                      "with on_busy = enqueue");
  }
  std::string uid = uid_of_key(options.tenant, options.key);
  co_await start_keyed(uid, std::move(agent), std::move(input), std::move(options),
                       std::move(handle));
}

Task<void> Shard::turn(Turns& of, std::string name) {
  auto op = std::make_shared<Op>(loop_);
  of[name].push_back(op);
  co_await op->done;
}

// One start of a key after the other: the second finds the run of the first.
Task<void> Shard::start_keyed(std::string uid, Agent agent, Input input, RunOptions options,
                              std::shared_ptr<RunHandle::State> handle) {
  while (starting_.contains(uid)) co_await turn(starting_, uid);
  OneAtATime at_work(starting_, uid);
  if (co_await join(options.tenant, uid, handle)) co_return;
  co_await start_new(uid, std::move(agent), std::move(input), std::move(options),
                     std::move(handle));
}

Shard::Known& Shard::admit(RunRow row, std::shared_ptr<const Binding> binding, const Json& start) {
  Record record{.run = row.id, .n = 1, .at = now_ms(), .body = start.dump()};
  group_.specs.push_back({row.spec, to_json(binding->spec).dump()});
  group_.runs.push_back(row);
  group_.records.push_back(record);
  sessions_[session_key(row)].runs.push_back(row.uid);
  Known& known = runs_[row.uid];
  known.place = parts_.places.hold(row.uid, row.session);
  known.row = std::move(row);
  known.binding = std::move(binding);
  known.records.push_back(std::move(record));
  return known;
}

Task<void> Shard::start_new(std::string uid, Agent agent, Input input, RunOptions options,
                            std::shared_ptr<RunHandle::State> handle) {
  std::shared_ptr<const Binding> binding = co_await bind(agent, options);
  agents_.insert_or_assign(agent.profile.name, agent);
  bool fresh = options.session.empty();
  RunRow row{.uid = uid,
             .tenant = options.tenant.id(),
             .session = fresh ? new_session() : options.session,
             .agent = agent.profile.name,
             .spec = binding->digest,
             .planner = binding->spec.planner,
             .state = std::string(to_string(RunState::working)),
             .task = utf8_prefix(input.text, limits::kTaskBytesMax),
             .started_at = now_ms()};
  if (fresh) sessions_[session_key(row)].fresh = true;
  if (!sessions_[session_key(row)].runs.empty()) {
    Known& at_work = runs_.at(sessions_[session_key(row)].runs.front());
    const bool over = at_work.live && at_work.live->finished();
    if (options.on_busy == OnBusy::steer && !over) {
      co_return co_await steer(at_work, std::move(input), std::move(handle));
    }
    co_await join_queue(session_key(row), options);
  }
  row.id = ++parts_.run_id_last;  // now: after a crash the runs of a session queue in this order
  Json body = start_of(row, *binding, input, options.budget.value_or(binding->spec.budget));
  body["seed"] = static_cast<std::int64_t>(options.seed);
  if (options.deadline.count() > 0) body["deadline"] = now_ms() + options.deadline.count();
  Known& known = admit(row, std::move(binding), body);
  handle->name(row.uid, row.session);
  listen(known, handle);
  when_durable(ticket_, [handle, event = event_of(known.records.front())] { handle->push(event); });
  std::uint64_t ticket = ticket_;
  begin_next(session_key(row));  // perhaps of an earlier run that nobody has carried on yet
  tell_queue(runs_.at(sessions_[session_key(row)].runs.front()));
  co_await committed(ticket);
}

// Counts what waits for the run at work and what was told to it and not yet delivered.
Result<void> Shard::has_room(const Session& session) const {
  const Known& at_work = runs_.at(session.runs.front());
  std::size_t waiting =
      session.runs.size() + at_work.inbox.size() + (at_work.live ? at_work.live->undelivered() : 0);
  if (waiting < limits::kSessionQueueMax) return {};
  return fail(ErrorKind::conflict, "session " + at_work.row.session + " has " +
                                       std::to_string(limits::kSessionQueueMax) +
                                       " inputs waiting: it takes no more");
}

// Whether a busy session takes one more input, and what happens to the run at work.
Task<void> Shard::join_queue(std::string session, RunOptions options) {
  std::string at_work = sessions_[session].runs.front();
  if (options.on_busy == OnBusy::reject) {
    co_await fail(ErrorKind::conflict, "session " + options.session + " is busy with run " +
                                           at_work + ": wait for it, or start with on_busy");
  }
  co_await has_room(sessions_[session]);
  if (options.on_busy != OnBusy::interrupt) co_return;
  if (const Known& known = runs_.at(at_work); known.asleep) {
    co_await fail(ErrorKind::conflict, known.still);  // it is not woken by just any input
  }
  co_await live(options.tenant, at_work);
  auto found = runs_.find(at_work);
  if (found != runs_.end() && found->second.live) {
    found->second.live->stop("interrupted by newer input", "the user");
  }
}

Task<void> Shard::steer(Known& at_work, Input input, std::shared_ptr<RunHandle::State> handle) {
  if (!input.parts.empty() || input.schema || input.state) {
    co_await fail(ErrorKind::invalid,
                  "what steers run " + at_work.row.uid +
                      " has parts, a schema or a state: a run "
                      "at work takes text only; start it with on_busy = enqueue");
  }
  co_await has_room(sessions_.at(session_key(at_work.row)));
  InboxRow row{.id = new_uid(loop_.wall(), parts_.ids),
               .tenant = at_work.row.tenant,
               .session = at_work.row.session,
               .run = at_work.row.id,
               .body = std::move(input.text)};
  group_.inbox.push_back(row);
  handle->name(at_work.row.uid, at_work.row.session);
  listen(at_work, handle);
  if (at_work.live) {
    at_work.live->steer(std::move(row));
    at_work.live->listen(std::move(handle));
  } else {
    at_work.inbox.push_back(std::move(row));
  }
  co_await barrier();
}

Json Shard::follow(const RunRow& ended, std::deque<InboxRow> undelivered) {
  std::shared_ptr<const Binding> binding = runs_.at(ended.uid).binding;
  Json uids = Json::Array{};
  for (InboxRow& message : undelivered) {
    RunRow row{.id = ++parts_.run_id_last,
               .uid = message.id,
               .tenant = ended.tenant,
               .session = ended.session,
               .agent = ended.agent,
               .spec = ended.spec,
               .planner = ended.planner,
               .state = std::string(to_string(RunState::working)),
               .task = utf8_prefix(message.body, limits::kTaskBytesMax),
               .started_at = now_ms()};
    group_.inbox_done.push_back({message.id, row.id, 1});
    uids.push_back(row.uid);
    Json start = start_of(row, *binding, Input(std::move(message.body)), binding->spec.budget);
    admit(std::move(row), binding, start);
  }
  return uids;
}

// The first run of a session's queue begins, when it has not.
void Shard::begin_next(const std::string& session) {
  auto found = sessions_.find(session);
  if (found == sessions_.end() || found->second.applying) return;
  if (found->second.runs.empty()) {
    sessions_.erase(found);
    return;
  }
  Known& known = runs_.at(found->second.runs.front());
  if (known.live || known.loading || known.asleep) return;
  bool nothing_to_read = found->second.fresh && !known.records.empty();
  if (nothing_to_read) {
    begin(
        known,
        {.row = known.row, .binding = known.binding, .records = std::exchange(known.records, {})});
  } else {
    known.loading = true;
    scope_.spawn(load(known.row.uid));
  }
}

void Shard::listen(Known& known, std::shared_ptr<RunHandle::State> handle) {
  std::erase_if(known.handles, [](const auto& one) { return one.expired(); });
  known.handles.push_back(std::move(handle));
}

void Shard::begin(Known& known, RunMaterial material) {
  if (known.asleep || material.row.state == to_string(RunState::unbound)) {  // no longer
    known.asleep = false;
    material.row.state = std::string(to_string(RunState::working));
    group_.runs.push_back(material.row);
  }
  material.inbox.assign(known.inbox.begin(), known.inbox.end());
  known.inbox.clear();
  known.live = std::make_unique<LiveRun>(*this, std::move(material));
  known.still.clear();
  for (const auto& weak : known.handles) {
    if (auto handle = weak.lock()) {
      handle->work();
      known.live->listen(std::move(handle));
    }
  }
  if (known.cancelled && known.live->diverged().empty()) {
    known.live->stop(*known.cancelled, "the user");
  }
  known.live->begin();
}

// ---- loading

Task<void> Shard::load(std::string uid) {
  auto found = runs_.find(uid);
  if (found == runs_.end()) co_return;
  Tenant tenant = co_await Tenant::parse(found->second.row.tenant);
  RunRow row = found->second.row;
  std::shared_ptr<const Binding> binding = found->second.binding;
  if (found->second.cancelled) {
    binding = std::make_shared<Binding>(Binding{.planner = {.body = never_begun}});
  }
  Result<RunMaterial> material = co_await read(tenant, row, std::move(binding)).result();
  found = runs_.find(uid);
  if (found == runs_.end()) co_return;
  Known& known = found->second;
  known.loading = false;
  known.records.clear();
  if (material) {
    known.binding = material->binding;
    begin(known, std::move(*material));
  } else if (material.error().kind == ErrorKind::diverged) {
    set_state(known, RunState::diverged, material.error().message);
  } else {
    set_state(known, RunState::unbound, material.error().message);
  }
  for (auto& op : std::exchange(known.loaded, {})) op->done.set();
}

Task<RunMaterial> Shard::read(Tenant tenant, RunRow row, std::shared_ptr<const Binding> binding) {
  Store& store = parts_.store;
  RunMaterial out{.row = row};
  if (auto session = sessions_.find(session_key(row));
      session != sessions_.end() && session->second.applying) {
    auto op = std::make_shared<Op>(loop_);
    session->second.applied.push_back(op);
    co_await op->done;
  }
  co_await barrier();  // what was appended can be read
  out.records = co_await offload(loop_, parts_.store_pool, [&store, tenant, row] {
    return store.journal().records(tenant, row.id, row.chapter);
  });
  std::uint32_t head = 0;
  bool opened = false;
  std::string folder;
  for (const Record& record : out.records) {
    if (record.kind != RecordKind::start && record.kind != RecordKind::open) continue;
    Json body = parse_json(record.body).value_or(Json());
    if (record.kind == RecordKind::start) {
      folder = body.text("folder");
      continue;
    }
    head = std::max(head, static_cast<std::uint32_t>(body.integer("head")));
    opened = true;
  }
  out.history = co_await offload(loop_, parts_.store_pool, [&store, tenant, row] {
    return store.tenants().turns(tenant, row.session, 1);
  });
  if (!opened) head = out.history.empty() ? 0 : out.history.back().number;
  out.head = head;
  out.binding = binding ? binding : co_await rebind(tenant, row, folder);
  co_return out;
}

// Brings a parked run into memory.
Task<void> Shard::live(Tenant tenant, std::string uid) {
  Known* known = co_await find(tenant, uid);
  if (known->live && !known->loading) co_return;
  const Session& session = sessions_.at(session_key(known->row));
  if (session.runs.front() != uid && !known->cancelled) {
    co_await fail(ErrorKind::conflict,
                  "run " + uid + " waits behind run " + session.runs.front() + " of its session");
  }
  if (!known->loading) {
    known->loading = true;
    scope_.spawn(load(uid));
  }
  auto op = std::make_shared<Op>(loop_);
  known->loaded.push_back(op);
  co_await op->done;
}

Result<Shard::Known*> Shard::find(const Tenant& tenant, const std::string& uid) {
  auto found = runs_.find(uid);
  if (found == runs_.end() || found->second.row.tenant != tenant.id()) {
    return fail(ErrorKind::not_found,
                "there is no unfinished run \"" + uid + "\": `ragent runs` lists them");
  }
  return &found->second;
}

// ---- recovery

// Fills the tables at once: a call that comes right after opening finds every run.
void Shard::recover(std::vector<RunRow> rows, std::vector<InboxRow> inbox) {
  std::ranges::sort(rows, {}, &RunRow::id);
  for (RunRow& row : rows) {
    bool asleep =
        row.state == to_string(RunState::quarantined) || row.state == to_string(RunState::paused);
    Session& session = sessions_[session_key(row)];
    session.runs.push_back(row.uid);
    bool replays = !asleep && parts_.options.resume && session.runs.size() == 1;
    if (replays && ++row.crashes > limits::kReplayCrashesMax) {
      row.state = std::string(to_string(RunState::quarantined));
      asleep = true;
    }
    Known& known = runs_[row.uid];
    known.asleep = asleep;
    if (asleep)
      known.still = "run " + row.uid + " is " + row.state + ": `ragent resume " + row.uid + "`";
    known.place = parts_.places.hold(row.uid, row.session);
    known.row = row;
    for (InboxRow& waiting : inbox) {
      if (waiting.run == row.id) known.inbox.push_back(std::move(waiting));
    }
    if (parts_.options.resume) group_.runs.push_back(row);
  }
  if (parts_.options.resume && !rows.empty()) scope_.spawn(carry_on());
}

Task<void> Shard::carry_on() {
  co_await barrier();  // the count is durable before a replay starts
  std::vector<std::string> keys;
  for (const auto& [key, session] : sessions_) {
    keys.push_back(key);
  }
  std::ranges::sort(keys);
  for (const std::string& key : keys) begin_next(key);
}

// ---- the end of a run

void Shard::set_state(Known& known, RunState state, std::string why) {
  known.row.state = std::string(to_string(state));
  group_.runs.push_back(known.row);
  std::string text = "run " + known.row.uid + " is " + known.row.state + ": " + why;
  parts_.log.warn("a run stands still", {{"run", known.row.uid}, {"why", text}});
  Event event{.kind = Event::Kind::state,
              .body = Json::object({{"state", known.row.state}, {"why", text}})};
  for (const auto& weak : known.handles) {
    auto handle = weak.lock();
    if (!handle) continue;
    handle->push(event);
    handle->stand(text);
  }
  known.still = std::move(text);
  tell_queue(known);
}

void Shard::tell_queue(const Known& front) {
  auto session = sessions_.find(session_key(front.row));
  if (front.still.empty() || session == sessions_.end()) return;
  if (session->second.runs.front() != front.row.uid) return;
  for (const std::string& uid : session->second.runs | std::views::drop(1)) {
    std::string text = "run " + uid + " is queued behind another one: " + front.still;
    Event event{.kind = Event::Kind::state,
                .body = Json::object({{"state", to_string(RunState::queued)}, {"why", text}})};
    for (const auto& weak : runs_.at(uid).handles) {
      if (auto handle = weak.lock()) {
        handle->push(event);
        handle->stand(text);
      }
    }
  }
}

void Shard::goes_on(Known& known) {
  auto work = [](const Known& one) {
    for (const auto& weak : one.handles) {
      if (auto handle = weak.lock()) handle->work();
    }
  };
  work(known);
  if (std::exchange(known.still, {}).empty()) return;
  for (const std::string& uid : sessions_.at(session_key(known.row)).runs) work(runs_.at(uid));
}

bool Shard::stands(const std::string& uid) const {
  auto found = runs_.find(uid);
  return found != runs_.end() && !found->second.still.empty();
}

// It waits for a person, or diverged.
void Shard::stands_still(LiveRun& run, std::string why) {
  auto found = runs_.find(run.row().uid);
  if (found == runs_.end()) return;
  found->second.row = run.row();
  for (const auto& weak : found->second.handles) {
    if (auto handle = weak.lock()) handle->stand(why);
  }
  found->second.still = std::move(why);
  tell_queue(found->second);
  if (run.idle()) scope_.spawn(evict_later(run.row().uid));
}

Task<void> Shard::evict_later(std::string uid) {
  co_await loop_.sleep(parts_.options.evict_after);
  auto found = runs_.find(uid);
  if (found == runs_.end() || !found->second.live || !found->second.live->idle()) co_return;
  found->second.row = found->second.live->row();
  found->second.inbox = found->second.live->take_inbox();
  found->second.live.reset();
}

void Shard::finished(LiveRun& run, Turn turn, std::string usage, Json final) {
  auto ended = std::make_shared<Ended>(Ended{std::move(turn), std::move(usage), std::move(final)});
  std::size_t index = group_.records.size() - 1;  // the final is the last record of this group
  std::string uid = run.row().uid;
  when_durable(ticket_, [this, uid, ended, index] {
    ended->lsn = durable_lsn_ + index;
    runs_.at(uid).row = runs_.at(uid).live->row();
    scope_.spawn(conclude(uid, ended));
  });
}

Task<void> Shard::conclude(std::string uid, std::shared_ptr<Ended> ended) {
  Known& known = runs_.at(uid);
  Result<Answer> result = answer_of(uid, ended->final);
  if (parts_.options.check_replay) {
    Result<void> same = co_await check(known).result();
    if (!same) result = fail(std::move(same.error()));
  }
  RunRow row = known.row;
  Tenant tenant = co_await Tenant::parse(row.tenant);
  Event event{.kind = Event::Kind::ended, .body = ended->final};
  for (const auto& weak : known.handles) {
    auto handle = weak.lock();
    if (!handle) continue;
    handle->push(event);
    handle->finish(result);
  }
  bool programs = std::ranges::any_of(known.binding->spec.tools, [](const ToolSpec& tool) {
    return tool.kind == ToolSpec::Kind::exec;
  });
  runs_.erase(uid);
  bool had_turn = ended->turn.number > 0;
  Applied applied{.lsn = ended->lsn,
                  .session = row.session,
                  .turn = std::move(ended->turn),
                  .usage = std::move(ended->usage)};
  std::string key = session_key(row);
  Session& session = sessions_[key];
  std::erase(session.runs, uid);  // not the first, when it was cancelled before it began
  ++session.applying;
  if (had_turn) session.fresh = false;
  parts_.filer.finished(tenant, std::move(applied), row.id, loop_, [self = self_, key] {
    if (*self) (*self)->applied(key);
  });
  if (programs) {
    (void)co_await offload(loop_, parts_.store_pool, [folder = workspace(uid)] {
      std::error_code ignored;  // what is left is swept with the home
      std::filesystem::remove_all(folder, ignored);
    }).result();
  }
}

// The turn of a run of the session can be read.
void Shard::applied(const std::string& session) {
  auto found = sessions_.find(session);
  if (found == sessions_.end()) return;
  if (--found->second.applying > 0) return;
  for (auto& op : std::exchange(found->second.applied, {})) op->done.set();
  begin_next(session);
}

// Replays the finished run and names the first difference.
Task<void> Shard::check(const Known& known) {
  RunMaterial material =
      co_await read(co_await Tenant::parse(known.row.tenant), known.row, known.binding);
  LiveRun again(*this, std::move(material), true);
  again.begin();
  if (again.diverged().empty()) co_return;
  parts_.log.error("a finished run does not replay",
                   {{"run", known.row.uid}, {"difference", again.diverged()}});
  co_await fail(ErrorKind::diverged,
                "run " + known.row.uid + " does not replay: " + again.diverged());
}

Task<void> Shard::drain(TimePoint until) {
  while (effects_ > 0 && loop_.now() < until) co_await loop_.sleep(std::chrono::milliseconds(2));
  // A full disk must not keep an engine from closing.
  (void)co_await with_deadline(loop_, barrier(),
                               std::max(until, loop_.now() + limits::kLastCommitWait))
      .result();
}

void Shard::halt(const Error& error) {
  halted_ = error;
  group_ = {};
  after_.clear();
  for (auto& [uid, known] : runs_) {
    for (const auto& weak : known.handles) {
      if (auto handle = weak.lock()) handle->finish(fail(error));
    }
  }
  loop_.after_resume([self = self_] {
    if (!*self) return;
    (*self)->scope_.cancel();
    (*self)->runs_.clear();
    (*self)->sessions_.clear();
  });
}

}  // namespace ragent
