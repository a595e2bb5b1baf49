// What a fork of a run begins with: a copy of what its source recorded before a step, and perhaps
// an outcome of that step which a person gave instead.
//
//   Result<ForkPlan> plan = plan_fork(source, spec, {.at = "0:5"});
//
// Pure: it reads a run as the store has it and changes nothing; any thread.
#pragma once

#include <ragent/engine.h>
#include <runtime/records.h>

namespace ragent {

struct ForkPlan {
  Json start = {};  // body of its start record, but for what only the new run knows
  std::vector<Record> records = {};  // behind the start, by n from 2; `run` is not set
  std::size_t edited = 0;  // the last of them are no copies but what a person gave
  std::vector<std::string> steering = {};  // what was said to thinks that are asked again
  ForkedFrom from = {};
  bool looked = false;  // the source saw its session, so that `from` says how far
};

// Errors: not_found (no such step: which there are), conflict (a step of a chapter that has ended,
// a source that diverged), invalid (an edit that does not fit: what is expected).
Result<ForkPlan> plan_fork(const FiledRun& source, const AgentSpec& spec,
                           const ForkOptions& options);

}  // namespace ragent
