#include <model/http/anthropic.h>

#include <base/text.h>
#include <model/http/endpoint_error.h>
#include <model/http/placed.h>
#include <model/http/request_parts.h>

#include <algorithm>
#include <array>
#include <ranges>
#include <set>
#include <span>

namespace ragent {
namespace {

// Put where the API wants a user to speak and none did: before a conversation that an assistant
// begins, and after its message when it is to go on. Both depend on nothing but the transcript, so
// a request stays the beginning of the next one: for the cache, and for thinking blocks, which the
// newest models tie to what stood before them.
constexpr std::string_view kBegin = "Begin.";
constexpr std::string_view kGoOn = "Go on.";

bool is_claude(std::string_view model) { return model.find("claude") != model.npos; }

// The version in a name of a Claude: 46 of "claude-opus-4-6", 50 of "claude-sonnet-5", 35 of
// "claude-3-5-haiku-20241022". Nothing: no Claude, or none with a version.
std::optional<int> version_of(std::string_view model) {
  std::optional<int> major;
  std::size_t begin = std::min(model.find("claude"), model.size());
  for (std::size_t end = begin; begin < model.size(); begin = end + 1) {
    end = std::min(model.find_first_of("-.@:/", begin), model.size());
    const std::string_view word = model.substr(begin, end - begin);
    const bool number = word.size() == 1 && word[0] >= '0' && word[0] <= '9';
    if (number && major) return *major * 10 + (word[0] - '0');
    if (number) major = word[0] - '0';
    if (!number && major) break;
  }
  return major ? std::optional(*major * 10) : std::nullopt;
}

// Each newer Claude lets itself be told less; other models behind this API take it all.
// Since 4.7 a temperature is refused.
bool takes_temperature(std::string_view model) {
  return !is_claude(model) || version_of(model).value_or(99) <= 46;
}

// After 5.0 a forced call is refused. These models have structured outputs, which older ones lack.
bool can_be_forced(std::string_view model) {
  return !is_claude(model) || version_of(model).value_or(99) <= 50;
}

bool among(std::span<const std::string_view> words, std::string_view word) {
  return std::ranges::find(words, word) != words.end();
}

Json text_block(std::string_view text) {
  return Json::object({{"type", "text"}, {"text", std::string(text)}});
}

// One content block. Only some can carry a cache breakpoint.
struct Block {
  Json json = {};
  bool result = false;
  bool thinking = false;
  bool stable = false;  // of a stable message
};

struct Said {
  bool user = false;
  std::vector<Block> blocks = {};
};

void mark(Json& block) { block["cache_control"] = Json::object({{"type", "ephemeral"}}); }

// On the last block that can carry one, of the stable ones alone; false: there is none.
bool mark_last(std::vector<Block>& blocks, bool stable = false) {
  for (Block& block : blocks | std::views::reverse) {
    if (block.thinking || (stable && !block.stable)) continue;
    mark(block.json);
    return true;
  }
  return false;
}

std::vector<Block> assistant_blocks(const Message& message) {
  std::vector<Block> out;
  read_in_order(
      message, kAnthropicState,
      {.text =
           [&](std::string_view text) {
             // It refuses text of nothing but white space.
             if (!trim(text).empty()) out.push_back({.json = text_block(text)});
           },
       .call =
           [&](const ToolCall& call) {
             Json input = call.arguments.is_object() ? call.arguments : Json::object({});
             out.push_back({.json = Json::object({{"type", "tool_use"},
                                                  {"id", wire::call_id(call.id)},
                                                  {"name", call.tool},
                                                  {"input", std::move(input)}})});
           },
       .item = [&](Json item) { out.push_back({.json = std::move(item), .thinking = true}); }});
  return out;
}

Result<std::vector<Block>> user_blocks(const Message& message, const ModelRequest& request) {
  std::vector<Block> out;
  for (const Part& part : message.parts) {
    if (const auto* text = std::get_if<Text>(&part)) {
      if (!trim(text->text).empty()) out.push_back({.json = text_block(text->text)});
    } else if (const auto* media = std::get_if<Media>(&part)) {
      Result<wire::Image> image = wire::image_of(*media, request);
      if (!image) return fail(std::move(image.error()));
      Json source = Json::object({{"type", "base64"},
                                  {"media_type", std::move(image->mime)},
                                  {"data", std::move(image->base64)}});
      out.push_back({.json = Json::object({{"type", "image"}, {"source", std::move(source)}})});
    } else if (const auto* result = std::get_if<ToolResult>(&part)) {
      Json json = Json::object({{"type", "tool_result"},
                                {"tool_use_id", wire::call_id(result->call)},
                                {"content", result->observation.text()}});
      if (result->observation.status != Observation::Status::done) json["is_error"] = true;
      out.push_back({.json = std::move(json), .result = true});
    }
  }
  return out;
}

// A request in the making: the leading system messages apart, the others by turns.
class Conversation {
 public:
  explicit Conversation(const ModelRequest& request) : request_(request) {}
  Result<void> read();
  const std::set<std::string>& called() const { return called_; }  // names of tools
  // Three of the four that are allowed: after the tools or, without any, after the system; after
  // the stable messages; after everything.
  void mark_breakpoints(Json& tools);
  Json system() { return array(system_); }
  Json messages();

 private:
  Result<std::vector<Block>> blocks_of(const Message& message);
  void say(bool user, std::vector<Block> blocks);
  static Json array(std::vector<Block>& blocks);

  const ModelRequest& request_;
  std::vector<Block> system_ = {};
  std::vector<Said> said_ = {};
  std::set<std::string> called_ = {};
};

Result<void> Conversation::read() {
  bool leading = true, stable = true;
  for (const Message* message : request_.transcript.messages()) {
    Result<std::vector<Block>> blocks = blocks_of(*message);
    if (!blocks) return fail(std::move(blocks.error()));
    leading = leading && message->role == Role::system;
    stable = stable && message->stable;
    for (Block& block : *blocks) block.stable = stable;
    if (leading) {
      std::ranges::move(*blocks, std::back_inserter(system_));
    } else {
      say(message->role != Role::assistant, std::move(*blocks));
    }
  }
  if (said_.empty()) say(true, {{.json = text_block(kBegin)}});
  if (!said_.back().user) say(true, {{.json = text_block(kGoOn)}});
  return {};
}

Result<std::vector<Block>> Conversation::blocks_of(const Message& message) {
  if (message.role != Role::assistant) return user_blocks(message, request_);
  for (const Part& part : message.parts) {
    if (const auto* call = std::get_if<ToolCall>(&part)) called_.insert(call->tool);
  }
  return assistant_blocks(message);
}

// Results stand first in a message of the user, whatever came before them.
void Conversation::say(bool user, std::vector<Block> blocks) {
  if (blocks.empty()) return;
  if (!user && said_.empty()) say(true, {{.json = text_block(kBegin)}});
  if (!user && !said_.back().user) say(true, {{.json = text_block(kGoOn)}});
  if (said_.empty() || said_.back().user != user) said_.push_back({.user = user});
  std::vector<Block>& all = said_.back().blocks;
  auto results = std::ranges::find(all, false, &Block::result) - all.begin();
  for (Block& block : blocks) {
    auto at = block.result ? all.begin() + results++ : all.end();
    all.insert(at, std::move(block));
  }
}

void Conversation::mark_breakpoints(Json& tools) {
  if (Json::Array* list = tools.array(); list && !list->empty()) {
    mark(list->back());
  } else {
    mark_last(system_);
  }
  auto said = said_.rbegin();
  while (said != said_.rend() && !mark_last(said->blocks, true)) ++said;
  if (said == said_.rend()) mark_last(system_, true);
  mark_last(said_.back().blocks);
}

Json Conversation::array(std::vector<Block>& blocks) {
  Json out = Json::array({});
  for (Block& block : blocks) out.push_back(std::move(block.json));
  return out;
}

Json Conversation::messages() {
  Json out = Json::array({});
  for (Said& said : said_) {
    out.push_back(Json::object(
        {{"role", said.user ? "user" : "assistant"}, {"content", array(said.blocks)}}));
  }
  return out;
}

Json tool_json(const ToolSpec& tool) {
  Json out = Json::object({{"name", tool.name}});
  if (!tool.description.empty()) out["description"] = tool.description;
  out["input_schema"] = wire::parameters_of(tool);
  return out;
}

Json answer_json(std::string_view name, Json schema) {
  return tool_json({.name = std::string(name),
                    .description = "Give the answer to the user with this tool.",
                    .parameters = std::move(schema)});
}

// A tool's input is an object: what is none becomes the member `value` of one. The definitions
// stay at the top, where its references look for them.
Json answer_tool(const Json& schema) {
  static constexpr std::array<std::string_view, 3> kNotAtTheTop = {"anyOf", "oneOf", "allOf"};
  const bool plain = schema.text("type") == "object" &&
                     std::ranges::none_of(kNotAtTheTop, [&](auto key) { return schema.find(key); });
  if (plain) return answer_json(kAnswerTool, schema);
  Json value = schema;
  Json outer = Json::object({{"type", "object"}});
  for (std::string_view key : {"$defs", "definitions"}) {
    const Json* found = schema.find(key);
    if (!found) continue;
    outer[key] = *found;
    std::erase_if(*value.object(), [&](const Json::Member& member) { return member.key == key; });
  }
  outer["properties"] = Json::object({{"value", std::move(value)}});
  outer["required"] = Json::array({"value"});
  return answer_json(kValueTool, std::move(outer));
}

// As structured outputs want a schema: every object closed, and without the bounds that they
// refuse; whoever checks the answer checks those.
Json closed(const Json& schema) {
  static constexpr std::array<std::string_view, 14> kRefused = {
      "minimum",   "maximum",   "exclusiveMinimum", "exclusiveMaximum", "multipleOf",
      "minLength", "maxLength", "minItems",         "maxItems",         "uniqueItems",
      "pattern",   "contains",  "minProperties",    "maxProperties"};
  if (const Json::Array* items = schema.array()) {
    Json out = Json::array({});
    for (const Json& item : *items) out.push_back(closed(item));
    return out;
  }
  const Json::Object* members = schema.object();
  if (!members) return schema;
  Json out = Json::object({});
  for (const auto& [key, value] : *members) {
    const bool literal = key == "enum" || key == "const" || key == "default" || key == "required";
    if (key == "properties" || key == "$defs" || key == "definitions") {
      out[key] = Json::object({});  // its keys are names
      if (!value.object()) continue;
      for (const auto& [name, inner] : *value.object()) out[key][name] = closed(inner);
    } else if (!among(kRefused, key)) {
      out[key] = literal ? value : closed(value);
    }
  }
  if (out.text("type") == "object") out["additionalProperties"] = false;
  return out;
}

// What the model may call and must: the members `tools`, `tool_choice` and `output_config`.
struct Choice {
  Json tools = Json::array({});
  Json choice = {};
  Json format = {};
};

Choice choose(const WireCall& call, const std::set<std::string>& called) {
  using Calls = ThinkOptions::Calls;
  const std::vector<Offer>& offers = call.request.offers;
  const ThinkOptions& options = call.request.options;
  Choice out;
  for (const Offer& offer : offers) {
    out.tools.push_back(tool_json(offer.tool));
  }
  const Calls calls = offers.empty() ? Calls::none : options.calls;
  // A conversation with calls is refused without the tools that were called.
  if (offers.empty() && !called.empty()) {
    for (const ToolSpec& tool : call.request.transcript.tools()) {
      out.tools.push_back(tool_json(tool));
    }
    if (out.tools.size() == 0) {
      for (const std::string& name : called) out.tools.push_back(tool_json({.name = name}));
    }
  }
  const bool forced = can_be_forced(call.model);
  std::string type = calls == Calls::none ? "none" : "auto";
  if (calls == Calls::required && forced) type = "any";
  if (options.schema && calls != Calls::required) {
    if (!forced) {
      out.format = Json::object({{"type", "json_schema"}, {"schema", closed(*options.schema)}});
    } else {
      Json answer = answer_tool(*options.schema);
      out.choice = calls == Calls::none
                       ? Json::object({{"type", "tool"}, {"name", answer.text("name")}})
                       : Json::object({{"type", "any"}});
      out.tools.push_back(std::move(answer));
      return out;
    }
  }
  if (out.tools.size() > 0) out.choice = Json::object({{"type", type}});
  return out;
}

void add_credentials(HttpRequest& request, std::string_view key) {
  request.headers.add("anthropic-version", "2023-06-01");
  if (!key.empty()) request.headers.add("x-api-key", std::string(key));
}

class Anthropic final : public Dialect {
 public:
  std::string_view name() const override { return "anthropic"; }

  Result<HttpRequest> request(const WireCall& call) const override {
    const ThinkOptions& options = call.request.options;
    Conversation chat(call.request);
    if (Result<void> read = chat.read(); !read) return fail(std::move(read.error()));
    Choice choice = choose(call, chat.called());
    chat.mark_breakpoints(choice.tools);
    Json body = Json::object(
        {{"model", std::string(call.model)}, {"max_tokens", wire::tokens_max_of(options)}});
    if (takes_temperature(call.model)) {
      body["temperature"] = std::clamp(options.temperature, 0.0, 1.0);
    }
    if (!choice.format.is_null()) {
      body["output_config"] = Json::object({{"format", std::move(choice.format)}});
    }
    if (Json system = chat.system(); system.size() > 0) body["system"] = std::move(system);
    if (choice.tools.size() > 0) body["tools"] = std::move(choice.tools);
    if (!choice.choice.is_null()) body["tool_choice"] = std::move(choice.choice);
    body["messages"] = chat.messages();
    if (call.stream) body["stream"] = true;
    HttpRequest out = wire::post(call, "/messages", body);
    add_credentials(out, call.key);
    return out;
  }

  Result<std::unique_ptr<ReplyReader>> reader(const HttpResponse& head) const override {
    if (wire::is_event_stream(head)) return anthropic_reader(true);
    if (wire::is_json(head)) return anthropic_reader(false);
    return fail(wire::not_an_endpoint(head, "an endpoint of the Messages API (messages)"));
  }

  HttpRequest list_models(std::string_view base_url, std::string_view key) const override {
    // A page has 20 of them where nothing is said, and 1000 at most.
    HttpRequest out{.url = std::string(base_url) + "/models?limit=1000"};
    add_credentials(out, key);
    return out;
  }
};

}  // namespace

const Dialect& anthropic() {
  static constexpr Anthropic kDialect;
  return kDialect;
}

}  // namespace ragent
