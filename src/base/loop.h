// Loop: one shard's ready queue, timers and file waits. Two kinds: the real one (an Asio reactor)
// and the simulated one (simulated_loop.h: seeded order, virtual time). Everything of a run happens
// on its loop's thread; post() alone may be called from any thread.
//
//   co_await loop.sleep(50ms);
//   Rows rows = co_await offload(loop, pool, [db] { return db->read(); });    // pool.h
//   loop.run([&] { return finished; });
//
// Cancelling is destroying: a Waiter unlinks itself when its coroutine frame goes away, so nothing
// ever resumes a dead frame. A loop outlives everything that was made with it.
#pragma once

#include <base/log.h>
#include <ragent/task.h>

#include <chrono>
#include <functional>
#include <initializer_list>
#include <map>
#include <mutex>
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
  virtual void again() = 0;  // after its function was called, or from within it: once more
};

// A suspended coroutine and what will wake it. Lives in an awaiter, hence in a coroutine frame.
class Waiter {
 public:
  Waiter() = default;
  Waiter(const Waiter&) = delete;
  Waiter& operator=(const Waiter&) = delete;
  ~Waiter() {
    if (loop_) unlink();
  }

  void suspend(std::coroutine_handle<> handle) { handle_ = handle; }
  bool suspended() const { return static_cast<bool>(handle_); }
  bool timed_out() const { return timed_out_; }  // the last wake-up came from wake_at

 private:
  friend class Loop;
  void unlink();  // from the ready queue or the timers

  std::coroutine_handle<> handle_ = {};
  Loop* loop_ = nullptr;  // set while linked
  Waiter* next_ = nullptr;  // in the ready queue
  Waiter* previous_ = nullptr;
  bool ready_ = false;
  bool timed_out_ = false;
  std::pair<TimePoint, std::uint64_t> timer_ = {};
};

class Loop {
 public:
  explicit Loop(Logger log) : log_(std::move(log)) {}
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;
  virtual ~Loop();

  virtual TimePoint now() const = 0;
  virtual WallPoint wall() const = 0;
  // Calls `function` once, on the loop's thread, when `fd` is ready; destroying the Watch takes
  // that back. At most one Watch for each fd and readiness; the fd becomes non-blocking. Real loop
  // only (the simulated one asserts). `function` should only wake others.
  virtual std::unique_ptr<Watch> watch(int fd, Readiness readiness, Function function) = 0;
  // Runs `function` on the loop's thread in a later turn, in order of posting. Any thread.
  void post(Function function);
  // Destroys what was posted and not run: when the loop runs no more, and before a derived class
  // goes, as it may hold watches. Any thread.
  void drop_posted();

  // Loop thread only, from here on.
  void wake(Waiter& waiter);  // resumes it in this turn or a later one
  void wake_at(Waiter& waiter, TimePoint when);  // a wake() before that replaces it
  void on_turn_end(Function function);  // called after each turn, for the loop's life
  // Runs `function` as soon as the coroutine that runs now is suspended; at once outside of one.
  // For destroying frames that may be on the stack.
  void after_resume(Function function);
  // Works until `done()` (asked between turns: true) or until `until` has passed (false). The
  // simulated loop also answers false when nothing can ever happen again. Not from a coroutine.
  bool run(const std::function<bool()>& done, std::optional<TimePoint> until = {});
  bool running() const { return running_; }  // within run()
  // What the code that runs now is, for the log: a slow turn names the piece that took longest.
  // The words are joined: {"tool ", name, " of run ", uid}.
  void doing(std::initializer_list<std::string_view> words);
  const Logger& log() const { return log_; }

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
  Sleep yield() { return {*this, TimePoint::min()}; }  // to the end of the ready queue

 protected:
  // The seams of the simulator. `pick`: which ready waiter is next, or `ready_count` to end the
  // turn. `wait`: blocks until posted to, a file is ready or `until` has come (the past: does not
  // block); false: nothing can ever come. `interrupt`: ends a wait; any thread.
  virtual std::size_t pick(std::size_t ready_count) = 0;
  virtual bool wait(std::optional<TimePoint> until) = 0;
  virtual void interrupt() = 0;
  bool posted() const;

 private:
  friend class Waiter;
  void turn();
  std::size_t run_posted();
  void expire(TimePoint now);
  void resume(Waiter& waiter);
  void piece_ended();  // a resumed coroutine, or a posted function
  void link(Waiter& waiter);

  Logger log_;
  Waiter* first_ = nullptr;  // ready, oldest first
  Waiter* last_ = nullptr;
  std::size_t ready_count_ = 0;
  std::uint64_t timer_next_ = 0;
  std::map<std::pair<TimePoint, std::uint64_t>, Waiter*> timers_;
  std::vector<Function> turn_end_;
  std::vector<Function> after_resume_;
  bool running_ = false;
  bool resuming_ = false;
  std::string doing_ = {};  // the piece that runs now
  TimePoint piece_began_ = {};
  std::chrono::nanoseconds longest_ = {};  // of this turn, when it was slow by itself
  std::string longest_doing_ = {};
  mutable std::mutex mutex_;
  std::vector<Function> posted_;  // guarded by mutex_
};

std::unique_ptr<Loop> make_loop(Logger log = {});

// A signal of the loop's thread with at most one awaiter. It stays set until reset().
class Signal {
 public:
  explicit Signal(Loop& loop) : loop_(loop) {}
  Signal(const Signal&) = delete;
  Signal& operator=(const Signal&) = delete;
  ~Signal();
  void set();
  void reset() { set_ = false; }
  bool is_set() const { return set_; }

  struct Awaiter {
    Signal* signal;
    std::optional<TimePoint> until = {};
    Waiter waiter = {};
    ~Awaiter();
    bool await_ready() const { return signal->set_; }
    void await_suspend(std::coroutine_handle<> handle);
    bool await_resume();
  };
  Awaiter operator co_await() { return {this}; }
  // Answers false when the time passed first.
  Awaiter until(TimePoint when) { return {this, when}; }

 private:
  Loop& loop_;
  bool set_ = false;
  Awaiter* waiting_ = nullptr;
};

}  // namespace ragent
