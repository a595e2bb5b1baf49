#include <model/http/reply_parts.h>

#include <gmock/gmock.h>

namespace ragent::wire {
namespace {

using testing::HasSubstr;

std::unexpected<Error> broken(const std::string& what) {
  return fail(ErrorKind::unavailable, "a broken reply: " + what);
}

TEST(WireEvents, NothingCountsAfterTheEnd) {
  ReplyEvents events(broken);
  std::string seen;
  const auto on_event = [&](const SseEvent& event) -> Result<void> {
    seen += event.data;
    if (event.data == "end") events.end();
    return {};
  };
  ASSERT_TRUE(events.feed("data: a\n\ndata: end\n\ndata: b\n\n", on_event));
  ASSERT_TRUE(events.feed("data: c\n\n", on_event));
  const std::string long_line(limits::kSseEventBytesMax + 1, 'x');
  ASSERT_TRUE(events.feed(long_line, on_event));
  EXPECT_TRUE(events.ended());
  EXPECT_EQ(events.error(), std::nullopt);
  EXPECT_EQ(seen, "aend");
}

TEST(WireEvents, NothingCountsAfterAnError) {
  ReplyEvents events(broken);
  int seen = 0;
  const auto on_event = [&](const SseEvent& event) -> Result<void> {
    ++seen;
    return event.data == "a" ? Result<void>() : broken("it says " + event.data);
  };
  EXPECT_EQ(events.feed("data: a\n\ndata: b\n\ndata: c\n\n", on_event).error().message,
            "a broken reply: it says b");
  EXPECT_FALSE(events.feed("data: a\n\n", on_event));
  EXPECT_FALSE(events.ended());
  EXPECT_EQ(seen, 2);
}

TEST(WireEvents, AreBounded) {
  ReplyEvents events(broken);
  const auto on_event = [](const SseEvent&) -> Result<void> { return {}; };
  const std::string comment(1u << 20, ':');
  Result<void> fed;
  std::size_t bytes = 0;
  for (; fed && bytes <= limits::kResponseBytesMax; bytes += comment.size() + 1) {
    fed = events.feed(comment + "\n", on_event);
  }
  ASSERT_FALSE(fed);
  EXPECT_GT(bytes, limits::kResponseBytesMax);
  EXPECT_THAT(fed.error().message, HasSubstr("a broken reply: it is larger than"));
}

TEST(WireReplies, CountsOfTokensStayInBounds) {
  const Json usage = *parse_json(R"({"a": 7, "b": -7, "c": 9223372036854775807, "d": "x"})");
  EXPECT_EQ(tokens_of(usage, "a"), 7);
  EXPECT_EQ(tokens_of(usage, "b"), 0);
  EXPECT_EQ(tokens_of(usage, "c"), std::int64_t{1} << 40);
  EXPECT_EQ(tokens_of(usage, "d", 3), 3);
  EXPECT_EQ(tokens_of(usage, "e", 3), 3);
}

TEST(WireCalls, ArgumentsAreAJsonObject) {
  EXPECT_EQ(*arguments_of("add", R"( {"a": 1} )"), Json::object({{"a", 1}}));
  EXPECT_EQ(*arguments_of("add", " \n"), Json::object({}));
  for (const char* bad : {"{\"a\": 1", "[1]", "null", "\"{}\"", "1", "{} {}", "{'a': 1}"}) {
    Result<Json> json = arguments_of("add", bad);
    ASSERT_FALSE(json) << bad;
    EXPECT_EQ(json.error().kind, ErrorKind::unavailable);
    EXPECT_THAT(json.error().message, HasSubstr("called add with arguments that are no JSON obj"));
    EXPECT_THAT(json.error().message, HasSubstr(bad));
  }
}

TEST(WireCalls, InPiecesByIndex) {
  CallsInPieces calls;
  EXPECT_TRUE(calls.empty());
  ASSERT_TRUE(calls.add(0, "a", "add", ""));
  ASSERT_TRUE(calls.add(1, "b", "sub", "{"));
  ASSERT_TRUE(calls.add(0, "", "", R"({"x":)"));
  ASSERT_TRUE(calls.add(1, "b", "sub", "}"));
  ASSERT_TRUE(calls.add(0, "", "", "1}"));
  EXPECT_EQ(calls.size(), 2U);
  EXPECT_EQ(*calls.take(), (std::vector<ToolCall>{{"a", "add", Json::object({{"x", 1}})},
                                                  {"b", "sub", Json::object({})}}));
}

TEST(WireCalls, OneIndexForSeveralCalls) {
  CallsInPieces calls;
  ASSERT_TRUE(calls.add(0, "a", "add", "{}"));
  ASSERT_TRUE(calls.add(0, "b", "add", "{"));
  ASSERT_TRUE(calls.add(0, "", "", "}"));
  ASSERT_TRUE(calls.add(0, "", "sub", "{}"));  // whole, without an id
  Result<std::vector<ToolCall>> got = calls.take();
  ASSERT_TRUE(got) << got.error().message;
  ASSERT_EQ(got->size(), 3U);
  EXPECT_EQ((*got)[1].id, "b");
  EXPECT_EQ((*got)[2], (ToolCall{"", "sub", Json::object({})}));
}

TEST(WireCalls, IdsThatAreMissingOrCameTwiceAreEmpty) {
  CallsInPieces calls;
  for (std::int64_t index = 0; index < 4; ++index) {
    ASSERT_TRUE(calls.add(index, index < 2 ? "same" : "", "add", "{}"));
  }
  std::vector<std::string> ids;
  for (const ToolCall& call : *calls.take()) ids.push_back(call.id);
  EXPECT_THAT(ids, testing::ElementsAre("same", "", "", ""));
}

TEST(WireCalls, AreBoundedAndNamed) {
  CallsInPieces calls;
  for (std::size_t i = 0; i < limits::kCallsPerStepMax; ++i) {
    ASSERT_TRUE(calls.add(static_cast<std::int64_t>(i), "", "add", ""));
  }
  EXPECT_EQ(calls.add(1000, "", "add", "").error().kind, ErrorKind::unavailable);
  CallsInPieces large;
  const std::string half(limits::kJsonBytesMax / 2, ' ');
  ASSERT_TRUE(large.add(0, "", "", half));
  EXPECT_EQ(large.add(1, "", "add", half).error().kind, ErrorKind::unavailable);
  CallsInPieces nameless;
  ASSERT_TRUE(nameless.add(0, "a", "", R"({"x": 1})"));
  EXPECT_THAT(nameless.take().error().message, HasSubstr("without saying which"));
}

}  // namespace
}  // namespace ragent::wire
