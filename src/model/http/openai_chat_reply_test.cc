#include <model/http/heard.h>

namespace ragent {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

Heard hear(std::string_view bytes, Hearing as = {}) { return hear(openai_chat(), bytes, as); }

std::string events(std::initializer_list<std::string_view> data) {
  std::string out;
  for (std::string_view each : data) out.append("data: ").append(each).append("\n\n");
  return out;
}

std::string delta(std::string_view json, std::string_view finish = "null") {
  return R"({"object":"chat.completion.chunk","choices":[{"index":0,"delta":)" + std::string(json) +
         R"(,"finish_reason":)" + std::string(finish) + "}]}";
}

// One whole stream of these deltas, ended for the reason.
std::string stream(std::initializer_list<std::string_view> deltas, std::string_view reason) {
  std::string out;
  for (std::string_view each : deltas) out += events({delta(each)});
  return out + events({delta("{}", '"' + std::string(reason) + '"'), "[DONE]"});
}

std::string message(std::string_view json, std::string_view reason = "stop") {
  return R"({"id":"x","choices":[{"index":0,"message":)" + std::string(json) +
         R"(,"finish_reason":")" + std::string(reason) +
         R"("}],"usage":{"prompt_tokens":9,"completion_tokens":3}})";
}

const std::string& text_stream() {
  static const std::string kText =
      ": OPENROUTER PROCESSING\n\n" +
      events({R"({"choices":[],"prompt_filter_results":[{"prompt_index":0}]})",
              delta(R"({"role":"assistant","content":"","refusal":null})"),
              delta(R"({"reasoning_content":"Let me "})"), delta(R"({"reasoning":"see."})"),
              delta(R"({"content":"21 "})"), delta(R"({"content":"degrees: žluťoučký 🛫"})"),
              delta("{}", "\"stop\""),
              R"({"choices":[],"usage":{"prompt_tokens":30,"completion_tokens":12,)"
              R"("total_tokens":42,"prompt_tokens_details":{"cached_tokens":16}}})",
              "[DONE]"});
  return kText;
}

const std::string& call_stream() {
  static const std::string kCalls =
      events({delta(R"({"role":"assistant","content":null,"tool_calls":[{"index":0,"id":"call_a",)"
                    R"("type":"function","function":{"name":"weather","arguments":""}}]})"),
              delta(R"({"tool_calls":[{"index":0,"function":{"arguments":"{\"city\":"}}]})"),
              delta(R"({"tool_calls":[{"index":1,"id":"call_b","type":"function",)"
                    R"("function":{"name":"weather","arguments":"{\"city\":\"Praha\"}"}}]})"),
              delta(R"({"tool_calls":[{"index":0,"function":{"arguments":"\"Brno\"}"}}]})"),
              delta("{}", "\"tool_calls\""),
              R"({"choices":[],"usage":{"prompt_tokens":30,"completion_tokens":12}})", "[DONE]"});
  return kCalls;
}

const std::vector<ToolCall>& two_calls() {
  static const std::vector<ToolCall> kCalls = {
      {"call_a", "weather", Json::object({{"city", "Brno"}})},
      {"call_b", "weather", Json::object({{"city", "Praha"}})}};
  return kCalls;
}

TEST(OpenAiChatReply, StreamedText) {
  const Heard got = hear(text_stream());
  ASSERT_TRUE(got.reply) << got.reply.error().message;
  EXPECT_EQ(*got.reply,
            (Reply{.text = "21 degrees: žluťoučký 🛫",
                   .reasoning = {{"Let me see.", "chat:reasoning_content"}},
                   .usage = {.tokens_input = 30, .tokens_cached = 16, .tokens_output = 12}}));
  EXPECT_EQ(got.text, got.reply->text);
  EXPECT_EQ(got.deltas, "r:Let me  r:see. t:21  t:degrees: žluťoučký 🛫 ");
}

TEST(OpenAiChatReply, StreamedParallelCalls) {
  const Heard got = hear(call_stream());
  ASSERT_TRUE(got.reply) << got.reply.error().message;
  EXPECT_EQ(*got.reply, (Reply{.calls = two_calls(),
                               .usage = {.tokens_input = 30, .tokens_output = 12},
                               .finish = Finish::calls}));
  EXPECT_EQ(got.deltas, "c:weather c:weather ");
}

TEST(OpenAiChatReply, PiecesOfAnySizeAreTheSame) {
  expect_same_in_pieces(openai_chat(), text_stream());
  expect_same_in_pieces(openai_chat(), call_stream());
}

TEST(OpenAiChatReply, CallsCutAtEveryByteAreNeverMade) {
  expect_none_of_a_beginning(openai_chat(), call_stream());
}

TEST(OpenAiChatReply, TextCutAtEveryByteIsWholeOrAnError) {
  const std::string& bytes = text_stream();
  const std::size_t reason = bytes.find("\"stop\"");
  const std::size_t event = bytes.find("\n\n", reason) + 2;   // … of the reason ends
  const std::size_t usage = bytes.find("\n\n", event) + 2;
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    const Heard got = hear(bytes.substr(0, size));
    // Between events, after the reason, the text is known to be whole.
    if (size == event || size == usage) {
      ASSERT_TRUE(got.reply) << size;
      EXPECT_EQ(got.reply->text, "21 degrees: žluťoučký 🛫");
      EXPECT_EQ(got.reply->usage.tokens_output, size == usage ? 12 : 0);
    } else {
      ASSERT_FALSE(got.reply) << size << bytes.substr(0, size);
      EXPECT_EQ(got.reply.error().kind, ErrorKind::unavailable) << size;
    }
  }
}

TEST(OpenAiChatReply, PlainText) {
  const std::string body =
      message(R"({"role":"assistant","content":"Five.","reasoning":"2 + 3","refusal":null})");
  const Heard got = hear(body, kAsJson);
  ASSERT_TRUE(got.reply) << got.reply.error().message;
  EXPECT_EQ(*got.reply, (Reply{.text = "Five.",
                               .reasoning = {{.text = "2 + 3"}},
                               .usage = {.tokens_input = 9, .tokens_output = 3}}));
  EXPECT_EQ(hear(body, {.size = 1, .type = kAsJson.type}).reply, got.reply);
}

TEST(OpenAiChatReply, PlainCallsWholeOrCutAtEveryByte) {
  const std::string body = message(
      R"({"role":"assistant","content":null,"tool_calls":[{"id":"call_a","type":"function",)"
      R"("function":{"name":"weather","arguments":"{\"city\":\"Brno\"}"}},{"id":"call_b",)"
      R"("function":{"name":"weather","arguments":{"city":"Praha"}}}]})",
      "tool_calls");
  const Heard got = hear(body, kAsJson);
  ASSERT_TRUE(got.reply) << got.reply.error().message;
  EXPECT_EQ(got.reply->calls, two_calls());
  EXPECT_EQ(got.reply->finish, Finish::calls);
  expect_none_of_a_beginning(openai_chat(), body, kAsJson);
}

TEST(OpenAiChatReply, CallsWithoutAnIndexOrAllOfOne) {
  const std::string a =
      R"("id":"call_a","function":{"name":"weather","arguments":"{\"city\":\"Brno\"}"}})";
  const std::string b =
      R"("id":"call_b","function":{"name":"weather","arguments":"{\"city\":\"Praha\"}"}})";
  const std::string bare = R"({"tool_calls":[{)" + a + ",{" + b + "]}";
  const std::string zero = R"({"tool_calls":[{"index":0,)" + a + R"(,{"index":0,)" + b + "]}";
  for (const std::string& pieces : {bare, zero}) {
    const Heard got = hear(stream({pieces}, "stop"));
    ASSERT_TRUE(got.reply) << got.reply.error().message;
    EXPECT_EQ(got.reply->calls, two_calls());
    EXPECT_EQ(got.reply->finish, Finish::calls);  // whatever reason was given
  }
  // Pieces that name their call by its id alone, and a call that has no id at all.
  const Heard ids =
      hear(stream({R"({"tool_calls":[{"id":"i","function":{"name":"f","arguments":"{"}}]})",
                   R"({"tool_calls":[{"id":"i","function":{"arguments":"}"}}]})",
                   R"({"tool_calls":[{"function":{"name":"g","arguments":"{"}}]})",
                   R"({"tool_calls":[{"function":{"arguments":"}"}}]})"},
                  "tool_calls"));
  ASSERT_TRUE(ids.reply) << ids.reply.error().message;
  EXPECT_EQ(ids.reply->calls,
            (std::vector<ToolCall>{{"i", "f", Json::object({})}, {"", "g", Json::object({})}}));
}

TEST(OpenAiChatReply, IdsThatCameTwiceAreLeftToTheRuntime) {
  const std::string call = R"({"id":"i","function":{"name":"f","arguments":"{}"}})";
  const Heard got = hear(message(R"({"tool_calls":[)" + call + "," + call + "]}"), kAsJson);
  ASSERT_TRUE(got.reply) << got.reply.error().message;
  ASSERT_EQ(got.reply->calls.size(), 2U);
  EXPECT_EQ(got.reply->calls[0].id, "i");
  EXPECT_EQ(got.reply->calls[1].id, "");
}

TEST(OpenAiChatReply, ArgumentsThatAreNoObjectAreAnError) {
  for (const char* bad : {R"({\"city\": )", R"([1])", R"(\"x\")", "null", "Brno"}) {
    const std::string call =
        R"({"tool_calls":[{"index":0,"id":"i","function":{"name":"f","arguments":")" +
        std::string(bad) + R"("}}]})";
    for (const Heard& got : {hear(stream({call}, "tool_calls")), hear(message(call), kAsJson)}) {
      ASSERT_FALSE(got.reply) << bad;
      EXPECT_EQ(got.reply.error().kind, ErrorKind::unavailable);
    }
  }
}

TEST(OpenAiChatReply, GeminisSignaturesAreKept) {
  const Heard got = hear(
      stream({R"({"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":"{}"}},)"
              R"({"index":1,"id":"b","function":{"name":"f","arguments":"{}"},)"
              R"("extra_content":{"google":{"thought_signature":"s"}}}]})"},
             "tool_calls"));
  ASSERT_TRUE(got.reply) << got.reply.error().message;
  EXPECT_THAT(got.reply->reasoning,
              ElementsAre(Reasoning{
                  .state = R"(chat:extra_content:[null,{"google":{"thought_signature":"s"}}])"}));
}

TEST(OpenAiChatReply, ReasonsToStop) {
  const auto of = [](std::string_view reason, std::string_view json = R"({"content":"x"})") {
    const Heard streamed = hear(stream({json}, reason));
    const Heard plain = hear(message(json, reason), kAsJson);
    EXPECT_EQ(streamed.reply.has_value(), plain.reply.has_value());
    if (streamed.reply) EXPECT_EQ(streamed.reply->finish, plain.reply->finish);
    if (!streamed.reply) EXPECT_EQ(streamed.reply.error().kind, plain.reply.error().kind);
    return streamed.reply;
  };
  EXPECT_EQ(of("stop")->finish, Finish::stop);
  EXPECT_EQ(of("STOP")->finish, Finish::stop);
  EXPECT_EQ(of("eos")->finish, Finish::stop);
  EXPECT_EQ(of("length")->finish, Finish::length);
  EXPECT_EQ(of("content_filter").error().kind, ErrorKind::rejected);
  EXPECT_THAT(of("content_filter").error().message, HasSubstr("content filter"));
  EXPECT_EQ(of("abort").error().kind, ErrorKind::unavailable);
  EXPECT_EQ(of("").error().kind, ErrorKind::unavailable);
  EXPECT_EQ(of("tool_calls").error().kind, ErrorKind::unavailable);
  const std::string half =
      R"({"tool_calls":[{"index":0,"id":"i","function":{"name":"f","arguments":"{}"}}]})";
  EXPECT_EQ(of("length", half).error().kind, ErrorKind::invalid);
  EXPECT_THAT(of("length", half).error().message, HasSubstr("tokens_max"));
  EXPECT_EQ(of("abort", half).error().kind, ErrorKind::unavailable);
}

TEST(OpenAiChatReply, ARefusalIsText) {
  const Heard got = hear(stream({R"({"refusal":"I can"})", R"({"refusal":"not."})"}, "stop"));
  ASSERT_TRUE(got.reply);
  EXPECT_EQ(got.reply->text, "I cannot.");
  EXPECT_EQ(got.text, "I cannot.");
}

TEST(OpenAiChatReply, ContentInParts) {
  const Heard got =
      hear(stream({R"({"content":[{"type":"thinking","thinking":[{"type":"text","text":"Hm."}]}]})",
                   R"({"content":[{"type":"text","text":"Yes"}]})", R"({"content":"."})"},
                  "stop"));
  ASSERT_TRUE(got.reply);
  EXPECT_EQ(got.reply->text, "Yes.");
  EXPECT_EQ(got.deltas, "r:Hm. t:Yes t:. ");
}

TEST(OpenAiChatReply, UsageIsWhatWasSaidAndInBounds) {
  const auto usage = [](std::string_view json) {
    return hear(events({delta("{}", "\"stop\""), json, "[DONE]"})).reply.value().usage;
  };
  EXPECT_EQ(usage("{}"), Usage{});
  EXPECT_EQ(usage(R"({"usage":null})"), Usage{});
  EXPECT_EQ(usage(R"({"x_groq":{"usage":{"prompt_tokens":1,"completion_tokens":2}}})"),
            (Usage{.tokens_input = 1, .tokens_output = 2}));
  EXPECT_EQ(usage(R"({"usage":{"prompt_tokens":7,"prompt_cache_hit_tokens":5}})"),
            (Usage{.tokens_input = 7, .tokens_cached = 5}));
  EXPECT_EQ(usage(R"({"usage":{"prompt_tokens":-7,"completion_tokens":"x",)"
                  R"("prompt_tokens_details":{"cached_tokens":9}}})"),
            Usage{});
}

TEST(OpenAiChatReply, ErrorsInsideAResponse) {
  struct Case {
    std::string_view json;
    ErrorKind kind;
  };
  for (const Case& one :
       {Case{R"({"error":{"message":"slow down","code":"rate_limit_exceeded"}})",
             ErrorKind::unavailable},
        Case{R"({"error":{"message":"gone","code":502},"choices":[{"index":0,"delta":{},)"
             R"("finish_reason":"error"}]})",
             ErrorKind::unavailable},
        Case{R"({"error":"out of memory"})", ErrorKind::unavailable},
        Case{R"({"object":"error","message":"too long","type":"BadRequestError","code":400})",
             ErrorKind::invalid},
        Case{R"([{"error":{"code":401,"message":"no key"}}])", ErrorKind::rejected},
        Case{R"({"choices":[{"index":0,"error":{"code":403,"message":"no"}}]})",
             ErrorKind::rejected}}) {
    for (const Heard& got :
         {hear(events({delta(R"({"content":"x"})"), one.json})), hear(one.json, kAsJson)}) {
      ASSERT_FALSE(got.reply) << one.json;
      EXPECT_EQ(got.reply.error().kind, one.kind) << one.json;
      EXPECT_THAT(got.reply.error().message, HasSubstr("reported an error: "));
    }
  }
  const Heard named = hear("event: error\ndata: the backend is gone\n\n");
  EXPECT_THAT(named.reply.error().message, HasSubstr("the backend is gone"));
}

TEST(OpenAiChatReply, NothingCountsAfterAnError) {
  const Heard got = hear(events({delta(R"({"content":"x"})"), "{\"choices\"", "{}"}) +
                             stream({R"({"content":"y"})"}, "stop"),
                         {.size = 1});
  ASSERT_FALSE(got.reply);
  EXPECT_EQ(got.reply.error().kind, ErrorKind::unavailable);
  EXPECT_THAT(got.reply.error().message, HasSubstr("{\"choices\""));
  EXPECT_EQ(got.text, "x");
}

TEST(OpenAiChatReply, WhatIsNoReply) {
  for (std::string_view body :
       {"", "<html>", "[]", "{}", "1", R"({"choices":[]})", R"({"choices":[{}]})",
        R"({"choices":[1]})", R"({"choices":{"0":{}}})"}) {
    const Heard plain = hear(body, kAsJson);
    ASSERT_FALSE(plain.reply) << body;
    EXPECT_EQ(plain.reply.error().kind, ErrorKind::unavailable) << body;
    const Heard streamed = hear(events({body, "[DONE]"}));
    ASSERT_FALSE(streamed.reply) << body;
    EXPECT_EQ(streamed.reply.error().kind, ErrorKind::unavailable) << body;
  }
  const Heard bytes = hear(stream({"{\"content\":\"\xff\"}"}, "stop"));
  ASSERT_FALSE(bytes.reply);
  EXPECT_THAT(bytes.reply.error().message, HasSubstr("\\xff"));
}

TEST(OpenAiChatReply, OneChoiceWasAskedFor) {
  const Heard got = hear(
      events({delta(R"({"content":"a"})"),
              R"({"choices":[{"index":1,"delta":{"content":"b"},"finish_reason":"stop"}]})",
              delta(R"({"content":"c"})", "\"stop\""), "[DONE]", delta(R"({"content":"d"})")}));
  ASSERT_TRUE(got.reply);
  EXPECT_EQ(got.reply->text, "ac");
}

TEST(OpenAiChatReply, IsBounded) {
  const std::string line = "data: " + std::string(limits::kSseEventBytesMax, 'x');
  const Heard large = hear(line);
  ASSERT_FALSE(large.reply);
  EXPECT_EQ(large.reply.error().kind, ErrorKind::unavailable);
  const Heard body = hear(std::string(limits::kJsonBytesMax + 1, ' ') + message("{}"), kAsJson);
  ASSERT_FALSE(body.reply);
  EXPECT_THAT(body.reply.error().message, HasSubstr("larger than"));
  EXPECT_LT(body.reply.error().message.size(), 1000U);
}

}  // namespace
}  // namespace ragent
