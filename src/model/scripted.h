// Scripted models: replies from a file, a text or a function, with latency and faults; for tests,
// scenarios and demos. Owned by the engine, called on a shard.
//
//   std::unique_ptr<Model> echo = make_scripted_model(loop, [](const ModelRequest& request) {
//     return Reply{.text = request.transcript.last().text()};
//   });
//   auto model = make_scripted_model(loop, *load_script("book.jsonl"));
//
// A script is JSON lines; lines that begin with # and empty ones are skipped:
//
//   {"model": "scripted", "latency_ms": 400, "pace_ms": 20}     settings; may be left out
//   {"user": "book"}                          the user's latest message holds this (any case)
//   {"tool": "search", "args": {"to": "Oslo"}}                  first reply after that message
//   {"calls": [{"tool": "book", "args": {"flight": "KP811"}}]}  second reply
//   {"answer": "Booked KP811.", "fault": "unavailable", "retry_after_ms": 50, "times": 2}
//   {"user": "", "at": "0.4.1"}               any message, in this branch (or step: "0:3") only
//   {"answer": "Hello."}
//
// The first dialogue that matches is taken, and of it the reply whose number is the number of
// replies since the user's latest message. So the choice depends on the request alone: asked
// again after a crash, a step gets the same reply. `pace_ms` passes between two streamed words. A
// `fault` (unavailable, timeout, invalid) comes instead of the reply, `times` times (0: always).
#pragma once

#include <ragent/model.h>

namespace ragent {

struct Script {
  struct Line {
    Reply reply = {};
    std::optional<std::chrono::milliseconds> latency = {};
    std::optional<Error> fault = {};
    std::uint32_t fault_times = 0;  // 0: always
  };
  struct Dialogue {
    std::string user = {};
    std::string at = {};  // PATH or PATH:STEP; empty: anywhere
    std::vector<Line> lines = {};
  };
  std::string model = "scripted";
  std::chrono::milliseconds latency = {};  // before the first word
  std::chrono::milliseconds pace = {};
  std::vector<Dialogue> dialogues = {};
};

// Error{invalid} names the line, what was expected and what came.
Result<Script> parse_script(std::string_view text);
Result<Script> load_script(const std::string& path);

std::unique_ptr<Model> make_scripted_model(Loop& loop, Script script);
// The function is called on every shard that uses the model; for the same request it must answer
// the same, or a replay after a crash takes another way.
using ScriptedReply = std::function<Result<Reply>(const ModelRequest&)>;
std::unique_ptr<Model> make_scripted_model(Loop& loop, ScriptedReply reply,
                                           std::chrono::milliseconds latency = {});

}  // namespace ragent
