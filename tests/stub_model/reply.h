// StubReply: what the stub says, and its words in each dialect. Pure: the same reply gives the same
// bytes.
//
//   StubReply reply{.text = "Let me look.", .calls = {{.tool = "lookup"}}};
//   std::string body = plain_of(Api::messages, reply);
//   std::vector<Event> events = events_of(Api::chat, reply);
//
// Values; any thread.
#pragma once

#include <ragent/model.h>
#include <stub_model/fault.h>

#include <array>

namespace ragent::stub {

enum class Api : std::uint8_t { chat, responses, messages };
inline constexpr std::array kApis{Api::chat, Api::responses, Api::messages};
std::string_view name_of(Api api);  // "chat"
std::string_view path_of(Api api);  // "/v1/chat/completions"

struct StubCall {
  std::string id = "call_1";
  std::string tool = {};
  std::string arguments = "{}";  // the bytes that are sent, JSON or not
};

struct StubReply {
  std::string text = {};
  std::vector<StubCall> calls = {};
  std::string reasoning = {};
  Usage usage = {.tokens_input = 11, .tokens_output = 7};
  std::optional<Finish> finish = {};  // none: calls when there are any, else stop
  std::size_t piece_bytes = 16;  // of text and arguments in one event, at whole characters
  Fault fault = {};  // of this answer; before those of a schedule
};

// What a rendering leaves out or says twice.
struct Shape {
  int choices = 1;  // 0 to 2; of responses and messages: items of text
  bool usage = true;
  bool ids = true;
  bool finish = true;
};

struct Event {
  std::string name = {};  // empty: none is said
  std::string data = {};
};

// The last event is the end event.
std::vector<Event> events_of(Api api, const StubReply& reply, const Shape& shape = {});
std::string plain_of(Api api, const StubReply& reply, const Shape& shape = {});

// An error as the family of the dialect writes it, alone or as an event of a stream.
std::string error_of(Api api, int status, bool no_quota = false);
Event error_event_of(Api api, bool in_place_of_the_end);

// `text` as a JSON string, its other bytes as they are.
std::string quoted(std::string_view text);

}  // namespace ragent::stub
