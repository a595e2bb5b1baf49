#include <model/http/openai_responses.h>

#include <model/http/heard.h>

namespace ragent {
namespace {

using testing::HasSubstr;

Heard hear(std::string_view bytes, Hearing as = {}) { return hear(openai_responses(), bytes, as); }

Heard hear_plain(std::string_view body) { return hear(body, kAsJson); }

std::string event(std::string_view type, std::string_view members) {
  return "event: " + std::string(type) + "\ndata: {\"type\":\"" + std::string(type) + "\"" +
         std::string(members) + "}\n\n";
}

// The last event of a stream, with a response of these items.
std::string response(std::string_view status, std::string_view output,
                     std::string_view more = R"("error":null)") {
  return R"({"object":"response","status":")" + std::string(status) + R"(","output":[)" +
         std::string(output) + R"(],"usage":{"input_tokens":60,"input_tokens_details":)" +
         R"({"cached_tokens":30},"output_tokens":44},)" + std::string(more) + "}";
}
std::string last(std::string_view status, std::string_view output,
                 std::string_view more = R"("error":null)") {
  return event("response." + std::string(status),
               ",\"response\":" + response(status, output, more));
}

constexpr std::string_view kMessage =
    R"({"type":"message","role":"assistant","status":"completed","content":[)"
    R"({"type":"output_text","text":"caf","annotations":[]},)"
    R"({"type":"output_text","text":"é","annotations":[]}]})";
constexpr std::string_view kCall =
    R"({"type":"function_call","id":"fc_1","call_id":"call_1","name":"add",)"
    R"("arguments":"{\"a\": 2}","status":"completed"})";

const std::string kOutput =
    R"({"type":"reasoning","id":"rs_1","summary":[{"type":"summary_text","text":"H"},)"
    R"({"type":"summary_text","text":"m"}],"encrypted_content":"e1"},)"
    R"({"type":"web_search_call","id":"ws_1"},)" +
    std::string(kMessage) +
    R"(,{"type":"reasoning","id":"rs_2","summary":[],"content":[{"type":"reasoning_text",)"
    R"("text":"So"}]},)" +
    std::string(kCall) +
    R"(,{"type":"function_call","call_id":"call_2","name":"now","arguments":""})";

std::string full() {
  return event("response.created", R"(,"response":{"status":"in_progress"})") +
         event("response.reasoning_summary_text.delta", R"(,"delta":"H")") +
         event("response.reasoning_text.delta", R"(,"delta":"m")") + ": a comment\n\n" +
         event("response.brand_new", R"(,"delta":"x")") + "event: keepalive\ndata: no JSON\n\n" +
         event("response.output_text.delta", R"(,"delta":"caf")") +
         event("response.output_text.delta", R"(,"delta":"é")") +
         event("response.refusal.delta", R"(,"delta":"No.")") +
         event("response.output_item.added", ",\"item\":" + std::string(kCall)) +
         event("response.function_call_arguments.delta", R"(,"delta":"{\"a\"")") +
         event("response.function_call_arguments.done", R"(,"arguments":"{\"a\": 99}")") +
         event("response.output_item.done", ",\"item\":" + std::string(kCall)) +
         last("completed", kOutput);
}

Reply expected_full() {
  return {
      .text = "café",
      .calls = {{"call_1", "add", Json::object({{"a", 2}})}, {"call_2", "now", Json::object({})}},
      .reasoning = {{"H\n\nm", R"(responses:{"type":"reasoning","id":"rs_1","summary":[)"
                               R"({"type":"summary_text","text":"H"},{"type":"summary_text",)"
                               R"("text":"m"}],"encrypted_content":"e1"})"},
                    {"So", ""}},
      .usage = {.tokens_input = 60, .tokens_cached = 30, .tokens_output = 44},
      .finish = Finish::calls};
}

TEST(ResponsesReply, IsTheSameInPiecesOfAnySize) {
  const std::string bytes = full();
  const Heard whole = hear(bytes);
  ASSERT_TRUE(whole.reply) << whole.reply.error().message;
  EXPECT_EQ(*whole.reply, expected_full());
  EXPECT_EQ(whole.deltas, "r:H r:m t:caf t:é t:No. c:add ");
  expect_same_in_pieces(openai_responses(), bytes);
}

TEST(ResponsesReply, CutAtAnyByteIsAnError) {
  expect_none_of_a_beginning(openai_responses(), full());
}

TEST(ResponsesReply, NothingAfterTheEndCounts) {
  const Heard heard = hear(full() + "data: [DONE]\n\n" + last("completed", kMessage) +
                           event("error", R"(,"message":"late")") +
                           std::string(limits::kSseEventBytesMax + 1, 'x'));
  ASSERT_TRUE(heard.reply) << heard.reply.error().message;
  EXPECT_EQ(*heard.reply, expected_full());
}

TEST(ResponsesReply, PlainSaysTheSame) {
  const std::string body = response("completed", kOutput);
  const Heard plain = hear_plain(body);
  ASSERT_TRUE(plain.reply) << plain.reply.error().message;
  EXPECT_EQ(*plain.reply, expected_full());
  EXPECT_EQ(plain.deltas, "");
  expect_none_of_a_beginning(openai_responses(), body, kAsJson);
}

TEST(ResponsesReply, EveryWayToEnd) {
  const auto both = [](std::string_view status, std::string_view output, std::string_view more) {
    Result<Reply> plain = hear_plain(response(status, output, more)).reply;
    Result<Reply> streamed = hear(last(status, output, more)).reply;
    EXPECT_EQ(plain.has_value(), streamed.has_value());
    if (plain && streamed) EXPECT_EQ(*plain, *streamed);
    if (!plain && !streamed) EXPECT_EQ(plain.error(), streamed.error());
    return plain;
  };
  constexpr std::string_view kFull = R"("incomplete_details":{"reason":"max_output_tokens"})";
  EXPECT_EQ(both("completed", kMessage, R"("error":null)")->finish, Finish::stop);
  EXPECT_EQ(both("completed", kCall, R"("x":1)")->finish, Finish::calls);
  EXPECT_EQ(both("incomplete", kMessage, kFull)->finish, Finish::length);
  EXPECT_EQ(both("incomplete", kMessage, kFull)->text, "café");
  EXPECT_EQ(both("incomplete", "", kFull)->finish, Finish::length);  // all went into reasoning
  const Error within = both("incomplete", kCall, kFull).error();
  EXPECT_EQ(within.kind, ErrorKind::invalid);
  EXPECT_THAT(within.message, HasSubstr("raise tokens_max"));
  EXPECT_EQ(both("incomplete",
                 R"({"type":"function_call","name":"add","arguments":"{\"a",)"
                 R"("status":"incomplete"})",
                 kFull)
                .error()
                .kind,
            ErrorKind::invalid);
  EXPECT_EQ(both("incomplete", kMessage, R"("incomplete_details":{"reason":"content_filter"})")
                .error()
                .kind,
            ErrorKind::rejected);
  EXPECT_EQ(both("incomplete", kMessage, R"("incomplete_details":null)").error().kind,
            ErrorKind::unavailable);
  const auto failed = [&](std::string_view code) {
    const std::string error = R"("error":{"code":")" + std::string(code) + R"(","message":"Oh"})";
    const Error said = both("failed", "", error).error();
    EXPECT_THAT(said.message, HasSubstr("Oh"));
    return said.kind;
  };
  EXPECT_EQ(failed("server_error"), ErrorKind::unavailable);
  EXPECT_EQ(failed("rate_limit_exceeded"), ErrorKind::unavailable);
  EXPECT_EQ(failed("invalid_prompt"), ErrorKind::invalid);
  EXPECT_EQ(both("failed", "", R"("error":null)").error().kind, ErrorKind::unavailable);
}

TEST(ResponsesReply, AResponseThatIsNotCompletedIsNone) {
  for (const std::string& inner : {
           response("in_progress", kOutput),
           response("completed", ""),
           std::string(R"({"output":[]})"),
           std::string(R"({"status":"completed"})"),
           std::string(R"({"status":"completed","output":{}})"),
           std::string("[]"),
           response("completed", R"({"type":"function_call","name":"a","arguments":"{}",)"
                                 R"("status":"in_progress"})"),
           response("completed", R"({"type":"function_call","name":"a","arguments":"{"})"),
           response("completed", R"({"type":"function_call","name":"a","arguments":"[]"})"),
           response("completed", R"({"type":"function_call","arguments":"{}"})"),
       }) {
    const Heard heard = hear(event("response.completed", ",\"response\":" + inner));
    ASSERT_FALSE(heard.reply) << inner;
    EXPECT_EQ(heard.reply.error().kind, ErrorKind::unavailable) << inner;
    EXPECT_EQ(hear_plain(inner).reply, heard.reply) << inner;
  }
  constexpr std::string_view kFull = R"("incomplete_details":{"reason":"max_output_tokens"})";
  EXPECT_FALSE(
      hear(event("response.completed", ",\"response\":" + response("incomplete", kMessage, kFull)))
          .reply);
  EXPECT_FALSE(hear(event("response.completed", "")).reply);
  EXPECT_FALSE(hear("data: {\n\n" + last("completed", kMessage)).reply);
  EXPECT_FALSE(hear("event: response.output_text.delta\ndata: {\n\n").reply);
}

TEST(ResponsesReply, ARefusalIsWhatTheModelSays) {
  const Heard heard = hear_plain(
      response("completed",
               R"({"type":"message","content":[{"type":"refusal","refusal":"I cannot help."}]})"));
  EXPECT_EQ(heard.reply->text, "I cannot help.");
}

TEST(ResponsesReply, ErrorEventsHaveTheirKind) {
  const auto failed = [](std::string_view members) {
    const Error said = hear(event("response.created", "") + event("error", members)).reply.error();
    EXPECT_THAT(said.message, HasSubstr("Oh"));
    return said.kind;
  };
  EXPECT_EQ(failed(R"(,"code":"server_error","message":"Oh","param":null)"),
            ErrorKind::unavailable);
  EXPECT_EQ(failed(R"(,"code":"insufficient_quota","message":"Oh")"), ErrorKind::rejected);
  EXPECT_EQ(failed(R"(,"error":{"type":"invalid_request_error","code":null,"message":"Oh"})"),
            ErrorKind::invalid);
  EXPECT_EQ(hear("event: error\ndata: Oh\n\n").reply.error().kind, ErrorKind::unavailable);
  EXPECT_EQ(
      hear_plain(R"({"error":{"code":"insufficient_quota","message":"Oh"}})").reply.error().kind,
      ErrorKind::rejected);
}

TEST(ResponsesReply, NothingCountsAfterAnError) {
  DeltaSink sink = [](const Delta&) {};
  auto reader = responses_reader(true);
  EXPECT_FALSE(reader->feed("data: no JSON\n\n", sink));
  EXPECT_FALSE(reader->feed(last("completed", kMessage), sink));
  EXPECT_FALSE(reader->finish());
  auto body = responses_reader(false);
  EXPECT_FALSE(body->feed(std::string(limits::kJsonBytesMax + 1, ' '), sink));
  EXPECT_FALSE(body->feed(response("completed", kMessage), sink));
  EXPECT_FALSE(body->finish());
}

TEST(ResponsesReply, IsBounded) {
  std::string calls(kCall);
  for (std::size_t i = 0; i < limits::kCallsPerStepMax; ++i) {
    calls += R"(,{"type":"function_call","call_id":"c)" + std::to_string(i) +
             R"(","name":"now","arguments":"{}"})";
  }
  EXPECT_EQ(hear_plain(response("completed", calls)).reply.error().kind, ErrorKind::unavailable);
  EXPECT_EQ(hear("data: " + std::string(limits::kSseEventBytesMax + 1, 'x')).reply.error().kind,
            ErrorKind::unavailable);
}

TEST(ResponsesReply, OddCountsOfTokensDoNoHarm) {
  const Heard heard = hear_plain(
      R"({"status":"completed","output":[{"type":"message"}],"usage":{"input_tokens":-1,)"
      R"("input_tokens_details":{"cached_tokens":9223372036854775807},"output_tokens":1e30}})");
  ASSERT_TRUE(heard.reply) << heard.reply.error().message;
  EXPECT_EQ(heard.reply->usage, Usage{});
}

TEST(ResponsesReply, AnotherTypeOfContentIsNoSuchEndpoint) {
  EXPECT_EQ(hear("<html>", {.size = 1, .type = "text/html"}).reply.error().kind,
            ErrorKind::unavailable);
  EXPECT_FALSE(openai_responses().reader({}));
}

}  // namespace
}  // namespace ragent
