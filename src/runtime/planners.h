// planners: a planner by the name that an agent or a person gives.
//
//   find_planner(options.planners, "react")      // its newest version
//   find_planner(options.planners, "react@1")    // that one
//
// Pure; any thread.
#pragma once

#include <ragent/planner.h>

#include <span>

namespace ragent {

// Error{not_found} names the near miss and those that there are.
Result<Planner> find_planner(std::span<const Planner> planners, const std::string& name);

}  // namespace ragent
