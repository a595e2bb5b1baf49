// A planner of your own: three branches answer side by side, and the most common answer wins
// (Wang et al. 2022, "Self-Consistency", section 2). Killed in the middle, it asks for no branch
// twice.
// prints: ^voted:
#include <ragent/ragent.h>

#include <algorithm>
#include <map>

using namespace ragent;

Task<std::string> answer_once(Run& run, Input input) {
  Transcript chat = co_await run.open(input);
  Reply reply = co_await run.think(chat, {.tokens_max = 24, .temperature = 0.8});
  co_return reply.text;
}

Task<Answer> vote(Run& run, Input input) {
  std::vector<Input> items(3, input);
  Fork<std::string> fork = co_await run.fork(items, answer_once, true);
  std::map<std::string, int> votes;
  for (Result<std::string>& text : co_await fork.all()) {
    if (text) ++votes[*text];
  }
  if (votes.empty()) co_return Answer{.outcome = Outcome::gave_up};
  auto most = std::ranges::max_element(votes, {}, [](auto& entry) { return entry.second; });
  co_return Answer{.text = most->first};
}

int main() {
  EngineOptions options;
  options.planners.push_back({"vote", 1, vote});
  Engine engine(embedded(std::move(options)));
  Agent agent{.profile = {.name = "voter", .instructions = "Answer in one word."},
              .planner = "vote"};
  Result<Answer> answer = engine.run(agent, "Which is the largest planet?");
  std::printf("voted: %s\n", answer ? answer->text.c_str() : answer.error().message.c_str());
}
