// ragent check: what an agent is and can do, or what is wrong with it.
#include <base/text.h>
#include <cli/commands.h>
#include <cli/home.h>
#include <profile/agent_file.h>
#include <runtime/planners.h>

#include <algorithm>
#include <fmt/core.h>

namespace ragent::cli {
namespace {

std::string kind_text(ToolSpec::Kind kind) {
  switch (kind) {
    case ToolSpec::Kind::native: return "native";
    case ToolSpec::Kind::sql: return "sql";
    case ToolSpec::Kind::exec: return "exec";
  }
  return "";
}

std::string permission_text(const Agent& agent, const std::string& tool) {
  auto strictest = Permission::allow;
  for (const auto& [name, permission] : agent.permissions) {
    if (name == tool || name == "*") strictest = std::max(strictest, permission);
  }
  if (strictest == Permission::deny) return "denied";
  return strictest == Permission::ask ? "asks first" : "";
}

std::string care_text(const Agent& agent, const ToolSpec& tool) {
  std::vector<std::string> out;
  std::string permission = permission_text(agent, tool.name);
  if (permission.empty() && !tool.ask.empty()) permission = "asks first";
  if (!permission.empty()) out.push_back(permission);
  if (tool.query) out.push_back("can be asked what happened");
  if (!tool.words.empty()) out.push_back("on the words " + join(tool.words, ", "));
  for (const SeenRule& rule : tool.seen) out.push_back(rule.argument + " must have been seen");
  return one_line(join(out, "; "));
}

void print_summary(const Agent& agent, const Look& look) {
  const Profile& profile = agent.profile;
  print(bold(look, one_line(profile.name)));
  if (!profile.role.empty()) print(fmt::format("  {}", one_line(profile.role)));
  print("\n");
  auto line = [&](std::string_view key, const std::string& value) {
    if (!value.empty()) print(fmt::format("  {}  {}\n", dim(look, pad(key, 8)), value));
  };
  line("model", one_line(agent.model));
  line("planner", one_line(agent.planner));
  line("budget",
       fmt::format("{}, {}, {}", plural(agent.budget.steps, "step"),
                   plural(agent.budget.tokens, "token"), duration(agent.budget.time.count())));
  line("examples",
       profile.examples.empty() ? "" : count(static_cast<std::int64_t>(profile.examples.size())));
  line("folder", one_line(agent.folder));
  if (agent.tools.empty()) return print("\nIt has no tools.\n");
  std::vector<std::vector<std::string>> rows;
  for (const Tool& tool : agent.tools) {
    rows.push_back({one_line(tool.spec.name), kind_text(tool.spec.kind),
                    std::string(to_string(tool.spec.effect)), care_text(agent, tool.spec)});
  }
  print(fmt::format("\n{}", table(look, "  ", {"tool", "kind", "effect", ""}, rows)));
}

}  // namespace

int check_command(const Args& args, const Console& console) {
  Result<std::string> path = find_agent(args.agent);
  if (!path) return console.report(path.error());
  Result<Agent> agent = load_agent(*path);
  if (!agent) return console.report(agent.error());
  // One that is not there would only be missed at the first run.
  EngineOptions options = engine_options(args);
  if (Result<Planner> planner = find_planner(options.planners, agent->planner); !planner) {
    return console.report(within(place_in_agent(*path, "planner"), std::move(planner.error())));
  }
  if (args.json) {
    print(fmt::format("{}\n", to_json(spec(*agent)).dump()));
    return kExitDone;
  }
  print_summary(*agent, console.out);
  print(fmt::format("\n{}\n", green(console.out, "ok")));
  return kExitDone;
}

}  // namespace ragent::cli
