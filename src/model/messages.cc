#include <model/messages.h>

#include <array>

namespace ragent {
namespace {

constexpr std::array<std::string_view, 4> kRoles = {"system", "user", "assistant", "tool"};
constexpr std::array<std::string_view, 4> kStatuses = {"done", "failed", "unknown", "refused"};
constexpr std::array<std::string_view, 3> kFinishes = {"stop", "calls", "length"};

template <class E, std::size_t N>
std::string_view name_of(const std::array<std::string_view, N>& names, E value) {
  return names.at(static_cast<std::size_t>(value));
}

template <class E, std::size_t N>
Result<E> value_of(const std::array<std::string_view, N>& names, const Json& json,
                   std::string_view key) {
  std::string name = json.text(key);
  for (std::size_t i = 0; i < N; ++i) {
    if (names[i] == name) return static_cast<E>(i);
  }
  std::string all;
  for (std::string_view each : names) all += (all.empty() ? "" : ", ") + std::string(each);
  return fail(ErrorKind::invalid,
              std::string(key) + ": expected one of " + all + ", got \"" + name + "\"");
}

template <class... F>
struct Overload : F... {
  using F::operator()...;
};

Json label_json(Label label) {
  Json out = Json::object({});
  if (!label.trusted) out["trusted"] = false;
  if (label.confidential) out["confidential"] = true;
  return out;
}

void put_label(Json& out, Label label) {
  if (label != Label{}) out["label"] = label_json(label);
}

Label label_of(const Json& json) {
  const Json* label = json.find("label");
  if (!label) return {};
  return {.trusted = label->flag("trusted", true), .confidential = label->flag("confidential")};
}

Json part_json(const Part& part) {
  return std::visit(
      Overload{
          [](const Text& text) { return Json::object({{"text", text.text}}); },
          [](const Media& media) {
            return Json::object({{"media", media.artifact}, {"mime", media.mime}});
          },
          [](const Reasoning& reasoning) {
            Json out = Json::object({{"reasoning", reasoning.text}});
            if (!reasoning.state.empty()) out["state"] = reasoning.state;
            return out;
          },
          [](const ToolCall& call) {
            return Json::object(
                {{"call", call.id}, {"tool", call.tool}, {"arguments", call.arguments}});
          },
          [](const ToolResult& result) {
            return Json::object({{"result", result.call},
                                 {"tool", result.tool},
                                 {"observation", to_json(result.observation)}});
          },
      },
      part);
}

ToolCall call_of(const Json& json) {
  const Json* arguments = json.find("arguments");
  return {.id = json.text("call"),
          .tool = json.text("tool"),
          .arguments = arguments ? *arguments : Json::object({})};
}

Reasoning reasoning_of(const Json& json) {
  return {.text = json.text("reasoning"), .state = json.text("state")};
}

Result<Part> part_from(const Json& json) {
  if (json.find("text")) return Text{json.text("text")};
  if (json.find("media")) return Media{.artifact = json.text("media"), .mime = json.text("mime")};
  if (json.find("reasoning")) return reasoning_of(json);
  if (json.find("call")) return call_of(json);
  if (const Json* observation = json.find("observation")) {
    Result<Observation> value = observation_from_json(*observation);
    if (!value) return fail(within("observation", std::move(value.error())));
    return ToolResult{
        .call = json.text("result"), .tool = json.text("tool"), .observation = std::move(*value)};
  }
  return fail(ErrorKind::invalid,
              "expected a part (text, media, reasoning, call or result), got " + json.dump());
}

// What used nothing needs no price: a sum that begins, a reply that a person gave.
bool used(const Usage& usage) { return usage.tokens_input != 0 || usage.tokens_output != 0; }

}  // namespace

Message Message::of(Role role, std::string text) {
  return {.role = role, .parts = {Text{std::move(text)}}};
}

std::string Message::text() const {
  std::string out;
  for (const Part& part : parts) {
    if (const auto* text = std::get_if<Text>(&part)) out += text->text;
  }
  return out;
}

Usage& Usage::operator+=(const Usage& other) {
  const bool unpriced = !cost_nanodollars && used(*this);
  const bool adds_unpriced = !other.cost_nanodollars && used(other);
  if (other.cost_nanodollars) {
    cost_nanodollars = cost_nanodollars.value_or(0) + *other.cost_nanodollars;
  }
  cost_partial |= other.cost_partial || (cost_nanodollars && (unpriced || adds_unpriced));
  tokens_input += other.tokens_input;
  tokens_cached += other.tokens_cached;
  tokens_output += other.tokens_output;
  tokens_written += other.tokens_written;
  return *this;
}

std::string Observation::text() const { return value.dump() + files_text(*this); }

std::string files_text(const Observation& observation) {
  std::string out;
  for (const OutputFile& file : observation.files) {
    // Quoted: a program chooses the name, and it could go on like the rest of the line.
    out += "\nFile: " + Json(file.name).dump() + ", " + std::to_string(file.bytes) + " bytes, ";
    out += file.left_out.empty() ? "artifact://" + file.artifact : "not kept: " + file.left_out;
  }
  return out;
}

namespace {

Json files_json(const std::vector<OutputFile>& files) {
  Json out = Json::array({});
  for (const OutputFile& file : files) {
    Json one = Json::object({{"name", file.name}, {"bytes", file.bytes}});
    if (!file.artifact.empty()) one["artifact"] = file.artifact;
    if (!file.left_out.empty()) one["left_out"] = file.left_out;
    out.push_back(std::move(one));
  }
  return out;
}

std::vector<OutputFile> files_from(const Json& json) {
  std::vector<OutputFile> out;
  const Json* files = json.find("files");
  if (!files || !files->array()) return out;
  for (const Json& one : *files->array()) {
    out.push_back({.name = one.text("name"),
                   .bytes = static_cast<std::uint64_t>(one.integer("bytes")),
                   .artifact = one.text("artifact"),
                   .left_out = one.text("left_out")});
  }
  return out;
}

}  // namespace

Json to_json(const Observation& observation) {
  Json out = Json::object(
      {{"status", name_of(kStatuses, observation.status)}, {"value", observation.value}});
  if (!observation.artifact.empty()) out["artifact"] = observation.artifact;
  if (!observation.files.empty()) out["files"] = files_json(observation.files);
  put_label(out, observation.label);
  return out;
}

Result<Observation> observation_from_json(const Json& json) {
  Result<Observation::Status> status = value_of<Observation::Status>(kStatuses, json, "status");
  if (!status) return fail(std::move(status.error()));
  const Json* value = json.find("value");
  return Observation{.status = *status,
                     .value = value ? *value : Json(),
                     .artifact = json.text("artifact"),
                     .files = files_from(json),
                     .label = label_of(json)};
}

Json to_json(const Usage& usage) {
  Json out = Json::object({{"tokens_input", usage.tokens_input},
                           {"tokens_cached", usage.tokens_cached},
                           {"tokens_output", usage.tokens_output}});
  if (usage.tokens_written != 0) out["tokens_written"] = usage.tokens_written;
  if (usage.cost_nanodollars) out["cost_nanodollars"] = *usage.cost_nanodollars;
  if (usage.cost_partial) out["cost_partial"] = true;
  return out;
}

Usage usage_from_json(const Json& json) {
  const Json* cost = json.find("cost_nanodollars");
  return {.tokens_input = json.integer("tokens_input"),
          .tokens_cached = json.integer("tokens_cached"),
          .tokens_output = json.integer("tokens_output"),
          .tokens_written = json.integer("tokens_written"),
          .cost_nanodollars = cost ? cost->integer() : std::nullopt,
          .cost_partial = json.flag("cost_partial")};
}

Json to_json(const Message& message) {
  Json parts = Json::array({});
  for (const Part& part : message.parts) parts.push_back(part_json(part));
  Json out = Json::object({{"role", name_of(kRoles, message.role)}, {"parts", std::move(parts)}});
  put_label(out, message.label);
  if (message.stable) out["stable"] = true;
  return out;
}

Result<Message> message_from_json(const Json& json) {
  Result<Role> role = value_of<Role>(kRoles, json, "role");
  if (!role) return fail(std::move(role.error()));
  Message out{.role = *role, .label = label_of(json), .stable = json.flag("stable")};
  const Json* parts = json.find("parts");
  if (!parts || !parts->is_array()) {
    return fail(ErrorKind::invalid, "parts: expected an array, got " + json.dump());
  }
  for (const Json& item : *parts->array()) {
    Result<Part> part = part_from(item);
    if (!part) return fail(within("parts", std::move(part.error())));
    out.parts.push_back(std::move(*part));
  }
  return out;
}

Json to_json(const Reply& reply) {
  Json out = Json::object({});
  if (!reply.text.empty() || reply.calls.empty()) out["text"] = reply.text;
  for (const ToolCall& call : reply.calls) out["calls"].push_back(part_json(call));
  for (const Reasoning& part : reply.reasoning) out["reasoning"].push_back(part_json(part));
  out["usage"] = to_json(reply.usage);
  out["finish"] = name_of(kFinishes, reply.finish);
  return out;
}

Result<Reply> reply_from_json(const Json& json) {
  Result<Finish> finish = value_of<Finish>(kFinishes, json, "finish");
  if (!finish) return fail(within("reply", std::move(finish.error())));
  Reply out{.text = json.text("text"), .finish = *finish};
  if (const Json* usage = json.find("usage")) out.usage = usage_from_json(*usage);
  if (const Json* calls = json.find("calls"); calls && calls->is_array()) {
    for (const Json& call : *calls->array()) out.calls.push_back(call_of(call));
  }
  if (const Json* parts = json.find("reasoning"); parts && parts->is_array()) {
    for (const Json& part : *parts->array()) out.reasoning.push_back(reasoning_of(part));
  }
  return out;
}

Task<std::vector<std::int64_t>> Model::tokens(std::vector<std::string> texts) {
  constexpr std::size_t kBytes = 3;  // of one token; of English four, of code and digits fewer
  std::vector<std::int64_t> out;
  for (const std::string& text : texts) {
    out.push_back(static_cast<std::int64_t>((text.size() + kBytes - 1) / kBytes));
  }
  co_return out;
}

}  // namespace ragent
