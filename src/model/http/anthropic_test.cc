#include <model/http/anthropic.h>

#include <gmock/gmock.h>

namespace ragent {
namespace {

using testing::HasSubstr;
using Calls = ThinkOptions::Calls;

ToolSpec add_tool() {
  return {.name = "add",
          .description = "Add two integers.",
          .parameters = *parse_json(R"({"type":"object","properties":{"a":{"type":"integer"},)"
                                    R"("b":{"type":"integer"}},"required":["a","b"]})")};
}

Message of(Role role, std::vector<Part> parts, bool stable = false) {
  return {.role = role, .parts = std::move(parts), .stable = stable};
}

HttpRequest written(const ModelRequest& asked, std::string_view model = "claude-sonnet-4-5",
                    bool stream = true) {
  Result<HttpRequest> request = anthropic().request({.base_url = "https://api.anthropic.com/v1",
                                                     .key = "sk-ant",
                                                     .model = model,
                                                     .request = asked,
                                                     .stream = stream});
  EXPECT_TRUE(request) << request.error().message;
  return request ? *request : HttpRequest{};
}

Json body(const ModelRequest& asked, std::string_view model = "claude-sonnet-4-5") {
  return *parse_json(written(asked, model).body);
}

// A system prompt, an image, two calls at once of which one fails, thinking before and between.
ModelRequest conversation() {
  ModelRequest asked{.transcript = Transcript({add_tool()})};
  Transcript& chat = asked.transcript;
  chat.add(of(Role::system, {Text{"You count."}}, true));
  chat.add(of(Role::user, {Text{"Like this."}}, true));
  chat.add(of(Role::assistant, {Text{"Yes."}, Text{" "}}, true));
  chat.add(of(Role::user, {Text{"What is here?"}, Media{"a1", "image/png"}, Text{" \n"}}));
  Reply reply{
      .text = "I add.",
      .calls = {{"run/0:1.0", "add", *parse_json(R"({"a":2,"b":3})")}, {"c2", "add", {}}},
      .reasoning = {{"Hm.", R"(anthropic:{"type":"thinking","thinking":"Hm.","signature":"s1"})"},
                    {"", R"(anthropic@6,1:{"type":"redacted_thinking","data":"x"})"},
                    {"Other.", "responses:{}"}}};
  chat.add(reply, {{.value = 5},
                   {.status = Observation::Status::failed,
                    .value = Json::object({{"error", "no numbers"}})}});
  chat.add(of(Role::user, {Text{"Go."}}));
  asked.media = {{"a1", "PNG"}};
  asked.offers = {{.tool = add_tool()}};
  return asked;
}

constexpr std::string_view kAdd =
    R"({"name":"add","description":"Add two integers.","input_schema":{"type":"object",)"
    R"("properties":{"a":{"type":"integer"},"b":{"type":"integer"}},"required":["a","b"]})";

TEST(AnthropicRequest, IsWrittenByteForByte) {
  const HttpRequest request = written(conversation());
  EXPECT_EQ(request.method, "POST");
  EXPECT_EQ(request.url, "https://api.anthropic.com/v1/messages");
  EXPECT_EQ(*request.headers.find("x-api-key"), "sk-ant");
  EXPECT_EQ(*request.headers.find("anthropic-version"), "2023-06-01");
  EXPECT_EQ(*request.headers.find("content-type"), "application/json");
  EXPECT_EQ(*request.headers.find("accept"), "text/event-stream");
  const std::string mark = R"("cache_control":{"type":"ephemeral"}})";
  const std::string expected =
      R"({"model":"claude-sonnet-4-5","max_tokens":512,"temperature":0.0,)"
      R"("system":[{"type":"text","text":"You count."}],)"
      R"("tools":[)" +
      std::string(kAdd) + "," + mark + R"(],"tool_choice":{"type":"auto"},"messages":[)" +
      R"({"role":"user","content":[{"type":"text","text":"Like this."}]},)" +
      R"({"role":"assistant","content":[{"type":"text","text":"Yes. ",)" + mark + "]}," +
      R"({"role":"user","content":[{"type":"text","text":"What is here?"},)" +
      R"({"type":"image","source":{"type":"base64","media_type":"image/png","data":"UE5H"}}]},)" +
      R"({"role":"assistant","content":[)" +
      R"({"type":"thinking","thinking":"Hm.","signature":"s1"},{"type":"text","text":"I add."},)" +
      R"({"type":"tool_use","id":"run_0_1_0","name":"add","input":{"a":2,"b":3}},)" +
      R"({"type":"redacted_thinking","data":"x"},)" +
      R"({"type":"tool_use","id":"c2","name":"add","input":{}}]},)" +
      R"({"role":"user","content":[)" +
      R"({"type":"tool_result","tool_use_id":"run_0_1_0","content":"5"},)" +
      R"({"type":"tool_result","tool_use_id":"c2","content":"{\"error\":\"no numbers\"}",)" +
      R"("is_error":true},{"type":"text","text":"Go.",)" + mark + R"(]}],"stream":true})";
  EXPECT_EQ(request.body, expected);
  const HttpRequest plain = written(conversation(), "claude-sonnet-4-5", false);
  EXPECT_EQ(*plain.headers.find("accept"), "application/json");
  EXPECT_EQ(plain.body + R"(,"stream":true})",
            expected.substr(0, expected.size() - 15) + "}" + R"(,"stream":true})");
}

TEST(AnthropicRequest, ResultsStandFirstAndUsersAreJoined) {
  ModelRequest asked;
  asked.transcript.add(of(Role::user, {Text{"one"}}));
  asked.transcript.add(of(Role::system, {Text{"noted"}}));
  asked.transcript.add(of(Role::tool, {ToolResult{.call = "c1", .observation = {.value = "r1"}}}));
  asked.transcript.add(of(Role::tool, {ToolResult{.call = "c2", .observation = {.value = "r2"}}}));
  const Json messages = *body(asked).find("messages");
  ASSERT_EQ(messages.size(), 1U);
  std::string order;
  for (const Json& block : *(*messages.array())[0].find("content")->array()) {
    order += block.text("text", block.text("tool_use_id")) + " ";
  }
  EXPECT_EQ(order, "c1 c2 one noted ");
}

TEST(AnthropicRequest, AUserSpeaksFirstAndLastAndBetweenTwoReplies) {
  ModelRequest asked;
  EXPECT_THAT(written(asked).body, HasSubstr(R"("messages":[{"role":"user","content":[)"
                                             R"({"type":"text","text":"Begin.")"));
  asked.transcript.add(of(Role::system, {Text{"Short."}}, true));
  for (std::string_view text : {"Hello.", "", "Still here?"}) {
    asked.transcript.add(Message::of(Role::assistant, std::string(text)));
  }
  std::string order;
  for (const Json& message : *body(asked).find("messages")->array()) {
    const Json& content = *message.find("content");
    ASSERT_EQ(content.size(), 1U);
    order += message.text("role") + ": " + (*content.array())[0].text("text") + "\n";
  }
  EXPECT_EQ(order,
            "user: Begin.\nassistant: Hello.\nuser: Go on.\nassistant: Still here?\n"
            "user: Go on.\n");
  const Json system = (*body(asked).find("system")->array())[0];
  EXPECT_TRUE(system.find("cache_control"));  // there are no tools
}

TEST(AnthropicRequest, NextRequestBeginsWithThisOne) {
  ModelRequest asked = conversation();
  asked.transcript.add(Message::of(Role::assistant, "Half."));
  const auto without_marks = [](const ModelRequest& request) {
    Json messages = *body(request).find("messages");
    for (Json& message : *messages.array()) {
      for (Json& block : *message.find("content")->array()) {
        std::erase_if(*block.object(),
                      [](const auto& member) { return member.key == "cache_control"; });
      }
    }
    return messages.dump();
  };
  const std::string before = without_marks(asked);
  asked.transcript.add(Message::of(Role::assistant, "Whole."));
  const std::string after = without_marks(asked);
  EXPECT_EQ(after.substr(0, before.size() - 1), before.substr(0, before.size() - 1));
}

TEST(AnthropicRequest, WhatMayBeCalled) {
  ModelRequest asked = conversation();
  const auto choice = [&](std::string_view model = "claude-opus-5") {
    const Json json = body(asked, model);
    const Json* tools = json.find("tools");
    std::string names;
    for (std::size_t i = 0; tools && i < tools->size(); ++i) {
      names += (*tools->array())[i].text("name") + " ";
    }
    return names + (json.find("tool_choice") ? json.find("tool_choice")->dump() : "nothing");
  };
  EXPECT_EQ(choice(), R"(add {"type":"auto"})");
  asked.options.calls = Calls::required;
  EXPECT_EQ(choice(), R"(add {"type":"any"})");
  EXPECT_EQ(choice("claude-opus-5-5"), R"(add {"type":"auto"})");  // would refuse more
  asked.options.calls = Calls::none;
  EXPECT_EQ(choice(), R"(add {"type":"none"})");
  asked.options.calls = Calls::automatic;
  asked.offers.clear();  // … but the conversation has calls
  EXPECT_EQ(choice(), R"(add {"type":"none"})");
  asked.transcript = Transcript();
  asked.transcript.add(Reply{.calls = {{"c", "sub", Json::object({})}}}, {{.value = 1}});
  EXPECT_EQ(choice(), R"(sub {"type":"none"})");
  asked.transcript = Transcript({add_tool()});
  EXPECT_EQ(choice(), "nothing");
}

TEST(AnthropicRequest, AnAnswerOfASchemaIsTheInputOfATool) {
  ModelRequest asked = conversation();
  asked.options.schema = *parse_json(R"({"type":"object","properties":{"n":{"minimum":1}}})");
  Json json = body(asked);
  EXPECT_EQ(json.find("tool_choice")->dump(), R"({"type":"any"})");
  EXPECT_EQ(json.find("tools")->size(), 2U);
  asked.offers.clear();
  asked.transcript = Transcript();
  json = body(asked);
  EXPECT_EQ(json.find("tool_choice")->dump(), R"({"type":"tool","name":"final-answer"})");
  EXPECT_EQ((*json.find("tools")->array())[0].find("input_schema")->dump(),
            asked.options.schema->dump());
  asked.options.schema =
      *parse_json(R"({"type":"array","items":{"$ref":"#/$defs/x"},"$defs":{"x":{}}})");
  json = body(asked);
  EXPECT_EQ(json.find("tool_choice")->text("name"), "final-answer-value");
  EXPECT_EQ((*json.find("tools")->array())[0].find("input_schema")->dump(),
            R"({"type":"object","$defs":{"x":{}},"properties":{"value":{"type":"array",)"
            R"("items":{"$ref":"#/$defs/x"}}},"required":["value"]})");
}

TEST(AnthropicRequest, ModelsThatCannotBeForcedHaveStructuredOutputs) {
  ModelRequest asked;
  asked.options.schema = *parse_json(
      R"({"type":"object","required":["minimum"],"properties":{"minimum":{"type":"integer",)"
      R"("minimum":1},"list":{"type":"array","items":{"type":"object"}}}})");
  const Json json = body(asked, "claude-opus-5-5");
  EXPECT_FALSE(json.find("tools"));
  EXPECT_FALSE(json.find("temperature"));
  EXPECT_EQ(json.find("output_config")->dump(),
            R"({"format":{"type":"json_schema","schema":{"type":"object","required":["minimum"],)"
            R"("properties":{"minimum":{"type":"integer"},"list":{"type":"array","items":)"
            R"({"type":"object","additionalProperties":false}}},"additionalProperties":false}}})");
}

TEST(AnthropicRequest, ATemperatureGoesToModelsThatTakeOne) {
  ModelRequest asked;
  asked.options.temperature = 1.5;
  for (std::string_view model : {"claude-3-5-haiku-20241022", "claude-opus-4-20250514",
                                 "claude-sonnet-4-5", "anthropic/claude-opus-4.6", "kimi-k2"}) {
    const Json* temperature = body(asked, model).find("temperature");
    EXPECT_TRUE(temperature) << model;
  }
  EXPECT_EQ(body(asked).find("temperature")->number(), 1.0);  // its most
  for (std::string_view model :
       {"claude-opus-4-7", "claude-sonnet-5", "claude-fable-5-1", "claude-next"}) {
    EXPECT_FALSE(body(asked, model).find("temperature")) << model;
  }
}

TEST(AnthropicRequest, AnImageThatIsNotThereIsAnError) {
  ModelRequest asked = conversation();
  asked.media.clear();
  Result<HttpRequest> request = anthropic().request({.model = "claude", .request = asked});
  ASSERT_FALSE(request);
  EXPECT_EQ(request.error().kind, ErrorKind::invalid);
}

TEST(AnthropicRequest, ModelsAreListed) {
  const HttpRequest request = anthropic().list_models("https://x/v1", "k");
  EXPECT_EQ(request.method + " " + request.url, "GET https://x/v1/models?limit=1000");
  EXPECT_EQ(*request.headers.find("x-api-key"), "k");
}

}  // namespace
}  // namespace ragent
