// Fault: one way in which a model's server fails its client, as a value; and the table of all of
// them, which a suite crosses with every dialect, streamed and plain.
//
//   StubModel stub(loop, {.faults = {{.kind = FaultKind::status, .status = 503, .times = 2}}});
//   for (const FaultCase& one : fault_cases()) stub.fault(one.fault), …
//
// Values; any thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

namespace ragent::stub {

enum class FaultKind : std::uint8_t {
  none,
  // An answer that is no reply.
  status,        // `status`, `retry`, `error`, `text` (of a redirection: its location)
  wrong_shape,   // JSON, and no reply of the dialect
  no_http,       // another protocol answers
  // The connection.
  close_before_head,
  reset_before_head,
  reset_in_head,
  silent,        // never a byte
  slow,          // the first byte after `delay`
  huge_head,     // more headers than a client reads
  truncated,     // the body ends before its byte `at`, as `cut` says
  stalled,       // before its byte `at`, for ever
  endless,       // the body goes on and on
  // The head.
  http_1_0,
  content_type,  // `text` instead; empty: none
  false_gzip,    // content-encoding says gzip, the body is plain
  plain_for_stream,  // the stream was asked for, JSON comes; and the other way round
  // The body's text.
  bad_utf8,
  bad_json,      // of an event, or of the body
  deep_json,     // nested deeper than a reader goes
  huge_line,     // of `at` bytes
  byte_order_mark,
  crlf,          // line ends
  comments,      // and pings between the events
  single_bytes,  // each byte alone
  // Events.
  no_end_event,
  no_finish,     // no reason to have ended is given
  error_first,   // an error event instead of all others,
  error_middle,  // after half of them,
  error_last,    // or instead of the end event
  trailing,      // bytes after the end event
  // What is said.
  no_choices,    // nor output, nor content
  two_choices,
  no_usage,
  negative_usage,
  arguments_cut,        // of the last call; the stream ends well
  arguments_cut_length,  // and the reason to have ended is the limit of tokens
  arguments_list,       // no object
  arguments_words,      // no JSON
  unknown_tool,
  no_tool_name,
  same_ids,      // of the calls
  no_ids,
};

enum class RetryForm : std::uint8_t {
  none,
  seconds,
  date,
  milliseconds,  // retry-after-ms
  fraction,      // of a second
  zero,
  past,          // a date that is over
  negative,
  garbage,
  huge,
};

enum class ErrorBody : std::uint8_t { provider, no_quota, html, empty, huge, half };

// How a truncated body ends.
enum class Cut : std::uint8_t {
  eof,           // neither length nor chunks: the end of the connection is the body's end
  clean,         // what came is whole for HTTP
  short_length,  // a longer one was promised
  open_chunk,    // within a chunk
  no_last_chunk,  // between two
  reset,
};

struct Fault {
  FaultKind kind = FaultKind::none;
  int status = 0;
  RetryForm retry = RetryForm::none;
  std::chrono::milliseconds retry_after = std::chrono::seconds(1);
  ErrorBody error = ErrorBody::provider;
  std::chrono::milliseconds delay = {};
  std::size_t at = 0;
  Cut cut = Cut::eof;
  std::string text = {};
  // Of a schedule: so many requests meet it.
  std::uint32_t times = std::numeric_limits<std::uint32_t>::max();
  friend bool operator==(const Fault&, const Fault&) = default;
};

// What a client has to make of it. `either`: a whole reply or an error, and never half a reply.
enum class Outcome : std::uint8_t { reply, error, either };

struct FaultCase {
  std::string name = {};  // "429 date", "truncated clean"
  Fault fault = {};
  Outcome streamed = Outcome::error;
  Outcome plain = Outcome::error;
  // In a plain response there is no such thing: the same as a well one, or as another case.
  bool stream_only = false;
  bool hangs = false;  // the server does not end it: the time or the bounds of the client do
};

// One of each kind, with the forms of its parameters; truncated and stalled at byte `at`.
std::vector<FaultCase> fault_cases(std::size_t at = 60);

}  // namespace ragent::stub
