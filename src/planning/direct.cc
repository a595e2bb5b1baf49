#include <ragent/planner.h>

namespace ragent {
namespace {

Task<Answer> answer_directly(Run& run, Input input) {
  Transcript chat = co_await run.open(input);
  Reply reply =
      co_await run.think(chat, {.calls = ThinkOptions::Calls::none, .schema = input.schema});
  co_return Answer{.text = reply.text};
}

}  // namespace

Planner direct() { return {.name = "direct", .version = 1, .body = answer_directly}; }

}  // namespace ragent
