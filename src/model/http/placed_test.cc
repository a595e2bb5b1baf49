#include <model/http/placed.h>

#include <gmock/gmock.h>

namespace ragent {
namespace {

TEST(Placed, IsReadAsItWasWritten) {
  for (std::string_view state : {R"(mine:{"a":1})", R"(mine@12,3:{"a":1})", R"(mine@0,1:{})"}) {
    const auto placed = placed_of("mine", state);
    ASSERT_TRUE(placed) << state;
    EXPECT_EQ(state_of("mine", *placed), state);
  }
  EXPECT_EQ(placed_of("mine", "mine@12,3:{}")->text, 12U);
  EXPECT_EQ(placed_of("mine", "mine@12,3:{}")->calls, 3U);
}

TEST(Placed, StatesOfOthersAreForeign) {
  for (std::string_view state :
       {"", "mine", "mine:", "mine:7", "mine@:{}", "mine@1:{}", "mine@1,:{}", "mine@1,2{}",
        "mine@-1,2:{}", "mine@99999999999999999999,2:{}", "yours:{}", "min", "mine2:{}"}) {
    EXPECT_FALSE(placed_of("mine", state)) << state;
  }
}

std::string ordered(std::vector<std::string> states) {
  Message reply{.role = Role::assistant, .parts = {Text{"ab"}, Text{"cd"}}};
  for (std::string_view id : {"1", "2"}) reply.parts.push_back(ToolCall{.id = std::string(id)});
  for (std::string& state : states) reply.parts.push_back(Reasoning{.state = std::move(state)});
  std::string out;
  read_in_order(reply, "mine",
                {.text = [&](std::string_view text) { out += std::string(text) + " "; },
                 .call = [&](const ToolCall& call) { out += call.id + " "; },
                 .item = [&](const Json& item) { out += item.text("x") + " "; }});
  return out;
}

TEST(Placed, StandsWhereItStood) {
  EXPECT_EQ(ordered({}), "abcd 1 2 ");
  EXPECT_EQ(ordered({R"(mine:{"x":"X"})"}), "X abcd 1 2 ");
  EXPECT_EQ(ordered({R"(mine:{"x":"X"})", R"(yours:{"x":"Z"})", R"(mine@3,0:{"x":"Y"})"}),
            "X abc Y d 1 2 ");
  EXPECT_EQ(ordered({R"(mine@4,1:{"x":"X"})"}), "abcd 1 X 2 ");
  // Of a reply that was changed since: nothing is lost and nothing comes twice.
  EXPECT_EQ(ordered({R"(mine@900,900:{"x":"X"})", R"(mine@1,1:{"x":"Y"})"}), "abcd 1 2 X Y ");
}

}  // namespace
}  // namespace ragent
