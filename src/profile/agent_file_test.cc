// agent.toml: what is read from it, and the message for everything that can be wrong with it.
#include <profile/agent_file.h>

#include <base/file.h>

#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>

namespace ragent {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
namespace fs = std::filesystem;

// The two neighbours, much reduced: `seen: KEY from TOOL`, and a body for every program but one.
Result<ArgumentsRead> read_arguments(const ToolReader::Pairs& pairs) {
  ArgumentsRead out{.schema = Json::object({{"properties", Json::object({})}})};
  for (const auto& [name, shorthand] : pairs) {
    if (shorthand == "strng") return fail(ErrorKind::invalid, "unknown type \"strng\"");
    out.schema["properties"][name] = Json::object({{"type", shorthand}});
    if (shorthand.starts_with("seen: ")) {
      std::size_t from = shorthand.find(" from ");
      out.seen.push_back({name, shorthand.substr(6, from - 6), shorthand.substr(from + 6)});
    }
  }
  return out;
}

Result<Tool> bind(ToolSpec spec, const std::string&) {
  if (spec.source == "./missing") return fail(ErrorKind::not_found, "no program ./missing");
  return Tool{.spec = std::move(spec)};
}

class AgentFile : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "agent_file_XXXXXX").string();
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    folder_ = pattern + "/shop";
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(fs::path(folder_).parent_path()); }

  Result<Agent> read(std::string_view text) {
    std::ofstream(folder_ + "/agent.toml", std::ios::binary) << text;
    return read_path(folder_);
  }
  static Result<Agent> read_path(const std::string& path) {
    return read_agent(path, {.arguments = read_arguments, .bind = bind});
  }
  // The message without the folder: "agent.toml:3: …".
  std::string error(std::string_view text) {
    Result<Agent> agent = read(text);
    if (agent) return "no error";
    std::string message = agent.error().message;
    return message.starts_with(folder_ + "/") ? message.substr(folder_.size() + 1) : message;
  }
  // The same with a whole agent around the lines of one tool, which stand from line 2 on.
  std::string tool_error(std::string_view lines) {
    return error("[tools.add]\n" + std::string(lines) + "\n[profile]\nname = \"shop\"\n");
  }

  std::string folder_;
};

constexpr std::string_view kShop = R"(
planner = "plan_execute@2"
model   = "local/small"
budget  = { steps = 3, time = "1500ms" }

[profile]
name         = "shop"
role         = "a clerk"
tone         = "dry"
language     = "French"
instructions = """
Sell.
Politely.
"""
goals = ["Sell."]
rules = ["Never lie."]

[[profile.examples]]
user   = "Pears?"
calls  = [
  { tool = "stock", args = { zone = "A", item = "pear", on = 2027-01-09 }, result = [{ n = 3 }] },
]
answer = "Three."

[permissions]
sell = "ask"
"*"  = "deny"

[tools.stock]
description = "What is there."
args = { zone = "string", item = "string", on = "date" }
sql  = "select n from stock where item = :item"

[tools.sell]
description = "Sell one."
effect    = "idempotent"
args      = { item = "seen: item from stock", count = "integer" }
exec      = "./sell --fast"
query     = "./sell --query"
ask       = "Sell {count} of {item}?"
undo      = "buy_back"
words     = ["sell"]
timeout   = "2s"
resources = { cpu = 1, gpu = 0.5 }
version   = "7"

[tools.buy_back]
native = true
)";

TEST_F(AgentFile, ReadsEverything) {
  Result<Agent> agent = read(kShop);
  ASSERT_TRUE(agent) << agent.error().message;
  EXPECT_EQ(agent->planner, "plan_execute@2");
  EXPECT_EQ(agent->model, "local/small");
  EXPECT_EQ(agent->budget.steps, 3);
  EXPECT_EQ(agent->budget.tokens, Budget{}.tokens);
  EXPECT_EQ(agent->budget.time, std::chrono::milliseconds(1500));
  EXPECT_EQ(agent->folder, fs::canonical(folder_).string());
  Profile expected{.name = "shop",
                   .role = "a clerk",
                   .tone = "dry",
                   .language = "French",
                   .instructions = "Sell.\nPolitely.",
                   .goals = {"Sell."},
                   .rules = {"Never lie."}};
  Json row = Json::object({{"n", 3}});
  expected.examples = {{.user = "Pears?",
                        .calls = {{.tool = "stock",
                                   .arguments = Json::object(
                                       {{"zone", "A"}, {"item", "pear"}, {"on", "2027-01-09"}}),
                                   .result = Json::array({row})}},
                        .answer = "Three."}};
  EXPECT_EQ(agent->profile, expected);
  using Entry = std::pair<std::string, Permission>;
  EXPECT_THAT(agent->permissions,
              ElementsAre(Entry{"sell", Permission::ask}, Entry{"*", Permission::deny}));
}

TEST_F(AgentFile, ReadsToolsInTheOrderWritten) {
  Result<Agent> agent = read(kShop);
  ASSERT_TRUE(agent) << agent.error().message;
  ASSERT_EQ(agent->tools.size(), 3u);
  const ToolSpec& stock = agent->tools[0].spec;
  EXPECT_EQ(stock.name, "stock");
  EXPECT_EQ(stock.kind, ToolSpec::Kind::sql);
  EXPECT_EQ(stock.effect, Effect::read);  // an sql tool can do nothing else
  EXPECT_EQ(stock.parameters.find("properties")->dump(),
            R"({"zone":{"type":"string"},"item":{"type":"string"},"on":{"type":"date"}})");
  ToolSpec sell = agent->tools[1].spec;
  sell.parameters = {};
  EXPECT_EQ(sell, (ToolSpec{.name = "sell",
                            .description = "Sell one.",
                            .effect = Effect::idempotent,
                            .kind = ToolSpec::Kind::exec,
                            .query = true,
                            .ask = "Sell {count} of {item}?",
                            .undo = "buy_back",
                            .words = {"sell"},
                            .seen = {{"item", "item", "stock"}},
                            .resources = {{"cpu", 1}, {"gpu", 0.5}},
                            .timeout = std::chrono::seconds(2),
                            .version = "7",
                            .source = "./sell --fast",
                            .query_source = "./sell --query"}));
  EXPECT_EQ(agent->tools[2].spec, (ToolSpec{.name = "buy_back"}));  // once, native, not yet bound
}

TEST_F(AgentFile, SmallestAgentIsNamedByItsFolder) {
  Result<Agent> agent = read("[profile]\n");
  ASSERT_TRUE(agent) << agent.error().message;
  EXPECT_EQ(agent->profile.name, "shop");
  EXPECT_EQ(agent->planner, "react");
}

TEST_F(AgentFile, PathMayBeTheFileOrEndWithASlash) {
  ASSERT_TRUE(read("[profile]\n"));
  EXPECT_TRUE(read_path(folder_ + "/"));
  EXPECT_TRUE(read_path(folder_ + "/agent.toml"));
}

TEST_F(AgentFile, MissingFolderNamesItsNeighbour) {
  Result<Agent> agent = read_path(fs::path(folder_).parent_path().string() + "/shpo");
  ASSERT_FALSE(agent);
  EXPECT_EQ(agent.error().kind, ErrorKind::not_found);
  EXPECT_THAT(agent.error().message, HasSubstr("shpo: expected an agent's folder"));
  EXPECT_THAT(agent.error().message, HasSubstr("did you mean \"shop\"?"));
}

TEST_F(AgentFile, MissingFileNamesItsNeighbour) {
  std::ofstream(folder_ + "/agent.tml") << "[profile]\n";
  Result<Agent> agent = read_path(folder_);
  ASSERT_FALSE(agent);
  EXPECT_THAT(agent.error().message, HasSubstr("ragent new NAME"));
  EXPECT_THAT(agent.error().message, HasSubstr("did you mean \"agent.tml\"?"));
}

TEST_F(AgentFile, TooLarge) {
  Result<Agent> agent = read("[profile]\n" + std::string(2 << 20, '#'));
  ASSERT_FALSE(agent);
  EXPECT_EQ(agent.error().kind, ErrorKind::invalid);
}

TEST_F(AgentFile, BrokenText) {
  EXPECT_THAT(error("[profile]\nname = \"a\xff\"\n"),
              HasSubstr("agent.toml:2: expected UTF-8 text, got the byte 0xFF"));
  EXPECT_THAT(error("[profile]\nname = cafe  # mine\n"),
              testing::AllOf(HasSubstr("agent.toml:2: broken TOML: "),
                             HasSubstr("; text stands in quotes: name = \"cafe\"")));
  EXPECT_THAT(error("[profile]\nname = \n"), HasSubstr("agent.toml:2: broken TOML: "));
  EXPECT_THAT(error("[profile]\n[&"), HasSubstr("agent.toml:2: broken TOML: "));
  EXPECT_THAT(error("[profile]\nname = \u0228"), HasSubstr("agent.toml:2: broken TOML: "));
  EXPECT_THAT(error("[profile]\n[tools.a]\nsql = \"x\"\n[tools.a]\n"),
              HasSubstr("agent.toml:4: broken TOML: "));  // the same tool twice
  EXPECT_THAT(error(""), HasSubstr("profile: expected a table [profile]"));
}

TEST_F(AgentFile, WrongKeysAndTypes) {
  EXPECT_EQ(error("[profile]\nnam = \"x\"\n"),
            "agent.toml:2: profile.nam: unknown key; did you mean \"name\"?");
  EXPECT_EQ(error("zzz = 1\n[profile]\n"),
            "agent.toml:1: zzz: unknown key; expected one of planner, model, budget, profile, "
            "permissions, tools");
  EXPECT_EQ(error("profile = 1\n"), "agent.toml:1: profile: expected a table, got an integer 1");
  EXPECT_EQ(error("[profile]\nname = 3\n"),
            "agent.toml:2: profile.name: expected a string, got an integer 3");
  EXPECT_THAT(error("[profile]\nname = \"My Shop\"\n"), HasSubstr("got \"My Shop\""));
  EXPECT_EQ(error("[profile]\nrules = \"Be brief.\"\n"),
            "agent.toml:2: profile.rules: expected an array of strings, got \"Be brief.\"");
  EXPECT_EQ(error("[profile]\nrules = [\n  \"a\",\n  2,\n]\n"),
            "agent.toml:4: profile.rules: expected strings that are not empty, got an integer 2");
  EXPECT_EQ(error("planner = \"react@\"\n[profile]\n"),
            "agent.toml:1: planner: expected a name or name@version such as \"react\" or "
            "\"react@1\", got \"react@\"");
}

TEST_F(AgentFile, WrongBudget) {
  EXPECT_EQ(error("budget = { steps = -1 }\n[profile]\n"),
            "agent.toml:1: budget.steps: expected an integer from 0 on, got an integer -1");
  EXPECT_EQ(error("budget = { time = \"2 minutes\" }\n[profile]\n"),
            "agent.toml:1: budget.time: expected a duration such as \"2m\", \"30s\" or "
            "\"1500ms\", got \"2 minutes\"");
  EXPECT_EQ(error("budget = { time = 120 }\n[profile]\n"),
            "agent.toml:1: budget.time: expected a duration such as \"2m\", \"30s\" or "
            "\"1500ms\", got an integer 120");
}

TEST_F(AgentFile, WrongTool) {
  EXPECT_EQ(tool_error("description = \"d\""),
            "agent.toml:1: tools.add: expected exactly one of sql, exec or native = true, got "
            "none");
  EXPECT_EQ(tool_error("sql = \"select 1\"\nexec = \"./a\""),
            "agent.toml:1: tools.add: expected exactly one of sql, exec or native = true, got sql "
            "and exec");
  EXPECT_EQ(tool_error("sql = \"select 1\""),
            "agent.toml:1: tools.add: expected a key \"description\" (a string)");
  EXPECT_EQ(tool_error("description = \"d\"\nexec = \"./a\"\neffect = \"onec\""),
            "agent.toml:4: tools.add.effect: expected one of read, idempotent, once, got \"onec\" "
            "(did you mean \"once\"?)");
  EXPECT_EQ(tool_error("description = \"d\"\nsql = \"select 1\"\neffect = \"once\""),
            "agent.toml:4: tools.add.effect: expected \"read\": an sql tool cannot change "
            "anything");
  EXPECT_EQ(tool_error("description = \"d\"\nsql = \"select 1\"\nquery = \"./a\""),
            "agent.toml:4: tools.add.query: only an exec tool has a program that answers `query`");
  EXPECT_EQ(tool_error("description = \"d\"\nexec = \"./a\"\nresources = { cpu = \"one\" }"),
            "agent.toml:4: tools.add.resources.cpu: expected a number from 0 on, got a string");
  EXPECT_EQ(tool_error("description = \"d\"\nexec = \"./missing\""),
            "agent.toml:3: tools.add.exec: no program ./missing");
  EXPECT_EQ(tool_error("descripton = \"d\"\nexec = \"./a\""),
            "agent.toml:2: tools.add.descripton: unknown key; did you mean \"description\"?");
  EXPECT_THAT(error("[tools.Add]\nexec = \"./a\"\n[profile]\n"),
              HasSubstr("tools.Add: expected a name of a-z"));
  EXPECT_EQ(error("[tools]\nadd = 1\n[profile]\n"),
            "agent.toml:2: tools.add: expected a table, got an integer 1");
}

TEST_F(AgentFile, WrongArguments) {
  EXPECT_EQ(tool_error("description = \"d\"\nexec = \"./a\"\n[tools.add.args]\na = \"string\"\n"
                       "b = \"strng\""),
            "agent.toml:6: tools.add.args.b: unknown type \"strng\"");
  EXPECT_EQ(tool_error("description = \"d\"\nexec = \"./a\"\nargs = { a = 1 }"),
            "agent.toml:4: tools.add.args.a: expected a string such as \"string: what it is\", "
            "got an integer");
  EXPECT_EQ(tool_error("description = \"d\"\nexec = \"./a\"\nargs = { item = \"string\" }\n"
                       "ask = \"Add {itm}?\""),
            "agent.toml:5: tools.add.ask: {itm} is no argument of this tool (did you mean "
            "\"item\"?)");
}

TEST_F(AgentFile, ReferencesToToolsThatAreNotThere) {
  EXPECT_EQ(tool_error("description = \"d\"\nexec = \"./a\"\nundo = \"ad\""),
            "agent.toml:4: tools.add.undo: no tool \"ad\" in this agent (did you mean \"add\"?)");
  EXPECT_EQ(
      tool_error("description = \"d\"\nexec = \"./a\"\nargs = { id = \"seen: id from lst\" }"),
      "agent.toml:4: tools.add.args.id: seen: no tool \"lst\" in this agent");
  EXPECT_EQ(error("[profile]\n[permissions]\nadd = \"ask\"\n"),
            "agent.toml:3: permissions.add: unknown key; expected one of *");
}

TEST_F(AgentFile, WrongPermission) {
  EXPECT_EQ(error("[profile]\n[permissions]\n\"*\" = \"alow\"\n"),
            "agent.toml:3: permissions.*: expected one of allow, ask, deny, got \"alow\" (did "
            "you mean \"allow\"?)");
}

TEST_F(AgentFile, WrongExamples) {
  std::string tool =
      "[tools.add]\ndescription = \"d\"\nexec = \"./a\"\n"
      "args = { item = \"string\" }\n";
  auto example = [&](std::string_view lines) {
    return error(tool + "[profile]\n[[profile.examples]]\n" + std::string(lines) + "\n");
  };
  EXPECT_EQ(example("user = \"u\""),
            "agent.toml:6: profile.examples: expected a key \"answer\" (a string)");
  EXPECT_EQ(example("user = \"u\"\nanswer = \"a\"\ncalls = [{ tool = \"ad\", result = 1 }]"),
            "agent.toml:9: profile.examples.calls.tool: no tool \"ad\" in this agent (did you mean "
            "\"add\"?)");
  EXPECT_EQ(example("user = \"u\"\nanswer = \"a\"\ncalls = [{ tool = \"add\" }]"),
            "agent.toml:9: profile.examples.calls: expected a key \"result\": what the tool "
            "answered");
  EXPECT_EQ(example("user = \"u\"\nanswer = \"a\"\n"
                    "calls = [{ tool = \"add\", args = { itm = 1 }, result = 1 }]"),
            "agent.toml:9: profile.examples.calls.args.itm: add has no such argument (did you mean "
            "\"item\"?)");
}

}  // namespace
}  // namespace ragent
