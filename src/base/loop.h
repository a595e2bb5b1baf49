// Loop: one shard's ready queue, timers and file waits. Two kinds: the real one (an Asio reactor)
// and the simulated one (seeded order, virtual time). Everything of a run happens on its loop's
// thread; post() alone may be called from any thread.
//
//   co_await loop.sleep(50ms);
//   Result<Rows> rows = co_await offload(loop, pool, [db] { return db->read(); });
//
// Cancelling is destroying: a Waiter unlinks itself when its coroutine frame goes away, so nothing
// ever resumes a dead frame.
#pragma once

#include <ragent/task.h>

#include <chrono>
#include <functional>
#include <map>
#include <vector>

namespace ragent {

using Function = std::move_only_function<void()>;
using TimePoint = std::chrono::steady_clock::time_point;
using WallPoint = std::chrono::sys_time<std::chrono::milliseconds>;

class Loop;

enum class Readiness : std::uint8_t { readable, writable };
class Watch {
 public:
  virtual ~Watch() = default;
};

// A suspended coroutine and what will wake it. Lives in an awaiter, hence in a coroutine frame.
class Waiter {
 public:
  Waiter() = default;
  Waiter(const Waiter&) = delete;
  Waiter& operator=(const Waiter&) = delete;
  ~Waiter() { unlink(); }

  void suspend(std::coroutine_handle<> handle) { handle_ = handle; }
  bool suspended() const { return static_cast<bool>(handle_); }

 private:
  friend class Loop;
  void unlink();  // from the ready queue and the timers

  std::coroutine_handle<> handle_ = {};
  Loop* loop_ = nullptr;      // set while linked
  Waiter* next_ = nullptr;    // in the ready queue
  Waiter* previous_ = nullptr;
  bool ready_ = false;
  bool timed_ = false;
  std::pair<TimePoint, std::uint64_t> timer_key_ = {};
};

class Loop {
 public:
  virtual ~Loop();

  virtual TimePoint now() const = 0;
  virtual WallPoint wall() const = 0;
  // Runs `function` on the loop's thread in a later turn. Any thread.
  virtual void post(Function function) = 0;
  // Calls `function` once, on the loop's thread, when `fd` is ready; destroying the Watch takes
  // that back. Real loop only (the simulated one asserts).
  virtual std::unique_ptr<Watch> watch(int fd, Readiness readiness, Function function) = 0;

  // Loop thread only, from here on.
  void wake(Waiter& waiter);                      // resumes it in this turn or a later one
  void wake_at(Waiter& waiter, TimePoint when);
  void on_turn_end(Function function);            // called after each turn that did something
  // Works until `done()`; with `until`, at most until then. Answers whether anything was done.
  bool run(const std::function<bool()>& done, std::optional<TimePoint> until = {});

  struct Sleep {
    Loop& loop;
    TimePoint when;
    Waiter waiter = {};
    bool await_ready() const { return false; }
    void await_suspend(std::coroutine_handle<> handle) {
      waiter.suspend(handle);
      loop.wake_at(waiter, when);
    }
    void await_resume() const {}
  };
  Sleep sleep(std::chrono::nanoseconds duration) {
    return {*this, now() + std::chrono::duration_cast<TimePoint::duration>(duration)};
  }
  Sleep sleep_until(TimePoint when) { return {*this, when}; }
  Sleep yield() { return {*this, TimePoint::min()}; }

 protected:
  // One seam for order and one for waiting: the simulator picks by seed and jumps in time.
  virtual std::size_t pick(std::size_t ready_count) = 0;      // index of the next ready waiter
  virtual void wait(std::optional<TimePoint> until) = 0;      // until posted, a file, or `until`
  void drain(Function function);                              // runs a posted function

 private:
  friend class Waiter;
  bool turn();

  Waiter* first_ = nullptr;
  Waiter* last_ = nullptr;
  std::size_t ready_count_ = 0;
  std::uint64_t timer_next_ = 0;
  std::map<std::pair<TimePoint, std::uint64_t>, Waiter*> timers_;
  std::vector<Function> turn_end_;
};

std::unique_ptr<Loop> make_loop();

// One thread, one seed: time is virtual and jumps to the next timer, the order among ready
// coroutines is drawn. `trace()` is a hash of everything that was resumed, to compare two runs.
class SimulatedLoop;
std::unique_ptr<Loop> make_simulated_loop(std::uint64_t seed);

// A one-shot signal of the loop's thread with at most one awaiter.
class Signal {
 public:
  explicit Signal(Loop& loop) : loop_(loop) {}
  Signal(const Signal&) = delete;
  Signal& operator=(const Signal&) = delete;
  void set();
  void reset() { set_ = false; }
  bool is_set() const { return set_; }

  struct Awaiter {
    Signal& signal;
    Waiter waiter = {};
    ~Awaiter();
    bool await_ready() const { return signal.set_; }
    void await_suspend(std::coroutine_handle<> handle);
    void await_resume() const {}
  };
  Awaiter operator co_await() { return {*this}; }

 private:
  Loop& loop_;
  bool set_ = false;
  Waiter* waiting_ = nullptr;
};

}  // namespace ragent
