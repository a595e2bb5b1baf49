#include <model/http/dialect.h>

#include <gmock/gmock.h>

namespace ragent {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr std::string_view kOpenAi = "https://api.openai.com/v1";
constexpr std::string_view kLocal = "http://localhost:8000/v1";

ToolSpec weather() {
  return {.name = "weather",
          .description = "The weather of a city.",
          .parameters = *parse_json(
              R"({"type":"object","properties":{"city":{"type":"string"}},"required":["city"]})")};
}

// A question with an image, a reply with two calls, their results, an answer, a question.
ModelRequest conversation() {
  ModelRequest out{.transcript = Transcript({weather()}),
                   .media = {{.artifact = "a1", .bytes = "foob"}}};
  out.transcript.add(Message::of(Role::system, "Be brief."));
  out.transcript.add(
      {.role = Role::user,
       .parts = {Text{"Where is this, and its weather?"}, Media{"a1", "image/png"}}});
  const Reply reply{.calls = {{"call_1", "weather", Json::object({{"city", "Brno"}})},
                              {"0:2.1", "weather", Json::object({{"city", "Praha"}})}},
                    .reasoning = {{.text = "Two cities."}}};
  out.transcript.add(
      reply, {{.value = Json::object({{"c", 21}}),
               .files = {{.name = "map.png", .bytes = 5, .artifact = "a2"}}},
              {.status = Observation::Status::failed, .value = Json::object({{"error", "no"}})}});
  out.transcript.add(Reply{.text = "21 \"degrees\"."});
  out.transcript.add(Message::of(Role::user, "And now?"));
  out.offers = {{.tool = weather()}, {.tool = {.name = "now", .description = "The time."}}};
  return out;
}

std::string body(const ModelRequest& request, std::string_view url = kLocal,
                 std::string_view model = "m", bool stream = true) {
  Result<HttpRequest> out = openai_chat().request(
      {.base_url = url, .model = model, .request = request, .stream = stream});
  EXPECT_TRUE(out) << out.error().message;
  return out ? out->body : "";
}

TEST(OpenAiChat, ARequestByteByByte) {
  const ModelRequest request = conversation();
  Result<HttpRequest> out = openai_chat().request(
      {.base_url = kOpenAi, .key = "k", .model = "gpt-4o", .request = request});
  ASSERT_TRUE(out) << out.error().message;
  EXPECT_EQ(out->method, "POST");
  EXPECT_EQ(out->url, "https://api.openai.com/v1/chat/completions");
  EXPECT_THAT(out->headers.list(),
              testing::ElementsAre(testing::Pair("content-type", "application/json"),
                                   testing::Pair("accept", "text/event-stream"),
                                   testing::Pair("authorization", "Bearer k")));
  EXPECT_EQ(out->body,
            R"({"model":"gpt-4o","messages":[{"role":"system","content":"Be brief."},)"
            R"({"role":"user","content":[{"type":"text","text":"Where is this, and its weather?"},)"
            R"({"type":"image_url","image_url":{"url":"data:image/png;base64,Zm9vYg=="}}]},)"
            R"({"role":"assistant","content":null,"tool_calls":[{"id":"call_1","type":"function",)"
            R"("function":{"name":"weather","arguments":"{\"city\":\"Brno\"}"}},)"
            R"({"id":"0_2_1","type":"function",)"
            R"("function":{"name":"weather","arguments":"{\"city\":\"Praha\"}"}}]},)"
            R"({"role":"tool","tool_call_id":"call_1",)"
            R"("content":"{\"c\":21}\nFile: \"map.png\", 5 bytes, artifact://a2"},)"
            R"({"role":"tool","tool_call_id":"0_2_1","content":"{\"error\":\"no\"}"},)"
            R"({"role":"assistant","content":"21 \"degrees\"."},)"
            R"({"role":"user","content":"And now?"}],)"
            R"("tools":[{"type":"function","function":{"name":"weather",)"
            R"("description":"The weather of a city.","parameters":{"type":"object",)"
            R"("properties":{"city":{"type":"string"}},"required":["city"]}}},)"
            R"({"type":"function","function":{"name":"now","description":"The time.",)"
            R"("parameters":{"type":"object","properties":{}}}}],)"
            R"("max_completion_tokens":512,"temperature":0.0,)"
            R"("stream":true,"stream_options":{"include_usage":true}})");
}

TEST(OpenAiChat, APlainRequestWithASchema) {
  ModelRequest request;
  request.transcript.add(Message::of(Role::user, "Sum?"));
  request.options = {
      .schema = Json::object({{"type", "object"}}), .tokens_max = 64, .temperature = 0.5};
  Result<HttpRequest> out = openai_chat().request(
      {.base_url = kLocal, .model = "m", .request = request, .stream = false});
  ASSERT_TRUE(out) << out.error().message;
  EXPECT_EQ(out->url, "http://localhost:8000/v1/chat/completions");
  EXPECT_EQ(out->headers.find("authorization"), nullptr);
  EXPECT_EQ(*out->headers.find("accept"), "application/json");
  EXPECT_EQ(out->body,
            R"({"model":"m","messages":[{"role":"user","content":"Sum?"}],)"
            R"("response_format":{"type":"json_schema","json_schema":{"name":"answer",)"
            R"("schema":{"type":"object"},"strict":false}},"max_tokens":64,"temperature":0.5})");
}

TEST(OpenAiChat, ToolsAreSentWhenTheyMayBeCalled) {
  ModelRequest request = conversation();
  EXPECT_THAT(body(request), Not(HasSubstr("tool_choice")));
  request.options.calls = ThinkOptions::Calls::required;
  EXPECT_THAT(body(request), HasSubstr(R"("tool_choice":"required")"));
  request.options.calls = ThinkOptions::Calls::none;
  EXPECT_THAT(body(request), Not(HasSubstr(R"("tools")")));
  EXPECT_THAT(body(request), Not(HasSubstr("tool_choice")));
  request.options.calls = ThinkOptions::Calls::required;
  request.offers.clear();
  EXPECT_THAT(body(request), Not(HasSubstr(R"("tools")")));
  EXPECT_THAT(body(request), Not(HasSubstr("tool_choice")));
}

TEST(OpenAiChat, WhatModelsAndHostsDoNotTakeIsLeftOut) {
  const ModelRequest request = conversation();
  EXPECT_THAT(body(request, kLocal, "m"), HasSubstr(R"("max_tokens":512,"temperature":0)"));
  const std::string reasons = body(request, kOpenAi, "o3-mini");
  EXPECT_THAT(reasons, HasSubstr(R"("max_completion_tokens":512,"stream")"));
  EXPECT_THAT(body(request, "https://x.openai.azure.com/openai/v1", "gpt-5"),
              HasSubstr(R"("max_completion_tokens":512,"stream")"));
  const std::string mistral = body(request, "https://api.mistral.ai/v1");
  EXPECT_THAT(mistral, Not(HasSubstr("stream_options")));
  EXPECT_THAT(mistral, testing::ContainsRegex(R"("tool_call_id":"[0-9a-f]{9}")"));
  EXPECT_THAT(mistral, Not(HasSubstr("call_1")));
}

TEST(OpenAiChat, ReasoningGoesBackOnlyWhereItIsWantedAndInItsTurn) {
  ModelRequest request;
  request.transcript.add(Message::of(Role::user, "Weather?"));
  const Reply reply{.calls = {{"functions.weather:0", "weather", Json::object({})},
                              {"functions.weather:1", "weather", Json::object({})}},
                    .reasoning = {{.text = "Look.", .state = "chat:reasoning_content"},
                                  {.state = R"(chat:extra_content:[null,{"google":{"s":"x"}}])"},
                                  {.text = "Of another.", .state = "anthropic:{}"}}};
  request.transcript.add(reply, {{.value = 1}, {.value = 2}});
  constexpr std::string_view kBack = R"("content":null,"reasoning_content":"Look.","tool_calls")";
  EXPECT_THAT(body(request), HasSubstr(kBack));
  EXPECT_THAT(body(request), HasSubstr(R"("id":"functions.weather:0")"));  // as Kimi wrote it
  EXPECT_THAT(body(request), Not(HasSubstr("extra_content")));
  EXPECT_THAT(body(request, kOpenAi), Not(HasSubstr("reasoning_content")));
  const std::string gemini =
      body(request, "https://generativelanguage.googleapis.com/v1beta/openai", "gemini-3");
  EXPECT_THAT(gemini, HasSubstr(R"("id":"functions.weather:0","type":"function","function":)"
                                R"({"name":"weather","arguments":"{}"}},)"));
  EXPECT_THAT(gemini, HasSubstr(R"("arguments":"{}"},"extra_content":{"google":{"s":"x"}}}])"));
  request.transcript.add(Message::of(Role::user, "Thanks."));
  EXPECT_THAT(body(request), Not(HasSubstr("Look.")));
  EXPECT_THAT(body(request), Not(HasSubstr("Of another.")));
}

TEST(OpenAiChat, WhatStandsBesideResultsIsTheUsers) {
  ModelRequest request{.media = {{.artifact = "a1", .bytes = "foob"}}};
  request.transcript.add({.role = Role::tool,
                          .parts = {ToolResult{.call = "c", .observation = {.value = "ok"}},
                                    Media{"a1", "image/png"}}});
  EXPECT_THAT(body(request), HasSubstr(R"([{"role":"tool","tool_call_id":"c","content":"\"ok\""},)"
                                       R"({"role":"user","content":[{"type":"image_url")"));
}

TEST(OpenAiChat, BytesThatAreNoTextDoNotBreakTheRequest) {
  ModelRequest request;
  request.transcript.add(Message::of(Role::user, "a\xff"));
  EXPECT_THAT(body(request), HasSubstr("a\xEF\xBF\xBD"));
  EXPECT_TRUE(parse_json(body(request)));
}

TEST(OpenAiChat, AnImageThatCannotBeSentIsAnError) {
  ModelRequest request = conversation();
  request.media.clear();
  Result<HttpRequest> out =
      openai_chat().request({.base_url = kLocal, .model = "m", .request = request});
  ASSERT_FALSE(out);
  EXPECT_EQ(out.error().kind, ErrorKind::invalid);
}

TEST(OpenAiChat, ListsModels) {
  const HttpRequest request = openai_chat().list_models(kOpenAi, "k");
  EXPECT_EQ(request.method, "GET");
  EXPECT_EQ(request.url, "https://api.openai.com/v1/models");
  EXPECT_EQ(*request.headers.find("authorization"), "Bearer k");
  EXPECT_EQ(openai_chat().list_models(kOpenAi, "").headers.find("authorization"), nullptr);
}

TEST(OpenAiChat, AnotherContentTypeIsNoEndpoint) {
  const auto reader =
      openai_chat().reader({.headers = {{"content-type", "text/html; charset=utf-8"}}});
  ASSERT_FALSE(reader);
  EXPECT_EQ(reader.error().kind, ErrorKind::unavailable);
  EXPECT_THAT(reader.error().message, HasSubstr("got text/html"));
}

}  // namespace
}  // namespace ragent
