// EngineCore: what stands behind an Engine: opening, threads, and the way from a caller's thread to
// a shard and back. Shared by the Engine and its run handles; any thread but a shard's.
#pragma once

#include <base/call.h>
#include <runtime/handle.h>
#include <runtime/shard.h>
#include <runtime/world.h>

#include <shared_mutex>
#include <thread>

namespace ragent {

class EngineCore final : public HandleOwner {
 public:
  EngineCore(EngineOptions options, Engine& face);
  EngineCore(const EngineCore&) = delete;
  EngineCore& operator=(const EngineCore&) = delete;
  ~EngineCore() override;

  Result<void> open();  // again after Error{conflict}: the owner of the home may have ended
  void close();  // joins every thread; unfinished runs stay in the journal

  // Runs `body` on the shard of a session (or of a run) and waits for what it answers.
  template <class T>
  Result<T> on_shard(std::size_t shard, std::function<Task<T>(Shard&)> body);
  // … on the shard of a run; on any when no unfinished run is called so, which then says it.
  Result<void> on_shard_of(const std::string& uid, std::function<Task<void>(Shard&)> body);
  // Starts a run from a shard's thread; an Error of starting finishes `state`.
  void start_on(std::size_t shard, Agent agent, Input input, RunOptions options,
                std::shared_ptr<RunHandle::State> state);
  Shard* current_shard() const;  // whose thread this is; null: none of this engine's
  std::size_t place(RunOptions& options, RunHandle::State& state);
  std::size_t shards() const { return runners_.size(); }

  void wait(std::mutex& mutex, std::condition_variable& changed, const std::function<bool()>& ready,
            std::optional<std::chrono::milliseconds> timeout) override;
  Result<void> cancel(const Tenant& tenant, const std::string& run, std::string reason) override;
  bool drive(std::chrono::milliseconds timeout);  // threads = 0: true when something was done

 private:
  Result<void> open_now();
  void serve();
  Result<void> recover();
  void drain();
  void fail_with(Error error);
  bool failed();
  Error stopped();  // why nothing answers any more

  Engine& face_;  // what the services see; it outlives them
  EngineOptions options_;
  World world_;
  Logger log_;
  std::mutex open_mutex_;
  std::optional<Result<void>> opened_;  // guarded by open_mutex_
  std::mutex failed_mutex_;
  std::optional<Error> failure_;  // guarded by failed_mutex_
  // Shared while a shard is posted to; alone to say that there are none any more.
  std::shared_mutex alive_;
  std::atomic<bool> closing_ = false;
  std::mutex driving_;  // threads = 0: one caller drives at a time
  std::atomic<std::size_t> started_ = 0;

  Places places_;  // of the runs that have not ended

  // In this order: what stands below is destroyed first.
  std::vector<std::unique_ptr<Loop>> loops_;
  std::unique_ptr<Store> store_;
  bool owns_home_ = false;  // no other engine is at work in it
  std::unique_ptr<Random> ids_;
  std::atomic<RunId> run_id_last_ = 0;
  std::unique_ptr<JournalWriter> writer_;
  std::unique_ptr<Filer> filer_;
  std::unique_ptr<Pool> writer_pool_;
  std::unique_ptr<Pool> store_pool_;
  std::unique_ptr<Pool> blocking_pool_;
  std::vector<std::unique_ptr<Shard>> shards_;
  std::vector<std::atomic<std::thread::id>> runners_;  // who runs each loop now; set by itself
  std::vector<std::jthread> threads_;
  std::vector<std::unique_ptr<EngineService>> services_;
};

template <class T>
Result<T> EngineCore::on_shard(std::size_t shard, std::function<Task<T>(Shard&)> body) {
  if (Result<void> opened = open(); !opened) return fail(std::move(opened.error()));
  if (current_shard()) {
    return fail(ErrorKind::misuse,
                "an engine's blocking call was made on its shard's thread (from a planner or a "
                "Task tool), where it would wait for itself: use co_await engine.call");
  }
  auto call = std::make_shared<Call<T>>();
  Answering<T> answer(call, [this] { return stopped(); });
  {
    std::shared_lock lock(alive_);
    if (closing_ || failed()) return fail(stopped());
    Shard& target = *shards_[shard];
    target.loop().post([&target, body = std::move(body), answer = std::move(answer)]() mutable {
      if (target.halted()) return;  // dropping it answers
      auto on_target = [&target, body = std::move(body)] { return body(target); };
      target.scope().spawn(answered<T>(std::move(on_target), std::move(answer)));
    });
  }
  wait(call->mutex, call->changed, [&] { return call->result || closing_; }, {});
  std::lock_guard lock(call->mutex);
  if (call->result) return std::move(*call->result);
  return fail(stopped());
}

}  // namespace ragent
