#include <stub_model/reply.h>

#include <base/text.h>
#include <stub_model/fill.h>

#include <algorithm>

namespace ragent::stub {

namespace {

std::string number(std::int64_t value) { return std::to_string(value); }

// In events of at most so many bytes, and at least one character.
std::vector<std::string_view> pieces_of(std::string_view text, std::size_t bytes_max) {
  std::vector<std::string_view> pieces;
  std::size_t begin = 0, end = 0;
  while (end < text.size()) {
    const std::size_t next = std::max<std::size_t>(utf8_length(text.substr(end)), 1);
    if (end > begin && end + next - begin > bytes_max) {
      pieces.push_back(text.substr(begin, end - begin));
      begin = end;
    }
    end += next;
  }
  if (end > begin) pieces.push_back(text.substr(begin));
  return pieces;
}

Finish finish_of(const StubReply& reply) {
  return reply.finish.value_or(reply.calls.empty() ? Finish::stop : Finish::calls);
}

std::string member_of(std::string_view key, std::string_view value, bool said) {
  return said ? fill(R"("$":$,)", {key, value}) : "";
}

// Chat completions.

constexpr std::string_view kChunk =
    R"({"id":"chatcmpl-stub","object":"chat.completion.chunk","created":1700000000,)"
    R"("model":"stub","choices":[$]$})";

std::string chat_finish(const StubReply& reply, const Shape& shape) {
  if (!shape.finish) return "null";
  switch (finish_of(reply)) {
    case Finish::stop: return "\"stop\"";
    case Finish::calls: return "\"tool_calls\"";
    case Finish::length: return "\"length\"";
  }
  return "null";
}

std::string chat_usage(const Usage& usage) {
  return fill(R"({"prompt_tokens":$,"completion_tokens":$,"total_tokens":$,)"
              R"("prompt_tokens_details":{"cached_tokens":$}})",
              {number(usage.tokens_input), number(usage.tokens_output),
               number(usage.tokens_input + usage.tokens_output), number(usage.tokens_cached)});
}

class ChatEvents {
 public:
  explicit ChatEvents(const Shape& shape) : shape_(shape) {}

  void delta(std::string_view delta, std::string_view finish = "null") {
    std::string choices;
    for (int i = 0; i < shape_.choices; ++i) {
      if (i > 0) choices += ',';
      choices += fill(R"({"index":$,"delta":$,"finish_reason":$})", {number(i), delta, finish});
    }
    if (!choices.empty() || events.empty()) events.push_back({.data = fill(kChunk, {choices, ""})});
  }

  const Shape& shape_;
  std::vector<Event> events = {};
};

std::vector<Event> chat_events(const StubReply& reply, const Shape& shape) {
  ChatEvents chat(shape);
  chat.delta(R"({"role":"assistant","content":""})");
  for (const std::string_view piece : pieces_of(reply.reasoning, reply.piece_bytes)) {
    chat.delta(fill(R"({"reasoning_content":$})", {quoted(piece)}));
  }
  for (const std::string_view piece : pieces_of(reply.text, reply.piece_bytes)) {
    chat.delta(fill(R"({"content":$})", {quoted(piece)}));
  }
  for (std::size_t i = 0; i < reply.calls.size(); ++i) {
    const StubCall& call = reply.calls[i];
    const std::string index = std::to_string(i);
    chat.delta(fill(R"({"tool_calls":[{"index":$,$"type":"function",)"
                    R"("function":{"name":$,"arguments":""}}]})",
                    {index, member_of("id", quoted(call.id), shape.ids), quoted(call.tool)}));
    for (const std::string_view piece : pieces_of(call.arguments, reply.piece_bytes)) {
      chat.delta(fill(R"({"tool_calls":[{"index":$,"function":{"arguments":$}}]})",
                      {index, quoted(piece)}));
    }
  }
  chat.delta("{}", chat_finish(reply, shape));
  if (shape.usage) {
    const std::string usage = fill(R"(,"usage":$)", {chat_usage(reply.usage)});
    chat.events.push_back({.data = fill(kChunk, {"", usage})});
  }
  chat.events.push_back({.data = "[DONE]"});
  return chat.events;
}

std::string chat_plain(const StubReply& reply, const Shape& shape) {
  std::string calls;
  for (const StubCall& call : reply.calls) {
    calls += calls.empty() ? "" : ",";
    calls += fill(
        R"({$"type":"function","function":{"name":$,"arguments":$}})",
        {member_of("id", quoted(call.id), shape.ids), quoted(call.tool), quoted(call.arguments)});
  }
  std::string message = fill(R"({"role":"assistant","content":$)",
                             {reply.text.empty() ? "null" : quoted(reply.text)});
  if (!reply.reasoning.empty()) {
    message += fill(R"(,"reasoning_content":$)", {quoted(reply.reasoning)});
  }
  if (!calls.empty()) message += fill(R"(,"tool_calls":[$])", {calls});
  message += '}';
  std::string choices;
  for (int i = 0; i < shape.choices; ++i) {
    if (i > 0) choices += ',';
    choices += fill(R"({"index":$,"message":$,"finish_reason":$})",
                    {number(i), message, chat_finish(reply, shape)});
  }
  return fill(R"({"id":"chatcmpl-stub","object":"chat.completion","created":1700000000,)"
              R"("model":"stub","choices":[$]$})",
              {choices, shape.usage ? fill(R"(,"usage":$)", {chat_usage(reply.usage)}) : ""});
}

// Responses.

struct Item {
  std::string begun = {};  // as it is added
  std::string whole = {};
};

std::string text_item(std::string_view id, std::string_view status, std::string_view content) {
  return fill(R"({"type":"message","id":"$","status":"$","role":"assistant","content":[$]})",
              {id, status, content});
}

std::string text_part(std::string_view text) {
  return fill(R"({"type":"output_text","text":$,"annotations":[]})", {quoted(text)});
}

std::string call_item(const StubCall& call, std::string_view id, bool whole, const Shape& shape) {
  return fill(R"({"type":"function_call",$"id":"$","name":$,"arguments":$,"status":"$"})",
              {member_of("call_id", quoted(call.id), shape.ids), id, quoted(call.tool),
               quoted(whole ? call.arguments : ""), whole ? "completed" : "in_progress"});
}

std::string reasoning_item(std::string_view summary) {
  return fill(R"({"type":"reasoning","id":"rs_1","summary":[$],"encrypted_content":"stub"})",
              {summary});
}

std::string summary_part(std::string_view text) {
  return fill(R"({"type":"summary_text","text":$})", {quoted(text)});
}

std::string response_of(const StubReply& reply, const Shape& shape, std::string_view status,
                        std::string_view output) {
  const Usage& usage = reply.usage;
  const std::string counts =
      fill(R"({"input_tokens":$,"input_tokens_details":{"cached_tokens":$},"output_tokens":$,)"
           R"("output_tokens_details":{"reasoning_tokens":0},"total_tokens":$})",
           {number(usage.tokens_input), number(usage.tokens_cached), number(usage.tokens_output),
            number(usage.tokens_input + usage.tokens_output)});
  const bool ended = status != "in_progress";
  return fill(R"({"id":"resp_stub","object":"response","created_at":1700000000,"status":"$",)"
              R"("error":null,"incomplete_details":$,"model":"stub","output":[$],"usage":$})",
              {status, status == "incomplete" ? R"({"reason":"max_output_tokens"})" : "null",
               output, ended && shape.usage ? counts : "null"});
}

std::string final_status(const StubReply& reply, const Shape& shape) {
  if (!shape.finish) return "in_progress";
  return finish_of(reply) == Finish::length ? "incomplete" : "completed";
}

class ResponseEvents {
 public:
  // `members`: those after the type and the number, with a comma before each.
  void add(std::string_view type, std::string_view members) {
    events.push_back({.name = std::string(type),
                      .data = fill(R"({"type":"$","sequence_number":$$})",
                                   {type, std::to_string(events.size()), members})});
  }
  void item(std::string_view what, std::string_view json) {
    add(what, fill(R"(,"output_index":$,"item":$)", {std::to_string(index), json}));
  }
  // The events of one text within an item: its part, its pieces, its end.
  struct Parts {
    std::string_view id = {};
    std::string_view index = {};  // "content_index"
    std::string_view part = {};   // the event's type without .added
    std::string_view text = {};   // … without .delta
  };
  void text_of(const Parts& parts, const StubReply& reply, std::string_view text,
               std::string (*part)(std::string_view)) {
    const std::string place = fill(R"(,"item_id":"$","output_index":$,"$":0)",
                                   {parts.id, std::to_string(index), parts.index});
    const auto say = [&](std::string_view what, std::string_view end, std::string_view key,
                         std::string_view value) {
      add(fill("$.$", {what, end}), fill(R"($,"$":$)", {place, key, value}));
    };
    say(parts.part, "added", "part", part(""));
    for (const std::string_view piece : pieces_of(text, reply.piece_bytes)) {
      say(parts.text, "delta", "delta", quoted(piece));
    }
    say(parts.text, "done", "text", quoted(text));
    say(parts.part, "done", "part", part(text));
  }
  void done(std::string_view json) {
    item("response.output_item.done", json);
    output.append(output.empty() ? "" : ",").append(json);
    ++index;
  }

  std::size_t index = 0;
  std::string output = {};
  std::vector<Event> events = {};
};

void response_text(ResponseEvents& response, const StubReply& reply) {
  const std::string id = "msg_" + std::to_string(response.index);
  response.item("response.output_item.added", text_item(id, "in_progress", ""));
  response.text_of({.id = id,
                    .index = "content_index",
                    .part = "response.content_part",
                    .text = "response.output_text"},
                   reply, reply.text, &text_part);
  response.done(text_item(id, "completed", text_part(reply.text)));
}

void response_call(ResponseEvents& response, const StubReply& reply, const StubCall& call,
                   const Shape& shape) {
  const std::string id = "fc_" + std::to_string(response.index);
  const std::string place =
      fill(R"(,"item_id":"$","output_index":$)", {id, std::to_string(response.index)});
  response.item("response.output_item.added", call_item(call, id, false, shape));
  for (const std::string_view piece : pieces_of(call.arguments, reply.piece_bytes)) {
    response.add("response.function_call_arguments.delta",
                 fill(R"($,"delta":$)", {place, quoted(piece)}));
  }
  response.add("response.function_call_arguments.done",
               fill(R"($,"arguments":$)", {place, quoted(call.arguments)}));
  response.done(call_item(call, id, true, shape));
}

ResponseEvents response_stream(const StubReply& reply, const Shape& shape) {
  ResponseEvents response;
  const std::string begun =
      fill(R"(,"response":$)", {response_of(reply, shape, "in_progress", "")});
  response.add("response.created", begun);
  response.add("response.in_progress", begun);
  if (!reply.reasoning.empty() && shape.choices > 0) {
    response.item("response.output_item.added", reasoning_item(""));
    response.text_of({.id = "rs_1",
                      .index = "summary_index",
                      .part = "response.reasoning_summary_part",
                      .text = "response.reasoning_summary_text"},
                     reply, reply.reasoning, &summary_part);
    response.done(reasoning_item(summary_part(reply.reasoning)));
  }
  for (int i = 0; i < shape.choices && !reply.text.empty(); ++i) response_text(response, reply);
  for (const StubCall& call : reply.calls) {
    if (shape.choices > 0) response_call(response, reply, call, shape);
  }
  const std::string status = final_status(reply, shape);
  response.add(shape.finish ? "response." + status : "response.completed",
               fill(R"(,"response":$)", {response_of(reply, shape, status, response.output)}));
  return response;
}

// Messages.

std::string messages_finish(const StubReply& reply, const Shape& shape) {
  if (!shape.finish) return "null";
  switch (finish_of(reply)) {
    case Finish::stop: return "\"end_turn\"";
    case Finish::calls: return "\"tool_use\"";
    case Finish::length: return "\"max_tokens\"";
  }
  return "null";
}

std::string messages_usage(const StubReply& reply, std::int64_t output) {
  return fill(R"({"input_tokens":$,"cache_creation_input_tokens":0,)"
              R"("cache_read_input_tokens":$,"output_tokens":$})",
              {number(reply.usage.tokens_input - reply.usage.tokens_cached),
               number(reply.usage.tokens_cached), number(output)});
}

std::string message_of(const StubReply& reply, const Shape& shape, std::string_view content,
                       std::string_view finish, std::int64_t output) {
  const std::string usage =
      shape.usage ? fill(R"(,"usage":$)", {messages_usage(reply, output)}) : "";
  return fill(R"({"id":"msg_stub","type":"message","role":"assistant","model":"stub",)"
              R"("content":[$],"stop_reason":$,"stop_sequence":null$})",
              {content, finish, usage});
}

std::string tool_use(const StubCall& call, std::string_view input, const Shape& shape) {
  return fill(R"({"type":"tool_use",$"name":$,"input":$})",
              {member_of("id", quoted(call.id), shape.ids), quoted(call.tool), input});
}

class MessageEvents {
 public:
  void add(std::string_view type, std::string_view members) {
    events.push_back(
        {.name = std::string(type), .data = fill(R"({"type":"$"$})", {type, members})});
  }
  void begin(std::string_view block) {
    add("content_block_start",
        fill(R"(,"index":$,"content_block":$)", {std::to_string(index), block}));
    if (index == 0) add("ping", "");
  }
  void delta(std::string_view type, std::string_view key, std::string_view value) {
    add("content_block_delta", fill(R"(,"index":$,"delta":{"type":"$","$":$})",
                                    {std::to_string(index), type, key, quoted(value)}));
  }
  void end() {
    add("content_block_stop", fill(R"(,"index":$)", {std::to_string(index)}));
    ++index;
  }

  std::size_t index = 0;
  std::vector<Event> events = {};
};

std::vector<Event> message_events(const StubReply& reply, const Shape& shape) {
  MessageEvents message;
  message.add("message_start", fill(R"(,"message":$)", {message_of(reply, shape, "", "null", 1)}));
  if (!reply.reasoning.empty() && shape.choices > 0) {
    message.begin(R"({"type":"thinking","thinking":"","signature":""})");
    for (const std::string_view piece : pieces_of(reply.reasoning, reply.piece_bytes)) {
      message.delta("thinking_delta", "thinking", piece);
    }
    message.delta("signature_delta", "signature", "stub");
    message.end();
  }
  for (int i = 0; i < shape.choices && !reply.text.empty(); ++i) {
    message.begin(R"({"type":"text","text":""})");
    for (const std::string_view piece : pieces_of(reply.text, reply.piece_bytes)) {
      message.delta("text_delta", "text", piece);
    }
    message.end();
  }
  for (const StubCall& call : reply.calls) {
    if (shape.choices == 0) break;
    message.begin(tool_use(call, "{}", shape));
    for (const std::string_view piece : pieces_of(call.arguments, reply.piece_bytes)) {
      message.delta("input_json_delta", "partial_json", piece);
    }
    message.end();
  }
  const std::string usage =
      shape.usage ? fill(R"(,"usage":{"output_tokens":$})", {number(reply.usage.tokens_output)})
                  : "";
  message.add("message_delta", fill(R"(,"delta":{"stop_reason":$,"stop_sequence":null}$)",
                                    {messages_finish(reply, shape), usage}));
  message.add("message_stop", "");
  return message.events;
}

std::string message_plain(const StubReply& reply, const Shape& shape) {
  std::vector<std::string> blocks;
  if (!reply.reasoning.empty()) {
    blocks.push_back(
        fill(R"({"type":"thinking","thinking":$,"signature":"stub"})", {quoted(reply.reasoning)}));
  }
  for (int i = 0; i < shape.choices && !reply.text.empty(); ++i) {
    blocks.push_back(fill(R"({"type":"text","text":$})", {quoted(reply.text)}));
  }
  for (const StubCall& call : reply.calls) blocks.push_back(tool_use(call, call.arguments, shape));
  std::string content;
  for (const std::string& block : blocks) {
    content.append(content.empty() ? "" : ",").append(block);
  }
  return message_of(reply, shape, shape.choices > 0 ? content : "", messages_finish(reply, shape),
                    reply.usage.tokens_output);
}

}  // namespace

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out.append(1, '\\') += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (static_cast<unsigned char>(c) < 0x20) {
      constexpr std::string_view kDigits = "0123456789abcdef";
      out.append("\\u00") += kDigits[static_cast<unsigned char>(c) / 16];
      out += kDigits[static_cast<unsigned char>(c) % 16];
    } else {
      out += c;
    }
  }
  return out += '"';
}

std::string_view name_of(Api api) {
  switch (api) {
    case Api::chat: return "chat";
    case Api::responses: return "responses";
    case Api::messages: return "messages";
  }
  return "";
}

std::string_view path_of(Api api) {
  switch (api) {
    case Api::chat: return "/v1/chat/completions";
    case Api::responses: return "/v1/responses";
    case Api::messages: return "/v1/messages";
  }
  return "";
}

std::vector<Event> events_of(Api api, const StubReply& reply, const Shape& shape) {
  switch (api) {
    case Api::chat: return chat_events(reply, shape);
    case Api::responses: return response_stream(reply, shape).events;
    case Api::messages: return message_events(reply, shape);
  }
  return {};
}

std::string plain_of(Api api, const StubReply& reply, const Shape& shape) {
  switch (api) {
    case Api::chat: return chat_plain(reply, shape);
    case Api::responses:
      return response_of(reply, shape, final_status(reply, shape),
                         response_stream(reply, shape).output);
    case Api::messages: return message_plain(reply, shape);
  }
  return "";
}

}  // namespace ragent::stub
