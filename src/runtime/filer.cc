#include <runtime/filer.h>

#include <ragent/limits.h>

#include <algorithm>

namespace ragent {

Filer::Filer(Loop& loop, Pool& pool, Store& store, JournalWriter& writer, Logger log,
             std::function<void(Error)> failed)
    : loop_(loop),
      pool_(pool),
      store_(store),
      writer_(writer),
      log_(std::move(log)),
      failed_(std::move(failed)),
      scope_(loop) {}

void Filer::finished(Tenant tenant, Applied item, RunId run, Loop& shard_loop, Function done) {
  loop_.post([this, one = Item{std::move(tenant), std::move(item), run, &shard_loop,
                               std::move(done)}]() mutable {
    there_.emplace(one.run, std::move(one));
    start();
  });
}

void Filer::expect(RunId run) {
  expected_.push_back(run);
  start();
}

void Filer::start() {
  if (working_) return;
  working_ = true;
  scope_.spawn(work());
}

std::vector<Filer::Item> Filer::take() {
  std::vector<Item> batch;
  while (!expected_.empty() && batch.size() < limits::kFileBatchRuns) {
    auto next = there_.find(expected_.front());
    if (next == there_.end()) break;
    batch.push_back(std::move(next->second));
    there_.erase(next);
    expected_.pop_front();
  }
  return batch;
}

Task<void> Filer::apply(Tenant tenant, std::vector<Applied> items) {
  for (auto back_off = limits::kStoreRetryFirst;;
       back_off = std::min(back_off * 2, limits::kStoreRetryMax)) {
    // By value: when the engine closes, this frame goes while the thread still works.
    Result<void> applied = co_await offload(loop_, pool_, [&store = store_, tenant, items] {
                             return store.tenants().apply(tenant, items);
                           }).result();
    if (applied) co_return;
    if (applied.error().kind != ErrorKind::unavailable) co_await fail(applied.error());
    log_.error("applying failed: tried again", {{"error", applied.error().message}});
    co_await loop_.sleep(back_off);
  }
}

// One batch after another: apply (not synced), tell the sessions, file (synced), forget.
Task<void> Filer::work() {
  for (std::vector<Item> batch = take(); !batch.empty(); batch = take()) {
    std::map<Tenant, std::pair<std::vector<Applied>, std::vector<RunId>>> by_tenant;
    for (Item& item : batch) {
      auto& [applied, runs] = by_tenant[item.tenant];
      applied.push_back(std::move(item.applied));
      runs.push_back(item.run);
    }
    for (auto& [tenant, work] : by_tenant) {
      Result<void> applied = co_await apply(tenant, std::move(work.first)).result();
      if (!applied) {  // the next opening of the home applies it
        failed_(within("tenant " + tenant.id(), std::move(applied.error())));
        co_return;
      }
    }
    for (Item& item : batch) {
      if (item.done) item.loop->post(std::move(item.done));
    }
    for (auto& [tenant, work] : by_tenant) {
      Result<void> filed =
          co_await offload(loop_, pool_, [&store = store_, tenant, runs = work.second] {
            return store.tenants().file(tenant, runs);
          }).result();
      if (!filed) {  // they stay in the journal: the next opening of the home tries again
        log_.error("filing failed", {{"error", filed.error().message}});
        continue;
      }
      writer_.submit({.forget = work.second}, loop_, [](std::uint64_t) {});
    }
  }
  working_ = false;
}

}  // namespace ragent
