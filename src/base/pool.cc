#include <base/pool.h>

#include <base/random.h>
#include <base/scope.h>

#include <condition_variable>
#include <deque>
#include <thread>

namespace ragent {

namespace {

class ThreadPool final : public Pool {
 public:
  ThreadPool(std::size_t threads, std::size_t queue_max) : queue_max_(queue_max) {
    RAGENT_ASSERT(threads > 0);
    for (std::size_t i = 0; i < threads; ++i) threads_.emplace_back([this] { work(); });
  }

  ~ThreadPool() override {
    {
      const std::scoped_lock lock(mutex_);
      closing_ = true;
    }
    changed_.notify_all();
    for (std::thread& thread : threads_) thread.join();
  }

  Result<void> run(Function function) override {
    {
      const std::scoped_lock lock(mutex_);
      if (queue_.size() >= queue_max_) {
        return fail(ErrorKind::unavailable,
                    "all " + std::to_string(threads_.size()) + " blocking threads are busy and " +
                        std::to_string(queue_max_) + " calls wait already; try again later");
      }
      queue_.push_back(std::move(function));
    }
    changed_.notify_one();
    return {};
  }

 private:
  void work() {
    for (;;) {
      Function function;
      {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [this] { return closing_ || !queue_.empty(); });
        if (queue_.empty()) return;
        function = std::move(queue_.front());
        queue_.pop_front();
      }
      function();
    }
  }

  const std::size_t queue_max_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Function> queue_;  // guarded by mutex_, like closing_
  bool closing_ = false;
  std::vector<std::thread> threads_;
};

class SimulatedPool final : public Pool {
 public:
  SimulatedPool(Loop& loop, std::uint64_t seed) : loop_(loop), random_(seed), scope_(loop) {}

  Result<void> run(Function function) override {
    scope_.spawn(
        later(loop_, std::chrono::microseconds(random_.below(10'000)), std::move(function)));
    return {};
  }

 private:
  static Task<void> later(Loop& loop, std::chrono::microseconds delay, Function function) {
    co_await loop.sleep(delay);
    function();
  }

  Loop& loop_;
  SeededRandom random_;
  Scope scope_;
};

}  // namespace

std::unique_ptr<Pool> make_pool(std::size_t threads, std::size_t queue_max) {
  return std::make_unique<ThreadPool>(threads, queue_max);
}

std::unique_ptr<Pool> make_simulated_pool(Loop& loop, std::uint64_t seed) {
  return std::make_unique<SimulatedPool>(loop, seed);
}

}  // namespace ragent
