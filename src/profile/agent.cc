// AgentSpec as a value: from an Agent, as JSON, by digest.
#include <ragent/agent.h>

#include <base/hash.h>

#include <fmt/format.h>

namespace ragent {
namespace {

Json texts_json(const std::vector<std::string>& texts) {
  Json out = Json::array({});
  for (const std::string& text : texts) out.push_back(text);
  return out;
}

Json example_json(const Example& example) {
  Json calls = Json::array({});
  for (const Example::Call& call : example.calls) {
    calls.push_back(Json::object(
        {{"tool", call.tool}, {"arguments", call.arguments}, {"result", call.result}}));
  }
  return Json::object(
      {{"user", example.user}, {"calls", std::move(calls)}, {"answer", example.answer}});
}

// Only what is not the default, so that a new member never changes the digest of an old spec.
Json profile_json(const Profile& profile) {
  Json out = Json::object({{"name", profile.name}});
  auto put = [&](std::string_view key, const std::string& text) {
    if (!text.empty()) out[key] = text;
  };
  put("role", profile.role);
  put("tone", profile.tone);
  put("language", profile.language);
  put("instructions", profile.instructions);
  if (!profile.goals.empty()) out["goals"] = texts_json(profile.goals);
  if (!profile.rules.empty()) out["rules"] = texts_json(profile.rules);
  for (const Example& example : profile.examples) {
    out["examples"].push_back(example_json(example));
  }
  return out;
}

const Json::Array& items_of(const Json& json, std::string_view key) {
  static const Json::Array kNone;
  const Json* member = json.find(key);
  const Json::Array* items = member ? member->array() : nullptr;
  return items ? *items : kNone;
}

std::vector<std::string> texts_of(const Json& json, std::string_view key) {
  std::vector<std::string> out;
  for (const Json& item : items_of(json, key)) {
    if (item.string()) out.push_back(*item.string());
  }
  return out;
}

Json member_of(const Json& json, std::string_view key) {
  const Json* member = json.find(key);
  return member ? *member : Json();
}

Example example_of(const Json& json) {
  Example out{.user = json.text("user"), .answer = json.text("answer")};
  for (const Json& call : items_of(json, "calls")) {
    out.calls.push_back({.tool = call.text("tool"),
                         .arguments = member_of(call, "arguments"),
                         .result = member_of(call, "result")});
  }
  return out;
}

Profile profile_of(const Json& json) {
  Profile out{.name = json.text("name"),
              .role = json.text("role"),
              .tone = json.text("tone"),
              .language = json.text("language"),
              .instructions = json.text("instructions"),
              .goals = texts_of(json, "goals"),
              .rules = texts_of(json, "rules")};
  for (const Json& example : items_of(json, "examples")) {
    out.examples.push_back(example_of(example));
  }
  return out;
}

}  // namespace

AgentSpec spec(const Agent& agent) {
  AgentSpec out{.profile = agent.profile,
                .model = agent.model,
                .planner = agent.planner,
                .budget = agent.budget};
  out.tools.reserve(agent.tools.size());
  for (const Tool& tool : agent.tools) out.tools.push_back(tool.spec);
  return out;
}

Json to_json(const AgentSpec& spec) {
  Json tools = Json::array({});
  for (const ToolSpec& tool : spec.tools) tools.push_back(to_json(tool));
  return Json::object({{"profile", profile_json(spec.profile)},
                       {"model", spec.model},
                       {"planner", spec.planner},
                       {"budget", Json::object({{"steps", spec.budget.steps},
                                                {"tokens", spec.budget.tokens},
                                                {"time_ms", spec.budget.time.count()}})},
                       {"tools", std::move(tools)}});
}

Result<AgentSpec> agent_spec_from_json(const Json& json) {
  for (std::string_view key : {"profile", "budget", "tools"}) {
    if (!json.find(key)) {
      return fail(ErrorKind::invalid,
                  fmt::format("an agent spec: expected a member \"{}\", got {}", key,
                              json.is_object() ? "none" : json.type_name()));
    }
  }
  const Json& budget = *json.find("budget");
  AgentSpec out{.profile = profile_of(*json.find("profile")),
                .model = json.text("model"),
                .planner = json.text("planner")};
  out.budget = {
      .steps = budget.integer("steps", out.budget.steps),
      .tokens = budget.integer("tokens", out.budget.tokens),
      .time = std::chrono::milliseconds(budget.integer("time_ms", out.budget.time.count()))};
  for (const Json& item : items_of(json, "tools")) {
    Result<ToolSpec> tool = tool_spec_from_json(item);
    if (!tool) return fail(within("an agent spec", std::move(tool.error())));
    out.tools.push_back(std::move(*tool));
  }
  return out;
}

std::string spec_digest(const AgentSpec& spec) { return sha256_hex(to_json(spec).dump()); }

}  // namespace ragent
