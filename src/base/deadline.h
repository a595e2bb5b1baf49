// with_deadline: a task that must end by a point in time.
//
//   Result<Json> json = co_await with_deadline(loop, body.call(context, args), when).result();
//
// The loser is destroyed, which cancels it. Loop thread only. Error{timeout} when time is up.
#pragma once

#include <base/loop.h>
#include <base/scope.h>

namespace ragent {
namespace detail {

template <class T>
struct Race {
  Signal over;
  std::optional<Result<T>> result = {};
};

template <class T>
Task<void> race_task(Race<T>& race, Task<T> task) {
  race.result.emplace(co_await std::move(task).result());
  race.over.set();
}
template <class T>
Task<void> race_timer(Race<T>& race, Loop& loop, TimePoint when) {
  co_await loop.sleep_until(when);
  race.over.set();
}

}  // namespace detail

template <class T>
Task<T> with_deadline(Loop& loop, Task<T> task, TimePoint when) {
  detail::Race<T> race{.over = Signal(loop)};
  Scope scope(loop);
  scope.spawn(detail::race_task(race, std::move(task)));
  scope.spawn(detail::race_timer(race, loop, when));
  co_await race.over;
  if (!race.result) co_return Error{.kind = ErrorKind::timeout, .message = "time is up"};
  co_return std::move(*race.result);
}

}  // namespace ragent
