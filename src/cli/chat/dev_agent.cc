#include <cli/chat/dev_agent.h>

#include <base/file.h>
#include <base/text.h>

#include <algorithm>
#include <filesystem>
#include <fmt/core.h>

namespace ragent::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kAgentFile = "agent.toml";
constexpr std::string_view kKeptFile = ".agent.toml.kept";

std::string file_of(const std::string& path) {
  std::error_code error;
  return fs::is_directory(path, error) ? (fs::path(path) / kAgentFile).string() : path;
}

// The members of two objects that differ.
void compare(const Json& before, const Json& after, std::vector<std::string>& out) {
  auto differs = [](const Json& from, const Json& in, const std::string& key) {
    const Json* value = from.find(key);
    const Json* other = in.find(key);
    return !other || !value || *value != *other;
  };
  for (const auto& [key, value] : *after.object()) {
    if (differs(before, after, key)) out.push_back(key);
  }
  for (const auto& [key, value] : *before.object()) {
    if (!after.find(key)) out.push_back(key);
  }
}

const Tool* tool_named(const Agent& agent, const std::string& name) {
  auto found =
      std::ranges::find_if(agent.tools, [&](const Tool& tool) { return tool.spec.name == name; });
  return found == agent.tools.end() ? nullptr : &*found;
}

}  // namespace

std::vector<std::string> changes(const Agent& before, const Agent& after) {
  std::vector<std::string> out;
  Json old = to_json(spec(before));
  Json now = to_json(spec(after));
  if (const Json *from = old.find("profile"), *to = now.find("profile"); from && to) {
    compare(*from, *to, out);
  }
  if (before.model != after.model) out.emplace_back("model");
  if (before.planner != after.planner) out.emplace_back("planner");
  if (before.budget != after.budget) out.emplace_back("budget");
  if (before.permissions != after.permissions) out.emplace_back("permissions");
  for (const Tool& tool : after.tools) {
    const std::string& name = tool.spec.name;
    const Tool* was = tool_named(before, name);
    if (!was) {
      out.push_back("new tool " + name);
    } else if (was->spec != tool.spec) {
      out.push_back("tool " + name);
    }
  }
  for (const Tool& tool : before.tools) {
    if (!tool_named(after, tool.spec.name)) out.push_back("tool " + tool.spec.name + " is gone");
  }
  return out;
}

DevAgent::DevAgent(std::string path, const Agent& agent)
    : path_(std::move(path)),
      file_(file_of(path_)),
      kept_((fs::path(file_).parent_path() / kKeptFile).string()),
      text_(read_file(file_, limits::kConfigBytesMax).value_or("")),
      agent_(agent) {}

DevAgent::~DevAgent() {
  std::error_code ignored;
  if (keeping_) fs::remove(kept_, ignored);
}

Result<std::string> DevAgent::keep_old() {
  // Each time: another chat with this agent has the same file, and takes it away when it ends.
  Result<void> written = write_file_atomic(kept_, text_);
  if (!written) return fail(std::move(written.error()));
  keeping_ = true;
  return kept_;
}

DevAgent::Reload DevAgent::reload() {
  Result<std::string> text = read_file(file_, limits::kConfigBytesMax);
  Result<Agent> agent = text ? load_agent(path_) : fail(text.error());
  if (!agent) {
    Reload out{.path = path_, .error = std::move(agent.error())};
    if (Result<std::string> kept = keep_old()) out.path = *kept;
    return out;
  }
  Reload out{.path = path_, .changed = changes(agent_, *agent)};
  agent_ = std::move(*agent);
  text_ = std::move(*text);
  std::error_code ignored;
  if (std::exchange(keeping_, false)) fs::remove(kept_, ignored);
  return out;
}

}  // namespace ragent::cli
