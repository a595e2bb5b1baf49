#include <cli/chat/dev_agent.h>

#include <base/file.h>
#include <store/test_home.h>

#include <gmock/gmock.h>

namespace ragent::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr const char* kAgent = R"(planner = "react"
[profile]
name = "desk"
instructions = "Sell seats."
[tools.book]
description = "Book a seat."
effect = "once"
args = { seat = "string: its id" }
exec = "./book"
)";

class DevAgentTest : public testing::Test {
 protected:
  DevAgentTest() {
    write(kAgent);
    EXPECT_TRUE(write_file_atomic(home_.folder() + "/book", "#!/bin/sh\n", 0755));
  }
  void write(const std::string& text) {
    EXPECT_TRUE(write_file_atomic(home_.folder() + "/agent.toml", text));
  }
  static std::string with(std::string_view from, std::string_view to) {
    std::string text = kAgent;
    return text.replace(text.find(from), from.size(), to);
  }
  Agent load() { return load_agent(home_.folder()).value(); }
  TestHome home_;
};

TEST_F(DevAgentTest, SaysWhatChanged) {
  DevAgent dev(home_.folder(), load());
  EXPECT_THAT(dev.reload().changed, IsEmpty());
  write(with("Sell seats.", "Sell seats dearly."));
  EXPECT_THAT(dev.reload().changed, ElementsAre("instructions"));
  EXPECT_THAT(dev.reload().changed, IsEmpty());
  write(with("[tools.book]", "[tools.order]"));
  EXPECT_THAT(dev.reload().changed,
              ElementsAre("instructions", "new tool order", "tool book is gone"));
}

TEST_F(DevAgentTest, KeepsTheOldAgentWhileTheNewOneIsBroken) {
  DevAgent dev(home_.folder(), load());
  write(with("effect", "efect"));
  DevAgent::Reload broken = dev.reload();
  ASSERT_TRUE(broken.error);
  EXPECT_THAT(broken.error->message, HasSubstr("efect"));
  Result<Agent> kept = load_agent(broken.path);
  ASSERT_TRUE(kept) << kept.error().message;
  EXPECT_EQ(ragent::spec(*kept), ragent::spec(dev.agent()));
  EXPECT_EQ(kept->folder, load_agent(home_.folder()) ? "" : dev.agent().folder);
  write(kAgent);
  DevAgent::Reload mended = dev.reload();
  EXPECT_FALSE(mended.error);
  EXPECT_EQ(mended.path, home_.folder());
  EXPECT_THAT(mended.changed, IsEmpty());
  EXPECT_FALSE(load_agent(broken.path));  // it is gone
}

// Of two chats with one broken agent the first that ends takes the file along.
TEST_F(DevAgentTest, TheOldTextComesBackWhenSomebodyTookItAway) {
  DevAgent dev(home_.folder(), load());
  {
    DevAgent other(home_.folder(), load());
    write(with("effect", "efect"));
    EXPECT_TRUE(load_agent(other.reload().path));
    EXPECT_TRUE(load_agent(dev.reload().path));
  }
  EXPECT_TRUE(load_agent(dev.reload().path));
}

}  // namespace
}  // namespace ragent::cli
