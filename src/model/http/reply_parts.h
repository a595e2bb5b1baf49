// What the dialects share when they read: the frame of a reply, a stream of events or one body,
// with its bounds; its calls; how its members are read. Owned by one reader, on its thread.
//
//   ReplyEvents events(broken);
//   Result<void> fed = events.feed(bytes, [&](const SseEvent& event) { return take(event); });
//
// A reader says what its own words are for a reply that is not as its dialect writes it (Broken).
#pragma once

#include <model/http/dialect.h>
#include <net/sse.h>

namespace ragent::wire {

inline constexpr std::string_view kEndpoint = "the endpoint";  // in errors of what it said

// Error{unavailable}; `what` is the end of a sentence about the reply: "it has no choices".
using Broken = std::unexpected<Error> (*)(const std::string& what);

// The events of one streamed reply, up to its end. Nothing counts after that, nor after an Error.
class ReplyEvents {
 public:
  explicit ReplyEvents(Broken broken) : broken_(broken) {}
  // Errors: of `on_event`, of a stream that is none, of one larger than limits::kResponseBytesMax.
  Result<void> feed(std::string_view bytes, const SseReader::OnEvent& on_event);
  void end() { ended_ = true; }  // from within `on_event`: this event was the last one
  bool ended() const { return ended_; }
  bool between_events() const { return events_.between_events(); }
  const std::optional<Error>& error() const { return error_; }

 private:
  Broken broken_;
  SseReader events_ = {};
  std::size_t bytes_ = 0;
  bool ended_ = false;
  std::optional<Error> error_ = {};  // what broke it
};

// Reads a plain response: `read` makes the reply of its body, once that is whole and JSON.
std::unique_ptr<ReplyReader> body_reader(Broken broken, Result<Reply> (*read)(const Json& body));

// The arguments of a call as they stood in a reply that is whole: a JSON object; empty text is {}.
// Error{unavailable} names the tool and what came: the model did not write JSON.
Result<Json> arguments_of(std::string_view tool, std::string_view text);

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

const Json& member(const Json& json, std::string_view key);  // null when it is not there
// A count of tokens, in bounds; `before` when none is said.
std::int64_t tokens_of(const Json& usage, std::string_view key, std::int64_t before = 0);
std::string shown(std::string_view text);  // of a reply, in an error
void send(const DeltaSink& deltas, Delta::Kind kind, std::string text);  // unless it is empty

}  // namespace ragent::wire
