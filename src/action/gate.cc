#include <action/gate.h>

#include <action/nets.h>
#include <action/permission.h>
#include <action/schema.h>
#include <action/workspace.h>
#include <base/deadline.h>
#include <base/hash.h>
#include <base/text.h>
#include <ragent/limits.h>

#include <algorithm>

namespace ragent {
namespace {

const ToolSpec* find_tool(const std::vector<ToolSpec>& tools, std::string_view name) {
  auto found = std::ranges::find(tools, name, &ToolSpec::name);
  return found == tools.end() ? nullptr : &*found;
}

std::string listed(const std::vector<std::string>& items, std::size_t most = 8) {
  std::string out;
  for (std::size_t i = 0; i < items.size() && i < most; ++i) out += (i ? ", " : "") + items[i];
  return items.size() > most ? out + ", …" : out;
}

Verdict refuse(std::string reason) {
  return {.kind = Verdict::Kind::refuse, .text = std::move(reason)};
}

Verdict unknown_tool(const std::vector<ToolSpec>& tools, std::string_view name) {
  std::vector<std::string> names;
  for (const ToolSpec& tool : tools) names.push_back(tool.name);
  std::string text = "there is no tool \"" + std::string(name) + "\"";
  if (auto near = nearest(name, names)) text += "; did you mean \"" + *near + "\"?";
  return refuse(
      text + (names.empty() ? "; this agent has none" : "; the tools are: " + listed(names, 32)));
}

// An argument that must stand in an earlier observation, and does not.
std::optional<std::string> unseen(const GateRequest& request, const ToolSpec& spec) {
  for (const SeenRule& rule : spec.seen) {
    const Json* value = request.call.arguments.find(rule.argument);
    if (!value) continue;
    std::string text = value->string() ? *value->string() : value->dump();
    const auto& values = request.seen.values(rule);
    if (std::ranges::find(values, text) != values.end()) continue;
    std::string source = rule.tool.empty() ? "an earlier result" : "a result of " + rule.tool;
    return rule.argument + ": \"" + text + "\" does not stand as \"" + rule.key + "\" in " +
           source + (values.empty() ? "; call it first" : "; seen so far: " + listed(values));
  }
  return {};
}

}  // namespace

void Seen::add(const std::vector<ToolSpec>& tools, std::string_view tool, const Json& observation) {
  std::shared_ptr<Values> grown;
  for (const ToolSpec& spec : tools) {
    for (const SeenRule& rule : spec.seen) {
      if (!rule.tool.empty() && rule.tool != tool) continue;
      for (std::string& value : seen_values(observation, rule.key)) {
        const auto& known = values(rule);
        if (std::ranges::find(known, value) != known.end()) continue;
        if (!grown) {
          grown = std::make_shared<Values>(values_ ? *values_ : Values{});
          values_ = grown;
        }
        auto& list = (*grown)[{rule.tool, rule.key}];
        if (list.size() == limits::kSeenValuesMax) list.erase(list.begin());
        list.push_back(std::move(value));
      }
    }
  }
}

const std::vector<std::string>& Seen::values(const SeenRule& rule) const {
  static const std::vector<std::string> none;
  if (!values_) return none;
  auto found = values_->find({rule.tool, rule.key});
  return found == values_->end() ? none : found->second;
}

Verdict admit(const GateRequest& request) {
  const ToolSpec* spec = find_tool(request.tools, request.call.tool);
  if (!spec) return unknown_tool(request.tools, request.call.tool);
  Permission permission = permission_for(request.permissions, *spec);
  if (permission == Permission::deny) {
    return refuse("this agent is not permitted to use " + spec->name);
  }
  if (request.speculative && spec->effect != Effect::read) {
    return refuse(spec->name + " changes the world: a speculative branch may only read");
  }
  if (!spec->words.empty() && !says_any(request.said, spec->words)) {
    return refuse(spec->name +
                  " may be used only when the user asks for it: " + listed(spec->words));
  }
  std::vector<std::string> wrong = validate(spec->parameters, request.call.arguments);
  if (!wrong.empty()) return refuse("wrong arguments for " + spec->name + ": " + listed(wrong));
  if (auto reason = unseen(request, *spec)) return refuse(*reason);
  if (permission == Permission::allow) return {};
  std::string shown = spec->ask.empty()
                          ? "Allow " + spec->name + " with " + request.call.arguments.dump() + "?"
                          : fill_template(spec->ask, request.call.arguments);
  Json subject = Json::object({{"tool", spec->name},
                               {"arguments", request.call.arguments},
                               {"trusted", spec->label.trusted},
                               {"confidential", spec->label.confidential}});
  return {.kind = Verdict::Kind::ask, .text = shown, .digest = sha256_hex(subject.dump())};
}

std::vector<Offer> offers(const OfferRequest& request) {
  std::vector<Offer> out;
  for (const ToolSpec& spec : request.tools) {
    if (permission_for(request.permissions, spec) == Permission::deny) continue;
    if (request.speculative && spec.effect != Effect::read) continue;
    if (!spec.words.empty() && !says_any(request.said, spec.words)) continue;
    Offer offer{.tool = spec};
    bool possible = true;
    for (const SeenRule& rule : spec.seen) {
      const auto& values = request.seen.values(rule);
      possible = possible && !values.empty();
      offer.allowed.emplace_back(rule.argument, values);
    }
    if (possible) out.push_back(std::move(offer));
  }
  return out;
}

AfterUnknown after_unknown(const ToolSpec& spec, std::uint32_t attempts, std::uint32_t queries) {
  if (spec.effect == Effect::read) return AfterUnknown::run_again;
  if (spec.effect == Effect::idempotent) {
    return attempts < limits::kEffectAttemptsMax ? AfterUnknown::run_again : AfterUnknown::in_doubt;
  }
  return spec.query && queries < limits::kQueryAttemptsMax ? AfterUnknown::ask_query
                                                           : AfterUnknown::in_doubt;
}

std::string idempotency_key(std::string_view run, std::uint32_t chapter, std::string_view path,
                            std::uint32_t step, std::uint32_t call) {
  std::string text(run);
  text += "/" + std::to_string(chapter) + "/" + std::string(path) + "/" + std::to_string(step) +
          "/" + std::to_string(call);
  return sha256_base32(text, 26);
}

Observation failure(Observation::Status status, std::string message) {
  return {.status = status, .value = Json::object({{"error", std::move(message)}})};
}

Observation refused(std::string reason) {
  return failure(Observation::Status::refused, std::move(reason));
}

namespace {

Observation failure_of(const ToolSpec& spec, bool certain, std::string message) {
  Observation seen = failure(certain ? Observation::Status::failed : Observation::Status::unknown,
                             std::move(message));
  seen.label = spec.label;
  return seen;
}

// The observation of what a body answered, bounded.
Task<Observation> observed(ToolSpec spec, ToolContext& context, Result<Json> result) {
  Observation seen{.label = spec.label};
  if (!result) {
    bool certain = spec.effect == Effect::read || result.error().kind == ErrorKind::rejected;
    std::string message = result.error().kind == ErrorKind::timeout
                              ? spec.name + " did not answer in time"
                              : std::move(result.error().message);
    co_return failure_of(spec, certain, std::move(message));
  }
  std::string whole = result->dump();
  if (whole.size() <= limits::kObservationBytesMax) {
    seen.value = std::move(*result);
    co_return seen;
  }
  ToolHost& host = context.host;
  std::string preview = utf8_prefix(whole, limits::kPreviewBytes);
  std::size_t size = whole.size();
  Result<Json> stored = co_await host
                            .blocking([&host, bytes = std::move(whole)]() -> Result<Json> {
                              Result<std::string> id = host.artifact(bytes);
                              if (!id) return fail(std::move(id.error()));
                              return Json(std::move(*id));
                            })
                            .result();
  seen.value = Json::object({{"preview", preview}, {"bytes", size}});
  if (stored) {
    seen.artifact = *stored->string();
    seen.value["whole"] = "artifact://" + seen.artifact;
  } else {  // it has happened all the same: what is lost is the rest of its words
    seen.value["lost"] = "the whole result could not be kept: " + stored.error().message;
  }
  co_return seen;
}

Task<Json> called(Tool tool, ToolContext& context, Json arguments) {
  context.host.loop().doing({"tool ", tool.spec.name, " of run ", context.run});
  co_return co_await tool.body->call(context, std::move(arguments));
}

}  // namespace

Task<Observation> attempt(Tool tool, ToolContext& context, Json arguments, TimePoint when) {
  ToolHost& host = context.host;
  // Shared with the thread that is at it, which may outlive this frame.
  std::shared_ptr<Workspace> workspace;
  if (tool.spec.kind == ToolSpec::Kind::exec && !context.workspace.empty()) {
    workspace = std::make_shared<Workspace>(context.workspace);
    Result<Json> looked = co_await host
                              .blocking([workspace]() -> Result<Json> {
                                workspace->look();
                                return Json();
                              })
                              .result();
    if (!looked) co_return failure_of(tool.spec, true, std::move(looked.error().message));
  }
  Result<Json> result =
      co_await with_deadline(host.loop(), called(tool, context, std::move(arguments)), when)
          .result();
  Observation seen = co_await observed(tool.spec, context, std::move(result));
  if (!workspace) co_return seen;
  // Whatever came of the call, and however little time is left: its outcome is known by now.
  Result<Json> kept = co_await host
                          .blocking([workspace, &host]() -> Result<Json> {
                            workspace->keep(host);
                            return Json();
                          })
                          .result();
  seen.files = kept ? workspace->files()
                    : std::vector<OutputFile>{{.name = "*", .left_out = kept.error().message}};
  co_return seen;
}

}  // namespace ragent
