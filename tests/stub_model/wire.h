// Wire: the bytes of one answer of the stub, and how they come. Pure: made from what was asked and
// a reply with its fault, before anything is sent.
//
//   const Wire wire = wire_of({.api = Api::chat, .stream = true}, {.text = "Hello."});
//
// Values; any thread.
#pragma once

#include <base/loop.h>
#include <stub_model/reply.h>

namespace ragent::stub {

struct Wire {
  enum class End : std::uint8_t {
    keep,     // the connection
    close,
    reset,
    silent,   // nothing more, until the peer goes
    endless,  // the last step again and again
  };
  std::string head = {};  // whole: its last line is empty; other bytes or none of a broken one
  std::vector<std::string> steps = {};  // of the body, framed
  End end = End::keep;
  std::chrono::milliseconds delay = {};  // before the head
  bool apart = false;  // each step is sent alone; else all go as one
};

struct Asked {
  Api api = Api::chat;
  bool stream = false;
  WallPoint now = {};  // of dates in a head
};

Wire wire_of(const Asked& asked, const StubReply& reply);
// Of a GET of the models.
Wire models_wire(const std::vector<std::string>& models);
Wire error_wire(Api api, const Fault& status, WallPoint now);

// "retry-after: 3\r\n"; empty for RetryForm::none.
std::string retry_header(RetryForm form, std::chrono::milliseconds after, WallPoint now);

// The body that a well reply has: what truncation cuts.
std::string body_of(const Asked& asked, const StubReply& reply);

}  // namespace ragent::stub
