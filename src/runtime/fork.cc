// fork, next and cancel: parallel work of a run that replays whatever the order in which it ends.
#include <base/hash.h>
#include <ragent/limits.h>
#include <runtime/branch_inl.h>

namespace ragent {

void ForkState::Child::kill() {
  start.reset();
  root.destroy();
}

Task<void> ForkState::body(Child& child, Task<void> work) {
  (void)co_await std::move(work).result();  // its Result is stored by the work itself
  co_await child.branch->close();
  child.branch->ended_ = true;
  if (waiting_) branch_.run_.wake(*waiting_);
}

Task<ForkState*> Branch::fork(std::uint32_t count, bool speculative) {
  InFlight in(*this, "fork");
  if (!in.ok) co_return in.error();
  speculative = speculative || speculative_;
  if (count == 0 || count > limits::kForkChildrenMax) {
    co_return Error{.kind = ErrorKind::misuse,
                    .message = "a fork has 1 to " + std::to_string(limits::kForkChildrenMax) +
                               " children, not " + std::to_string(count)};
  }
  if (static_cast<std::size_t>(std::ranges::count(path_, '.')) / 2 >= limits::kBranchDepthMax) {
    co_return Error{.kind = ErrorKind::misuse,
                    .message = "branch " + path_ + " is too deep to fork again"};
  }
  std::string asked = std::to_string(count) + (speculative ? " speculative" : " children");
  Admitted admitted = admit(RecordKind::fork, hash128(asked), [&] { return asked; });
  Budget each;
  if (admitted.found.empty()) {
    co_await live();
    each = share(budget_, count + 1);  // the parent keeps one share
    append(
        record(admitted.step, RecordKind::fork, Phase::outcome,
               Json::object(
                   {{"children", count}, {"speculative", speculative}, {"share", to_json(each)}})));
  } else {
    Json body = co_await read(*admitted.found.front());
    each = budget_from_json(body.find("share") ? *body.find("share") : Json());
  }
  budget_ = less(budget_, each, count);
  ForkState& fork = *forks_.emplace_back(std::make_unique<ForkState>(*this, admitted.step));
  for (std::uint32_t i = 0; i < count; ++i) {
    std::string path = path_ + "." + std::to_string(admitted.step) + "." + std::to_string(i);
    auto& child = fork.children_.emplace_back();
    child.branch = std::make_unique<Branch>(run_, std::move(path), mix(digest_, i + 1), each,
                                            speculative, last_n_);
    child.branch->seen_ = seen_;
    child.branch->said_ = said_;
    child.branch->steering_ = steering_;
  }
  co_return &fork;
}

Run* Run::fork_run(ForkState& fork, std::uint32_t index) {
  Branch& branch = *fork.children_[index].branch;
  // A child cancelled before is not started: nobody will see its result. One that `stop` covers is:
  // its parent may have been handed its result before.
  return branch.cut_ < fork.branch_.run_.stop_n_ ? nullptr : &branch.face;
}

void Run::fork_start(ForkState& fork, std::uint32_t index, Task<void> body) {
  auto& child = fork.children_[index];
  LiveRun& run = fork.branch_.run_;
  child.root = drive(fork.body(child, std::move(body)));
  child.start = std::make_unique<Wake>(run.queue_);
  child.start->arm(child.root.handle());
  run.wake(*child.start);
}

Task<std::uint32_t> Branch::next(ForkState& fork) {
  InFlight in(*this, "next");
  if (!in.ok) co_return in.error();
  if (detail::fork_open(fork) == 0) {
    co_return Error{.kind = ErrorKind::misuse,
                    .message = "next: every child of fork " + step_name(path_, fork.step_) +
                               " was handed out or cancelled"};
  }
  std::string asked = std::to_string(fork.step_);
  Admitted admitted = admit(RecordKind::next, hash128(asked), [&] { return "fork " + asked; });
  bool recorded = !admitted.found.empty();
  std::uint32_t index = kNever;
  Json body;
  if (recorded) {
    body = co_await read(*admitted.found.front());
    index = static_cast<std::uint32_t>(body.integer("child", -1));
    if (index >= fork.children_.size() || !fork.children_[index].at_work()) {
      run_.diverge("step " + step_name(path_, admitted.step) + " hands out child " +
                   std::to_string(index) + ", which is not at work");
      co_await forever();
    }
  } else {
    co_await live();
  }
  for (;;) {
    std::uint32_t pick = kNever;
    for (std::uint32_t i = 0; i < fork.children_.size(); ++i) {
      const auto& child = fork.children_[i];
      if (!child.at_work() || !child.branch->ended_ || (recorded && i != index)) continue;
      if (pick == kNever || child.branch->last_n_ < fork.children_[pick].branch->last_n_) {
        pick = i;
      }
    }
    if (pick != kNever) {
      index = pick;
      break;
    }
    Wake wake(run_.queue_);
    fork.waiting_ = &wake;
    co_await wake;
    fork.waiting_ = nullptr;
    if (stopped() && !recorded) {
      co_await fail(ErrorKind::cancelled, "the run was stopped");
    }
  }
  auto& child = fork.children_[index];
  Json left = to_json(child.branch->budget_);
  if (!recorded) {
    append(record(admitted.step, RecordKind::next, Phase::outcome,
                  Json::object({{"fork", fork.step_}, {"child", index}, {"budget", left}})));
  } else if (!body.find("budget") || *body.find("budget") != left) {
    run_.diverge("step " + step_name(path_, admitted.step) + ": child " + std::to_string(index) +
                 " returns the budget " + left.dump() + " where the journal has " +
                 (body.find("budget") ? body.find("budget")->dump() : "none"));
    co_await forever();
  }
  budget_ = add(budget_, child.branch->budget_);
  digest_ = mix(mix(digest_, index), child.branch->digest_);
  child.handed = true;
  child.kill();
  child.branch.reset();
  co_return index;
}

Task<void> Branch::cancel(std::vector<std::pair<ForkState*, std::uint32_t>> children,
                          std::string reason) {
  InFlight in(*this, "cancel");
  if (!in.ok) co_await fail(in.error());
  std::string asked = reason;
  Json paths = Json::Array{};
  for (auto& [fork, index] : children) {
    if (index >= fork->children_.size() || !fork->children_[index].at_work()) {
      co_await fail(ErrorKind::misuse, "cancel: child " + std::to_string(index) + " of fork " +
                                           step_name(path_, fork->step_) + " is not at work");
    }
    std::string child = std::to_string(fork->step_) + "." + std::to_string(index);
    asked += " " + child;
    paths.push_back(path_ + "." + child);
  }
  Admitted admitted = admit(RecordKind::cancel, hash128(asked), [&] { return asked; });
  bool recorded = !admitted.found.empty();
  Budget back{.steps = 0, .tokens = 0, .time = {}};
  if (recorded) {
    Json body = co_await read(*admitted.found.front());
    back = budget_from_json(body.find("budget") ? *body.find("budget") : Json());
  } else {
    co_await live();
    for (auto& [fork, index] : children) {
      back = add(back, fork->children_[index].branch->tree_budget());
    }
    std::uint32_t n = append(
        record(admitted.step, RecordKind::cancel, Phase::outcome,
               Json::object({{"children", paths}, {"reason", reason}, {"budget", to_json(back)}})));
    for (const Json& path : *paths.array()) run_.tape_.cut(*path.string(), n);
  }
  for (auto& [fork, index] : children) {
    auto& child = fork->children_[index];
    if (!recorded) child.branch->abandon();
    child.cancelled = true;
    child.kill();
    child.branch.reset();
  }
  budget_ = add(budget_, back);
}

Task<void> Branch::close() {
  std::vector<std::pair<ForkState*, std::uint32_t>> left;
  for (const auto& fork : forks_) {
    for (std::uint32_t i = 0; i < fork->children_.size(); ++i) {
      if (fork->children_[i].at_work()) left.emplace_back(fork.get(), i);
    }
  }
  if (!left.empty() && !stopped()) co_await cancel(std::move(left), "end");
}

namespace detail {

Task<std::uint32_t> fork_next(ForkState& fork) { return fork.branch_.next(fork); }

Task<void> fork_cancel(ForkState& fork, std::vector<std::uint32_t> indices, std::string reason) {
  std::vector<std::pair<ForkState*, std::uint32_t>> children;
  for (std::uint32_t index : indices) children.emplace_back(&fork, index);
  return fork.branch_.cancel(std::move(children), std::move(reason));
}

Task<void> fork_cancel_rest(ForkState& fork, std::string reason) {
  std::vector<std::uint32_t> rest;
  for (std::uint32_t i = 0; i < fork.children_.size(); ++i) {
    if (fork.children_[i].at_work()) rest.push_back(i);
  }
  if (!rest.empty()) co_await fork_cancel(fork, std::move(rest), std::move(reason));
}

std::size_t fork_open(const ForkState& fork) {
  return static_cast<std::size_t>(std::ranges::count_if(
      fork.children_, [](const ForkState::Child& child) { return child.at_work(); }));
}

}  // namespace detail
}  // namespace ragent
