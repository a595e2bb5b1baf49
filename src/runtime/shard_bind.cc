// Shard: from an Agent, or from a pinned spec, to what this process has for it.
#include <action/declared.h>
#include <base/text.h>
#include <base/written_json.h>
#include <ragent/limits.h>
#include <runtime/planners.h>
#include <runtime/shard.h>

namespace ragent {
namespace {

constexpr std::size_t kBindingsKept = 16;

// Whether its native tools and its permissions are still those of the agent as it is today.
bool has_bodies_of(const Binding& binding, const Agent& today) {
  return binding.permissions == today.permissions &&
         std::ranges::all_of(binding.tools, [&](const Tool& bound) {
           return bound.spec.kind != ToolSpec::Kind::native ||
                  std::ranges::any_of(today.tools, [&](const Tool& tool) {
                    return tool.spec.name == bound.spec.name && tool.body == bound.body;
                  });
         });
}

// What files say about an agent.
struct Declared {
  std::vector<Tool> tools = {};
  Permissions permissions = {};
};

// Reads files. `permissions`: nobody else knows them.
Result<Declared> load_declared(const std::vector<ToolSpec>& specs, const std::string& folder,
                               bool permissions) {
  Declared out;
  if (permissions && !folder.empty()) {
    Result<Agent> loaded = load_agent(folder);
    if (!loaded) return fail(within("its permissions", std::move(loaded.error())));
    out.permissions = loaded->permissions;
  }
  ToolBinder binder;  // the tools of one folder share its data
  for (const ToolSpec& spec : specs) {
    if (spec.kind == ToolSpec::Kind::native) continue;
    Result<Tool> tool = binder.bind(spec, folder);
    if (!tool) return fail(std::move(tool.error()));
    out.tools.push_back(std::move(*tool));
  }
  return out;
}

}  // namespace

// The model of that name on this shard, opened by the first source that knows it.
Result<Model*> Shard::model(const std::string& name) {
  if (auto found = models_.find(name); found != models_.end()) return found->second.get();
  for (const ModelSource& source : parts_.options.models) {
    Result<std::unique_ptr<Model>> opened = source(name, loop_);
    if (!opened) {
      Error error = std::move(opened.error());
      bool named = error.message.contains(name);
      return fail(named ? error : within("model \"" + printable(name, 200) + "\"", error));
    }
    if (!*opened) continue;
    return (models_[name] = std::move(*opened)).get();
  }
  return fail(ErrorKind::not_found,
              "no model is called \"" + name +
                  "\": expected local/default, local/small, a GGUF file, or a model that the "
                  "program gave to the engine");
}

Result<Planner> Shard::planner(const std::string& name) const {
  return find_planner(parts_.options.planners, name);
}

Result<void> Shard::meet(const Agent& agent) {
  std::vector<std::string> names;
  for (const Tool& tool : agent.tools) {
    if (tool.spec.name.empty() || !tool.body ||
        std::ranges::find(names, tool.spec.name) != names.end()) {
      return fail(ErrorKind::invalid, "agent \"" + agent.profile.name + "\": tool \"" +
                                          tool.spec.name + "\" needs a name of its own and a body");
    }
    names.push_back(tool.spec.name);
  }
  agents_.insert_or_assign(agent.profile.name, agent);
  return {};
}

Result<std::shared_ptr<const Binding>> Shard::bind(const Agent& agent, const RunOptions& options) {
  AgentSpec wanted = spec(agent);
  if (!parts_.options.model.empty()) wanted.model = parts_.options.model;
  if (!options.model.empty()) wanted.model = options.model;
  if (!options.planner.empty()) wanted.planner = options.planner;
  Result<Planner> plan = planner(wanted.planner);
  if (!plan) return fail(std::move(plan.error()));
  wanted.planner = plan->name + "@" + std::to_string(plan->version);
  auto same = [&](const std::shared_ptr<const Binding>& one) {
    return one->folder == agent.folder && one->permissions == agent.permissions &&
           one->spec == wanted &&
           std::ranges::equal(one->tools, agent.tools, {}, &Tool::body, &Tool::body);
  };
  if (auto known = std::ranges::find_if(bindings_, same); known != bindings_.end()) return *known;
  auto binding = std::make_shared<Binding>(Binding{.folder = agent.folder,
                                                   .tools = agent.tools,
                                                   .permissions = agent.permissions,
                                                   .planner = std::move(*plan)});
  if (!parts_.options.models.empty()) {  // without any, planners that do not think still run
    Result<Model*> opened = model(wanted.model);
    if (!opened) return fail(std::move(opened.error()));
    binding->model = *opened;
  }
  binding->digest = spec_digest(wanted);
  binding->spec = std::move(wanted);
  keep(binding);
  return binding;
}

void Shard::keep(std::shared_ptr<const Binding> binding) {
  if (bindings_.size() == kBindingsKept) bindings_.erase(bindings_.begin());
  bindings_.push_back(std::move(binding));
}

const Agent* Shard::agent_today(const std::string& name) const {
  if (auto known = agents_.find(name); known != agents_.end()) return &known->second;
  auto given = std::ranges::find(parts_.options.agents, name,
                                 [](const Agent& agent) { return agent.profile.name; });
  return given == parts_.options.agents.end() ? nullptr : &*given;
}

std::shared_ptr<const Binding> Shard::bound(const RunRow& row, const std::string& folder) const {
  const Agent* today = agent_today(row.agent);
  auto known = std::ranges::find_if(bindings_, [&](const auto& one) {
    return one->digest == row.spec && one->folder == folder &&
           (!today || has_bodies_of(*one, *today));
  });
  return known == bindings_.end() ? nullptr : *known;
}

// A run keeps the spec it began with; bodies and permissions are those of today.
Task<std::shared_ptr<const Binding>> Shard::rebind(Tenant tenant, RunRow row, std::string folder) {
  Store& store = parts_.store;
  std::string text = co_await offload(loop_, parts_.store_pool, [&store, tenant, row] {
    return store.journal().spec(tenant, row.spec);
  });
  co_return co_await bind_pinned(std::move(row), std::move(folder), std::move(text));
}

// `spec`: its JSON, of which row.spec is the digest.
Task<std::shared_ptr<const Binding>> Shard::bind_pinned(RunRow row, std::string folder,
                                                        std::string spec) {
  // Runs of one agent share what they are bound to: its data is read once, not for each of them.
  std::string key = row.spec + " " + folder;
  for (;;) {
    if (auto known = bound(row, folder)) co_return known;
    if (!rebinding_.contains(key)) break;
    co_await turn(rebinding_, key);
  }
  OneAtATime at_work(rebinding_, key);
  AgentSpec pinned = co_await agent_spec_from_json(co_await parse_written_json(spec));
  Declared declared = co_await offload(
      loop_, parts_.blocking_pool,
      [specs = pinned.tools, folder, permissions = agent_today(row.agent) == nullptr] {
        return load_declared(specs, folder, permissions);
      });
  auto binding = std::make_shared<Binding>(Binding{
      .digest = row.spec, .folder = folder, .permissions = std::move(declared.permissions)});
  const Agent* today = agent_today(row.agent);
  if (today) binding->permissions = today->permissions;
  auto next = declared.tools.begin();
  for (const ToolSpec& spec : pinned.tools) {
    if (spec.kind != ToolSpec::Kind::native) {
      binding->tools.push_back(std::move(*next++));
      continue;
    }
    const Tool* body = nullptr;
    if (today) {
      auto found = std::ranges::find(today->tools, spec.name,
                                     [](const Tool& tool) { return tool.spec.name; });
      if (found != today->tools.end()) body = &*found;
    }
    if (!body || !body->body) {
      co_await fail(ErrorKind::not_found, "its native tool \"" + spec.name +
                                              "\" is not registered: resume it with the "
                                              "program that has agent \"" +
                                              row.agent + "\"");
    }
    binding->tools.push_back({.spec = spec, .body = body->body});
  }
  binding->planner = co_await planner(pinned.planner);
  if (!parts_.options.models.empty()) binding->model = co_await model(pinned.model);
  binding->spec = std::move(pinned);
  keep(binding);
  co_return binding;
}

}  // namespace ragent
