// Run: what a planner sees of its branch.
#include <runtime/branch.h>

namespace ragent {

Task<Transcript> Run::open(Input input) { return branch_.open(std::move(input)); }

Task<Reply> Run::think(Transcript transcript, ThinkOptions options) {
  return branch_.think(std::move(transcript), std::move(options));
}

Task<Observation> Run::act(ToolCall call) {
  std::vector<ToolCall> calls;
  calls.push_back(std::move(call));
  std::vector<Observation> seen = co_await branch_.act_all(std::move(calls));
  co_return std::move(seen.front());
}

Task<std::vector<Observation>> Run::act_all(std::vector<ToolCall> calls) {
  return branch_.act_all(std::move(calls));
}

Task<Decision> Run::ask(std::string question, Json schema) {
  return branch_.ask(std::move(question), std::move(schema));
}

Task<void> Run::sleep(std::chrono::milliseconds duration) { return branch_.sleep(duration); }

Task<WallTime> Run::now() {
  Json ms = co_await branch_.value("now", {});
  co_return WallTime(std::chrono::milliseconds(ms.integer().value_or(0)));
}

Task<std::uint64_t> Run::random() {
  Json number = co_await branch_.value("random", {});
  co_return static_cast<std::uint64_t>(number.integer().value_or(0));
}

Task<void> Run::note(Json value) { (void)co_await branch_.value("note", std::move(value)); }

Task<bool> Run::patched(std::string name) { return branch_.patched(std::move(name)); }

Task<Answer> Run::continue_as_new(Json state) { return branch_.continue_as_new(std::move(state)); }

Task<ForkState*> Run::fork_begin(std::uint32_t count, bool speculative) {
  return branch_.fork(count, speculative);
}

const Budget& Run::budget() const { return branch_.budget_; }
const std::string& Run::path() const { return branch_.path_; }
bool Run::speculative() const { return branch_.speculative_; }

}  // namespace ragent
