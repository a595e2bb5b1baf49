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

// A thinking block is returned exactly as it came and where it came: Placed of this dialect.
inline constexpr std::string_view kAnthropicState = "anthropic";

std::unique_ptr<ReplyReader> anthropic_reader(bool stream);

}  // namespace ragent
