// Planner: `name@version` and a coroutine that turns an input into an answer by asking the Run
// for steps. New runs take the newest version; a run in flight keeps its own.
//
//   Task<Answer> twice(Run& run, Input input) { … }
//   EngineOptions options{.planners = {{"twice", 1, twice}}};
#pragma once

#include <ragent/run.h>

namespace ragent {

struct Planner {
  std::string name = {};
  std::uint32_t version = 1;
  std::function<Task<Answer>(Run&, Input)> body = {};
};

Planner direct();  // one question, one answer, no tools
// Reasoning and acting in turn until the model answers (Yao et al. 2022, "ReAct", section 2).
Planner react();

}  // namespace ragent
