// Render: a transcript as the turns of a ChatML model (Qwen2.5, SmolLM2): the system message with a
// compact list of tools, calls as {"tool": …, "args": …}, what they brought as Result: …, answers
// as {"answer": …}. Pure text; any thread.
//
//   Turn system = render(*messages[0], Form::json, tools);   // {"system", "You are … Tools: …"}
//
// The form was measured on models of 0.5 and 1.5 billion parameters: bare JSON beats their own
// templates, and examples as real turns matter more than anything the system message says.
#pragma once

#include <ragent/model.h>

namespace ragent {

enum class Form : std::uint8_t {
  plain,  // no tools: the model talks
  json,  // one JSON object a turn
};

struct ChatTurn {
  std::string_view role = {};  // system, user or assistant
  std::string text = {};
};

// `tools` are listed in a system message; where one takes a date, the days a question names are
// written out. An observation is a turn of the user.
ChatTurn render(const Message& message, Form form, const std::vector<ToolSpec>& tools);
std::string render_tools(const std::vector<ToolSpec>& tools);
std::string render_call(const ToolCall& call);
std::string render_answer(const std::string& text);

}  // namespace ragent
