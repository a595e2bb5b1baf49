// What the two halves of the Anthropic dialect agree on: anthropic.cc writes requests,
// anthropic_reply.cc reads replies. Values; any thread.
//
//   std::unique_ptr<ReplyReader> reader = anthropic_reader(wire::is_event_stream(head));
#pragma once

#include <model/http/dialect.h>

namespace ragent {

// An answer of a schema is the input of one of these tools. A hyphen is in no name of an agent
// file's tool, so neither is taken for one.
inline constexpr std::string_view kAnswerTool = "final-answer";  // the input is the answer
inline constexpr std::string_view kValueTool = "final-answer-value";  // its member `value` is

// A thinking block of a reply is returned exactly as it came and where it came. Its state:
// "anthropic:" BLOCK, or "anthropic@" TEXT "," CALLS ":" BLOCK when so many bytes of the reply's
// text and so many of its calls stood before it.
struct ThinkingBlock {
  std::size_t text = 0;
  std::size_t calls = 0;
  Json block = {};
};
std::string state_of(const ThinkingBlock& thinking);
std::optional<ThinkingBlock> thinking_of(std::string_view state);  // nothing: not of this dialect

std::unique_ptr<ReplyReader> anthropic_reader(bool stream);

}  // namespace ragent
