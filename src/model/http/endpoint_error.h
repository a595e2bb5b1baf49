// What an endpoint's response says when it is no reply: which Error it is, and when to come back.
// Functions of values; any thread.
//
//   if (response.status >= 300) return fail(wire::error_of(response, "api.openai.com"));
#pragma once

#include <base/loop.h>
#include <net/http.h>
#include <ragent/json.h>

namespace ragent::wire {

// The Error of a response that is no reply. Kind: rejected (401, 402, 403, no quota left: another
// try answers the same), not_found (404), invalid (400, 413, 415, 422 and other 4xx), unavailable
// (408, 409, 425, 429, 5xx, 529; 3xx, which is followed nowhere). Its message names the endpoint,
// the status, what the endpoint said (its own words, bounded and printable) and what to do;
// retry_after as the headers say; `now` as below.
Error error_of(const HttpResponse& response, std::string_view endpoint, WallPoint now = {});
// The Error of an error object inside a response of status 200: {"type", "code", "message"} as
// both families write it. Overload, rate limit and server errors are unavailable.
Error error_of(const Json& error, std::string_view endpoint);

// What the headers say about when to come back: retry-after-ms, Retry-After in seconds or as an
// HTTP date (RFC 9110, sections 10.2.3 and 5.6.7), which counts from the response's own Date and,
// where it has none, from `now` (0: unknown, a date says nothing then). Nothing when none is
// well-formed.
std::optional<std::chrono::milliseconds> retry_after(const Headers& headers, WallPoint now = {});

bool is_event_stream(const HttpResponse& head);
bool is_json(const HttpResponse& head);
// The Error of a response of status 2xx that is neither.
Error not_an_endpoint(const HttpResponse& head, std::string_view expected);
// Why no reply could be read from a body, and whether that is since it is compressed.
Error not_readable(const HttpResponse& head, Error error);

}  // namespace ragent::wire
