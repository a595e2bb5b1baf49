// Channel<T>: a bounded queue between coroutines of one loop.
//
//   Channel<Event> events(loop, 64);
//   co_await events.push(event);                              // waits while it is full
//   while (auto event = co_await events.pop()) show(*event);  // nullopt: closed and empty
//
// One owner, who destroys it after everybody that uses it; the loop's thread. Between threads use
// Loop::post and a Pool.
#pragma once

#include <base/loop.h>

#include <deque>

namespace ragent {

namespace detail {

// Coroutines that wait for the same thing, oldest first.
class Waiting {
 public:
  explicit Waiting(Loop& loop) : loop_(loop) {}

  // One of those that wait goes on. If its frame goes away before its turn, the next one does.
  void wake_one();
  void wake_all();

  struct Awaiter {
    Waiting& waiting;
    Waiter waiter = {};
    bool woken = false;
    ~Awaiter();
    bool await_ready() const { return false; }
    void await_suspend(std::coroutine_handle<> handle);
    void await_resume() { woken = false; }
  };
  Awaiter operator co_await() { return {*this}; }

 private:
  Loop& loop_;
  std::deque<Awaiter*> awaiters_;
};

}  // namespace detail

template <class T>
class Channel {
 public:
  Channel(Loop& loop, std::size_t items_max)
      : items_max_(items_max), readers_(loop), writers_(loop) {
    RAGENT_ASSERT(items_max > 0);
  }
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;

  // Error{cancelled} when it is closed.
  Task<void> push(T item) {
    while (!closed_ && items_.size() >= items_max_) co_await writers_;
    if (!try_push(item)) co_await fail(ErrorKind::cancelled, "the channel is closed");
  }
  // Takes `item` and answers true, or leaves it when the channel is full or closed.
  bool try_push(T& item) {
    if (closed_ || items_.size() >= items_max_) return false;
    items_.push_back(std::move(item));
    readers_.wake_one();
    return true;
  }
  // The oldest item; nullopt once it is closed and empty.
  Task<std::optional<T>> pop() {
    while (!closed_ && items_.empty()) co_await readers_;
    co_return try_pop();
  }
  std::optional<T> try_pop() {
    if (items_.empty()) return {};
    std::optional<T> item(std::move(items_.front()));
    items_.pop_front();
    writers_.wake_one();
    return item;
  }
  // What is in it can still be popped; nothing more can be pushed.
  void close() {
    closed_ = true;
    readers_.wake_all();
    writers_.wake_all();
  }
  bool closed() const { return closed_; }
  std::size_t size() const { return items_.size(); }

 private:
  std::size_t items_max_;
  bool closed_ = false;
  std::deque<T> items_;
  detail::Waiting readers_;
  detail::Waiting writers_;
};

}  // namespace ragent
