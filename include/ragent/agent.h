// Agent: what a user writes, in C++ or in agent.toml. AgentSpec: what a run is pinned to.
//
//   Agent clerk{.profile = {.name = "clerk", .instructions = "Answer in one sentence."},
//               .tools = {tool("add", "Add integers.", [](Sum s) { return s.a + s.b; }).read()}};
//   Result<Agent> travel = load_agent("agents/travel");
//
// Values; any thread.
#pragma once

#include <ragent/limits.h>
#include <ragent/profile.h>
#include <ragent/tool.h>

namespace ragent {

// Upper bounds of a run; a think and each call of an act are one step. 0 forbids, absent = default.
struct Budget {
  std::int64_t steps = limits::kStepsDefault;
  std::int64_t tokens = limits::kTokensDefault;  // input not cached + output
  std::chrono::milliseconds time = limits::kTimeDefault;  // while it works, not while it waits
  friend bool operator==(const Budget&, const Budget&) = default;
};

enum class Permission : std::uint8_t { allow, ask, deny };  // deny > ask > allow

struct AgentSpec {
  Profile profile = {};
  std::string model = {};
  std::string planner = {};  // name@version
  Budget budget = {};
  std::vector<ToolSpec> tools = {};
  friend bool operator==(const AgentSpec&, const AgentSpec&) = default;
};

struct Agent {
  Profile profile = {};
  std::string model = "local/default";
  std::string planner = "react";  // name or name@version; the newest when it names none
  Budget budget = {};
  std::vector<Tool> tools = {};
  std::vector<std::pair<std::string, Permission>> permissions = {};  // tool name, or "*"
  std::string folder = {};  // of a declared agent: where its tools and files are
};

AgentSpec spec(const Agent& agent);
Json to_json(const AgentSpec& spec);
Result<AgentSpec> agent_spec_from_json(const Json& json);
// SHA-256 of the canonical JSON, in hex: the name under which a spec is stored.
std::string spec_digest(const AgentSpec& spec);

// Reads agent.toml of a folder (or the file itself). Errors name file, line, key, what was
// expected and the near miss.
Result<Agent> load_agent(const std::string& path);

}  // namespace ragent
