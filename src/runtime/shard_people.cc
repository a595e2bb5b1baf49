// What people do with the runs of a shard: attach, see its questions, answer, resolve, cancel.
#include <runtime/shard.h>

#include <base/written_json.h>
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
    Json shown = parse_written_json(wait.body).value_or(Json());
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
  listen(*known, handle);
  const std::string& at_work = sessions_.at(session_key(known->row)).runs.front();
  if (known->live) {
    known->live->listen(handle);
  } else if (at_work == uid) {
    co_await live(tenant, uid);
  } else {
    begin_next(session_key(known->row));  // an earlier one that nobody has carried on yet
    tell_queue(runs_.at(at_work));
  }
  co_await barrier();  // what it did unheard can be read in the store
}

// The run in memory, whose state a person may change now.
Task<Shard::Known*> Shard::reach(Tenant tenant, std::string uid) {
  co_await live(tenant, uid);
  Known* known = co_await find(tenant, uid);
  if (known->live) co_return known;
  co_return Error{
      .kind = ErrorKind::conflict,
      .message = known->still.empty() ? "run " + uid + " is " + known->row.state : known->still};
}

Task<void> Shard::answer(Tenant tenant, std::string uid, StepName step, Decision decision) {
  Known* known = co_await reach(tenant, uid);
  co_await known->live->answer(step, decision);
  goes_on(*known);
  co_await barrier();
}

Task<void> Shard::resolve(Tenant tenant, std::string uid, StepName step, Resolution resolution) {
  Known* known = co_await reach(tenant, uid);
  co_await known->live->resolve(step, resolution);
  goes_on(*known);
  co_await barrier();
}

Task<void> Shard::cancel(Tenant tenant, std::string uid, std::string reason) {
  Known* known = co_await find(tenant, uid);
  const bool queued = sessions_.at(session_key(known->row)).runs.front() != uid;
  if (queued && !known->live) known->cancelled = reason;  // it begins now, and is stopped before
  Result<Known*> reached = co_await reach(tenant, uid).result();
  if (!reached && queued && !find(tenant, uid)) co_return;  // it has ended already
  known = co_await reached;
  known->live->stop(std::move(reason), "the user");
  goes_on(*known);
  co_await barrier();
}

}  // namespace ragent
