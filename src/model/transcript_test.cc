#include <model/messages.h>

#include <gmock/gmock.h>

namespace ragent {
namespace {

Reply call_of(std::string tool) {
  return {.text = "Let me look.",
          .calls = {{.id = "c1", .tool = std::move(tool), .arguments = Json::object({{"a", 1}})}}};
}

TEST(Transcript, KeepsMessagesInOrder) {
  Transcript chat;
  chat.add(Message::of(Role::system, "Be kind."));
  chat.add(Message::of(Role::user, "Hello"));
  ASSERT_EQ(chat.size(), 2U);
  EXPECT_EQ(chat.messages()[0]->text(), "Be kind.");
  EXPECT_EQ(chat.messages()[1]->text(), "Hello");
  EXPECT_EQ(chat.messages(1).size(), 1U);
  EXPECT_TRUE(chat.messages(2).empty());
  EXPECT_TRUE(chat.messages(7).empty());
  EXPECT_EQ(chat.last().role, Role::user);
}

TEST(Transcript, AddsAReplyWithWhatItsCallsBrought) {
  Transcript chat;
  chat.add(Message::of(Role::user, "How far?"));
  chat.add(call_of("distance"), {{.value = Json::object({{"km", 812}}),
                                  .label = {.trusted = false, .confidential = true}}});
  ASSERT_EQ(chat.size(), 3U);
  const Message& brought = chat.last();
  EXPECT_EQ(brought.role, Role::tool);
  EXPECT_FALSE(brought.label.trusted);
  EXPECT_TRUE(brought.label.confidential);
  const auto& result = std::get<ToolResult>(brought.parts.at(0));
  EXPECT_EQ(result.call, "c1");
  EXPECT_EQ(result.tool, "distance");
  EXPECT_EQ(result.observation.text(), "{\"km\":812}");
}

TEST(Transcript, CopiesShareAndPart) {
  Transcript a;
  a.add(Message::of(Role::user, "one"));
  Transcript b = a;
  EXPECT_EQ(a.digest(), b.digest());
  b.add(Message::of(Role::assistant, "two"));
  EXPECT_EQ(a.size(), 1U);
  EXPECT_EQ(b.size(), 2U);
  EXPECT_NE(a.digest(), b.digest());
  EXPECT_EQ(a.digest(), b.digest(1));
  EXPECT_EQ(&a.last(), b.messages()[0]);  // the same node, not a copy
}

TEST(Transcript, DigestDependsOnEveryMessageTheirOrderAndTheTools) {
  auto digest = [](std::vector<std::string> texts, std::vector<ToolSpec> tools = {}) {
    Transcript chat(std::move(tools));
    for (std::string& text : texts) chat.add(Message::of(Role::user, std::move(text)));
    return chat.digest();
  };
  EXPECT_EQ(digest({"a", "b"}), digest({"a", "b"}));
  EXPECT_NE(digest({"a", "b"}), digest({"b", "a"}));
  EXPECT_NE(digest({"a", "b"}), digest({"ab"}));
  EXPECT_NE(digest({"a"}), digest({"a"}, {ToolSpec{.name = "add"}}));
  EXPECT_NE(digest({"a"}, {ToolSpec{.name = "sub"}}), digest({"a"}, {ToolSpec{.name = "add"}}));
}

TEST(Transcript, CountsRepliesSinceTheUserSpoke) {
  Transcript chat;
  EXPECT_EQ(chat.replies(), 0U);
  EXPECT_EQ(chat.last_user(), nullptr);
  chat.add(Message::of(Role::user, "first"));
  chat.add(call_of("x"), {Observation{}});
  chat.add(call_of("y"), {Observation{}});
  EXPECT_EQ(chat.replies(), 2U);
  EXPECT_EQ(chat.last_user()->text(), "first");
  Transcript fork = chat;
  chat.add(Message::of(Role::user, "second"));
  EXPECT_EQ(chat.replies(), 0U);
  EXPECT_EQ(chat.last_user()->text(), "second");
  EXPECT_EQ(fork.replies(), 2U);
}

TEST(Transcript, OfManyMessagesEndsWithoutRecursion) {
  Transcript chat;
  Message message = Message::of(Role::assistant, "x");
  for (int i = 0; i < 200'000; ++i) chat.add(message);
  EXPECT_EQ(chat.size(), 200'000U);
  Transcript copy = chat;
  chat = Transcript();
  EXPECT_EQ(copy.replies(), 200'000U);
}

TEST(Messages, GoThroughJsonUnchanged) {
  Message message{.role = Role::assistant,
                  .parts = {Text{"text"}, Media{"id", "image/png"}, Reasoning{"hm", "opaque"},
                            ToolCall{"c1", "book", Json::object({{"flight", "KP811"}})},
                            ToolResult{"c1",
                                       "book",
                                       {.status = Observation::Status::unknown,
                                        .value = Json::object({{"error", "no answer"}}),
                                        .artifact = "abc",
                                        .files = {{.name = "a.csv", .bytes = 7, .artifact = "id"},
                                                  {.name = "b", .left_out = "too large"}},
                                        .label = {.trusted = false}}}},
                  .label = {.confidential = true},
                  .stable = true};
  Result<Message> back = message_from_json(to_json(message));
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_EQ(*back, message);

  Reply reply{.text = "text",
              .calls = {{"c1", "book", Json::object({{"a", 1.5}})}},
              .reasoning = {{"hm", "opaque"}},
              .usage = {10, 5, 3},
              .finish = Finish::length};
  Result<Reply> again = reply_from_json(to_json(reply));
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(*again, reply);
}

TEST(Messages, AnObservationNamesItsFilesAfterItsValue) {
  Observation seen{.value = Json::object({{"rows", 2}}),
                   .files = {{.name = "out/a.csv", .bytes = 7, .artifact = "1f"},
                             {.name = "b", .bytes = 9, .left_out = "at most 16 files"}}};
  EXPECT_EQ(seen.text(),
            "{\"rows\":2}\nFile: \"out/a.csv\", 7 bytes, artifact://1f"
            "\nFile: \"b\", 9 bytes, not kept: at most 16 files");
  seen = {.files = {{.name = "a\", 1 bytes, artifact://2e", .bytes = 7, .artifact = "1f"}}};
  EXPECT_EQ(seen.text(),
            "null\n"
            R"(File: "a\", 1 bytes, artifact://2e", 7 bytes, artifact://1f)");
}

TEST(Messages, SayWhatIsWrongWithJson) {
  auto error = [](std::string_view text) {
    Result<Message> message = message_from_json(*parse_json(text));
    return message ? std::string("none") : message.error().message;
  };
  EXPECT_EQ(error(R"({"role": "boss"})"),
            "role: expected one of system, user, assistant, tool, got \"boss\"");
  EXPECT_THAT(error(R"({"role": "user"})"), testing::HasSubstr("parts: expected an array"));
  EXPECT_THAT(error(R"({"role": "user", "parts": [{"txt": "a"}]})"),
              testing::HasSubstr("expected a part (text, media, reasoning, call or result)"));
  EXPECT_THAT(error(R"({"role": "tool", "parts": [{"result": "c", "observation": {}}]})"),
              testing::HasSubstr("status: expected one of done, failed, unknown, refused"));
}

}  // namespace
}  // namespace ragent
