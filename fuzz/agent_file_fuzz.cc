// Any bytes as an agent.toml: refused with a message that begins with the file, or read as an agent
// whose spec goes through JSON unchanged.
#include <action/arguments.h>
#include <base/text.h>
#include <profile/agent_file.h>

#include <cstdint>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ragent;
  ToolReader reader{.arguments = [](const ToolReader::Pairs& pairs) -> Result<ArgumentsRead> {
                      Result<ParsedArguments> parsed = parse_arguments(pairs);
                      if (!parsed) return fail(std::move(parsed.error()));
                      return ArgumentsRead{std::move(parsed->schema), std::move(parsed->seen)};
                    },
                    .bind = [](ToolSpec tool, const std::string&) -> Result<Tool> {
                      return Tool{.spec = std::move(tool)};
                    }};
  Result<Agent> agent =
      parse_agent({reinterpret_cast<const char*>(data), size}, "fuzz/agent.toml", "/fuzz", reader);
  if (!agent) {
    RAGENT_ASSERT(agent.error().message.starts_with("fuzz/agent.toml:"));
    RAGENT_ASSERT(valid_utf8(agent.error().message));
    return 0;
  }
  AgentSpec pinned = spec(*agent);
  Result<AgentSpec> back = agent_spec_from_json(to_json(pinned));
  RAGENT_ASSERT(back && *back == pinned);
  return 0;
}
