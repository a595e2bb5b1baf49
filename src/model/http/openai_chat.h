// What the two halves of the chat dialect agree on: openai_chat.cc writes requests,
// openai_chat_reply.cc reads replies. Values; any thread.
//
//   std::unique_ptr<ReplyReader> reader = chat_reader(wire::is_event_stream(head));
//
// A reply is whole when its choice has a finish_reason and, where it calls tools, the stream said
// [DONE] as well: calls that came before the connection broke are never made.
#pragma once

#include <model/http/dialect.h>

namespace ragent {

// States of Reasoning parts. Most endpoints want reasoning never back. DeepSeek and Kimi want it
// with the calls of the turn in which they made them, under the same name; Gemini wants what it
// wrote beside each call: kChatExtra, then a JSON array with a value for each call.
inline constexpr std::string_view kChatReasoning = "chat:reasoning_content";
inline constexpr std::string_view kChatExtra = "chat:extra_content:";

std::unique_ptr<ReplyReader> chat_reader(bool stream);

}  // namespace ragent
