// with_deadline: a task that must end by a point in time.
//
//   Result<Json> json = co_await with_deadline(loop, body.call(context, args), when).result();
//
// The loser is destroyed, which cancels it. Loop thread only. Error{timeout} when time is up.
#pragma once

#include <base/loop.h>
#include <base/scope.h>

namespace ragent {

template <class T>
Task<T> with_deadline(Loop& loop, Task<T> task, TimePoint when) {
  detail::Gathered<T> gathered(loop, 1);
  const detail::Root root = detail::gather<T>(loop, std::move(task), gathered, 0);
  if (!co_await gathered.done.until(when)) co_await fail(ErrorKind::timeout, "time is up");
  if constexpr (std::is_void_v<T>) {
    co_await std::move(*gathered.results[0]);
  } else {
    co_return std::move(*gathered.results[0]);
  }
}

}  // namespace ragent
