// Task<T>: a lazy coroutine. Awaiting one that failed ends the awaiting coroutine with the same
// Error; `.result()` hands the Result over instead. Awaiting a Result<T> unwraps it the same way.
//
//   Task<int> sum(Run& run) {
//     Reply reply = co_await run.think(chat);                  // an Error ends sum()
//     Result<Reply> other = co_await run.think(chat).result(); // handle it here
//     int n = co_await parse(reply.text);                      // Result<int>: unwrapped
//     co_return n;                                             // or: co_return Error{…};
//   }
//
// One owner, one await. Destroying a Task destroys its frame and what it awaits: that is how work
// is cancelled. Everything of one coroutine chain happens on one thread. A capturing lambda must
// not be a coroutine, and reference parameters must outlive it (its captures do not).
#pragma once

#include <ragent/result.h>

#include <concepts>
#include <coroutine>
#include <cstddef>
#include <type_traits>

namespace ragent {

template <class T = void>
class Task;

namespace detail {

void* frame_allocate(std::size_t size);
void frame_free(void* frame, std::size_t size) noexcept;
std::unique_ptr<Error> error_from_current_exception() noexcept;

struct PromiseBase {
  std::coroutine_handle<> continuation = {};
  PromiseBase* fails_to = nullptr;  // who ends with our Error; null: the awaiter takes a Result
  std::unique_ptr<Error> error = {};

  static void* operator new(std::size_t size) { return frame_allocate(size); }
  static void operator delete(void* frame, std::size_t size) noexcept { frame_free(frame, size); }

  // Who runs next when the coroutine of `promise` has ended: an Error passes every awaiter that
  // did not ask for a Result. Their frames stay suspended until their owner destroys them.
  static std::coroutine_handle<> finish(PromiseBase* promise) noexcept {
    while (promise->error && promise->fails_to) {
      promise->fails_to->error = std::move(promise->error);
      promise = promise->fails_to;
    }
    return promise->continuation ? promise->continuation : std::noop_coroutine();
  }

  struct Final {
    bool await_ready() const noexcept { return false; }
    template <class P>
    std::coroutine_handle<> await_suspend(std::coroutine_handle<P> self) const noexcept {
      return finish(&self.promise());
    }
    void await_resume() const noexcept {}
  };

  template <class T>
  struct Unwrap {
    Result<T> result;
    bool await_ready() const noexcept { return result.has_value(); }
    template <class P>
    std::coroutine_handle<> await_suspend(std::coroutine_handle<P> self) {
      self.promise().error = std::make_unique<Error>(std::move(result.error()));
      return finish(&self.promise());
    }
    T await_resume() {
      if constexpr (!std::is_void_v<T>) return std::move(*result);
    }
  };

  std::suspend_always initial_suspend() const noexcept { return {}; }
  Final final_suspend() const noexcept { return {}; }
  void unhandled_exception() noexcept { error = error_from_current_exception(); }

  template <class A>
  A&& await_transform(A&& awaitable) noexcept {
    return static_cast<A&&>(awaitable);
  }
  template <class T>
  Unwrap<T> await_transform(Result<T> result) {
    return {std::move(result)};
  }
  // co_await fail(…) ends any task with an Error, a Task<void> too (which cannot co_return one).
  Unwrap<void> await_transform(std::unexpected<Error> error) {
    return {Result<void>(std::move(error))};
  }
};

template <class T>
struct Promise : PromiseBase {
  std::optional<T> value = {};
  Task<T> get_return_object() noexcept;
  void return_value(T v) { value.emplace(std::move(v)); }
  template <class E>
    requires std::same_as<E, Error>
  void return_value(E e) {
    error = std::make_unique<Error>(std::move(e));
  }
  template <class E>
    requires std::same_as<E, Error>
  void return_value(std::unexpected<E> e) {
    error = std::make_unique<Error>(std::move(e.error()));
  }
  template <class R>
    requires std::same_as<R, Result<T>>
  void return_value(R r) {
    if (r) {
      value.emplace(std::move(*r));
    } else {
      error = std::make_unique<Error>(std::move(r.error()));
    }
  }
  T take() { return std::move(*value); }
};

template <>
struct Promise<void> : PromiseBase {
  Task<void> get_return_object() noexcept;
  void return_void() const noexcept {}
  void take() const noexcept {}
};

}  // namespace detail

template <class T>
class [[nodiscard]] Task {
 public:
  using promise_type = detail::Promise<T>;
  using Handle = std::coroutine_handle<promise_type>;

  explicit Task(Handle handle) noexcept : handle_(handle) {}
  Task(Task&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Task& operator=(Task&& other) noexcept {
    if (this != &other) {
      if (handle_) handle_.destroy();
      handle_ = std::exchange(other.handle_, nullptr);
    }
    return *this;
  }
  ~Task() {
    if (handle_) handle_.destroy();
  }

  template <bool kAsResult>
  struct Awaiter {
    Handle handle;
    bool await_ready() const noexcept { return false; }
    template <class P>
    std::coroutine_handle<> await_suspend(std::coroutine_handle<P> awaiting) noexcept {
      handle.promise().continuation = awaiting;
      if constexpr (!kAsResult) handle.promise().fails_to = &awaiting.promise();
      return handle;
    }
    auto await_resume() {
      if constexpr (kAsResult) {
        auto& promise = handle.promise();
        if (promise.error) return Result<T>(std::unexpect, std::move(*promise.error));
        if constexpr (std::is_void_v<T>) {
          return Result<T>();
        } else {
          return Result<T>(promise.take());
        }
      } else {
        return handle.promise().take();
      }
    }
  };
  struct AsResult {
    Task task;
    Awaiter<true> operator co_await() const noexcept { return {task.handle_}; }
  };

  Awaiter<false> operator co_await() const noexcept { return {handle_}; }
  [[nodiscard]] AsResult result() { return {std::move(*this)}; }

 private:
  Handle handle_;
};

namespace detail {
template <class T>
Task<T> Promise<T>::get_return_object() noexcept {
  return Task<T>{std::coroutine_handle<Promise>::from_promise(*this)};
}
inline Task<void> Promise<void>::get_return_object() noexcept {
  return Task<void>{std::coroutine_handle<Promise>::from_promise(*this)};
}
}  // namespace detail

}  // namespace ragent
