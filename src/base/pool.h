// Pool: threads for work that blocks; offload() is the only way to them from a coroutine.
//
//   std::unique_ptr<Pool> pool = make_pool(limits::kBlockingThreads, limits::kPoolQueueMax);
//   Rows rows = co_await offload(loop, *pool, [db] { return db->read(); });
//   Result<Rows> other = co_await offload(loop, *pool, [db] { return db->read(); }).result();
//
// One owner, destroyed before the loops that use it. run() may be called from any thread.
#pragma once

#include <base/loop.h>

#include <atomic>
#include <memory>

namespace ragent {

class Pool {
 public:
  virtual ~Pool() = default;
  // Runs `function`, which must not throw, on one of the threads. Error{unavailable}: the queue is
  // full, nothing was taken.
  virtual Result<void> run(Function function) = 0;
};

// Its destructor runs what is queued, then joins the threads; offloaded work whose awaiter is gone
// is only skipped.
std::unique_ptr<Pool> make_pool(std::size_t threads, std::size_t queue_max);
// Runs each function on the loop's own thread, up to 10 ms of virtual time later (drawn). Its
// destructor drops what has not run.
std::unique_ptr<Pool> make_simulated_pool(Loop& loop, std::uint64_t seed);

namespace detail {

template <class R>
struct OffloadValue {
  using type = R;
};
template <class T>
struct OffloadValue<Result<T>> {
  using type = T;
};

// Calls `function`; an exception or an Error in its Result becomes the Error of the task.
template <class F, class T>
Result<T> call_caught(F& function) {
  try {
    if constexpr (std::is_void_v<std::invoke_result_t<F&>>) {
      function();
      return {};
    } else {
      return function();
    }
  } catch (...) {
    return fail(std::move(*error_from_current_exception()));
  }
}

// Shared by the awaiting frame and the work on the thread, whichever lives longer.
template <class T>
struct Offloaded {
  explicit Offloaded(Loop& loop) : done(loop) {}
  std::atomic<bool> abandoned = false;  // the frame is gone
  std::optional<Result<T>> result;  // the thread's until posted, then the loop's
  Signal done;  // the loop's
};

template <class T>
struct Abandon {
  std::shared_ptr<Offloaded<T>> state;
  ~Abandon() { state->abandoned.store(true, std::memory_order_relaxed); }
};

}  // namespace detail

// Runs `function` on the pool; the task's value is its result (a Result<T> gives T or its Error),
// an exception is Error{internal}. Destroying the task never waits: work that has begun goes on,
// and its result is dropped; work that has not begun is skipped.
template <class F>
auto offload(Loop& loop, Pool& pool, F function)
    -> Task<typename detail::OffloadValue<std::invoke_result_t<F&>>::type> {
  using T = typename detail::OffloadValue<std::invoke_result_t<F&>>::type;
  const auto state = std::make_shared<detail::Offloaded<T>>(loop);
  const detail::Abandon<T> abandon{state};
  Function work = [&loop, state, function = std::move(function)]() mutable {
    if (state->abandoned.load(std::memory_order_relaxed)) return;
    state->result = detail::call_caught<F, T>(function);
    loop.post([state = std::move(state)] {
      if (!state->abandoned.load(std::memory_order_relaxed)) state->done.set();
    });
  };
  co_await pool.run(std::move(work));
  co_await state->done;
  if constexpr (std::is_void_v<T>) {
    co_await std::move(*state->result);
  } else {
    co_return std::move(*state->result);
  }
}

}  // namespace ragent
