// What the dialects share: errors of endpoints, arguments of calls, images, text of observations.
// Functions of values; any thread.
//
//   if (response.status >= 300) return fail(error_of(response, "api.openai.com"));
#pragma once

#include <base/loop.h>
#include <net/http.h>
#include <ragent/model.h>

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

// The arguments of a call as they stood in a reply that is whole: a JSON object; empty text is {}.
// Error{unavailable} names the tool and what came: the model did not write JSON.
Result<Json> arguments_of(std::string_view tool, std::string_view text);

// "data:image/png;base64,…" is what both OpenAI dialects want; Anthropic takes `base64` alone.
struct Image {
  std::string mime = {};
  std::string base64 = {};
};
// Error{invalid}: the request does not carry the bytes, or the type is none that models see.
Result<Image> image_of(const Media& part, const ModelRequest& request);

// As endpoints take the id of a call: A-Z a-z 0-9 _ -, at most 40 bytes; others become _.
std::string call_id(std::string_view id);

// Calls of one reply in order of arrival, their arguments in pieces. Endpoints name the piece's
// call by an index or an id.
class CallsInPieces {
 public:
  // Begins or goes on with the call at `index`; an empty id, tool or piece adds nothing.
  // Error{unavailable}: more calls or bytes than limits::kCallsPerStepMax, kJsonBytesMax.
  Result<void> add(std::int64_t index, std::string_view id, std::string_view tool,
                   std::string_view arguments);
  bool empty() const { return calls_.empty(); }
  std::size_t size() const { return calls_.size(); }
  // With parsed arguments; an id that is missing or came twice is left empty (the runtime gives
  // one). Error{unavailable}: a call without a tool's name, or arguments that are no JSON object.
  Result<std::vector<ToolCall>> take();

 private:
  struct Pieces {
    std::int64_t index = 0;
    std::string id = {};
    std::string tool = {};
    std::string arguments = {};
  };
  std::vector<Pieces> calls_ = {};
};

bool is_event_stream(const HttpResponse& head);
bool is_json(const HttpResponse& head);
// The Error of a response of status 2xx that is neither.
Error not_an_endpoint(const HttpResponse& head, std::string_view expected);

// "api.openai.com", in small letters, of "https://api.openai.com:443/v1".
std::string host_of(std::string_view url);
// authorization: Bearer KEY, unless there is none.
void add_bearer(HttpRequest& request, std::string_view key);
// Whether the name is one of OpenAI's reasoning models (o3-mini, gpt-5, openai/gpt-5.1): these take
// no temperature and no max_tokens.
bool openai_reasons(std::string_view model);
// The schema of a tool's arguments as endpoints accept it: an object that has `properties`.
Json parameters_of(const ToolSpec& tool);

}  // namespace ragent::wire
