#include <providers/fault_table.h>

#include <fmt/format.h>

#include <algorithm>

namespace ragent::providers {
namespace {

using stub::FaultKind;
using stub::Outcome;

constexpr std::string_view kText = "Let me see what there is.";

// Faults of calls are none of a reply without calls.
bool of_calls(FaultKind kind) {
  switch (kind) {
    case FaultKind::arguments_cut:
    case FaultKind::arguments_cut_length:
    case FaultKind::arguments_list:
    case FaultKind::arguments_words:
    case FaultKind::unknown_tool:
    case FaultKind::no_tool_name:
    case FaultKind::same_ids:
    case FaultKind::no_ids: return true;
    default: return false;
  }
}

std::vector<ToolCall> whole_calls(FaultKind kind) {
  std::vector<ToolCall> out;
  for (const stub::StubCall& call : well(true).calls) {
    out.push_back({.tool = kind == FaultKind::unknown_tool ? "no_such_tool" : call.tool,
                   .arguments = *parse_json(call.arguments)});
  }
  return out;
}

bool same_calls(const std::vector<ToolCall>& a, const std::vector<ToolCall>& b) {
  return std::ranges::equal(a, b, [](const ToolCall& x, const ToolCall& y) {
    return x.tool == y.tool && x.arguments == y.arguments;
  });
}

// Two calls of one id could not be told apart.
bool ids_differ(const std::vector<ToolCall>& calls) {
  for (std::size_t i = 0; i < calls.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      if (!calls[i].id.empty() && calls[i].id == calls[j].id) return false;
    }
  }
  return true;
}

bool whole_text(FaultKind kind, std::string_view text) {
  if (text == kText) return true;
  if (kind == FaultKind::no_choices) return text.empty();
  if (kind == FaultKind::two_choices) return text == std::string(kText) + std::string(kText);
  return kind == FaultKind::bad_utf8 && text.starts_with(kText);
}

std::string problem_of_reply(FaultKind kind, bool calls, const Said& said) {
  const Reply& reply = *said.reply;
  if (!whole_text(kind, reply.text)) return "the text is not whole: " + reply.text;
  if (said.shown != reply.text) return "shown was another text: " + said.shown;
  const bool expected = calls ? same_calls(reply.calls, whole_calls(kind)) : reply.calls.empty();
  if (!expected) return fmt::format("it has {} calls, and not those sent", reply.calls.size());
  if (!ids_differ(reply.calls)) return "two calls have one id";
  if (reply.usage.tokens_input < 0 || reply.usage.tokens_output < 0) return "usage is negative";
  return "";
}

std::string problem_of_error(const Error& error) {
  if (!readable(error.message)) return "the message is no message: " + error.message;
  if (error.message.contains(kKey)) return "the message tells the key: " + error.message;
  if (!error.message.contains("127.0.0.1")) return "who failed is not said: " + error.message;
  return "";
}

}  // namespace

std::string Row::name() const {
  return fmt::format("{}, {}, {}, {}", fault.name, name_of(api), stream ? "streamed" : "plain",
                     calls ? "calls" : "text");
}

Outcome Row::outcome() const {
  const FaultKind kind = fault.fault.kind;
  // Many endpoints of the chat dialect never say [DONE]: text is whole with its finish_reason.
  if (kind == FaultKind::no_end_event && api == Api::chat && !calls) return Outcome::either;
  // A turn of Anthropic's may end without a word.
  if (kind == FaultKind::no_choices && api == Api::messages && !calls) return Outcome::either;
  return stream ? fault.streamed : fault.plain;
}

std::vector<Row> rows() {
  std::vector<Row> out;
  for (const Api api : stub::kApis) {
    for (const bool stream : {true, false}) {
      for (const bool calls : {false, true}) {
        for (const stub::FaultCase& fault : stub::fault_cases()) {
          if (fault.stream_only && !stream) continue;
          if (!calls && of_calls(fault.fault.kind)) continue;
          out.push_back({.fault = fault, .api = api, .stream = stream, .calls = calls});
        }
      }
    }
  }
  return out;
}

stub::StubReply well(bool calls) {
  stub::StubReply reply{.text = std::string(kText), .piece_bytes = 32};
  if (!calls) return reply;
  reply.calls = {
      {.id = "call_1", .tool = "lookup", .arguments = R"({"city":"Prague","day":"2026-03-01"})"},
      {.id = "call_2", .tool = "book", .arguments = R"({"seat":"14C","price":9.5})"}};
  return reply;
}

bool half_calls(const Row& row, const Reply& reply) {
  if (reply.calls.empty()) return false;
  return row.outcome() == Outcome::error ||
         !same_calls(reply.calls, whole_calls(row.fault.fault.kind));
}

std::string problem_of(const Row& row, const Said& said) {
  const FaultKind kind = row.fault.fault.kind;
  if (said.reply) {
    if (row.outcome() == Outcome::error) return "a reply came of it: " + said.reply->text;
    return problem_of_reply(kind, row.calls, said);
  }
  const Error& error = said.reply.error();
  if (row.outcome() == Outcome::reply) return "no reply came of it: " + error.message;
  // Asking for the same again gives the same: nobody should.
  if (kind == FaultKind::arguments_cut_length && error.kind != ErrorKind::invalid) {
    return "it is tried again in vain: " + error.message;
  }
  return problem_of_error(error);
}

std::string problem_of_well(bool calls, const Said& said) {
  if (!said.reply) return "no reply came: " + said.reply.error().message;
  return problem_of_reply(FaultKind::none, calls, said);
}

}  // namespace ragent::providers
