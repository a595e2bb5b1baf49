#include <model/http/dialect.h>

#include <gmock/gmock.h>

namespace ragent {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using Kind = Delta::Kind;

constexpr const char* kStreamed = "text/event-stream; charset=utf-8";
constexpr const char* kPlain = "application/json";

struct Read {
  Result<Reply> reply = Reply{};
  std::string text = {};       // of the deltas
  std::string reasoning = {};
  std::vector<std::string> calls = {};
};

// What comes of a response whose bytes come in pieces of `size`.
Read read(std::string_view bytes, const char* type, std::size_t size = 1u << 20) {
  Read out;
  const DeltaSink deltas = [&](const Delta& delta) {
    if (delta.kind == Kind::text) out.text += delta.text;
    if (delta.kind == Kind::reasoning) out.reasoning += delta.text;
    if (delta.kind == Kind::call) out.calls.push_back(delta.text);
  };
  std::unique_ptr<ReplyReader> reader =
      std::move(*openai_chat().reader({.headers = {{"content-type", type}}}));
  for (; !bytes.empty(); bytes.remove_prefix(std::min(size, bytes.size()))) {
    Result<void> fed = reader->feed(bytes.substr(0, size), deltas);
    if (fed) continue;
    EXPECT_EQ(reader->finish().error(), fed.error());  // what failed stays so
    out.reply = fail(fed.error());
    return out;
  }
  out.reply = reader->finish();
  return out;
}

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
  const Read got = read(text_stream(), kStreamed);
  ASSERT_TRUE(got.reply) << got.reply.error().message;
  EXPECT_EQ(*got.reply,
            (Reply{.text = "21 degrees: žluťoučký 🛫",
                   .reasoning = {{"Let me see.", "chat:reasoning_content"}},
                   .usage = {.tokens_input = 30, .tokens_cached = 16, .tokens_output = 12}}));
  EXPECT_EQ(got.text, got.reply->text);
  EXPECT_EQ(got.reasoning, "Let me see.");
}

TEST(OpenAiChatReply, StreamedParallelCalls) {
  const Read got = read(call_stream(), kStreamed);
  ASSERT_TRUE(got.reply) << got.reply.error().message;
  EXPECT_EQ(*got.reply, (Reply{.calls = two_calls(),
                               .usage = {.tokens_input = 30, .tokens_output = 12},
                               .finish = Finish::calls}));
  EXPECT_THAT(got.calls, ElementsAre("weather", "weather"));
}

TEST(OpenAiChatReply, PiecesOfAnySizeAreTheSame) {
  for (const std::string& bytes : {text_stream(), call_stream()}) {
    const Read whole = read(bytes, kStreamed);
    for (std::size_t size : {1, 2, 3, 7, 64}) {
      const Read got = read(bytes, kStreamed, size);
      EXPECT_EQ(got.reply, whole.reply);
      EXPECT_EQ(got.text, whole.text);
      EXPECT_EQ(got.calls, whole.calls);
    }
  }
}

TEST(OpenAiChatReply, CallsCutAtEveryByteAreNeverMade) {
  for (std::size_t size = 0; size < call_stream().size(); ++size) {
    const Read got = read(call_stream().substr(0, size), kStreamed);
    ASSERT_FALSE(got.reply) << size;
    EXPECT_EQ(got.reply.error().kind, ErrorKind::unavailable) << size;
  }
}

TEST(OpenAiChatReply, TextCutAtEveryByteIsWholeOrAnError) {
  const std::string& bytes = text_stream();
  const std::size_t reason = bytes.find("\"stop\"");
  const std::size_t event = bytes.find("\n\n", reason) + 2;   // … of the reason ends
  const std::size_t usage = bytes.find("\n\n", event) + 2;
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    const Read got = read(bytes.substr(0, size), kStreamed);
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
  const Read got = read(body, kPlain);
  ASSERT_TRUE(got.reply) << got.reply.error().message;
  EXPECT_EQ(*got.reply, (Reply{.text = "Five.",
                               .reasoning = {{.text = "2 + 3"}},
                               .usage = {.tokens_input = 9, .tokens_output = 3}}));
  EXPECT_EQ(read(body, kPlain, 1).reply, got.reply);
}

TEST(OpenAiChatReply, PlainCallsWholeOrCutAtEveryByte) {
  const std::string body = message(
      R"({"role":"assistant","content":null,"tool_calls":[{"id":"call_a","type":"function",)"
      R"("function":{"name":"weather","arguments":"{\"city\":\"Brno\"}"}},{"id":"call_b",)"
      R"("function":{"name":"weather","arguments":{"city":"Praha"}}}]})",
      "tool_calls");
  const Read got = read(body, kPlain);
  ASSERT_TRUE(got.reply) << got.reply.error().message;
  EXPECT_EQ(got.reply->calls, two_calls());
  EXPECT_EQ(got.reply->finish, Finish::calls);
  for (std::size_t size = 0; size < body.size(); ++size) {
    const Read cut = read(body.substr(0, size), kPlain);
    ASSERT_FALSE(cut.reply) << size;
    EXPECT_EQ(cut.reply.error().kind, ErrorKind::unavailable);
  }
}

TEST(OpenAiChatReply, CallsWithoutAnIndexOrAllOfOne) {
  const std::string a =
      R"("id":"call_a","function":{"name":"weather","arguments":"{\"city\":\"Brno\"}"}})";
  const std::string b =
      R"("id":"call_b","function":{"name":"weather","arguments":"{\"city\":\"Praha\"}"}})";
  const std::string bare = R"({"tool_calls":[{)" + a + ",{" + b + "]}";
  const std::string zero = R"({"tool_calls":[{"index":0,)" + a + R"(,{"index":0,)" + b + "]}";
  for (const std::string& pieces : {bare, zero}) {
    const Read got = read(stream({pieces}, "stop"), kStreamed);
    ASSERT_TRUE(got.reply) << got.reply.error().message;
    EXPECT_EQ(got.reply->calls, two_calls());
    EXPECT_EQ(got.reply->finish, Finish::calls);  // whatever reason was given
  }
  // Pieces that name their call by its id alone, and a call that has no id at all.
  const Read ids =
      read(stream({R"({"tool_calls":[{"id":"i","function":{"name":"f","arguments":"{"}}]})",
                   R"({"tool_calls":[{"id":"i","function":{"arguments":"}"}}]})",
                   R"({"tool_calls":[{"function":{"name":"g","arguments":"{"}}]})",
                   R"({"tool_calls":[{"function":{"arguments":"}"}}]})"},
                  "tool_calls"),
           kStreamed);
  ASSERT_TRUE(ids.reply) << ids.reply.error().message;
  EXPECT_EQ(ids.reply->calls,
            (std::vector<ToolCall>{{"i", "f", Json::object({})}, {"", "g", Json::object({})}}));
}

TEST(OpenAiChatReply, IdsThatCameTwiceAreLeftToTheRuntime) {
  const std::string call = R"({"id":"i","function":{"name":"f","arguments":"{}"}})";
  const Read got = read(message(R"({"tool_calls":[)" + call + "," + call + "]}"), kPlain);
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
    for (const Read& got :
         {read(stream({call}, "tool_calls"), kStreamed), read(message(call), kPlain)}) {
      ASSERT_FALSE(got.reply) << bad;
      EXPECT_EQ(got.reply.error().kind, ErrorKind::unavailable);
    }
  }
}

TEST(OpenAiChatReply, GeminisSignaturesAreKept) {
  const Read got = read(
      stream({R"({"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":"{}"}},)"
              R"({"index":1,"id":"b","function":{"name":"f","arguments":"{}"},)"
              R"("extra_content":{"google":{"thought_signature":"s"}}}]})"},
             "tool_calls"),
      kStreamed);
  ASSERT_TRUE(got.reply) << got.reply.error().message;
  EXPECT_THAT(got.reply->reasoning,
              ElementsAre(Reasoning{
                  .state = R"(chat:extra_content:[null,{"google":{"thought_signature":"s"}}])"}));
}

TEST(OpenAiChatReply, ReasonsToStop) {
  const auto of = [](std::string_view reason, std::string_view json = R"({"content":"x"})") {
    const Read streamed = read(stream({json}, reason), kStreamed);
    const Read plain = read(message(json, reason), kPlain);
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
  const Read got =
      read(stream({R"({"refusal":"I can"})", R"({"refusal":"not."})"}, "stop"), kStreamed);
  ASSERT_TRUE(got.reply);
  EXPECT_EQ(got.reply->text, "I cannot.");
  EXPECT_EQ(got.text, "I cannot.");
}

TEST(OpenAiChatReply, ContentInParts) {
  const Read got =
      read(stream({R"({"content":[{"type":"thinking","thinking":[{"type":"text","text":"Hm."}]}]})",
                   R"({"content":[{"type":"text","text":"Yes"}]})", R"({"content":"."})"},
                  "stop"),
           kStreamed);
  ASSERT_TRUE(got.reply);
  EXPECT_EQ(got.reply->text, "Yes.");
  EXPECT_EQ(got.reasoning, "Hm.");
}

TEST(OpenAiChatReply, UsageIsWhatWasSaidAndInBounds) {
  const auto usage = [](std::string_view json) {
    return read(events({delta("{}", "\"stop\""), json, "[DONE]"}), kStreamed).reply->usage;
  };
  EXPECT_EQ(usage("{}"), Usage{});
  EXPECT_EQ(usage(R"({"usage":null})"), Usage{});
  EXPECT_EQ(usage(R"({"x_groq":{"usage":{"prompt_tokens":1,"completion_tokens":2}}})"),
            (Usage{.tokens_input = 1, .tokens_output = 2}));
  EXPECT_EQ(usage(R"({"usage":{"prompt_tokens":7,"prompt_cache_hit_tokens":5}})"),
            (Usage{.tokens_input = 7, .tokens_cached = 5}));
  EXPECT_EQ(usage(R"({"usage":{"prompt_tokens":-7,"completion_tokens":"x",
                      "prompt_tokens_details":{"cached_tokens":9}}})"),
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
    for (const Read& got : {read(events({delta(R"({"content":"x"})"), one.json}), kStreamed),
                            read(one.json, kPlain)}) {
      ASSERT_FALSE(got.reply) << one.json;
      EXPECT_EQ(got.reply.error().kind, one.kind) << one.json;
      EXPECT_THAT(got.reply.error().message, HasSubstr("reported an error: "));
    }
  }
  const Read named = read("event: error\ndata: the backend is gone\n\n", kStreamed);
  EXPECT_THAT(named.reply.error().message, HasSubstr("the backend is gone"));
}

TEST(OpenAiChatReply, NothingCountsAfterAnError) {
  const Read got = read(events({delta(R"({"content":"x"})"), "{\"choices\"", "{}"}) +
                            stream({R"({"content":"y"})"}, "stop"),
                        kStreamed, 1);
  ASSERT_FALSE(got.reply);
  EXPECT_EQ(got.reply.error().kind, ErrorKind::unavailable);
  EXPECT_THAT(got.reply.error().message, HasSubstr("{\"choices\""));
  EXPECT_EQ(got.text, "x");
}

TEST(OpenAiChatReply, WhatIsNoReply) {
  for (std::string_view body :
       {"", "<html>", "[]", "{}", "1", R"({"choices":[]})", R"({"choices":[{}]})",
        R"({"choices":[1]})", R"({"choices":{"0":{}}})"}) {
    const Read plain = read(body, kPlain);
    ASSERT_FALSE(plain.reply) << body;
    EXPECT_EQ(plain.reply.error().kind, ErrorKind::unavailable) << body;
    const Read streamed = read(events({body, "[DONE]"}), kStreamed);
    ASSERT_FALSE(streamed.reply) << body;
    EXPECT_EQ(streamed.reply.error().kind, ErrorKind::unavailable) << body;
  }
  const Read bytes = read(stream({"{\"content\":\"\xff\"}"}, "stop"), kStreamed);
  ASSERT_FALSE(bytes.reply);
  EXPECT_THAT(bytes.reply.error().message, HasSubstr("\\xff"));
}

TEST(OpenAiChatReply, OneChoiceWasAskedFor) {
  const Read got =
      read(events({delta(R"({"content":"a"})"),
                   R"({"choices":[{"index":1,"delta":{"content":"b"},"finish_reason":"stop"}]})",
                   delta(R"({"content":"c"})", "\"stop\""), "[DONE]", delta(R"({"content":"d"})")}),
           kStreamed);
  ASSERT_TRUE(got.reply);
  EXPECT_EQ(got.reply->text, "ac");
}

TEST(OpenAiChatReply, IsBounded) {
  const std::string line = "data: " + std::string(limits::kSseEventBytesMax, 'x');
  const Read large = read(line, kStreamed);
  ASSERT_FALSE(large.reply);
  EXPECT_EQ(large.reply.error().kind, ErrorKind::unavailable);
  const Read body = read(std::string(limits::kJsonBytesMax + 1, ' ') + message("{}"), kPlain);
  ASSERT_FALSE(body.reply);
  EXPECT_THAT(body.reply.error().message, HasSubstr("larger than"));
  EXPECT_LT(body.reply.error().message.size(), 1000U);
}

}  // namespace
}  // namespace ragent
