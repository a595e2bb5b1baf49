// Planners that only scenarios need: they take the steps that react and direct do not.
#include <scenarios/stage.h>

namespace ragent::scenarios {
namespace {

ToolCall look_at(const std::string& what) {
  return {.tool = "look", .arguments = Json::object({{"what", what}})};
}

// fork_all: one child an item, each asks the model; the answers joined in order.
Task<std::string> child_thinks(Run& run, std::string item) {
  Transcript chat = co_await run.open(Input(item));
  Reply reply = co_await run.think(chat);
  co_return reply.text;
}

Task<Answer> fork_all(Run& run, Input) {
  std::vector<std::string> items{"one", "two", "three"};
  Fork<std::string> fork = co_await run.fork(std::move(items), child_thinks);
  std::string text;
  for (const Result<std::string>& each : co_await fork.all()) {
    text += (text.empty() ? "" : ", ") + (each ? *each : std::string(to_string(each.error().kind)));
  }
  co_return Answer{.text = text};
}

Task<Answer> fork_any(Run& run, Input) {
  std::vector<std::string> items{"one", "two", "three"};
  Fork<std::string> fork = co_await run.fork(std::move(items), child_thinks);
  Ended<std::string> first = co_await fork.any();
  std::string text = co_await std::move(first.value);
  co_return Answer{.text = std::to_string(first.index) + ": " + text};
}

// search: speculative children call what the item names.
Task<std::string> child_acts(Run& run, std::string tool) {
  Observation seen = co_await run.act({.tool = tool, .arguments = Json::object({})});
  co_return seen.text();
}

Task<Answer> search(Run& run, Input) {
  std::vector<std::string> tools{"look", "pay"};
  Fork<std::string> fork = co_await run.fork(std::move(tools), child_acts, true);
  std::string text;
  for (Result<std::string>& each : co_await fork.all()) {
    text += (text.empty() ? "" : "; ") + co_await std::move(each);
  }
  co_return Answer{.text = text};
}

// chapters: three of them, one look each; the state is a count.
Task<Answer> chapters(Run& run, Input input) {
  std::int64_t done = input.state ? input.state->integer().value_or(0) : 0;
  (void)co_await run.act(look_at(std::to_string(done)));
  if (done < 2) co_return co_await run.continue_as_new(Json(done + 1));
  co_return Answer{.text = "chapter " + std::to_string(done)};
}

Task<Answer> asks(Run& run, Input input) {
  Decision color = co_await run.ask(
      "Which color?", Json::object({{"type", "string"}, {"enum", Json::array({"red", "blue"})}}));
  co_return Answer{.text = input.text + " " + color.answer.dump() + " from " + color.who};
}

Task<Answer> sleeps(Run& run, Input) {
  WallTime begin = co_await run.now();
  co_await run.sleep(std::chrono::hours(2));
  WallTime end = co_await run.now();
  bool long_enough = end - begin >= std::chrono::hours(2);
  co_return Answer{.text = long_enough ? "slept" : "woke too early"};
}

Task<Answer> gives_up(Run& run, Input) {
  co_await run.note(Json("nothing to do"));
  co_return Answer{.text = "I cannot.", .outcome = Outcome::gave_up};
}

Task<Answer> fails(Run&, Input) {
  co_return Error{.kind = ErrorKind::internal, .message = "a planner's mistake"};
}

// changed: looks at "old" in the first process, at "new" in later ones: a planner whose change
// nobody guarded.
template <char kWhat>
Task<Answer> looks(Run& run, Input) {
  const std::string what = kWhat == 'o' ? "old" : "new";
  (void)co_await run.act(look_at(what));
  Observation last = co_await run.act(look_at("last"));
  co_return Answer{.text = what + ": " + last.text()};
}

// guarded: the same change, guarded by patched().
Task<Answer> looks_guarded(Run& run, Input) {
  const std::string what = co_await run.patched("look-at-new") ? "new" : "old";
  (void)co_await run.act(look_at(what));
  Observation last = co_await run.act(look_at("last"));
  co_return Answer{.text = what + ": " + last.text()};
}

// unsteady: asks for what it did not record; only a replay can tell.
Task<Answer> unsteady(Run& run, int time) {
  (void)co_await run.act(look_at("time " + std::to_string(time)));
  co_return Answer{.text = "done"};
}

}  // namespace

std::vector<Planner> make_planners(std::uint32_t life) {
  bool first = life == 1;
  auto counted = [time = 0](Run& run, Input) mutable { return unsteady(run, ++time); };
  std::vector<Planner> all = {direct(),
                              react(),
                              {"fork_all", 1, fork_all},
                              {"fork_any", 1, fork_any},
                              {"search", 1, search},
                              {"chapters", 1, chapters},
                              {"asks", 1, asks},
                              {"sleeps", 1, sleeps},
                              {"gives_up", 1, gives_up},
                              {"fails", 1, fails},
                              {"changed", 1, first ? looks<'o'> : looks<'n'>},
                              {"guarded", 1, first ? looks<'o'> : looks_guarded},
                              {"unsteady", 1, counted}};
  if (first) all.push_back({"gone", 1, asks});
  return all;
}

}  // namespace ragent::scenarios
