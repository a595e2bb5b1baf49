// Shard: forks of runs. A fork is a run of its own in a session of its own; what it copies of its
// source is read from the store, and all of it is one commit.
#include <runtime/shard.h>

#include <base/text.h>
#include <base/written_json.h>
#include <ragent/limits.h>
#include <runtime/fork_run.h>
#include <runtime/handle.h>

namespace ragent {
namespace {

// How many turns there were at that time, of a source that never looked.
std::uint32_t turns_before(const std::vector<Turn>& turns, std::int64_t at) {
  std::uint32_t last = 0;
  for (const Turn& turn : turns) {
    if (turn.at <= at) last = std::max(last, turn.number);
  }
  return last;
}

std::string task_of(const Json& start) {
  Result<Message> said = message_from_json(*start.find("input"));
  return said ? utf8_prefix(said->text(), limits::kTaskBytesMax) : "";
}

}  // namespace

Task<void> Shard::fork(std::string source, ForkOptions options, std::string session,
                       std::shared_ptr<RunHandle::State> handle) {
  if (session.empty()) session = new_session();
  if (options.key.empty()) {
    co_return co_await fork_new(new_uid(loop_.wall(), parts_.ids), std::move(source),
                                std::move(options), std::move(session), std::move(handle));
  }
  std::string uid = uid_of_key(options.tenant, options.key);
  while (starting_.contains(uid)) co_await turn(starting_, uid);
  OneAtATime at_work(starting_, uid);
  if (co_await join(options.tenant, uid, handle)) co_return;
  co_await fork_new(uid, std::move(source), std::move(options), std::move(session),
                    std::move(handle));
}

Task<void> Shard::fork_new(std::string uid, std::string of, ForkOptions options,
                           std::string session, std::shared_ptr<RunHandle::State> handle) {
  Store& store = parts_.store;
  co_await barrier();  // what its source appended here can be read
  FiledRun source = co_await offload(
      loop_, parts_.store_pool,
      [&store, tenant = options.tenant, of] { return store.tenants().run(tenant, of); });
  AgentSpec pinned = co_await agent_spec_from_json(co_await parse_written_json(source.spec));
  if (!options.model.empty()) pinned.model = options.model;
  ForkPlan plan = co_await plan_fork(source, pinned, options);
  if (!plan.looked) {
    std::vector<Turn> turns =
        co_await offload(loop_, parts_.store_pool,
                         [&store, tenant = options.tenant, from = plan.from.origin.session] {
                           return store.tenants().turns(tenant, from, 1);
                         });
    plan.from.origin.turns = turns_before(turns, source.row.started_at);
  }
  RunRow row{.uid = std::move(uid),
             .tenant = options.tenant.id(),
             .session = std::move(session),
             .parent = of + "@" + plan.from.at,
             .agent = source.row.agent,
             .spec = spec_digest(pinned),
             .planner = source.row.planner,
             .state = std::string(to_string(RunState::working)),
             .task = task_of(plan.start),
             .chapter = source.records.back().chapter};
  std::shared_ptr<const Binding> binding =
      co_await bind_pinned(row, plan.start.text("folder"), to_json(pinned).dump());
  // From here on without a wait: one commit.
  row.id = ++parts_.run_id_last;
  row.started_at = now_ms();
  for (std::size_t i = plan.records.size() - plan.edited; i < plan.records.size(); ++i) {
    plan.records[i].at = row.started_at;
  }
  plan.start["forked"] = to_json(plan.from);
  plan.start["spec"] = row.spec;
  plan.start["session"] = row.session;
  plan.start["budget"] = to_json(binding->spec.budget);
  for (std::string& text : plan.steering) {
    group_.inbox.push_back({.id = new_uid(loop_.wall(), parts_.ids),
                            .tenant = row.tenant,
                            .session = row.session,
                            .run = row.id,
                            .body = std::move(text)});
  }
  const std::string key = session_key(row);
  Known& known = admit(row, std::move(binding), plan.start, std::move(plan.records));
  const std::size_t said = plan.steering.size();
  known.inbox.assign(group_.inbox.end() - static_cast<std::ptrdiff_t>(said), group_.inbox.end());
  handle->name(row.uid, row.session);
  listen(known, handle);
  when_durable(ticket_, [handle, event = event_of(known.records.front())] { handle->push(event); });
  const std::uint64_t ticket = ticket_;
  begin_next(key);
  co_await committed(ticket);
}

}  // namespace ragent
