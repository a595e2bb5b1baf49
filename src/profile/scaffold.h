// The agent that `ragent new NAME` makes: a small one that works, with a table, a program and a
// README, to be changed.
//
//   Result<void> made = new_agent("cafe", "agents/cafe");
//
// Blocking; any thread.
#pragma once

#include <ragent/result.h>

namespace ragent {

// Makes `directory` with agent.toml, menu.csv, the program `order` and README.md. Error{conflict}
// when something is there already (nothing is changed), Error{invalid} for a name that is none.
Result<void> new_agent(const std::string& name, const std::string& directory);

}  // namespace ragent
