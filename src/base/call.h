// Call: a thread that is no loop's waits for what a coroutine of a loop answers. The loop holds the
// end that answers; dropped without an answer, as a loop that stops does, that says why.
//
//   auto call = std::make_shared<Call<int>>();
//   loop.post([&scope, answer = Answering<int>(call, closed)]() mutable {
//     scope.spawn(answered<int>([] { return count(); }, std::move(answer)));
//   });
//   std::unique_lock lock(call->mutex);
//   call->changed.wait(lock, [&] { return call->result.has_value(); });
//
// A Call is shared by both ends: any thread. An Answering has one owner, whoever is to answer.
#pragma once

#include <ragent/task.h>

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>

namespace ragent {

template <class T>
struct Call {
  std::mutex mutex = {};
  std::condition_variable changed = {};
  std::optional<Result<T>> result = {};  // guarded by mutex
};

template <class T>
class Answering {
 public:
  // `dropped`: the Error of a call that is not answered.
  Answering(std::shared_ptr<Call<T>> call, std::function<Error()> dropped)
      : call_(std::move(call)), dropped_(std::move(dropped)) {}
  Answering(Answering&&) noexcept = default;
  Answering& operator=(Answering&&) = delete;
  ~Answering() {
    if (call_) give(fail(dropped_()));
  }
  void give(Result<T> result) {
    const std::shared_ptr<Call<T>> call = std::move(call_);
    const std::lock_guard lock(call->mutex);
    call->result.emplace(std::move(result));
    call->changed.notify_all();
  }

 private:
  std::shared_ptr<Call<T>> call_;  // shared with who waits
  std::function<Error()> dropped_;
};

template <class T>
Task<void> answered(std::function<Task<T>()> body, Answering<T> answer) {
  answer.give(co_await body().result());
}

}  // namespace ragent
