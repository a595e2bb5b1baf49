#include <cli/chat/slash.h>

#include <gmock/gmock.h>

namespace ragent::cli {
namespace {

using testing::HasSubstr;

std::string error_of(std::string_view line) {
  Result<std::optional<Slash>> parsed = parse_slash(line);
  return parsed ? "none" : parsed.error().message;
}

Json json(std::string_view text) { return parse_json(text).value(); }

TEST(SlashTest, Commands) {
  auto parsed = parse_slash("/model  local/small ");
  ASSERT_TRUE(parsed && *parsed);
  EXPECT_EQ(**parsed, (Slash{.name = Slash::Name::model, .argument = "local/small"}));
  EXPECT_EQ((*parse_slash("/exit"))->name, Slash::Name::quit);
  EXPECT_EQ((*parse_slash("/HELP"))->name, Slash::Name::help);
  EXPECT_EQ((*parse_slash("/steer two\nlines"))->argument, "two\nlines");
}

TEST(SlashTest, MessagesStayMessages) {
  for (std::string_view line :
       {"hello", "//help", "/etc/hosts: what is it?", " /help", "1/2", ""}) {
    auto parsed = parse_slash(line);
    ASSERT_TRUE(parsed) << line;
    EXPECT_FALSE(*parsed) << line;
  }
  EXPECT_EQ(message_of("//help"), "/help");
  EXPECT_EQ(message_of("a // b"), "a // b");
}

TEST(SlashTest, MistakesSayWhatToDo) {
  EXPECT_THAT(error_of("/modle x"), HasSubstr("did you mean /model?"));
  EXPECT_THAT(error_of("/zzzzzz"), HasSubstr("/help lists them"));
  EXPECT_THAT(error_of("/resume"), HasSubstr("expected /resume NAME"));
  EXPECT_THAT(error_of("/quit now"), HasSubstr("takes nothing"));
  EXPECT_THAT(error_of("/"), HasSubstr("/help"));
}

TEST(SlashTest, TabFinishesWhatIsCertain) {
  EXPECT_EQ(completed("/mo"), "/model ");
  EXPECT_EQ(completed("/s"), "/s");  // sessions, steer
  EXPECT_EQ(completed("/se"), "/sessions ");
  EXPECT_EQ(completed("/model loc"), "/model loc");
  EXPECT_EQ(completed("hello"), "hello");
  EXPECT_EQ(completed("/x"), "/x");
}

TEST(SlashTest, HelpNamesEveryCommand) {
  std::string help = slash_help({});
  for (std::string_view word :
       {"/help", "/new", "/sessions", "/resume NAME", "/model", "/image FILE", "/steer TEXT",
        "/busy", "/cancel", "/asks", "/tools", "/trace", "/quit"}) {
    EXPECT_THAT(help, HasSubstr(std::string("  ") + std::string(word)));
  }
}

TEST(AnswerTest, Approvals) {
  EXPECT_EQ(approval_from(" Y "), true);
  EXPECT_EQ(approval_from("yes"), true);
  EXPECT_EQ(approval_from(""), false);
  EXPECT_EQ(approval_from("no"), false);
  EXPECT_EQ(approval_from("yes please"), std::nullopt);
}

TEST(AnswerTest, FollowTheSchema) {
  EXPECT_EQ(answer_from(json(R"({"type":"string"})"), " 42 ").value(), Json("42"));
  EXPECT_EQ(answer_from(json(R"({"type":"string"})"), "\"42\"").value(), Json("42"));
  EXPECT_EQ(answer_from(json(R"({"type":"integer"})"), "42").value(), Json(42));
  EXPECT_EQ(answer_from(json(R"({"type":"boolean"})"), "y").value(), Json(true));
  Json choice = json(R"({"enum":["window","aisle"]})");
  EXPECT_EQ(answer_from(choice, "aisle").value(), Json("aisle"));
  Result<Json> wrong = answer_from(choice, "isle");
  ASSERT_FALSE(wrong);
  EXPECT_THAT(wrong.error().message, HasSubstr("one of: window, aisle"));
  EXPECT_FALSE(answer_from(json(R"({"type":"object"})"), "{\"a\":"));
  EXPECT_EQ(expected_of(json(R"({"type":"boolean"})")), "yes or no");
}

}  // namespace
}  // namespace ragent::cli
