// What people do with the runs of a shard: attach, see its questions, answer, resolve, cancel.
#include <runtime/shard.h>

#include <runtime/handle.h>

namespace ragent {

Task<std::vector<Ask>> Shard::asks(Tenant tenant) {
  Store& store = parts_.store;
  co_await barrier();
  std::vector<WaitRow> waits =
      co_await offload(loop_, parts_.store_pool, [&store] { return store.journal().waits(); });
  std::map<RunId, const RunRow*> mine;
  for (const auto& [uid, known] : runs_) {
    if (known.row.tenant == tenant.id()) mine[known.row.id] = &known.row;
  }
  std::vector<Ask> out;
  for (const WaitRow& wait : waits) {
    if (wait.kind != "ask" || !mine.contains(wait.run)) continue;
    Json shown = parse_json(wait.body).value_or(Json());
    out.push_back({.id = wait.key,
                   .run = mine[wait.run]->uid,
                   .question = shown.text("question"),
                   .schema = shown.find("schema") ? *shown.find("schema") : Json(),
                   .digest = shown.text("digest")});
  }
  co_return out;
}

Task<void> Shard::attach(Tenant tenant, std::string uid, std::shared_ptr<RunHandle::State> handle) {
  Known* known = co_await find(tenant, uid);
  handle->name(uid, known->row.session);
  known->handles.push_back(handle);
  const std::string& at_work = sessions_.at(session_key(known->row)).runs.front();
  if (known->live) {
    known->live->listen(handle);
  } else if (at_work == uid) {
    co_await live(tenant, uid);
  } else {
    tell_queue(runs_.at(at_work));
  }
}

std::unexpected<Error> Shard::out_of_reach(const Known& known) {
  return fail(ErrorKind::conflict, known.still.empty()
                                       ? "run " + known.row.uid + " is " + known.row.state
                                       : known.still);
}

Task<void> Shard::answer(Tenant tenant, std::string uid, StepName step, Decision decision) {
  co_await live(tenant, uid);
  Known* known = co_await find(tenant, uid);
  if (!known->live) co_await out_of_reach(*known);
  co_await known->live->answer(step, decision);
  goes_on(*known);
  co_await barrier();
}

Task<void> Shard::resolve(Tenant tenant, std::string uid, StepName step, Resolution resolution) {
  co_await live(tenant, uid);
  Known* known = co_await find(tenant, uid);
  if (!known->live) co_await out_of_reach(*known);
  co_await known->live->resolve(step, resolution);
  goes_on(*known);
  co_await barrier();
}

Task<void> Shard::cancel(Tenant tenant, std::string uid, std::string reason) {
  Known* known = co_await find(tenant, uid);
  const bool queued = sessions_.at(session_key(known->row)).runs.front() != uid;
  if (queued && !known->live) known->cancelled = reason;  // it begins now, and is stopped before
  co_await live(tenant, uid);
  Result<Known*> left = find(tenant, uid);
  if (!left && queued) co_return;  // it has ended already
  known = co_await left;
  if (!known->live) co_await out_of_reach(*known);
  known->live->stop(std::move(reason), "the user");
  goes_on(*known);
  co_await barrier();
}

}  // namespace ragent
