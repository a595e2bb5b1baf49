// The agent of `ragent new`: its files, and that nothing is ever overwritten.
#include <profile/scaffold.h>

#include <base/file.h>

#include <gmock/gmock.h>

#include <filesystem>

namespace ragent {
namespace {

namespace fs = std::filesystem;

class Scaffold : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "scaffold_XXXXXX").string();
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    root_ = pattern;
  }
  void TearDown() override { fs::remove_all(root_); }

  std::string root_;
};

TEST_F(Scaffold, MakesAnAgentOfItsName) {
  ASSERT_TRUE(new_agent("cafe", root_ + "/agents/cafe"));
  Result<std::string> agent = read_file(root_ + "/agents/cafe/agent.toml", 1 << 20);
  ASSERT_TRUE(agent);
  EXPECT_THAT(*agent, testing::HasSubstr("name         = \"cafe\""));
  EXPECT_THAT(*agent, testing::Not(testing::HasSubstr("NAME")));
  EXPECT_EQ(fs::status(root_ + "/agents/cafe/order").permissions() & fs::perms::owner_exec,
            fs::perms::owner_exec);
}

TEST_F(Scaffold, NeverOverwrites) {
  ASSERT_TRUE(new_agent("cafe", root_ + "/cafe"));
  Result<void> again = new_agent("cafe", root_ + "/cafe");
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().kind, ErrorKind::conflict);
}

TEST_F(Scaffold, RefusesANameThatIsNone) {
  for (const char* name : {"", "Cafe", "1st", "a b", "../x"}) {
    Result<void> made = new_agent(name, root_ + "/x");
    ASSERT_FALSE(made) << name;
    EXPECT_EQ(made.error().kind, ErrorKind::invalid);
    EXPECT_FALSE(fs::exists(root_ + "/x"));
  }
}

}  // namespace
}  // namespace ragent
