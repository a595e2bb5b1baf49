#include <profile/render.h>

#include <fmt/format.h>

namespace ragent {
namespace {

void add_line(std::string& out, std::string_view line) {
  if (line.empty()) return;
  if (!out.empty()) out += '\n';
  out += line;
}

void add_message(std::vector<Message>& out, Role role, Part part) {
  Message message{.role = role, .stable = true};
  message.parts.push_back(std::move(part));
  out.push_back(std::move(message));
}

}  // namespace

std::string render(const Profile& profile) {
  std::string out;
  if (!profile.role.empty()) {
    add_line(out, fmt::format("You are {}.", profile.role));
  } else if (profile.instructions.empty() && !profile.name.empty()) {
    add_line(out, fmt::format("You are {}.", profile.name));
  }
  add_line(out, profile.instructions);
  if (!profile.tone.empty()) add_line(out, fmt::format("Tone: {}.", profile.tone));
  if (!profile.language.empty()) add_line(out, fmt::format("Answer in {}.", profile.language));
  for (const std::string& goal : profile.goals) add_line(out, fmt::format("Goal: {}", goal));
  for (const std::string& rule : profile.rules) add_line(out, rule);
  return out;
}

std::vector<Message> example_messages(const Profile& profile) {
  std::vector<Message> out;
  std::size_t calls = 0;
  for (const Example& example : profile.examples) {
    add_message(out, Role::user, Text{example.user});
    for (const Example::Call& call : example.calls) {
      std::string id = fmt::format("example_{}", ++calls);
      add_message(out, Role::assistant, ToolCall{id, call.tool, call.arguments});
      add_message(out, Role::tool, ToolResult{id, call.tool, Observation{.value = call.result}});
    }
    add_message(out, Role::assistant, Text{example.answer});
  }
  return out;
}

}  // namespace ragent
