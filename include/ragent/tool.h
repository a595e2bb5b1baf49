// Tool: what an agent can do. A value: its ToolSpec and a shared body.
//
//   struct Sum { int a; int b; };
//   Tool add = tool("add", "Add two integers.", [](Sum s) { return s.a + s.b; }).read();
//
// Callables: R(P), R(P, ToolContext&) run on the blocking pool; Task<R>(P, ToolContext&) on the
// shard. P is an aggregate; its JSON Schema is derived (typed.h). Unannotated tools are `once`.
#pragma once

#include <ragent/json.h>
#include <ragent/task.h>

#include <compare>
#include <functional>
#include <stop_token>

namespace ragent {

class Loop;

// What may happen when a call's outcome is not known.
enum class Effect : std::uint8_t {
  read,        // safe to repeat
  idempotent,  // same key, same effect: run again with the same key
  once,        // at most once: ask by `query`, or in doubt
};

// Where a value came from: information-flow labels. Trusted and public by default.
struct Label {
  bool trusted = true;
  bool confidential = false;
  friend bool operator==(const Label&, const Label&) = default;
};

// 128 bits of identity for comparing; never for secrecy.
struct Digest {
  std::uint64_t high = 0;
  std::uint64_t low = 0;
  friend auto operator<=>(const Digest&, const Digest&) = default;
};

struct ToolCall {
  std::string id = {};  // the model's, or made from path, step and index
  std::string tool = {};
  Json arguments = {};
  friend bool operator==(const ToolCall&, const ToolCall&) = default;
};

// A file that a program left in its run's workspace.
struct OutputFile {
  std::string name = {};  // inside the workspace; a control character or bad byte shows as \xNN
  std::uint64_t bytes = 0;
  std::string artifact = {};  // the id under which it is kept; empty: it is not
  std::string left_out = {};  // … and why
  friend bool operator==(const OutputFile&, const OutputFile&) = default;
};

// What the model sees of a call. A tool's failure is an observation, not an Error of the run.
struct Observation {
  enum class Status : std::uint8_t {
    done,
    failed,   // certainly did not happen
    unknown,  // nobody can tell
    refused,  // the Gate said no; nothing was started
  };
  Status status = Status::done;
  Json value = {};           // done: the result; else {"error": text}
  std::string artifact = {};  // id of the whole output when `value` is a preview
  std::vector<OutputFile> files = {};  // new or changed since the call began (`exec`)
  Label label = {};                    // of all of it
  std::string text() const;            // as shown to a model
  friend bool operator==(const Observation&, const Observation&) = default;
};

// An argument that must stand in an earlier observation: "seen: id from search_flights".
struct SeenRule {
  std::string argument = {};
  std::string key = {};   // the member of the observation that holds the value
  std::string tool = {};  // the tool whose observations count; empty: any
  friend bool operator==(const SeenRule&, const SeenRule&) = default;
};

struct ToolSpec {
  enum class Kind : std::uint8_t { native, sql, exec };
  std::string name = {};
  std::string description = {};
  Json parameters = {};  // JSON Schema of the arguments: an object
  Effect effect = Effect::once;
  Kind kind = Kind::native;
  bool query = false;        // can be asked whether a call happened
  std::string ask = {};      // shown to a person before a call; {argument} is replaced
  std::string undo = {};     // the tool that takes this one back
  std::vector<std::string> words = {};  // offered only when the user said one of them
  std::vector<SeenRule> seen = {};
  std::vector<std::pair<std::string, double>> resources = {};
  std::chrono::milliseconds timeout = {};  // 0: limits::kToolTimeDefault
  Label label = {};                        // of its observations
  std::string version = {};
  std::string source = {};        // declared tools: the SQL text or the program with arguments
  std::string query_source = {};  // the program that answers `query`
  friend bool operator==(const ToolSpec&, const ToolSpec&) = default;
};

std::string_view to_string(Effect effect);
std::string_view to_string(Observation::Status status);
Json to_json(const ToolSpec& spec);
Result<ToolSpec> tool_spec_from_json(const Json& json);

// What the runtime lends to a tool while it runs.
class ToolHost {
 public:
  virtual ~ToolHost() = default;
  virtual Loop& loop() = 0;  // for Task tools, on the shard
  // Runs a function that may block on the blocking pool.
  virtual Task<Json> blocking(std::move_only_function<Result<Json>()> work) = 0;
  virtual void progress(std::string_view note) = 0;  // any thread
  virtual Result<std::string> artifact(std::string bytes) = 0;  // answers its id; blocking pool
  virtual Result<std::string> secret(std::string_view name) = 0;
};

struct ToolContext {
  ToolHost& host;
  std::string tenant = {};
  std::string session = {};
  std::string run = {};
  std::string key = {};        // the same for every attempt of this call
  std::string workspace = {};  // the run's folder: the working directory of `exec` tools
  std::string folder = {};     // the agent's folder; empty for an agent made in C++
  std::chrono::sys_time<std::chrono::milliseconds> not_after = {};  // the attempt is killed then
  std::stop_token stop = {};
};

struct QueryAnswer {
  enum class State : std::uint8_t { happened, cannot_happen, unknown };
  State state = State::unknown;
  Json result = {};  // of `happened`
};

// Error{rejected} means it certainly did not happen; any other Error or exception of an effect
// leaves its outcome unknown. Called on the shard; destroying the Task kills the attempt.
class ToolBody {
 public:
  virtual ~ToolBody() = default;
  virtual Task<Json> call(ToolContext& context, Json arguments) = 0;
  virtual Task<QueryAnswer> query(ToolContext& context, Json arguments);
};

struct Tool {
  ToolSpec spec = {};
  std::shared_ptr<ToolBody> body = {};  // shared by the copies of the Agent value

  Tool read() && { return with(Effect::read); }
  Tool idempotent() && { return with(Effect::idempotent); }
  Tool once() && { return with(Effect::once); }
  Tool ask(std::string question) && {
    spec.ask = std::move(question);
    return std::move(*this);
  }
  Tool words(std::vector<std::string> some) && {
    spec.words = std::move(some);
    return std::move(*this);
  }
  Tool seen(std::string argument, std::string key, std::string from = {}) && {
    spec.seen.push_back({std::move(argument), std::move(key), std::move(from)});
    return std::move(*this);
  }
  // Asks whether the call with this key happened: QueryAnswer(P, ToolContext&).
  template <class F>
  Tool query(F function) &&;

 private:
  Tool with(Effect effect) {
    spec.effect = effect;
    return std::move(*this);
  }
};

}  // namespace ragent
