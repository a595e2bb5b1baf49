#include <model/http/openai_chat.h>

#include <base/hash.h>
#include <base/text.h>
#include <model/http/endpoint_error.h>
#include <model/http/request_parts.h>

#include <algorithm>

namespace ragent {
namespace {

// Where endpoints of this dialect differ in what they take.
struct Habits {
  bool completion_tokens = false;  // max_completion_tokens instead of max_tokens
  bool stream_options = true;
  bool short_ids = false;      // ids of calls are 9 letters and digits
  bool reasoning = true;       // takes reasoning_content back when it wrote some
  bool extra_content = false;  // takes extra_content of calls back
};

Habits habits_of(std::string_view base_url, std::string_view model) {
  const std::string host = wire::host_of(base_url);
  Habits habits;
  if (host == "api.openai.com") habits = {.completion_tokens = true, .reasoning = false};
  // Its servers refuse fields they do not know, and send usage unasked.
  if (host == "api.mistral.ai") {
    habits = {.stream_options = false, .short_ids = true, .reasoning = false};
  }
  habits.extra_content = host == "generativelanguage.googleapis.com";
  // Azure and gateways pass these models the request as it is, and they refuse max_tokens.
  habits.completion_tokens |= wire::openai_reasons(model);
  return habits;
}

std::string chat_id(std::string_view id, const Habits& habits) {
  const std::string plain = wire::call_id(id);
  if (habits.short_ids) {
    const bool fits = plain.size() == 9 && plain.find_first_of("_-") == std::string::npos;
    return fits ? plain : to_hex(hash128(id)).substr(0, 9);
  }
  // Kimi reads its ids ("functions.add:0") as part of the conversation.
  return id.starts_with("functions.") && id.size() <= 40 ? std::string(id) : plain;
}

Result<Json> content_of(const Message& message, const ModelRequest& request) {
  const auto is_media = [](const Part& part) { return std::holds_alternative<Media>(part); };
  if (std::ranges::none_of(message.parts, is_media)) return Json(message.text());
  Json out = Json::array({});
  for (const Part& part : message.parts) {
    if (const auto* text = std::get_if<Text>(&part); text && !text->text.empty()) {
      out.push_back(Json::object({{"type", "text"}, {"text", text->text}}));
    }
    const auto* media = std::get_if<Media>(&part);
    if (!media) continue;
    Result<wire::Image> image = wire::image_of(*media, request);
    if (!image) return fail(std::move(image.error()));
    std::string url = "data:" + image->mime + ";base64," + image->base64;
    out.push_back(Json::object(
        {{"type", "image_url"}, {"image_url", Json::object({{"url", std::move(url)}})}}));
  }
  return out;
}

// Json of the calls' extra_content, or null.
Json extra_of(const Message& message) {
  for (const Part& part : message.parts) {
    const auto* reasoning = std::get_if<Reasoning>(&part);
    if (!reasoning || !reasoning->state.starts_with(kChatExtra)) continue;
    return parse_json(std::string_view(reasoning->state).substr(kChatExtra.size()))
        .value_or(Json());
  }
  return {};
}

Json calls_of(const Message& message, const Habits& habits) {
  const Json extra = habits.extra_content ? extra_of(message) : Json();
  Json out = Json::array({});
  for (const Part& part : message.parts) {
    const auto* call = std::get_if<ToolCall>(&part);
    if (!call) continue;
    const std::size_t at = out.size();
    Json function = Json::object({{"name", call->tool}, {"arguments", call->arguments.dump()}});
    Json one = Json::object({{"id", chat_id(call->id, habits)},
                             {"type", "function"},
                             {"function", std::move(function)}});
    if (extra.array() && at < extra.size() && !(*extra.array())[at].is_null()) {
      one["extra_content"] = (*extra.array())[at];
    }
    out.push_back(std::move(one));
  }
  return out;
}

Json assistant(const Message& message, const Habits& habits, bool this_turn) {
  std::string text = message.text();
  Json calls = calls_of(message, habits);
  Json out = Json::object({{"role", "assistant"}});
  // Null and not "": some endpoints take an empty text for what the model said.
  out["content"] = text.empty() && calls.size() > 0 ? Json() : Json(std::move(text));
  if (calls.size() == 0) return out;
  if (habits.reasoning && this_turn) {
    std::string reasoning;
    for (const Part& part : message.parts) {
      const auto* one = std::get_if<Reasoning>(&part);
      if (one && one->state == kChatReasoning) reasoning += one->text;
    }
    if (!reasoning.empty()) out["reasoning_content"] = std::move(reasoning);
  }
  out["tool_calls"] = std::move(calls);
  return out;
}

// One message for each result; what else stands there (an image, say) follows as the user's, since
// a tool's message takes text only.
Result<void> add_results(const Message& message, const ModelRequest& request, const Habits& habits,
                         Json& out) {
  bool more = false;
  for (const Part& part : message.parts) {
    const auto* result = std::get_if<ToolResult>(&part);
    more |= std::holds_alternative<Text>(part) || std::holds_alternative<Media>(part);
    if (!result) continue;
    out.push_back(Json::object({{"role", "tool"},
                                {"tool_call_id", chat_id(result->call, habits)},
                                {"content", result->observation.text()}}));
  }
  if (!more) return {};
  Result<Json> content = content_of(message, request);
  if (!content) return fail(std::move(content.error()));
  out.push_back(Json::object({{"role", "user"}, {"content", std::move(*content)}}));
  return {};
}

Result<Json> messages_of(const ModelRequest& request, const Habits& habits) {
  Json out = Json::array({});
  const Message* user = request.transcript.last_user();
  bool this_turn = user == nullptr;
  for (const Message* message : request.transcript.messages()) {
    this_turn |= message == user;
    if (message->role == Role::assistant) {
      out.push_back(assistant(*message, habits, this_turn));
      continue;
    }
    if (message->role == Role::tool) {
      if (Result<void> added = add_results(*message, request, habits, out); !added) {
        return fail(std::move(added.error()));
      }
      continue;
    }
    Result<Json> content = content_of(*message, request);
    if (!content) return fail(std::move(content.error()));
    out.push_back(Json::object({{"role", message->role == Role::system ? "system" : "user"},
                                {"content", std::move(*content)}}));
  }
  return out;
}

Json tools_of(const std::vector<Offer>& offers) {
  Json out = Json::array({});
  for (const Offer& offer : offers) {
    Json function = Json::object({{"name", offer.tool.name},
                                  {"description", offer.tool.description},
                                  {"parameters", wire::parameters_of(offer.tool)}});
    out.push_back(Json::object({{"type", "function"}, {"function", std::move(function)}}));
  }
  return out;
}

Result<Json> body_of(const WireCall& call) {
  const ModelRequest& request = call.request;
  const ThinkOptions& options = request.options;
  const Habits habits = habits_of(call.base_url, call.model);
  Result<Json> messages = messages_of(request, habits);
  if (!messages) return messages;
  Json body = Json::object({{"model", call.model}, {"messages", std::move(*messages)}});
  if (options.calls != ThinkOptions::Calls::none && !request.offers.empty()) {
    body["tools"] = tools_of(request.offers);
    if (options.calls == ThinkOptions::Calls::required) body["tool_choice"] = "required";
  }
  if (options.schema) {
    // Not strict: that takes a subset of JSON Schema only, and the answer is checked anyway.
    Json schema =
        Json::object({{"name", "answer"}, {"schema", *options.schema}, {"strict", false}});
    body["response_format"] =
        Json::object({{"type", "json_schema"}, {"json_schema", std::move(schema)}});
  }
  body[habits.completion_tokens ? "max_completion_tokens" : "max_tokens"] =
      wire::tokens_max_of(options);
  if (!wire::openai_reasons(call.model)) body["temperature"] = options.temperature;
  if (call.stream) {
    body["stream"] = true;
    if (habits.stream_options) {
      body["stream_options"] = Json::object({{"include_usage", true}});
    }
  }
  return body;
}

class OpenAiChat final : public Dialect {
 public:
  std::string_view name() const override { return "chat"; }

  Result<HttpRequest> request(const WireCall& call) const override {
    Result<Json> body = body_of(call);
    if (!body) return fail(std::move(body.error()));
    HttpRequest out = wire::post(call, "/chat/completions", *body);
    wire::add_bearer(out, call.key);
    return out;
  }

  Result<std::unique_ptr<ReplyReader>> reader(const HttpResponse& head) const override {
    if (wire::is_event_stream(head)) return chat_reader(true);
    if (wire::is_json(head)) return chat_reader(false);
    return fail(wire::not_an_endpoint(head, "an OpenAI-compatible endpoint (chat/completions)"));
  }

  HttpRequest list_models(std::string_view base_url, std::string_view key) const override {
    HttpRequest out{.url = std::string(base_url) + "/models"};
    out.headers.add("accept", "application/json");
    wire::add_bearer(out, key);
    return out;
  }
};

}  // namespace

const Dialect& openai_chat() {
  static const OpenAiChat dialect;
  return dialect;
}

}  // namespace ragent
