#include <model/llama/render.h>

#include <model/llama/dates.h>
#include <model/llama/grammar.h>
#include <model/messages.h>

namespace ragent {
namespace {

constexpr std::string_view kObject = "Reply with one JSON object only.";
constexpr std::string_view kShapes =
    "To call a tool: {\"tool\": name, \"args\": {...}}\n"
    "When you have the facts, or no tool is needed: {\"answer\": text}";

// What to write for an argument: its description, else its values or type.
std::string hint(const Json& schema) {
  if (schema.text("format") == "date") return "YYYY-MM-DD";
  if (const Json* text = schema.find("description"); text && text->string()) {
    return *text->string();
  }
  if (const Json* values = schema.find("enum"); values && values->array()) {
    std::string out;
    for (const Json& value : *values->array()) {
      out += (out.empty() ? "" : " or ") + (value.string() ? *value.string() : value.dump());
    }
    return out;
  }
  return schema.text("type", "value");
}

std::string system_text(const Message& message, const std::vector<ToolSpec>& tools) {
  std::string text = message.text();
  if (!text.empty()) text += '\n';
  return text + render_tools(tools);
}

std::string assistant_text(const Message& message, Form form) {
  std::string calls;
  for (const Part& part : message.parts) {
    const auto* call = std::get_if<ToolCall>(&part);
    if (!call) continue;
    if (!calls.empty()) calls += '\n';
    calls += render_call(*call);
  }
  if (!calls.empty()) return calls;
  return form == Form::plain ? message.text() : render_answer(message.text());
}

bool takes_dates(const std::vector<ToolSpec>& tools) {
  for (const ToolSpec& tool : tools) {
    const Json* properties = tool.parameters.find("properties");
    if (!properties || !properties->object()) continue;
    for (const Json::Member& member : *properties->object()) {
      if (member.value.text("format") == "date") return true;
    }
  }
  return false;
}

std::string results_text(const Message& message) {
  std::string out = message.text();
  for (const Part& part : message.parts) {
    const auto* result = std::get_if<ToolResult>(&part);
    if (!result) continue;
    if (!out.empty()) out += '\n';
    out += "Result: " + spaced(result->observation.value) + files_text(result->observation);
  }
  return out;
}

}  // namespace

std::string render_call(const ToolCall& call) {
  return "{\"tool\": " + Json(call.tool).dump() + ", \"args\": " + spaced(call.arguments) + "}";
}

std::string render_answer(const std::string& text) {
  return "{\"answer\": " + Json(text).dump() + "}";
}

std::string render_tools(const std::vector<ToolSpec>& tools) {
  std::string out = std::string(kObject) + "\nTools:\n";
  for (const ToolSpec& tool : tools) {
    out += "- " + tool.name + "(";
    const Json* properties = tool.parameters.find("properties");
    if (properties && properties->object()) {
      for (const Json::Member& member : *properties->object()) {
        if (&member != properties->object()->data()) out += ", ";
        out += member.key + ": " + hint(member.value);
      }
    }
    out += "): " + tool.description + "\n";
  }
  return out + std::string(kShapes);
}

ChatTurn render(const Message& message, Form form, const std::vector<ToolSpec>& tools) {
  switch (message.role) {
    case Role::system:
      return {"system", form == Form::json ? system_text(message, tools) : message.text()};
    case Role::assistant: return {"assistant", assistant_text(message, form)};
    case Role::tool: return {"user", results_text(message)};
    case Role::user: break;
  }
  return {"user", takes_dates(tools) ? with_dates(message.text()) : message.text()};
}

}  // namespace ragent
