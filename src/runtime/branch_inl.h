// What the .cc files of Branch share: the guard of the step in flight, waiting that `stop` can
// interrupt, and budget arithmetic.
#pragma once

#include <runtime/live_run.h>

namespace ragent {

struct Branch::InFlight {
  InFlight(Branch& owner, const char* what) : branch(owner), asked(what), ok(!owner.busy_) {
    if (ok) branch.busy_ = what;
  }
  ~InFlight() {
    if (ok) branch.busy_ = nullptr;
  }
  Error error() const {
    return {.kind = ErrorKind::misuse,
            .message = std::string(asked) + " was asked while " + branch.busy_ +
                       " is in flight on branch " + branch.path_ +
                       ": await one step before the next, or use run.fork"};
  }
  Branch& branch;
  const char* asked;
  bool ok;
};

// Counts a wait for something else than a person or a timer: the run is not idle.
struct Working {
  explicit Working(LiveRun& owner) : run(owner) { ++run.working_; }
  Working(const Working&) = delete;
  Working& operator=(const Working&) = delete;
  ~Working() { --run.working_; }
  LiveRun& run;
};

// An attempt that the step in flight waits for; when the branch dies the run settles it.
struct Branch::AttemptListed {
  AttemptListed(Branch& owner, std::shared_ptr<Attempt> one) : branch(owner), attempt(one) {
    branch.attempts_.push_back(std::move(one));
  }
  AttemptListed(const AttemptListed&) = delete;
  AttemptListed& operator=(const AttemptListed&) = delete;
  ~AttemptListed() { std::erase(branch.attempts_, attempt); }
  Branch& branch;
  std::shared_ptr<Attempt> attempt;  // shared with the run
};

namespace detail {

template <class T>
Task<void> deliver(Task<T> work, std::optional<Result<T>>& result, Op& op) {
  result.emplace(co_await std::move(work).result());
  op.done.set();
}

}  // namespace detail

template <class T>
Task<T> Branch::interruptible(Task<T> work) {
  Working working(run_);
  auto op = std::make_shared<Op>(run_.loop());
  std::optional<Result<T>> result;
  Root root = drive(detail::deliver(std::move(work), result, *op));
  root.start();
  co_await wait(op);
  if constexpr (std::is_void_v<T>) {
    co_await std::move(*result);
  } else {
    co_return std::move(*result);
  }
}

inline Budget add(Budget a, const Budget& b) {
  return {.steps = a.steps + b.steps, .tokens = a.tokens + b.tokens, .time = a.time + b.time};
}
inline Budget share(const Budget& budget, std::int64_t parts) {
  return {
      .steps = budget.steps / parts, .tokens = budget.tokens / parts, .time = budget.time / parts};
}
inline Budget less(const Budget& a, const Budget& b, std::int64_t times = 1) {
  return {.steps = a.steps - b.steps * times,
          .tokens = a.tokens - b.tokens * times,
          .time = a.time - b.time * times};
}

}  // namespace ragent
