// Server-sent events: text/event-stream read as it comes, and written.
//
//   SseReader reader;
//   Result<void> fed = reader.feed(bytes, [](const SseEvent& event) { … });
//   co_await exchange.write(co_await sse_text({.event = "delta", .id = "7", .data = json.dump()}));
//
// Value; any thread. By the WHATWG standard: LF, CR and CRLF end lines, comments and unknown fields
// are skipped, `data` lines join with LF, an event without its empty line at the end is dropped.
#pragma once

#include <ragent/limits.h>
#include <ragent/result.h>

#include <functional>
#include <string>
#include <string_view>

namespace ragent {

struct SseEvent {
  std::string event = {};  // empty: "message"
  std::string id = {};  // when read: the last one that came
  std::string data = {};
};

class SseReader {
 public:
  using OnEvent = std::function<Result<void>(const SseEvent&)>;
  // Calls `on_event` for each event that is whole now. Error{invalid}: a line, an event, its name
  // or its id is larger than the limit. Or the Error of `on_event`.
  Result<void> feed(std::string_view bytes, const OnEvent& on_event);
  bool between_events() const;  // nothing of an event has come that is not whole

 private:
  Result<void> line(std::string_view text, const OnEvent& on_event);

  std::string line_ = {};
  SseEvent event_ = {};
  bool begun_ = false;  // some field of an event came
  bool has_data_ = false;
  bool after_cr_ = false;
  bool first_ = true;  // a byte order mark may come
};

// `data` in as many lines as it has. Error{invalid}: the name or the id could not be read back: a
// line end in it, a zero byte in the id, or larger than the limit.
Result<std::string> sse_text(const SseEvent& event);

}  // namespace ragent
