#include <scenarios/case_file.h>

#include <base/text.h>
#include <scenarios/words.h>

#include <algorithm>
#include <fstream>
#include <sstream>

namespace ragent::scenarios {
namespace {

// {"to": "string"} → a schema in which every argument is required; "string?" is not.
Json schema_from(Words& words) {
  Json fields = words.json("the arguments, as {\"name\": \"type\"}");
  Json properties = Json::object({});
  Json required = Json::array({});
  if (fields.object()) {
    for (const Json::Member& field : *fields.object()) {
      std::string type = field.value.string() ? *field.value.string() : "";
      if (type.empty()) words.wrong("a type for \"" + field.key + "\" before this");
      if (type.ends_with('?')) {
        type.pop_back();
      } else {
        required.push_back(Json(field.key));
      }
      properties[field.key] = Json::object({{"type", type}});
    }
  }
  return Json::object({{"type", "object"},
                       {"properties", std::move(properties)},
                       {"required", std::move(required)},
                       {"additionalProperties", false}});
}

std::vector<std::string> listed(std::string_view text) {
  std::vector<std::string> out;
  for (std::string_view part : split(text, ',')) out.emplace_back(trim(part));
  return out;
}

Permission permission_from(Words& words) {
  if (words.is("allow")) return Permission::allow;
  if (words.is("ask")) return Permission::ask;
  if (!words.is("deny")) words.wrong("allow, ask or deny");
  return Permission::deny;
}

void read_budget(Words& words, Budget& budget) {
  while (!words.done() && words.error().empty()) {
    if (words.is("steps")) {
      budget.steps = words.number("steps");
    } else if (words.is("tokens")) {
      budget.tokens = words.number("tokens");
    } else if (words.is("time")) {
      budget.time = words.time("a time");
    } else {
      words.wrong("steps, tokens or time");
    }
  }
}

void read_agent(Words& words, Agent& agent) {
  if (words.is("planner")) {
    agent.planner = words.word("a planner");
  } else if (words.is("budget")) {
    read_budget(words, agent.budget);
  } else if (words.is("permit")) {
    std::string tool = words.word("a tool");
    agent.permissions.emplace_back(tool, permission_from(words));
  } else if (words.is("instructions")) {
    agent.profile.instructions = words.text("a text");
  } else {
    words.wrong("planner, budget, permit or instructions");
  }
}

std::optional<Deed> read_deed(Words& words) {
  Deed deed;
  if (words.is("after")) deed.after = words.time("a time");
  while (words.is("leaves")) {
    std::string name = words.word("a file's name");
    deed.leaves.emplace_back(name, words.text("what is in it"));
  }
  if (words.is("hangs")) {
    deed.kind = Deed::Kind::hangs;
  } else if (bool fails = words.is("fails"); fails || words.is("breaks")) {
    deed.kind = fails ? Deed::Kind::fails : Deed::Kind::breaks;
    deed.message = words.text("what the tool says");
  } else if (words.is("does")) {
    if (words.is("bytes")) {
      deed.value = Json(std::string(static_cast<std::size_t>(words.number("a size")), 'x'));
    } else {
      deed.value = words.json("the tool's result");
    }
  } else {
    return {};
  }
  return deed;
}

void read_query(Words& words, CaseTool& tool) {
  QueryAnswer answer;
  if (words.is("happened")) {
    answer.state = QueryAnswer::State::happened;
    answer.result = words.json("the result");
  } else if (words.is("cannot_happen")) {
    answer.state = QueryAnswer::State::cannot_happen;
  } else if (!words.is("unknown")) {
    words.wrong("happened RESULT, cannot_happen or unknown");
  }
  tool.answers.push_back(std::move(answer));
  tool.spec.query = true;
}

void read_tool(Words& words, CaseTool& tool) {
  if (std::optional<Deed> deed = read_deed(words)) {
    if (!deed->leaves.empty()) tool.spec.kind = ToolSpec::Kind::exec;  // only programs leave files
    tool.deeds.push_back(std::move(*deed));
  } else if (words.is("args")) {
    tool.spec.parameters = schema_from(words);
  } else if (words.is("query")) {
    read_query(words, tool);
  } else if (words.is("ask")) {
    tool.spec.ask = words.text("the question");
  } else if (words.is("words")) {
    tool.spec.words = listed(words.rest());
  } else if (words.is("timeout")) {
    tool.spec.timeout = words.time("a time");
  } else if (words.is("seen")) {
    SeenRule rule{.argument = words.word("an argument"), .key = words.word("a member")};
    if (!words.done()) rule.tool = words.word("a tool");
    tool.spec.seen.push_back(std::move(rule));
  } else {
    words.wrong(
        "args, does, fails, breaks, hangs, after, leaves, query, ask, words, seen or timeout");
  }
}

CaseTool tool_from(Words& words) {
  CaseTool tool;
  tool.spec.name = words.word("the tool's name");
  tool.spec.description = tool.spec.name;
  tool.spec.parameters = Json::object({{"type", "object"}, {"properties", Json::object({})}});
  if (words.is("read")) {
    tool.spec.effect = Effect::read;
  } else if (words.is("idempotent")) {
    tool.spec.effect = Effect::idempotent;
  } else if (!words.is("once")) {
    words.wrong("read, idempotent or once");
  }
  return tool;
}

Point point_from(Words& words) {
  Point point;
  std::string kind = words.word("a kind of record");
  if (std::optional<RecordKind> known = record_kind_from(kind)) {
    point.kind = *known;
  } else {
    words.wrong("a kind of record before this, not \"" + kind + "\"");
  }
  if (words.is("intent")) point.phase = Phase::intent;
  if (words.done()) return point;
  Result<StepName> step = parse_step_name(words.word("a step"));
  if (step) {
    point.step = *step;
  } else {
    words.wrong("a step (" + step.error().message + ") before this");
  }
  if (words.is("attempt")) {
    point.attempt = static_cast<std::uint32_t>(words.number("an attempt"));
  }
  return point;
}

void read_start(Words& words, Statement& out) {
  out.input.text = words.text("the input in quotes");
  while (!words.done() && words.error().empty()) {
    if (words.is("as")) {
      out.run = words.word("a name for the run");
    } else if (words.is("session")) {
      out.options.session = words.word("a session");
    } else if (words.is("key")) {
      out.options.key = words.word("a key");
    } else if (words.is("planner")) {
      out.options.planner = words.word("a planner");
    } else if (words.is("deadline")) {
      out.options.deadline = words.time("a time");
    } else if (words.is("schema")) {
      out.input.schema = words.json("a schema");
    } else if (words.is("budget")) {
      out.options.budget.emplace();
      read_budget(words, *out.options.budget);
    } else if (words.is("enqueue")) {
      out.options.on_busy = OnBusy::enqueue;
    } else if (words.is("reject")) {
      out.options.on_busy = OnBusy::reject;
    } else if (words.is("interrupt")) {
      out.options.on_busy = OnBusy::interrupt;
    } else if (words.is("steer")) {
      out.options.on_busy = OnBusy::steer;
    } else {
      words.wrong(
          "as, session, key, planner, deadline, schema, enqueue, reject, interrupt, steer or "
          "budget");
    }
  }
}

void read_resolution(Words& words, Statement& out) {
  using Verdict = Resolution::Verdict;
  out.step = words.word("a step");
  out.resolution.who = "the tester";
  if (words.is("happened")) {
    out.resolution.verdict = Verdict::happened;
    out.resolution.result = words.json("the result");
  } else if (words.is("did_not_happen")) {
    out.resolution.verdict = Verdict::did_not_happen;
  } else if (!words.is("abandon")) {
    words.wrong("happened RESULT, did_not_happen or abandon");
  }
}

void read_answer(Words& words, Statement& out) {
  out.step = words.word("a step");
  out.decision.who = "the tester";
  if (words.is("allow")) {
    out.decision.allowed = true;
  } else if (!words.is("deny")) {
    out.decision.allowed = true;
    out.decision.answer = words.json("allow, deny or an answer");
  }
}

void read_fork(Words& words, Statement& out) {
  out.fork.at = words.word("a step");
  out.fork.who = "the tester";
  out.run = "fork";
  while (!words.done() && words.error().empty()) {
    if (words.is("as")) {
      out.run = words.word("a name for the run");
    } else if (words.is("edit")) {
      out.fork.edit = words.json("an outcome");
    } else if (words.is("of")) {
      out.of = words.word("a run");
    } else {
      words.wrong("as, edit or of");
    }
  }
}

Statement statement_from(Words& words) {
  using What = Statement::What;
  Statement out;
  if (words.is("start")) {
    out.what = What::start;
    read_start(words, out);
    return out;
  }
  if (words.is("fork")) {
    out.what = What::fork;
    read_fork(words, out);
    return out;
  }
  if (words.is("wait")) {
    out.what = What::wait;
  } else if (words.is("sleep")) {
    out.what = What::sleep;
    out.time = words.time("a time");
  } else if (words.is("until")) {
    out.what = What::until;
    out.point = point_from(words);
  } else if (words.is("crash")) {
    bool after = words.is("after");
    bool before = !after && words.is("before");
    out.what = after ? What::crash_after : before ? What::crash_before : What::crash;
    if (after || before) out.point = point_from(words);
  } else if (words.is("answer")) {
    out.what = What::answer;
    read_answer(words, out);
  } else if (words.is("resolve")) {
    out.what = What::resolve;
    read_resolution(words, out);
  } else if (words.is("cancel")) {
    out.what = What::cancel;
    out.reason = words.text("a reason");
  } else if (words.is("permit")) {
    out.what = What::permit;
    std::string tool = words.word("a tool");
    out.permission = {tool, permission_from(words)};
  } else {
    words.wrong("start, fork, wait, sleep, until, crash, answer, resolve, cancel or permit");
  }
  if (words.is("of")) out.run = words.word("a run");
  return out;
}

// Reads the file line by line; a line that is not indented begins a section.
class Reader {
 public:
  explicit Reader(Case& out) : out_(out) {}

  std::string line(std::string_view text, int number) {
    bool indented = text.starts_with(' ');
    std::string_view bare = trim(text);
    // Lines of other sections are empty ones of the script, so that its errors name our lines.
    bool of_model = section_ == "model" && indented;
    if (of_model) script_ += bare;
    script_ += "\n";
    if (of_model) return "";
    if (bare.empty() || bare.starts_with('#')) return "";
    Words words(bare);
    if (!indented) {
      begin(words, number);
    } else if (section_ == "agent") {
      read_agent(words, out_.agent);
    } else if (section_ == "tool") {
      read_tool(words, out_.tools.back());
    } else if (section_ == "do") {
      Statement statement = statement_from(words);
      statement.line = number;
      statement.text = bare;
      out_.statements.push_back(std::move(statement));
    } else if (section_ == "expect") {
      out_.expected.emplace_back(words.rest());
    } else {
      words.wrong("agent, tool, model, do or expect");
    }
    words.end();
    return words.error();
  }

  Result<void> end() {
    Result<Script> script = parse_script(script_);
    if (!script) return fail(std::move(script.error()));
    out_.script = std::move(*script);
    return {};
  }

 private:
  void begin(Words& words, int number) {
    if (section_ == "expect") return words.wrong("nothing after expect");
    if (words.is("seed")) {
      out_.seed = static_cast<std::uint64_t>(words.number("a seed"));
      return;
    }
    for (std::string_view name : {"agent", "tool", "model", "do", "expect"}) {
      if (!words.is(name)) continue;
      section_ = name;
      if (name == "tool") out_.tools.push_back(tool_from(words));
      if (name == "expect") out_.expect_line = number;
      return;
    }
    words.wrong("seed, agent, tool, model, do or expect");
  }

  Case& out_;
  std::string section_ = {};
  std::string script_ = {};
};

Result<std::vector<std::string>> lines_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  if (!file || !(text << file.rdbuf())) {
    return fail(ErrorKind::not_found, path + " cannot be read");
  }
  std::vector<std::string> lines;
  for (std::string_view line : split(text.view(), '\n')) lines.emplace_back(line);
  return lines;
}

}  // namespace

bool Point::fits(const Record& record) const {
  if (record.kind != kind || record.phase != phase) return false;
  if (attempt != 0 && record.attempt != attempt) return false;
  return !step ||
         (record.path == step->path && record.step == step->step && record.call == step->call);
}

Result<Case> load_case(const std::string& path) {
  Result<std::vector<std::string>> lines = lines_of(path);
  if (!lines) return fail(std::move(lines.error()));
  Case out{.path = path};
  Reader reader(out);
  int number = 0;
  for (const std::string& line : *lines) {
    std::string error = reader.line(line, ++number);
    if (!error.empty()) {
      return fail(ErrorKind::invalid, path + ":" + std::to_string(number) + ": " + error);
    }
  }
  if (Result<void> ended = reader.end(); !ended) return fail(within(path, ended.error()));
  return out;
}

Result<void> rewrite_expected(const Case& scene, const std::vector<std::string>& lines) {
  Result<std::vector<std::string>> old = lines_of(scene.path);
  if (!old) return fail(std::move(old.error()));
  if (scene.expect_line > 0) old->resize(static_cast<std::size_t>(scene.expect_line) - 1);
  while (!old->empty() && trim(old->back()).empty()) old->pop_back();
  std::ofstream file(scene.path, std::ios::binary | std::ios::trunc);
  for (const std::string& line : *old) file << line << "\n";
  file << "\nexpect\n";
  for (const std::string& line : lines) file << "  " << line << "\n";
  file.close();
  if (!file) return fail(ErrorKind::io, scene.path + " cannot be written");
  return {};
}

}  // namespace ragent::scenarios
