#include <runtime/filer.h>

#include <ragent/limits.h>

namespace ragent {

Filer::Filer(Parts parts) : parts_(std::move(parts)), scope_(parts_.loop) {}

void Filer::finished(Tenant tenant, Applied item, RunId run, Loop& shard_loop, Function done) {
  parts_.loop.post([this, one = Item{std::move(tenant), std::move(item), run, &shard_loop,
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

Task<void> Filer::write(std::function<Result<void>(Tenants&)> call) {
  Patience patience(parts_.full_disk_wait);
  for (;;) {
    // By value: when the engine closes, this frame goes while the thread still works.
    Result<void> done = co_await offload(parts_.loop, parts_.pool, [&store = parts_.store, call] {
                          return call(store.tenants());
                        }).result();
    if (done) co_return;
    if (done.error().kind != ErrorKind::unavailable) co_await fail(done.error());
    const bool first = !patience.tried();
    const auto pause = patience.next(parts_.loop.now());
    if (!pause) co_await fail(done.error());
    if (first) parts_.log.warn("filing waits for space", {{"error", done.error().message}});
    co_await parts_.loop.sleep(*pause);
  }
}

// Applies (not synced), tells the sessions, files (synced), forgets.
Task<void> Filer::work_on(std::vector<Item> batch) {
  std::map<Tenant, std::pair<std::vector<Applied>, std::vector<RunId>>> by_tenant;
  for (Item& item : batch) {
    auto& [applied, runs] = by_tenant[item.tenant];
    applied.push_back(std::move(item.applied));
    runs.push_back(item.run);
  }
  for (const auto& [tenant, of_tenant] : by_tenant) {
    co_await write([tenant, items = of_tenant.first](Tenants& at_rest) {
      return at_rest.apply(tenant, items);
    });
  }
  for (Item& item : batch) {
    if (item.done) item.loop->post(std::move(item.done));
  }
  for (const auto& [tenant, of_tenant] : by_tenant) {
    co_await write(
        [tenant, runs = of_tenant.second](Tenants& at_rest) { return at_rest.file(tenant, runs); });
    parts_.writer.submit({.forget = of_tenant.second}, parts_.loop, [](std::uint64_t) {});
  }
}

Task<void> Filer::work() {
  for (std::vector<Item> batch = take(); !batch.empty(); batch = take()) {
    Result<void> done = co_await work_on(std::move(batch)).result();
    if (done) continue;
    parts_.failed(std::move(done.error()));
    co_return;  // still `working_`: nothing is begun any more
  }
  working_ = false;
}

}  // namespace ragent
