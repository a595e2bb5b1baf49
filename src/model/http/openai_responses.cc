#include <model/http/openai_responses.h>

#include <model/http/endpoint_error.h>
#include <model/http/placed.h>
#include <model/http/request_parts.h>

#include <algorithm>

namespace ragent {
namespace {

constexpr std::uint32_t kTokensMin = 16;  // of max_output_tokens; less is refused

Json message_item(std::string_view role, Json content) {
  return Json::object(
      {{"type", "message"}, {"role", std::string(role)}, {"content", std::move(content)}});
}

Json text_part(std::string_view type, std::string_view text) {
  return Json::object({{"type", std::string(type)}, {"text", std::string(text)}});
}

void add_reply(const Message& message, Json& out) {
  read_in_order(message, kResponsesState,
                {.text =
                     [&](std::string_view text) {
                       out.push_back(message_item("assistant",
                                                  Json::array({text_part("output_text", text)})));
                     },
                 .call =
                     [&](const ToolCall& call) {
                       out.push_back(Json::object({{"type", "function_call"},
                                                   {"call_id", wire::call_id(call.id)},
                                                   {"name", call.tool},
                                                   {"arguments", call.arguments.dump()}}));
                     },
                 .item = [&](Json item) { out.push_back(std::move(item)); }});
}

// The results first: each is an item of its own, and text and images follow as the user's.
Result<void> add_said(const Message& message, const ModelRequest& request, Json& out) {
  Json content = Json::array({});
  for (const Part& part : message.parts) {
    if (const auto* result = std::get_if<ToolResult>(&part)) {
      out.push_back(Json::object({{"type", "function_call_output"},
                                  {"call_id", wire::call_id(result->call)},
                                  {"output", result->observation.text()}}));
    } else if (const auto* text = std::get_if<Text>(&part)) {
      if (!text->text.empty()) content.push_back(text_part("input_text", text->text));
    } else if (const auto* media = std::get_if<Media>(&part)) {
      Result<wire::Image> image = wire::image_of(*media, request);
      if (!image) return fail(std::move(image.error()));
      content.push_back(
          Json::object({{"type", "input_image"},
                        {"image_url", "data:" + image->mime + ";base64," + image->base64}}));
    }
  }
  if (content.size() == 0) return {};
  const bool system = message.role == Role::system;
  out.push_back(message_item(system ? "system" : "user", std::move(content)));
  return {};
}

Result<Json> input_of(const ModelRequest& request) {
  Json out = Json::array({});
  for (const Message* message : request.transcript.messages()) {
    if (message->role == Role::assistant) {
      add_reply(*message, out);
    } else if (Result<void> added = add_said(*message, request, out); !added) {
      return fail(std::move(added.error()));
    }
  }
  return out;
}

Json tools_of(const std::vector<Offer>& offers) {
  Json out = Json::array({});
  for (const Offer& offer : offers) {
    // Not strict: that takes a subset of JSON Schema only, and the Gate checks what is called.
    out.push_back(Json::object({{"type", "function"},
                                {"name", offer.tool.name},
                                {"description", offer.tool.description},
                                {"parameters", wire::parameters_of(offer.tool)},
                                {"strict", false}}));
  }
  return out;
}

Result<Json> body_of(const WireCall& call) {
  using Calls = ThinkOptions::Calls;
  const ThinkOptions& options = call.request.options;
  Result<Json> input = input_of(call.request);
  if (!input) return input;
  Json body = Json::object({{"model", std::string(call.model)}, {"input", std::move(*input)}});
  if (!call.request.offers.empty()) {
    body["tools"] = tools_of(call.request.offers);  // also with "none": the prefix stays the same
    if (options.calls == Calls::required) body["tool_choice"] = "required";
    if (options.calls == Calls::none) body["tool_choice"] = "none";
  }
  if (options.schema) {
    body["text"] = Json::object({{"format", Json::object({{"type", "json_schema"},
                                                          {"name", "answer"},
                                                          {"schema", *options.schema},
                                                          {"strict", false}})}});
  }
  body["max_output_tokens"] = std::max(wire::tokens_max_of(options), kTokensMin);
  if (wire::openai_reasons(call.model)) {
    body["include"] = Json::array({"reasoning.encrypted_content"});
  } else {
    body["temperature"] = options.temperature;
  }
  body["store"] = false;
  if (call.stream) body["stream"] = true;
  return body;
}

class OpenAiResponses final : public Dialect {
 public:
  std::string_view name() const override { return "responses"; }

  Result<HttpRequest> request(const WireCall& call) const override {
    Result<Json> body = body_of(call);
    if (!body) return fail(std::move(body.error()));
    HttpRequest out = wire::post(call, "/responses", *body);
    wire::add_bearer(out, call.key);
    return out;
  }

  Result<std::unique_ptr<ReplyReader>> reader(const HttpResponse& head) const override {
    if (wire::is_event_stream(head)) return responses_reader(true);
    if (wire::is_json(head)) return responses_reader(false);
    return fail(wire::not_an_endpoint(head, "an OpenAI-compatible endpoint (responses)"));
  }

  HttpRequest list_models(std::string_view base_url, std::string_view key) const override {
    return openai_chat().list_models(base_url, key);
  }
};

}  // namespace

const Dialect& openai_responses() {
  static const OpenAiResponses dialect;
  return dialect;
}

}  // namespace ragent
