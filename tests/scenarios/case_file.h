// A scenario file (*.case): an agent, its tools, the model's replies, what is done, and what must
// come of it, as text. README.md of this folder is the format's reference.
//
//   Result<Case> scene = load_case("tests/scenarios/react/one_call.case");
//
// Values; any thread.
#pragma once

#include <model/scripted.h>
#include <ragent/ragent.h>
#include <runtime/records.h>

namespace ragent::scenarios {

// What one execution of a tool comes to. The first execution takes the first deed, the second the
// second, …; the last one is repeated.
struct Deed {
  enum class Kind : std::uint8_t { does, fails, breaks, hangs };
  Kind kind = Kind::does;
  Json value = {};
  std::string message = {};
  std::chrono::milliseconds after = {};
  std::vector<std::pair<std::string, std::string>> leaves = {};  // files of its workspace
};

struct CaseTool {
  ToolSpec spec = {};
  std::vector<Deed> deeds = {};
  std::vector<QueryAnswer> answers = {};  // to `query`, in the same way
};

// A record to wait for: "act intent 0:2", "think 0:1 #2", "final".
struct Point {
  RecordKind kind = RecordKind::start;
  Phase phase = Phase::outcome;
  std::optional<StepName> step = {};
  std::uint32_t attempt = 0;  // 0: any
  bool fits(const Record& record) const;
};

struct Statement {
  enum class What : std::uint8_t {
    start,
    wait,
    sleep,
    until,         // a record is durable
    crash,         // now
    crash_after,   // right after the commit that brought the record
    crash_before,  // the commit that would bring the record is lost
    answer,
    resolve,
    cancel,
    permit,
    fork,
  };
  What what = What::wait;
  int line = 0;
  std::string text = {};  // as written
  std::string run = "a";
  Input input = {};
  RunOptions options = {};
  ForkOptions fork = {};
  std::string of = "a";  // whose fork
  std::chrono::milliseconds time = {};
  Point point = {};
  std::string step = {};
  Decision decision = {};
  Resolution resolution = {};
  std::string reason = {};
  std::pair<std::string, Permission> permission = {};
};

struct Case {
  std::string path = {};
  std::uint64_t seed = 1;
  Agent agent = {.profile = {.name = "tester"}, .model = "test"};
  std::vector<CaseTool> tools = {};
  Script script = {};
  std::vector<Statement> statements = {};
  std::vector<std::string> expected = {};
  int expect_line = 0;  // of the word `expect`; 0: there is none
};

// Error{invalid} names file, line, what was expected and what came.
Result<Case> load_case(const std::string& path);
// The same file with another `expect` block.
Result<void> rewrite_expected(const Case& scene, const std::vector<std::string>& lines);

}  // namespace ragent::scenarios
