#include <ragent/planner.h>

namespace ragent {
namespace {

Task<Answer> reason_and_act(Run& run, Input input) {
  Transcript chat = co_await run.open(input);
  for (;;) {
    Reply reply = co_await run.think(chat, {.schema = input.schema});
    if (reply.calls.empty()) co_return Answer{.text = reply.text};
    chat.add(reply, co_await run.act_all(reply.calls));
  }
}

}  // namespace

Planner react() { return {.name = "react", .version = 1, .body = reason_and_act}; }

}  // namespace ragent
