// Root and Wake: how a run starts its coroutines and resumes them among themselves. While a run
// replays nothing comes from outside, so its own queue is drained synchronously; live, the same
// queue is drained once a turn. Shard only.
#pragma once

#include <base/loop.h>

#include <deque>

namespace ragent {

// A coroutine without an awaiter: owned by whoever started it, destroyed with its owner.
class Root {
 public:
  struct promise_type : detail::PromiseBase {
    Root get_return_object() {
      return Root{std::coroutine_handle<promise_type>::from_promise(*this)};
    }
    void return_void() const noexcept {}
  };
  Root() = default;
  explicit Root(std::coroutine_handle<promise_type> handle) : handle_(handle) {}
  Root(Root&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Root& operator=(Root&& other) noexcept {
    if (this != &other) destroy();
    handle_ = std::exchange(other.handle_, nullptr);
    return *this;
  }
  ~Root() { destroy(); }
  void start() { handle_.resume(); }
  std::coroutine_handle<> handle() const { return handle_; }
  void destroy() {
    if (handle_) std::exchange(handle_, nullptr).destroy();
  }

 private:
  std::coroutine_handle<promise_type> handle_ = {};
};

// `body` may end with an Error: it ends there.
inline Root drive(Task<void> body) { (void)co_await std::move(body).result(); }

class WakeQueue;

// One suspended coroutine of a run that another one will resume. Forgets itself when its frame
// is destroyed.
class Wake {
 public:
  explicit Wake(WakeQueue& queue) : queue_(queue) {}
  Wake(const Wake&) = delete;
  Wake& operator=(const Wake&) = delete;
  ~Wake();
  void arm(std::coroutine_handle<> handle) { handle_ = handle; }
  bool armed() const { return static_cast<bool>(handle_); }

  bool await_ready() const { return false; }
  void await_suspend(std::coroutine_handle<> handle) { handle_ = handle; }
  void await_resume() const {}

 private:
  friend class WakeQueue;
  WakeQueue& queue_;
  std::coroutine_handle<> handle_ = {};
  bool queued_ = false;
};

class WakeQueue {
 public:
  // Resumes it in the drain under way, or in the next.
  void push(Wake& wake) {
    if (wake.queued_) return;
    wake.queued_ = true;
    queue_.push_back(&wake);
  }
  bool empty() const { return queue_.empty(); }
  void drain() {
    while (!queue_.empty()) {
      Wake* wake = queue_.front();
      queue_.pop_front();
      if (!wake) continue;
      wake->queued_ = false;
      std::exchange(wake->handle_, nullptr).resume();
    }
  }

 private:
  friend class Wake;
  std::deque<Wake*> queue_ = {};
};

inline Wake::~Wake() {
  if (!queued_) return;
  for (Wake*& wake : queue_.queue_) {
    if (wake == this) wake = nullptr;
  }
}

}  // namespace ragent
