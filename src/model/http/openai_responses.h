// What the two halves of the Responses dialect agree on: openai_responses.cc writes requests,
// openai_responses_reply.cc reads replies. Values; any thread.
//
//   std::unique_ptr<ReplyReader> reader = responses_reader(wire::is_event_stream(head));
//
// The events of a stream are only shown; what counts is the response that its last event holds,
// and that is read as a plain response is.
#pragma once

#include <model/http/dialect.h>

namespace ragent {

// A reasoning item with encrypted content goes back exactly as it came: Placed of this dialect.
// Without that content it names what a server kept, and none was told to keep anything.
inline constexpr std::string_view kResponsesState = "responses";

std::unique_ptr<ReplyReader> responses_reader(bool stream);

}  // namespace ragent
