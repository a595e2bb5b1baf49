// Engine: shards, store, models and planners of one process.
//
//   Engine engine;                                  // embedded defaults: local model, ./.ragent
//   Result<Answer> answer = engine.run(clerk, "What is 2 + 3?");
//
// Construction stores options; the first call opens the home and carries its error. Methods may be
// called from any thread but a shard's (there: Error{misuse}); destruction joins every thread and
// leaves unfinished runs to the next engine of this home.
#pragma once

#include <ragent/planner.h>
#include <ragent/tenant.h>
#include <ragent/typed.h>

namespace ragent {

class Store;
class EngineCore;
class Engine;
struct World;  // src/runtime/world.h: loops, pools, randomness; replaced by the simulator

// Opens the models whose names it knows, for one shard; null for the others.
using ModelSource =
    std::function<Result<std::unique_ptr<Model>>(const std::string& name, Loop& loop)>;

// What works beside an engine, from when the home is its own until it closes.
class EngineService {
 public:
  virtual ~EngineService() = default;
};
using ServiceSource =
    std::function<Result<std::unique_ptr<EngineService>>(Engine& engine, const std::string& home)>;

struct EngineOptions {
  std::string home = {};            // empty: the folder RAGENT_HOME, else ./.ragent
  std::uint32_t threads = 1;        // shards; 0: the caller's thread is the shard while it waits
  std::unique_ptr<Store> store = {};   // null: SQLite in `home`
  std::vector<ModelSource> models = {};
  std::string model = {};           // instead of the agents' own, for runs that name none
  std::vector<Planner> planners = {};
  std::vector<Agent> agents = {};   // whose native tools bind the runs that are resumed
  bool resume = true;               // carry on the unfinished runs of this home at opening
  bool check_replay = false;        // replay each finished run and compare (RAGENT_CHECK=replay)
  std::chrono::milliseconds evict_after = std::chrono::seconds(30);  // a run that waits for people
  // How long closing waits for effects under way, so that their outcomes are known; no new ones
  // are begun meanwhile.
  std::chrono::milliseconds close_wait = std::chrono::seconds(10);
  // How long runs wait for space on a full disk. Then the engine stops: every call and every handle
  // answers the store's Error, and the next engine of this home carries the runs on.
  std::chrono::milliseconds full_disk_wait = std::chrono::minutes(1);
  // Lets the other commands of this home attach (HOME/ragent.sock): they share its engine and its
  // models. Needs threads, no store of your own, and services: those of embedded().
  bool share = true;
  std::vector<ServiceSource> services = {};
  std::unique_ptr<World> world = {};  // null: the real one
  EngineOptions();
  EngineOptions(EngineOptions&&) noexcept;
  EngineOptions& operator=(EngineOptions&&) noexcept;
  ~EngineOptions();
};

enum class OnBusy : std::uint8_t {
  enqueue,  // after the run at work
  reject,  // Error{conflict}
  interrupt,  // cancel it at its next step
  // Deliver the text to it before its next think; the handle is that run's. When no think came
  // any more, the message becomes a run of its own, behind what is queued: same agent, and the
  // `ended` event names it in "followed_by".
  steer,
};

// The embedded defaults for what `options` lacks: the local model in process, RAGENT_MODEL, the
// built-in planners. Engine{} is Engine(embedded()). Needs the component ragent::ragent.
EngineOptions embedded(EngineOptions options = {});

struct RunOptions {
  Tenant tenant = {};
  std::string session = {};  // A-Z a-z 0-9 . _ - : @, at most 64 bytes; empty: a new one
  // Idempotency key: it names one run of the tenant. Starting again with it answers that run,
  // whatever session or input is given. Not with `steer`.
  std::string key = {};
  OnBusy on_busy = OnBusy::enqueue;
  std::string model = {};  // override, resolved now into the recorded spec
  std::string planner = {};
  std::optional<Budget> budget = {};
  std::chrono::milliseconds deadline = {};  // wall time from now; 0: none
  std::uint64_t seed = 0;
};

struct ForkOptions {
  // The first step that is not copied: "0:5"; of a step with several calls "0:5.1", what this call
  // and those that had no outcome yet asked; "start": nothing but the input is.
  std::string at = {};
  // What that step answers, instead of being asked again. Of a think: its reply as the trace has
  // it, or text, an answer; of a call: the value it observes; of an ask: the decision; of start:
  // the text of the input.
  std::optional<Json> edit = {};
  std::string model = {};  // instead of the one that the source is pinned to
  std::string who = "the user";  // edited it; recorded
  std::string key = {};  // as of RunOptions
  Tenant tenant = {};  // whose run it is
};

enum class RunState : std::uint8_t {
  working,
  waiting_ask,
  waiting_timer,
  waiting_message,
  queued,  // behind a run of its session that waits for a person or cannot go on
  in_doubt,
  unbound,
  diverged,
  quarantined,
  paused,
  ended,
};
std::string_view to_string(RunState state);

struct Event {
  enum class Kind : std::uint8_t {
    state,  // the run's state changed: body {"state": …}
    delta,  // a piece of a reply: (path, step, attempt), no id
    attempt_started,  // drop older deltas of this step
    step,  // a record is durable; id = its number in the run
    progress,  // a tool's note
    ended,  // body {"outcome": …, "text": …}
  };
  Kind kind = Kind::step;
  std::uint64_t id = 0;  // number of the record in the run; 0 for those without
  std::string path = {};
  std::uint32_t step = 0;
  std::int32_t call = 0;
  std::uint32_t attempt = 0;
  std::string record = {};  // kind of the record: "think", "act", …
  bool intent = false;
  Json body = {};
};

// One run seen from outside; cheap to move. Dropping it does not stop the run.
class RunHandle {
 public:
  RunHandle(RunHandle&&) noexcept;
  RunHandle& operator=(RunHandle&&) noexcept;
  ~RunHandle();
  const std::string& id() const;
  const std::string& session() const;
  // The next event, waiting at most `timeout` of the engine's time. Nothing, before that time: the
  // events are over, as the run has ended, or it came to a stand (said once each time; from then on
  // this waits again): wait() says which.
  std::optional<Event> next_event(std::chrono::milliseconds timeout);
  // Readable when next_event would answer at once, so for good once the run has ended. Opened by
  // the first call; the handle's own. -1: the process has no descriptor left.
  int fd() const;
  Result<void> cancel(std::string reason);
  // Blocks until the run has ended, or stands still: then Error{conflict} names what it waits for.
  Result<Answer> wait();

  struct State;
  explicit RunHandle(std::shared_ptr<State> state);
  const std::shared_ptr<State>& state() const { return state_; }  // for Ragent itself

 private:
  std::shared_ptr<State> state_;  // shared with the run on its shard
};

struct Ask {
  std::string id = {};  // RUN/PATH:STEP.CALL
  std::string run = {};
  std::string question = {};
  Json schema = {};  // empty: allow or deny
  std::string digest = {};  // of what is shown: tool, arguments, labels
};

struct Resolution {
  enum class Verdict : std::uint8_t { happened, did_not_happen, abandon };
  Verdict verdict = Verdict::abandon;
  Json result = {};
  std::string who = {};
  std::string evidence = {};
};

class Engine {
 public:
  Engine();  // embedded defaults; needs the component ragent::ragent
  explicit Engine(EngineOptions options);
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;
  ~Engine();

  Result<void> open();  // what the first call does; Error{conflict}: another owns the home
  Result<Answer> run(const Agent& agent, Input input, RunOptions options = {});
  // The answer as a T: its schema binds the model, the text is parsed.
  template <class T>
  Result<T> run(const Agent& agent, Input input, RunOptions options = {});
  Result<RunHandle> start(const Agent& agent, Input input, RunOptions options = {});
  // For coroutines on a shard of this engine: the body of block_on, or a Task tool that asks
  // another agent. Not for planners, whose every wait must be a step.
  Task<Answer> call(Agent agent, Input input, RunOptions options = {});
  // Runs a coroutine of yours on a shard and blocks until it ends.
  template <class T>
  Result<T> block_on(Task<T> task);

  Result<RunHandle> attach(const std::string& run, Tenant tenant = {});  // a run at work or parked
  // A new run in a new session that begins with a copy of what `run` (at work, parked or ended)
  // recorded before a step, and goes on by itself: nothing of the copy is done again, and what
  // comes after has keys of its own. `run` stays as it is. Same spec and planner, fresh budget.
  Result<RunHandle> fork(const std::string& run, ForkOptions options);
  Result<std::vector<Ask>> asks(Tenant tenant = {});
  Result<void> answer(const std::string& ask, Decision decision, Tenant tenant = {});
  Result<void> resolve(const std::string& run, const std::string& step, Resolution resolution,
                       Tenant tenant = {});
  Result<void> cancel(const std::string& run, std::string reason, Tenant tenant = {});
  // Keeps the bytes of a file, durably; answers its id. An image for a model that sees them:
  // Input::parts with Media{id, "image/png"}.
  Result<std::string> artifact(std::string bytes, Tenant tenant = {});
  // threads = 0: lets the shard work for at most `timeout`; true when something was done.
  bool poll(std::chrono::milliseconds timeout);

 private:
  Result<void> drive(Task<void> task);

  std::shared_ptr<EngineCore> core_;  // shared with run handles
};

template <class T>
Result<T> Engine::run(const Agent& agent, Input input, RunOptions options) {
  input.schema = schema_of<T>();
  Result<Answer> answer = run(agent, std::move(input), std::move(options));
  if (!answer) return fail(std::move(answer.error()));
  Result<Json> json = parse_json(answer->text);
  if (!json) return fail(within("the answer", std::move(json.error())));
  return from_json<T>(*json);
}

namespace detail {
template <class T>
Task<void> keep(Task<T> task, std::optional<Result<T>>& out) {
  out.emplace(co_await std::move(task).result());
}
}  // namespace detail

template <class T>
Result<T> Engine::block_on(Task<T> task) {
  std::optional<Result<T>> out;
  Result<void> driven = drive(detail::keep(std::move(task), out));
  if (!driven) return fail(std::move(driven.error()));
  return std::move(*out);
}

}  // namespace ragent
