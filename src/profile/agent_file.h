// agent.toml: an agent as a folder, read into an Agent.
//
//   ToolReader reader{.arguments = …, .bind = …};              // the parsers of src/action
//   Result<Agent> travel = read_agent("agents/travel", reader);
//
// load_agent (agent.h) is this with the tools of src/action; the two meet in src/runtime, because
// neither folder may use the other. Every error is "FILE:LINE: KEY: what was expected, what came",
// with the near miss. Blocking; any thread.
#pragma once

#include <ragent/agent.h>

#include <functional>

namespace ragent {

// What the shorthand of `args` says: {from = "string: city or code", flight = "seen: id from x"}.
struct ArgumentsRead {
  Json schema = {};
  std::vector<SeenRule> seen = {};
};

struct ToolReader {
  using Pairs = std::vector<std::pair<std::string, std::string>>;  // argument, its shorthand
  std::function<Result<ArgumentsRead>(const Pairs&)> arguments = {};
  // The body of an `sql` or `exec` tool. Native tools have none until a program binds them.
  std::function<Result<Tool>(ToolSpec spec, const std::string& folder)> bind = {};
};

Result<Agent> read_agent(const std::string& path, const ToolReader& reader);
// The same of the text of `file`, which belongs to `folder`.
Result<Agent> parse_agent(std::string_view text, const std::string& file, const std::string& folder,
                          const ToolReader& reader);

// "FILE:LINE: KEY" of a key that stands in the agent's file, for an error that is known only later;
// "FILE: KEY" where it does not.
std::string place_in_agent(const std::string& path, std::string_view key);

}  // namespace ragent
