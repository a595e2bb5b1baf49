// Scope: owns the root tasks of a loop, cancels and joins them. No coroutine runs without an owner.
// Also when_all (several tasks at once, joined) and block_on (one task, from outside of the loop).
//
//   Scope scope(loop);
//   scope.spawn(serve(listener));              // first turn later, never inline
//   scope.cancel();                            // destroys their frames, hence all they await
//   co_await scope.join();                     // until none is left
//
// One owner, the loop's thread.
#pragma once

#include <base/loop.h>

#include <exception>
#include <list>

namespace ragent {

namespace detail {

// The frame that drives one Task to its end. Owning it is owning all that hangs on it.
class Root {
 public:
  struct promise_type {
    static void* operator new(std::size_t size) { return frame_allocate(size); }
    static void operator delete(void* frame, std::size_t size) noexcept { frame_free(frame, size); }
    Root get_return_object() {
      return Root(std::coroutine_handle<promise_type>::from_promise(*this));
    }
    std::suspend_never initial_suspend() const noexcept { return {}; }
    std::suspend_always final_suspend() const noexcept { return {}; }
    void return_void() const noexcept {}
    // Drivers take Results; what they call afterwards (a handler) must not throw.
    [[noreturn]] void unhandled_exception() const noexcept { std::terminate(); }
  };

  Root() = default;
  Root(Root&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Root& operator=(Root&& other) noexcept {
    std::swap(handle_, other.handle_);
    return *this;
  }
  ~Root() {
    if (handle_) handle_.destroy();
  }

 private:
  explicit Root(std::coroutine_handle<promise_type> handle) : handle_(handle) {}
  std::coroutine_handle<promise_type> handle_ = {};
};

// What the drivers of when_all share with its frame.
template <class T>
struct Gathered {
  explicit Gathered(Loop& loop, std::size_t count) : left(count), results(count), done(loop) {}
  std::size_t left;
  std::vector<std::optional<Result<T>>> results;
  Signal done;
};

template <class T>
Root gather(Loop& loop, Task<T> task, Gathered<T>& gathered, std::size_t index) {
  co_await loop.yield();
  gathered.results[index] = co_await std::move(task).result();
  if (--gathered.left == 0) gathered.done.set();
}

}  // namespace detail

class Scope {
 public:
  using OnError = std::function<void(const Error&)>;

  // `on_error` gets the Error of a root that failed; without it the loop's logger does.
  explicit Scope(Loop& loop, OnError on_error = {});
  Scope(const Scope&) = delete;
  Scope& operator=(const Scope&) = delete;
  // Destroys what is left, at once: not from within one of its own roots.
  ~Scope();

  void spawn(Task<void> task);
  // No root gets another turn. Within a coroutine (perhaps a root of this scope) the frames go
  // when that coroutine is suspended, else at once.
  void cancel();
  Task<void> join();  // until no root is left and what was cancelled is destroyed
  std::size_t size() const { return roots_.size(); }

 private:
  struct Entry {
    Scope* scope;  // null once it is no longer in `roots_`
    std::list<Entry>::iterator self = {};
    detail::Root root = {};
  };
  static detail::Root drive(Loop& loop, Task<void> task, Entry& entry);
  void ended(Entry& entry);

  Loop& loop_;
  OnError on_error_;
  std::list<Entry> roots_;
  Signal empty_;
};

// Runs all of them at once; Results in the order given. Destroying it destroys the children.
template <class T>
Task<std::vector<Result<T>>> when_all(Loop& loop, std::vector<Task<T>> tasks) {
  detail::Gathered<T> gathered(loop, tasks.size());
  std::vector<detail::Root> roots;
  roots.reserve(tasks.size());
  for (std::size_t i = 0; i < tasks.size(); ++i) {
    roots.push_back(detail::gather<T>(loop, std::move(tasks[i]), gathered, i));
  }
  if (gathered.left > 0) co_await gathered.done;
  std::vector<Result<T>> results;
  results.reserve(gathered.results.size());
  for (auto& result : gathered.results) results.push_back(std::move(*result));
  co_return results;
}

// Runs the loop until the task has ended. Error{internal}: a simulated loop came to a deadlock.
template <class T>
Result<T> block_on(Loop& loop, Task<T> task) {
  detail::Gathered<T> gathered(loop, 1);
  const detail::Root root = detail::gather<T>(loop, std::move(task), gathered, 0);
  if (!loop.run([&] { return gathered.left == 0; })) {
    return fail(ErrorKind::internal, "a deadlock: the task waits and nothing can ever happen");
  }
  return std::move(*gathered.results[0]);
}

}  // namespace ragent
