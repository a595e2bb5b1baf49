// load_agent: where agent.toml (src/profile) meets the tools it declares (src/action).
#include <action/arguments.h>
#include <action/declared.h>
#include <profile/agent_file.h>

namespace ragent {

Result<Agent> load_agent(const std::string& path) {
  ToolBinder binder;  // the tools of one agent share its data
  auto arguments = [](const ToolReader::Pairs& pairs) -> Result<ArgumentsRead> {
    Result<ParsedArguments> parsed = parse_arguments(pairs);
    if (!parsed) return fail(std::move(parsed.error()));
    return ArgumentsRead{std::move(parsed->schema), std::move(parsed->seen)};
  };
  auto bind = [&binder](ToolSpec spec, const std::string& folder) {
    return binder.bind(std::move(spec), folder);
  };
  return read_agent(path, {.arguments = arguments, .bind = bind});
}

}  // namespace ragent
