#include <model/http/anthropic.h>

#include <model/http/heard.h>

namespace ragent {
namespace {

using testing::HasSubstr;

Heard hear(std::string_view bytes, Hearing as = {}) { return hear(anthropic(), bytes, as); }

Heard hear_plain(std::string_view body) { return hear(body, kAsJson); }

std::string event(std::string_view data) {
  const std::size_t begin = data.find(R"("type":")") + 8;
  const std::string type(data.substr(begin, data.find('"', begin) - begin));
  return "event: " + type + "\ndata: " + std::string(data) + "\n\n";
}

const std::string kStart =
    event(R"({"type":"message_start","message":{"role":"assistant","content":[],"usage":)"
          R"({"input_tokens":10,"cache_creation_input_tokens":20,"cache_read_input_tokens":30,)"
          R"("output_tokens":1}}})");
const std::string kStop = event(R"({"type":"message_stop"})");

std::string begin(int index, std::string_view block) {
  return event(R"({"type":"content_block_start","index":)" + std::to_string(index) +
               R"(,"content_block":)" + std::string(block) + "}");
}
std::string piece(int index, std::string_view delta) {
  return event(R"({"type":"content_block_delta","index":)" + std::to_string(index) +
               R"(,"delta":)" + std::string(delta) + "}");
}
std::string end(int index) {
  return event(R"({"type":"content_block_stop","index":)" + std::to_string(index) + "}");
}
std::string reason(std::string_view stop_reason) {
  return event(R"({"type":"message_delta","delta":{"stop_reason":)" + std::string(stop_reason) +
               R"(},"usage":{"output_tokens":44}})");
}
std::string text(int index, std::string_view words) {
  return begin(index, R"({"type":"text","text":""})") +
         piece(index, R"({"type":"text_delta","text":")" + std::string(words) + "\"}") + end(index);
}
std::string tool(int index, std::string_view id, std::string_view name,
                 const std::vector<std::string>& pieces) {
  std::string out = begin(index, R"({"type":"tool_use","id":")" + std::string(id) +
                                     R"(","name":")" + std::string(name) + R"(","input":{}})");
  for (const std::string& json : pieces) {
    out +=
        piece(index, Json::object({{"type", "input_json_delta"}, {"partial_json", json}}).dump());
  }
  return out + end(index);
}

// Thinking, text, thinking again, two calls; what is to be ignored between.
std::string full() {
  return kStart + begin(0, R"({"type":"thinking","thinking":"","signature":""})") +
         event(R"({"type":"ping"})") + piece(0, R"({"type":"thinking_delta","thinking":"H"})") +
         piece(0, R"({"type":"thinking_delta","thinking":"m"})") +
         piece(0, R"({"type":"signature_delta","signature":"s1"})") + end(0) +
         ": a comment\n\nevent: brand_new\ndata: not JSON\n\n" +
         event(R"({"type":"later","x":1})") + text(1, "caf\xC3\xA9") +
         begin(2, R"({"type":"redacted_thinking","data":"zz"})") + end(2) +
         begin(3, R"({"type":"server_tool_use","id":"x"})") +
         piece(3, R"({"type":"input_json_delta","partial_json":"{"})") + end(3) +
         tool(4, "toolu_1", "add", {"", R"({"a": 2,)", R"( "b": 3})"}) +
         tool(5, "toolu_2", "now", {}) + reason(R"("tool_use")") + kStop;
}

Reply expected_full() {
  return {
      .text = "caf\xC3\xA9",
      .calls = {{"toolu_1", "add", Json::object({{"a", 2}, {"b", 3}})},
                {"toolu_2", "now", Json::object({})}},
      .reasoning = {{"Hm", R"(anthropic:{"type":"thinking","thinking":"Hm","signature":"s1"})"},
                    {"", R"(anthropic@5,0:{"type":"redacted_thinking","data":"zz"})"}},
      .usage = {.tokens_input = 60, .tokens_cached = 30, .tokens_output = 44, .tokens_written = 20},
      .finish = Finish::calls};
}

TEST(AnthropicReply, IsTheSameInPiecesOfAnySize) {
  const std::string bytes = full();
  const Heard whole = hear(bytes);
  ASSERT_TRUE(whole.reply) << whole.reply.error().message;
  EXPECT_EQ(*whole.reply, expected_full());
  EXPECT_EQ(whole.deltas, "r:H r:m t:caf\xC3\xA9 c:add c:now ");
  expect_same_in_pieces(anthropic(), bytes);
}

TEST(AnthropicReply, CutAtAnyByteIsAnError) { expect_none_of_a_beginning(anthropic(), full()); }

TEST(AnthropicReply, NothingAfterTheEndCounts) {
  const Heard heard =
      hear(full() + "data: [DONE]\n\n" + kStart + std::string(limits::kSseEventBytesMax + 1, 'x'));
  ASSERT_TRUE(heard.reply) << heard.reply.error().message;
  EXPECT_EQ(*heard.reply, expected_full());
}

constexpr std::string_view kPlain =
    R"({"id":"msg_1","type":"message","role":"assistant","content":[)"
    R"({"type":"thinking","thinking":"Hm","signature":"s1"},{"type":"text","text":"café"},)"
    R"({"type":"redacted_thinking","data":"zz"},)"
    R"({"type":"tool_use","id":"toolu_1","name":"add","input":{"a":2,"b":3}},)"
    R"({"type":"tool_use","id":"toolu_2","name":"now","input":{}}],"stop_reason":"tool_use",)"
    R"("usage":{"input_tokens":10,"cache_creation_input_tokens":20,)"
    R"("cache_read_input_tokens":30,"output_tokens":44}})";

TEST(AnthropicReply, PlainSaysTheSame) {
  const Heard plain = hear_plain(kPlain);
  ASSERT_TRUE(plain.reply) << plain.reply.error().message;
  EXPECT_EQ(*plain.reply, expected_full());
  EXPECT_EQ(plain.deltas, "");
  expect_none_of_a_beginning(anthropic(), kPlain, kAsJson);
  for (std::string_view odd : {"[]", "{}", "null", R"({"content":[],"stop_reason":null})",
                               R"({"content":{},"stop_reason":"end_turn"})"}) {
    EXPECT_FALSE(hear_plain(odd).reply) << odd;
  }
}

TEST(AnthropicReply, EveryReasonToStop) {
  const auto said = [](std::string_view stop_reason, const std::string& content) {
    return hear(kStart + content + reason(stop_reason) + kStop).reply;
  };
  const std::string words = text(0, "So"), call = tool(1, "c1", "add", {R"({"a":1})"});
  for (std::string_view stop : {R"("end_turn")", R"("stop_sequence")"}) {
    EXPECT_EQ(said(stop, words)->finish, Finish::stop);
    EXPECT_EQ(said(stop, words + call)->finish, Finish::calls);
    EXPECT_EQ(said(stop, "")->text, "");
  }
  EXPECT_EQ(said(R"("tool_use")", words + call)->calls.size(), 1U);
  EXPECT_EQ(said(R"("tool_use")", words).error().kind, ErrorKind::unavailable);
  for (std::string_view stop : {R"("max_tokens")", R"("model_context_window_exceeded")"}) {
    EXPECT_EQ(said(stop, words)->finish, Finish::length);
    EXPECT_EQ(said(stop, words + call).error().kind, ErrorKind::invalid);
  }
  EXPECT_THAT(said(R"("max_tokens")", call).error().message, HasSubstr("raise tokens_max"));
  EXPECT_EQ(said(R"("refusal")", words).error().kind, ErrorKind::rejected);
  for (std::string_view stop : {R"("pause_turn")", R"("brand_new")", "null", "7"}) {
    EXPECT_EQ(said(stop, words + call).error().kind, ErrorKind::unavailable) << stop;
  }
}

TEST(AnthropicReply, ACutCallIsNoCall) {
  const Heard heard =
      hear(kStart + tool(0, "c1", "add", {R"({"a": 1)"}) + reason(R"("max_tokens")") + kStop);
  EXPECT_EQ(heard.reply.error().kind, ErrorKind::invalid);
  const Heard broken =
      hear(kStart + tool(0, "c1", "add", {R"({"a": 1)"}) + reason(R"("tool_use")") + kStop);
  EXPECT_EQ(broken.reply.error().kind, ErrorKind::unavailable);
}

TEST(AnthropicReply, AnAnswerToolIsTheText) {
  const std::vector<std::string> pieces = {"", R"({"sum": 5,)", R"( "kind": "odd"})"};
  const Heard heard =
      hear(kStart + tool(0, "c1", kAnswerTool, pieces) + reason(R"("tool_use")") + kStop);
  ASSERT_TRUE(heard.reply) << heard.reply.error().message;
  EXPECT_EQ(heard.reply->text, R"({"sum": 5, "kind": "odd"})");
  EXPECT_EQ(heard.text, heard.reply->text);
  EXPECT_EQ(heard.reply->finish, Finish::stop);
  EXPECT_TRUE(heard.reply->calls.empty());
  const Heard both = hear(kStart + tool(0, "c1", kAnswerTool, pieces) +
                          tool(1, "c2", "add", {"{}"}) + reason(R"("tool_use")") + kStop);
  EXPECT_EQ(both.reply->finish, Finish::calls);
  EXPECT_EQ(both.reply->calls.size(), 1U);
  const Heard cut =
      hear(kStart + tool(0, "c1", kAnswerTool, {R"({"sum)"}) + reason(R"("max_tokens")") + kStop);
  EXPECT_EQ(cut.reply->finish, Finish::length);
  const Heard broken =
      hear(kStart + tool(0, "c1", kAnswerTool, {R"({"sum)"}) + reason(R"("tool_use")") + kStop);
  EXPECT_EQ(broken.reply.error().kind, ErrorKind::unavailable);
}

TEST(AnthropicReply, AWrappedAnswerIsUnwrapped) {
  const Heard heard = hear(kStart + tool(0, "c1", kValueTool, {R"({"value": [1,)", " 2]}"}) +
                           reason(R"("tool_use")") + kStop);
  ASSERT_TRUE(heard.reply) << heard.reply.error().message;
  EXPECT_EQ(heard.reply->text, "[1,2]");
  EXPECT_EQ(heard.text, "[1,2]");
  const Heard plain =
      hear_plain(R"({"content":[{"type":"tool_use","id":"c","name":"final-answer-value",)"
                 R"("input":{"value":7}}],)"
                 R"("stop_reason":"tool_use"})");
  EXPECT_EQ(plain.reply->text, "7");
}

TEST(AnthropicReply, ErrorEventsHaveTheirKind) {
  const auto failed = [](std::string_view type) {
    const std::string error =
        R"({"type":"error","error":{"type":")" + std::string(type) + R"(","message":"Oh"}})";
    const Error streamed = hear(kStart + text(0, "Hi") + event(error)).reply.error();
    EXPECT_EQ(hear_plain(error).reply.error(), streamed);
    EXPECT_THAT(streamed.message, HasSubstr("Oh"));
    return streamed.kind;
  };
  EXPECT_EQ(failed("overloaded_error"), ErrorKind::unavailable);
  EXPECT_EQ(failed("api_error"), ErrorKind::unavailable);
  EXPECT_EQ(failed("rate_limit_error"), ErrorKind::unavailable);
  EXPECT_EQ(failed("invalid_request_error"), ErrorKind::invalid);
  EXPECT_EQ(failed("authentication_error"), ErrorKind::rejected);
  EXPECT_EQ(hear("event: error\ndata: {}\n\n").reply.error().kind, ErrorKind::unavailable);
}

TEST(AnthropicReply, WhatIsOutOfOrderIsAnError) {
  const std::string block = R"({"type":"text","text":""})";
  const std::string tail = reason(R"("end_turn")") + kStop;
  for (const std::string& bytes : {
           text(0, "no start") + tail,
           kStart + kStart + tail,
           kStart + begin(0, block) + tail,                                // not ended
           kStart + begin(0, block) + begin(1, block) + end(1) + tail,     // two at once
           kStart + begin(0, block) + piece(1, block) + end(0) + tail,     // of another
           kStart + end(0) + tail,                                         // of none
           kStart + text(0, "no reason") + kStop,
           kStart + event("{\"type\":\"message_delta\",") + kStop,
           kStart + tool(0, "c", "", {"{}"}) + reason(R"("tool_use")") + kStop,
           kStart + tool(0, "c", "add", {"[1]"}) + reason(R"("tool_use")") + kStop,
       }) {
    const Heard heard = hear(bytes);
    ASSERT_FALSE(heard.reply) << bytes;
    EXPECT_EQ(heard.reply.error().kind, ErrorKind::unavailable) << heard.reply.error().message;
  }
}

TEST(AnthropicReply, IsBounded) {
  std::string calls = kStart;
  for (int i = 0; i <= static_cast<int>(limits::kCallsPerStepMax); ++i) {
    calls += tool(i, "c" + std::to_string(i), "add", {});
  }
  EXPECT_EQ(hear(calls).reply.error().kind, ErrorKind::unavailable);
  const std::string much(1u << 20, 'x');
  std::string words = kStart + begin(0, R"({"type":"text","text":""})");
  for (int i = 0; i < 17; ++i) words += piece(0, R"({"type":"text_delta","text":")" + much + "\"}");
  EXPECT_THAT(hear(words).reply.error().message, HasSubstr("bytes of content"));
  EXPECT_EQ(hear("data: " + std::string(limits::kSseEventBytesMax + 1, 'x')).reply.error().kind,
            ErrorKind::unavailable);
}

TEST(AnthropicReply, OddCountsOfTokensDoNoHarm) {
  const Heard heard = hear_plain(
      R"({"content":[],"stop_reason":"end_turn","usage":{"input_tokens":9223372036854775807,)"
      R"("cache_read_input_tokens":9223372036854775807,"output_tokens":-5}})");
  ASSERT_TRUE(heard.reply);
  EXPECT_LE(heard.reply->usage.tokens_cached, heard.reply->usage.tokens_input);
  EXPECT_EQ(heard.reply->usage.tokens_output, 0);
}

TEST(AnthropicReply, AnotherTypeOfContentIsNoSuchEndpoint) {
  EXPECT_EQ(hear("<html>", {.size = 1, .type = "text/html"}).reply.error().kind,
            ErrorKind::unavailable);
  EXPECT_FALSE(anthropic().reader({}));
}

TEST(AnthropicReply, NothingCountsAfterAnError) {
  DeltaSink sink = [](const Delta&) {};
  auto reader = anthropic_reader(true);
  EXPECT_FALSE(reader->feed(kStart + "data: no JSON\n\n", sink));
  EXPECT_FALSE(reader->feed(text(0, "more") + reason(R"("end_turn")") + kStop, sink));
  EXPECT_FALSE(reader->finish());
  auto body = anthropic_reader(false);
  EXPECT_FALSE(body->feed(std::string(limits::kJsonBytesMax + 1, ' '), sink));
  EXPECT_FALSE(body->feed(kPlain, sink));
  EXPECT_FALSE(body->finish());
}

}  // namespace
}  // namespace ragent
