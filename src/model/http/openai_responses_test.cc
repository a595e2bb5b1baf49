#include <model/http/openai_responses.h>

#include <gmock/gmock.h>

namespace ragent {
namespace {

using Calls = ThinkOptions::Calls;

ToolSpec add_tool() {
  return {.name = "add",
          .description = "Add two integers.",
          .parameters = *parse_json(
              R"({"type":"object","properties":{"a":{"type":"integer"}},"required":["a"]})")};
}

HttpRequest written(const ModelRequest& asked, std::string_view model = "gpt-4.1",
                    bool stream = true) {
  Result<HttpRequest> request = openai_responses().request({.base_url = "https://api.openai.com/v1",
                                                            .key = "sk-1",
                                                            .model = model,
                                                            .request = asked,
                                                            .stream = stream});
  EXPECT_TRUE(request) << request.error().message;
  return request ? *request : HttpRequest{};
}

Json body(const ModelRequest& asked, std::string_view model = "gpt-4.1") {
  return *parse_json(written(asked, model).body);
}

ModelRequest conversation() {
  ModelRequest asked{.transcript = Transcript({add_tool()})};
  Transcript& chat = asked.transcript;
  chat.add(Message::of(Role::system, "You count."));
  chat.add(
      {.role = Role::user, .parts = {Text{"What is here?"}, Media{"a1", "image/png"}, Text{""}}});
  Reply reply{
      .text = "I add.",
      .calls = {{"run/0:1.0", "add", *parse_json(R"({"a":2})")}, {"c2", "add", Json::object({})}},
      .reasoning = {
          {"Hm.", R"(responses:{"type":"reasoning","id":"rs_1","encrypted_content":"e1"})"},
          {"Local.", ""},
          {"Other.", R"(anthropic:{"type":"thinking"})"},
          {"", R"(responses@6,1:{"type":"reasoning","id":"rs_2","encrypted_content":"e2"})"}}};
  chat.add(reply, {{.value = 5},
                   {.status = Observation::Status::failed,
                    .value = Json::object({{"error", "no numbers"}})}});
  chat.add(Message::of(Role::assistant, ""));
  chat.add({.role = Role::tool, .parts = {Text{"late"}}});
  asked.media = {{"a1", "PNG"}};
  asked.offers = {{.tool = add_tool()}};
  return asked;
}

constexpr std::string_view kInput =
    R"([{"type":"message","role":"system","content":[{"type":"input_text","text":"You count."}]},)"
    R"({"type":"message","role":"user","content":[{"type":"input_text","text":"What is here?"},)"
    R"({"type":"input_image","image_url":"data:image/png;base64,UE5H"}]},)"
    R"({"type":"reasoning","id":"rs_1","encrypted_content":"e1"},)"
    R"({"type":"message","role":"assistant","content":[{"type":"output_text","text":"I add."}]},)"
    R"({"type":"function_call","call_id":"run_0_1_0","name":"add","arguments":"{\"a\":2}"},)"
    R"({"type":"reasoning","id":"rs_2","encrypted_content":"e2"},)"
    R"({"type":"function_call","call_id":"c2","name":"add","arguments":"{}"},)"
    R"({"type":"function_call_output","call_id":"run_0_1_0","output":"5"},)"
    R"({"type":"function_call_output","call_id":"c2","output":"{\"error\":\"no numbers\"}"},)"
    R"({"type":"message","role":"user","content":[{"type":"input_text","text":"late"}]}])";

constexpr std::string_view kTools =
    R"([{"type":"function","name":"add","description":"Add two integers.","parameters":)"
    R"({"type":"object","properties":{"a":{"type":"integer"}},"required":["a"]},"strict":false}])";

TEST(ResponsesRequest, IsWrittenByteForByte) {
  ModelRequest asked = conversation();
  asked.options = {
      .schema = *parse_json(R"({"type":"object"})"), .tokens_max = 900, .temperature = 0.5};
  const HttpRequest request = written(asked);
  EXPECT_EQ(request.method, "POST");
  EXPECT_EQ(request.url, "https://api.openai.com/v1/responses");
  EXPECT_EQ(*request.headers.find("authorization"), "Bearer sk-1");
  EXPECT_EQ(*request.headers.find("content-type"), "application/json");
  EXPECT_EQ(*request.headers.find("accept"), "text/event-stream");
  EXPECT_EQ(request.body,
            R"({"model":"gpt-4.1","input":)" + std::string(kInput) + R"(,"tools":)" +
                std::string(kTools) +
                R"(,"text":{"format":{"type":"json_schema","name":"answer",)"
                R"("schema":{"type":"object"},"strict":false}},"max_output_tokens":900,)"
                R"("temperature":0.5,"store":false,"stream":true})");
}

TEST(ResponsesRequest, OfAReasoningModelAndPlain) {
  const HttpRequest request = written(conversation(), "gpt-5-mini", false);
  EXPECT_EQ(*request.headers.find("accept"), "application/json");
  EXPECT_EQ(request.body,
            R"({"model":"gpt-5-mini","input":)" + std::string(kInput) + R"(,"tools":)" +
                std::string(kTools) +
                R"(,"max_output_tokens":512,"include":["reasoning.encrypted_content"])"
                R"(,"store":false})");
}

TEST(ResponsesRequest, WhatMayBeCalled) {
  ModelRequest asked = conversation();
  EXPECT_FALSE(body(asked).find("tool_choice"));
  asked.options.calls = Calls::required;
  EXPECT_EQ(body(asked).text("tool_choice"), "required");
  asked.options.calls = Calls::none;
  EXPECT_EQ(body(asked).text("tool_choice"), "none");
  EXPECT_TRUE(body(asked).find("tools"));
  asked.offers.clear();
  EXPECT_FALSE(body(asked).find("tools"));
  EXPECT_FALSE(body(asked).find("tool_choice"));
}

TEST(ResponsesRequest, FewTokensAreAsManyAsItTakes) {
  ModelRequest asked;
  asked.options.tokens_max = 3;
  EXPECT_EQ(body(asked).integer("max_output_tokens"), 16);
}

TEST(ResponsesRequest, AnImageThatIsNotThereIsAnError) {
  ModelRequest asked = conversation();
  asked.media.clear();
  Result<HttpRequest> request = openai_responses().request({.model = "m", .request = asked});
  ASSERT_FALSE(request);
  EXPECT_EQ(request.error().kind, ErrorKind::invalid);
}

TEST(ResponsesRequest, ModelsAreListed) {
  const HttpRequest request = openai_responses().list_models("https://x/v1", "k");
  EXPECT_EQ(request.method + " " + request.url, "GET https://x/v1/models");
  EXPECT_EQ(*request.headers.find("authorization"), "Bearer k");
}

}  // namespace
}  // namespace ragent
