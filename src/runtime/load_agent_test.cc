// load_agent on whole agents: agents/travel, the one of `ragent new`, and the one of the guide.
#include <ragent/agent.h>

#include <base/file.h>
#include <profile/scaffold.h>

#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>

namespace ragent {
namespace {

using testing::HasSubstr;
namespace fs = std::filesystem;

class LoadAgent : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "load_agent_XXXXXX").string();
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    root_ = pattern;
  }
  void TearDown() override { fs::remove_all(root_); }

  // The error of the agent of `ragent new`, with one piece of its agent.toml replaced.
  std::string error_with(const std::string& piece, const std::string& replacement) {
    std::string folder = root_ + "/cafe";
    if (!fs::exists(folder)) EXPECT_TRUE(new_agent("cafe", folder));
    std::string text = read_file(folder + "/agent.toml", 1 << 20).value_or("");
    std::size_t at = text.find(piece);
    if (at == std::string::npos) return "no such piece";
    text.replace(at, piece.size(), replacement);
    std::string changed = root_ + "/cafe/changed.toml";
    std::ofstream(changed) << text;
    Result<Agent> agent = load_agent(changed);
    return agent ? "no error" : agent.error().message;
  }

  std::string root_;
};

TEST_F(LoadAgent, Travel) {
  Result<Agent> agent = load_agent("agents/travel");
  ASSERT_TRUE(agent) << agent.error().message;
  ASSERT_EQ(agent->tools.size(), 6u);
  for (const Tool& tool : agent->tools) EXPECT_NE(tool.body, nullptr) << tool.spec.name;
  const ToolSpec& book = agent->tools[5].spec;
  EXPECT_EQ(book.effect, Effect::once);
  EXPECT_TRUE(book.query);
  EXPECT_THAT(book.seen, testing::ElementsAre(SeenRule{"flight", "id", "search_flights"}));
  EXPECT_EQ(agent->profile.examples.size(), 4u);
  Result<AgentSpec> again = agent_spec_from_json(to_json(spec(*agent)));
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(*again, spec(*agent));
}

TEST_F(LoadAgent, ACopiedFolderIsTheSameAgent) {
  fs::copy("agents/travel", root_ + "/copy", fs::copy_options::recursive);
  Result<Agent> original = load_agent("agents/travel");
  Result<Agent> copy = load_agent(root_ + "/copy");
  ASSERT_TRUE(original && copy);
  EXPECT_EQ(spec_digest(spec(*copy)), spec_digest(spec(*original)));
}

TEST_F(LoadAgent, TheGuideShowsTheAgentThatNewMakes) {
  ASSERT_TRUE(new_agent("cafe", root_ + "/cafe"));
  Result<Agent> agent = load_agent(root_ + "/cafe");
  ASSERT_TRUE(agent) << agent.error().message;
  EXPECT_EQ(agent->tools.size(), 2u);
  Result<std::string> made = read_file(root_ + "/cafe/agent.toml", 1 << 20);
  Result<std::string> guide = read_file("docs/guide/agents.md", 1 << 20);
  ASSERT_TRUE(made && guide);
  EXPECT_THAT(*guide, HasSubstr("```toml\n" + *made + "```\n"));
}

TEST_F(LoadAgent, ErrorsOfArgumentsSqlAndProgramsNameTheirLine) {
  EXPECT_THAT(error_with("word = \"string:", "word = \"strng:"),
              HasSubstr("changed.toml:29: tools.menu.args.word: expected a type"));
  EXPECT_THAT(error_with("where dish ||", "where dsh ||"),
              HasSubstr("changed.toml:30: tools.menu.sql: no such column: dsh"));
  EXPECT_THAT(error_with("like '%' || :word", "like '%' || :wrod"), HasSubstr("wrod"));
  EXPECT_THAT(error_with("exec   = \"./order\"", "exec = \"./ordr\""),
              HasSubstr("changed.toml:43: tools.order.exec: there is no program"));
  EXPECT_THAT(error_with("dish from menu\" }", "dish from mnu\" }"),
              HasSubstr("no tool \"mnu\" in this agent (did you mean \"menu\"?)"));
}

}  // namespace
}  // namespace ragent
