// Planners for the simulation: each uses what must replay whatever the order in which work ends.
//
//   beam     two levels of speculative forks, pruned while they work; reads and thinks
//   picky    any() of guesses, one of them cancelled
//   race     first() of effects and timers, any() of nested races
//   map_join all() of workers with every class of effect
//   loop     one branch: reads, idempotent effects, act_all
//   busy     the parent has effects of its own while its children end, then takes them; also after
//            it was stopped it says what it saw
//
// Every item that can fail is taken with .result(): their answers tell what happened.
#pragma once

#include <ragent/planner.h>

namespace ragent::simulation {

std::vector<Planner> planners();

}  // namespace ragent::simulation
