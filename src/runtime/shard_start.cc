// How a shard starts runs: keys, sessions that are busy, steering, and who begins next.
#include <runtime/shard.h>

#include <base/hash.h>
#include <base/text.h>
#include <base/written_json.h>
#include <ragent/limits.h>
#include <runtime/handle.h>

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

}  // namespace

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
  Json final = co_await parse_written_json(filed->records.back().body);
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
  co_await meet(agent);
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

Shard::Known& Shard::admit(RunRow row, std::shared_ptr<const Binding> binding, const Json& start,
                           std::vector<Record> copied) {
  std::vector<Record> records = {
      {.n = 1, .chapter = row.chapter, .at = now_ms(), .body = start.dump()}};
  records.insert(records.end(), std::make_move_iterator(copied.begin()),
                 std::make_move_iterator(copied.end()));
  for (Record& record : records) record.run = row.id;
  group_.specs.push_back({row.spec, to_json(binding->spec).dump()});
  group_.runs.push_back(row);
  group_.records.insert(group_.records.end(), records.begin(), records.end());
  sessions_[session_key(row)].runs.push_back(row.uid);
  Known& known = runs_[row.uid];
  known.place = parts_.places.hold(row.uid, row.session);
  known.row = std::move(row);
  known.binding = std::move(binding);
  known.records = std::move(records);
  return known;
}

Task<void> Shard::start_new(std::string uid, Agent agent, Input input, RunOptions options,
                            std::shared_ptr<RunHandle::State> handle) {
  std::shared_ptr<const Binding> binding = co_await bind(agent, options);
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
  if (options.deadline.count() > 0) {
    body["deadline"] = now_ms() + std::min(options.deadline, limits::kWaitMax).count();
  }
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

void Shard::listen(Known& known, const std::shared_ptr<RunHandle::State>& handle) {
  std::erase_if(known.handles, [](const auto& one) { return one.expired(); });
  known.handles.push_back(handle);
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

}  // namespace ragent
