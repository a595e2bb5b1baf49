// Run: the only way out of a planner. Each operation is a step, written to the journal; on resume
// the planner runs again from the top while the journal answers.
//
//   Task<Answer> react(Run& run, Input input) {
//     Transcript chat = co_await run.open(input);
//     for (;;) {
//       Reply reply = co_await run.think(chat);
//       if (reply.calls.empty()) co_return Answer{reply.text};
//       chat.add(reply, co_await run.act_all(reply.calls));
//     }
//   }
//
// A Run& is one branch; at most one step of it is in flight (a second is Error{misuse}). Planners
// are deterministic between steps: no clock, randomness, I/O or hash-map order except through Run.
#pragma once

#include <ragent/agent.h>
#include <ragent/model.h>

#include <span>

namespace ragent {

class Branch;     // src/runtime: what stands behind a Run
class ForkState;  // src/runtime: the children of one fork

enum class Outcome : std::uint8_t { answered, gave_up, budget, cancelled, failed };
std::string_view to_string(Outcome outcome);

struct Input {
  std::string text = {};
  std::vector<Part> parts = {};     // after the text
  std::optional<Json> schema = {};  // the answer is JSON of this schema
  std::optional<Json> state = {};   // what an earlier chapter handed over

  Input() = default;
  Input(std::string text) : text(std::move(text)) {}
  Input(const char* text) : text(text) {}
};

struct Answer {
  std::string text = {};
  Outcome outcome = Outcome::answered;
  std::string run = {};  // its id; set by the engine
  Usage usage = {};      // set by the engine
};

struct Decision {
  bool allowed = false;  // of an approval
  Json answer = {};      // of a question: conforms to its schema
  std::string who = {};
};

using WallTime = std::chrono::sys_time<std::chrono::milliseconds>;

template <class R>
struct Ended {
  std::uint32_t index = 0;
  Result<R> value;
};
template <class R>
class Fork;

class Run {
 public:
  explicit Run(Branch& branch) : branch_(branch) {}
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;

  // The transcript a planner starts from: rendered profile, examples, history, the input.
  Task<Transcript> open(Input input);
  // Asks the model. Errors: budget, unavailable, timeout, cancelled.
  Task<Reply> think(Transcript transcript, ThinkOptions options = {});
  // Calls a tool through the Gate. A tool's failure is an Observation.
  Task<Observation> act(ToolCall call);
  // All calls of one reply as one step: reads in parallel, effects one after another.
  Task<std::vector<Observation>> act_all(std::vector<ToolCall> calls);
  // Parks until a person answers; the answer conforms to the schema.
  Task<Decision> ask(std::string question, Json schema = {});
  Task<void> sleep(std::chrono::milliseconds duration);
  Task<WallTime> now();
  Task<std::uint64_t> random();
  Task<void> note(Json value);            // a line in the trace
  // true for new runs and for those that passed here since the change; guards a planner's change.
  Task<bool> patched(std::string name);
  // Ends this chapter: the planner starts again with Input::state, its journal starts afresh.
  Task<Answer> continue_as_new(Json state);

  // Children run `body(child, item)` side by side, each with an equal share of the budget.
  // `speculative` children (all search) may only read; it is inherited.
  template <class R, class Item>
  Task<Fork<R>> fork(std::vector<Item> items, Task<R> (*body)(Run&, Item),
                     bool speculative = false);

  const Budget& budget() const;  // what this branch has left
  const std::string& path() const;  // "0", "0.4.1"
  bool speculative() const;

 private:
  template <class R>
  friend class Fork;
  template <class R, class Item>
  static Task<void> child(Run& run, Task<R> (*body)(Run&, Item), Item item,
                          std::shared_ptr<std::vector<std::optional<Result<R>>>> results,
                          std::uint32_t index);
  Task<ForkState*> fork_begin(std::uint32_t count, bool speculative);
  static Run* fork_run(ForkState& fork, std::uint32_t index);  // null: cancelled, do not start
  static void fork_start(ForkState& fork, std::uint32_t index, Task<void> body);

  Branch& branch_;
};

// The children of one fork; belongs to its branch. Destroying it takes no step: what was not
// handed out when the branch ends is cancelled then.
template <class R>
class Fork {
 public:
  // The child that ended first among those not handed out; its choice is a step.
  Task<Ended<R>> next();
  Task<std::vector<Result<R>>> all();  // by index
  Task<Ended<R>> any();  // the first success, else the last failure; cancels the rest
  Task<Ended<R>> first();  // the first to end; cancels the rest
  Task<void> cancel(std::vector<std::uint32_t> indices, std::string reason = "pruned");
  std::size_t open() const;  // children neither handed out nor cancelled

 private:
  friend class Run;
  using Results = std::shared_ptr<std::vector<std::optional<Result<R>>>>;  // with the children
  Fork(ForkState& state, Results results) : state_(&state), results_(std::move(results)) {}
  ForkState* state_;
  Results results_;
};

namespace detail {
Task<std::uint32_t> fork_next(ForkState& fork);
Task<void> fork_cancel(ForkState& fork, std::vector<std::uint32_t> indices, std::string reason);
Task<void> fork_cancel_rest(ForkState& fork, std::string reason);
std::size_t fork_open(const ForkState& fork);
}  // namespace detail

template <class R, class Item>
Task<void> Run::child(Run& run, Task<R> (*body)(Run&, Item), Item item,
                      std::shared_ptr<std::vector<std::optional<Result<R>>>> results,
                      std::uint32_t index) {
  Result<R> result = co_await body(run, std::move(item)).result();
  (*results)[index].emplace(std::move(result));
}

template <class R, class Item>
Task<Fork<R>> Run::fork(std::vector<Item> items, Task<R> (*body)(Run&, Item), bool speculative) {
  auto count = static_cast<std::uint32_t>(items.size());
  ForkState* state = co_await fork_begin(count, speculative);
  auto results = std::make_shared<std::vector<std::optional<Result<R>>>>(count);
  for (std::uint32_t i = 0; i < count; ++i) {
    Run* run = fork_run(*state, i);
    if (run) fork_start(*state, i, child<R, Item>(*run, body, std::move(items[i]), results, i));
  }
  co_return Fork<R>(*state, std::move(results));
}

template <class R>
Task<Ended<R>> Fork<R>::next() {
  std::uint32_t index = co_await detail::fork_next(*state_);
  co_return Ended<R>{index, std::move(*(*results_)[index])};
}
template <class R>
Task<std::vector<Result<R>>> Fork<R>::all() {
  std::vector<std::optional<Result<R>>> by_index(results_->size());
  while (open() > 0) {
    Ended<R> ended = co_await next();
    by_index[ended.index].emplace(std::move(ended.value));
  }
  std::vector<Result<R>> out;
  for (auto& result : by_index) {
    if (result) out.push_back(std::move(*result));
  }
  co_return out;
}
template <class R>
Task<Ended<R>> Fork<R>::any() {
  for (;;) {
    Ended<R> ended = co_await next();
    if (ended.value || open() == 0) {
      co_await detail::fork_cancel_rest(*state_, "any");
      co_return ended;
    }
  }
}
template <class R>
Task<Ended<R>> Fork<R>::first() {
  Ended<R> ended = co_await next();
  co_await detail::fork_cancel_rest(*state_, "first");
  co_return ended;
}
template <class R>
Task<void> Fork<R>::cancel(std::vector<std::uint32_t> indices, std::string reason) {
  co_await detail::fork_cancel(*state_, std::move(indices), std::move(reason));
}
template <class R>
std::size_t Fork<R>::open() const {
  return detail::fork_open(*state_);
}

}  // namespace ragent
