#include <profile/agent_file.h>

#include <profile/names.h>
#include <profile/table_reader.h>

#include <base/file.h>
#include <base/text.h>
#include <ragent/limits.h>

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

namespace ragent {
namespace {

namespace fs = std::filesystem;

std::vector<std::string_view> tool_keys() {
  return {"description", "effect", "args",  "sql",     "exec",      "native", "query",
          "ask",         "undo",   "words", "timeout", "resources", "version"};
}

bool is_planner(std::string_view text) {  // name, or name@version
  std::size_t at = text.find('@');
  if (at == std::string_view::npos) return is_name(text);
  std::string_view version = text.substr(at + 1);
  return is_name(text.substr(0, at)) && !version.empty() && version.size() < 10 &&
         version[0] != '0' &&
         std::ranges::all_of(version, [](char c) { return c >= '0' && c <= '9'; });
}

// The parameters of a tool by name, from its schema; nothing for a native tool without `args`.
std::vector<std::string> parameters_of(const ToolSpec& tool) {
  std::vector<std::string> out;
  const Json* properties = tool.parameters.find("properties");
  if (!properties || !properties->object()) return out;
  for (const Json::Member& member : *properties->object()) out.push_back(member.key);
  return out;
}

bool contains(const std::vector<std::string>& names, std::string_view name) {
  return std::ranges::find(names, name) != names.end();
}

std::string_view without(std::string_view text, std::string_view prefix) {
  return text.starts_with(prefix) ? text.substr(prefix.size()) : text;
}

fs::path file_of(const fs::path& given) {
  std::error_code ignored;
  return fs::is_directory(given, ignored) ? given / "agent.toml" : given;
}

class AgentReader {
 public:
  AgentReader(std::string file, const ToolReader& tools) : file_(std::move(file)), tools_(tools) {}

  Result<Agent> read(const Toml& document, const std::string& folder);

 private:
  bool failed(const TableReader& reader) {
    if (!reader.ok() && !error_) error_ = reader.error();
    return error_.has_value();
  }
  void read_profile(const Toml& table);
  void read_example(const Toml& table);
  Example::Call read_call(const Toml& table);
  void read_budget(const Toml& table);
  void read_permissions(const Toml& table);
  void read_tools(const Toml& tools);
  void read_tool(const std::string& name, const Toml& table);
  void read_arguments(TableReader& reader, ToolSpec& tool);
  void read_body(TableReader& reader, ToolSpec& tool);
  void read_resources(TableReader& reader, ToolSpec& tool);
  void check_ask(TableReader& reader, const ToolSpec& tool);
  void check_references(const Toml& tools);
  const ToolSpec* find_tool(std::string_view name) const;

  std::string file_;
  const ToolReader& tools_;
  Agent agent_;
  std::vector<std::string> names_;  // of the tools
  std::optional<Error> error_;      // the first one
};

Result<Agent> AgentReader::read(const Toml& document, const std::string& folder) {
  agent_.folder = folder;
  TableReader root(file_, "", document,
                   {"planner", "model", "budget", "profile", "permissions", "tools"});
  root.text("planner", agent_.planner);
  if (!is_planner(agent_.planner)) {
    root.fail_at("planner", fmt::format("expected a name or name@version such as \"react\" or "
                                        "\"react@1\", got \"{}\"",
                                        agent_.planner));
  }
  root.text("model", agent_.model);
  if (agent_.model.empty()) root.fail_at("model", "expected the name of a model, or no such key");
  const Toml* budget = root.table("budget");
  const Toml* tools = root.table("tools");
  const Toml* profile = root.table("profile");
  const Toml* permissions = root.table("permissions");
  if (!profile) root.fail_at("profile", "expected a table [profile]: who the agent is");
  if (failed(root)) return fail(*error_);
  if (budget) read_budget(*budget);
  if (tools) read_tools(*tools);
  read_profile(*profile);  // after the tools, which its examples call
  if (permissions) read_permissions(*permissions);
  if (error_) return fail(*error_);
  return std::move(agent_);
}

void AgentReader::read_budget(const Toml& table) {
  TableReader reader(file_, "budget", table, {"steps", "tokens", "time"});
  reader.count("steps", agent_.budget.steps);
  reader.count("tokens", agent_.budget.tokens);
  reader.duration("time", agent_.budget.time);
  failed(reader);
}

void AgentReader::read_profile(const Toml& table) {
  Profile& profile = agent_.profile;
  TableReader reader(
      file_, "profile", table,
      {"name", "role", "tone", "language", "instructions", "goals", "rules", "examples"});
  profile.name = fs::path(agent_.folder).filename().string();
  reader.text("name", profile.name);
  if (!is_name(profile.name)) {
    reader.fail_at(
        "name", fmt::format("expected {}, got \"{}\"", kNameExpected, printable(profile.name, 80)));
  }
  reader.text("role", profile.role);
  reader.text("tone", profile.tone);
  reader.text("language", profile.language);
  reader.text("instructions", profile.instructions);
  reader.texts("goals", profile.goals);
  reader.texts("rules", profile.rules);
  std::vector<const Toml*> examples = reader.tables("examples");
  if (failed(reader)) return;
  for (const Toml* example : examples) read_example(*example);
}

void AgentReader::read_example(const Toml& table) {
  TableReader reader(file_, "profile.examples", table, {"user", "calls", "answer"});
  Example example;
  reader.required_text("user", example.user);
  reader.required_text("answer", example.answer);
  for (const Toml* call : reader.tables("calls")) example.calls.push_back(read_call(*call));
  if (!failed(reader)) agent_.profile.examples.push_back(std::move(example));
}

Example::Call AgentReader::read_call(const Toml& table) {
  TableReader reader(file_, "profile.examples.calls", table, {"tool", "args", "result"});
  Example::Call call;
  reader.required_text("tool", call.tool);
  const Toml* arguments = reader.table("args");
  const Toml* result = reader.find("result");
  call.arguments = arguments ? arguments->json() : Json::object({});
  if (!result) reader.fail_at("", "expected a key \"result\": what the tool answered");
  if (result) call.result = result->json();
  const ToolSpec* tool = find_tool(call.tool);
  if (!tool) {
    reader.fail_at("tool", fmt::format("no tool \"{}\" in this agent{}", printable(call.tool, 80),
                                       did_you_mean(call.tool, names_)));
  } else if (arguments && tool->parameters.is_object()) {
    std::vector<std::string> known = parameters_of(*tool);
    for (const Toml& member : arguments->items) {
      if (contains(known, member.key)) continue;
      reader.fail_at_line(
          member.line, "args." + member.key,
          fmt::format("{} has no such argument{}", tool->name, did_you_mean(member.key, known)));
    }
  }
  failed(reader);
  return call;
}

void AgentReader::read_permissions(const Toml& table) {
  std::vector<std::string_view> keys(names_.begin(), names_.end());
  keys.push_back("*");
  TableReader reader(file_, "permissions", table, std::move(keys));
  for (const Toml& member : table.items) {
    Permission permission = Permission::deny;
    reader.choice(member.key, {"allow", "ask", "deny"}, permission);
    agent_.permissions.emplace_back(member.key, permission);
  }
  failed(reader);
}

void AgentReader::read_tools(const Toml& tools) {
  for (const Toml& member : tools.items) names_.push_back(member.key);
  std::vector<std::string_view> keys(names_.begin(), names_.end());
  TableReader reader(file_, "tools", tools, std::move(keys));
  for (const std::string& name : names_) {
    const Toml* table = reader.table(name);
    if (failed(reader)) return;
    read_tool(name, *table);
    if (error_) return;
  }
  check_references(tools);
}

void AgentReader::read_tool(const std::string& name, const Toml& table) {
  TableReader reader(file_, "tools." + name, table, tool_keys());
  ToolSpec tool{.name = name};
  if (!is_name(tool.name)) {
    reader.fail_at("", fmt::format("expected {}", kNameExpected));
  }
  read_body(reader, tool);
  if (tool.kind == ToolSpec::Kind::native) {
    reader.text("description", tool.description);
  } else {
    reader.required_text("description", tool.description);
  }
  reader.choice("effect", {"read", "idempotent", "once"}, tool.effect);
  if (tool.kind == ToolSpec::Kind::sql && tool.effect != Effect::read) {
    reader.fail_at("effect", "expected \"read\": an sql tool cannot change anything");
  }
  read_arguments(reader, tool);
  read_resources(reader, tool);
  reader.text("ask", tool.ask);
  reader.text("undo", tool.undo);
  reader.texts("words", tool.words);
  reader.duration("timeout", tool.timeout);
  reader.text("version", tool.version);
  check_ask(reader, tool);
  if (failed(reader)) return;
  if (tool.kind == ToolSpec::Kind::native) {
    agent_.tools.push_back(Tool{.spec = std::move(tool)});
    return;
  }
  Result<Tool> bound = tools_.bind(tool, agent_.folder);
  if (bound) {
    agent_.tools.push_back(std::move(*bound));
  } else {
    // The binder begins with the tool and, mostly, the key: here these stand before it anyway.
    std::string_view message = without(bound.error().message, "tool " + name + ": ");
    std::string_view key = tool.kind == ToolSpec::Kind::sql ? "sql" : "exec";
    if (message.starts_with("query: ")) key = "query";
    reader.fail_at(key, std::string(without(message, std::string(key) + ": ")));
    failed(reader);
  }
}

// Exactly one of sql, exec, native says what runs; `query` goes with exec.
void AgentReader::read_body(TableReader& reader, ToolSpec& tool) {
  bool native = false;
  reader.flag("native", native);
  std::vector<std::string_view> given;
  if (reader.has("sql")) given.push_back("sql");
  if (reader.has("exec")) given.push_back("exec");
  if (native) given.push_back("native");
  if (given.size() != 1) {
    reader.fail_at(
        "", fmt::format("expected exactly one of sql, exec or native = true, got {}",
                        given.empty() ? "none" : fmt::format("{}", fmt::join(given, " and "))));
    return;
  }
  if (reader.has("sql")) {
    tool.kind = ToolSpec::Kind::sql;
    tool.effect = Effect::read;
    reader.required_text("sql", tool.source);
  } else if (reader.has("exec")) {
    tool.kind = ToolSpec::Kind::exec;
    reader.required_text("exec", tool.source);
  }
  tool.query = reader.has("query");
  if (!tool.query) return;
  if (tool.kind != ToolSpec::Kind::exec) {
    reader.fail_at("query", "only an exec tool has a program that answers `query`");
  }
  reader.required_text("query", tool.query_source);
}

void AgentReader::read_arguments(TableReader& reader, ToolSpec& tool) {
  const Toml* table = reader.table("args");
  if (!table && tool.kind == ToolSpec::Kind::native) return;  // from the program's struct
  ToolReader::Pairs pairs;
  for (const Toml& member : table ? table->items : std::vector<Toml>()) {
    const std::string* shorthand = member.scalar.string();
    if (!shorthand) {
      return reader.fail_at_line(
          member.line, "args." + member.key,
          fmt::format("expected a string such as \"string: what it is\", got {}",
                      member.type_name()));
    }
    pairs.emplace_back(member.key, *shorthand);
    if (Result<ArgumentsRead> alone = tools_.arguments({pairs.back()}); !alone) {
      std::string_view message = without(alone.error().message, "argument " + member.key + ": ");
      return reader.fail_at_line(member.line, "args." + member.key, std::string(message));
    }
  }
  Result<ArgumentsRead> read = tools_.arguments(pairs);
  if (!read) return reader.fail_at("args", read.error().message);
  tool.parameters = std::move(read->schema);
  tool.seen = std::move(read->seen);
}

void AgentReader::read_resources(TableReader& reader, ToolSpec& tool) {
  const Toml* table = reader.table("resources");
  if (!table) return;
  for (const Toml& member : table->items) {
    std::optional<double> amount = member.scalar.number();
    if (!amount || !(*amount >= 0)) {
      return reader.fail_at_line(
          member.line, "resources." + member.key,
          fmt::format("expected a number from 0 on, got {}", member.type_name()));
    }
    tool.resources.emplace_back(member.key, *amount);
  }
}

// Every {argument} of the question is one.
void AgentReader::check_ask(TableReader& reader, const ToolSpec& tool) {
  if (!tool.parameters.is_object()) return;
  std::vector<std::string> known = parameters_of(tool);
  for (std::size_t open = tool.ask.find('{'); open != std::string::npos;
       open = tool.ask.find('{', open + 1)) {
    std::size_t close = tool.ask.find('}', open);
    std::string name = tool.ask.substr(open + 1, close - open - 1);
    if (close != std::string::npos && contains(known, name)) continue;
    reader.fail_at("ask", fmt::format("{{{}}} is no argument of this tool{}", name,
                                      did_you_mean(name, known)));
  }
}

// `undo` and `seen` name tools of this agent.
void AgentReader::check_references(const Toml& tools) {
  for (const Tool& tool : agent_.tools) {
    const std::string& name = tool.spec.name;
    TableReader reader(file_, "tools." + name, *tools.find(name), tool_keys());
    const std::string& undo = tool.spec.undo;
    if (!undo.empty() && !contains(names_, undo)) {
      reader.fail_at("undo", fmt::format("no tool \"{}\" in this agent{}", printable(undo, 80),
                                         did_you_mean(undo, names_)));
    }
    for (const SeenRule& rule : tool.spec.seen) {
      if (rule.tool.empty() || contains(names_, rule.tool)) continue;
      const Toml& arguments = *tools.find(name)->find("args");
      reader.fail_at_line(arguments.find(rule.argument)->line, "args." + rule.argument,
                          fmt::format("seen: no tool \"{}\" in this agent{}",
                                      printable(rule.tool, 80), did_you_mean(rule.tool, names_)));
    }
    if (failed(reader)) return;
  }
}

const ToolSpec* AgentReader::find_tool(std::string_view name) const {
  for (const Tool& tool : agent_.tools) {
    if (tool.spec.name == name) return &tool.spec;
  }
  return nullptr;
}

std::vector<std::string> neighbours(const fs::path& folder) {
  std::vector<std::string> out;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    out.push_back(entry->path().filename().string());
  }
  std::ranges::sort(out);  // the order of a folder is not fixed
  return out;
}

Error missing(const fs::path& path, std::string_view expected) {
  fs::path folder = path.has_parent_path() ? path.parent_path() : fs::path(".");
  std::string near = did_you_mean(path.filename().string(), neighbours(folder));
  return {.kind = ErrorKind::not_found,
          .message = fmt::format("{}: expected {}, got nothing{}", path.string(), expected, near)};
}

}  // namespace

Result<Agent> parse_agent(std::string_view text, const std::string& file, const std::string& folder,
                          const ToolReader& reader) {
  Result<Toml> document = parse_toml(text, file);
  if (!document) return fail(std::move(document.error()));
  return AgentReader(file, reader).read(*document, folder);
}

std::string place_in_agent(const std::string& path, std::string_view key) {
  std::string file = file_of(path).string();
  Result<std::string> text = read_file(file, limits::kConfigBytesMax);
  Result<Toml> document = text ? parse_toml(*text, file) : fail(text.error());
  const Toml* found = document ? document->find(key) : nullptr;
  if (!found) return fmt::format("{}: {}", file, key);
  return fmt::format("{}:{}: {}", file, found->line, key);
}

Result<Agent> read_agent(const std::string& path, const ToolReader& reader) {
  std::error_code ignored;
  fs::path given = path.ends_with('/') ? fs::path(path).parent_path() : fs::path(path);
  if (!fs::exists(given, ignored)) {
    return fail(missing(given, "an agent's folder, or its agent.toml"));
  }
  fs::path file = file_of(given);
  if (!fs::exists(file, ignored)) {
    return fail(missing(file, "a file agent.toml (`ragent new NAME` makes an agent)"));
  }
  Result<std::string> text = read_file(file.string(), limits::kConfigBytesMax);
  if (!text) return fail(std::move(text.error()));
  fs::path folder = fs::absolute(file, ignored).lexically_normal().parent_path();
  return parse_agent(*text, file.string(), folder.string(), reader);
}

}  // namespace ragent
