// The JSON of the API: what requests say, and what events and Errors look like. Names and shapes
// are those of the public headers.
//
//   Result<StartRequest> start = read_start(body);       // Error{invalid} names the near miss
//   Result<Event> event = read_event(parse_json(data));
//   Error error = read_problem(response);                // the one that the other side had
//
// Values; any thread.
#pragma once

#include <api/host.h>
#include <net/http.h>
#include <store/store.h>

namespace ragent::api {

inline constexpr int kVersion = 1;  // of the API; another is not understood
inline constexpr std::string_view kEnded = "ended";  // names of events in a stream
inline constexpr std::string_view kFailed = "failed";  // the end: a problem that is no record
inline constexpr std::string_view kStanding = "standing";
inline constexpr std::string_view kOpened = "opened";  // the first one: {run, session}

struct Owner {
  std::int64_t pid = 0;
  std::string version = {};
  std::string home = {};
  std::int64_t api = kVersion;
};
Json to_json(const Owner& owner);
Result<Owner> read_owner(const Json& json);

Json to_json(const Event& event);
Result<Event> read_event(const Json& json);
Json to_json(const Ask& ask);
Result<Ask> read_ask(const Json& json);
Json to_json(const RunRow& row);
Json to_json(const SessionRow& row);
Json to_json(const Turn& turn);

Json to_json(const StartRequest& request);
Result<StartRequest> read_start(const Json& json);
bool wants_stream(const Json& start);  // answered by the run's events, not by its names
Json to_json(const ForkOptions& options);
Result<ForkOptions> read_fork(const Json& json);
struct Forked {
  std::string run = {};
  std::string session = {};
  std::uint64_t records = 0;  // that were copied: its events go on behind them
};
Json to_json(const Forked& forked);
Result<Forked> read_forked(const Json& json);
Result<Decision> read_decision(const Json& json);
Json resolve_body(const std::string& step, const Resolution& resolution);
struct Resolve {
  std::string step = {};
  Resolution resolution = {};
};
Result<Resolve> read_resolve(const Json& json);
Result<std::string> read_reason(const Json& json);  // of a cancel: {"reason"?}

// application/problem+json (RFC 9457) with the Error's kind and retry_after.
Json problem_body(const Error& error, int status);
HttpResponse problem_of(const Error& error);
HttpResponse problem_of(const Error& error, int status);
Error read_problem(const Json& body, int status);

HttpResponse json_response(const Json& body, int status = 200);

std::string encoded(std::string_view segment);  // of a URL's path
// Error{invalid}: a % without two hexadecimal digits.
Result<std::string> decoded(std::string_view segment);

}  // namespace ragent::api
