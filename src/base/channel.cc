#include <base/channel.h>

#include <algorithm>

namespace ragent::detail {

void Waiting::wake_one() {
  if (awaiters_.empty()) return;
  Awaiter* awaiter = awaiters_.front();
  awaiters_.pop_front();
  awaiter->woken = true;
  loop_.wake(awaiter->waiter);
}

void Waiting::wake_all() {
  while (!awaiters_.empty()) wake_one();
}

Waiting::Awaiter::~Awaiter() {
  if (woken) {
    waiting.wake_one();
  } else {
    std::erase(waiting.awaiters_, this);
  }
}

void Waiting::Awaiter::await_suspend(std::coroutine_handle<> handle) {
  waiter.suspend(handle);
  waiting.awaiters_.push_back(this);
}

}  // namespace ragent::detail
