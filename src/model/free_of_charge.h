// Free of charge: models whose replies nobody pays for, as they run here or were recorded.
//
//   sources.push_back(free_of_charge(recorded()));
//
// Owned by the engine; called on a shard.
#pragma once

#include <ragent/engine.h>

namespace ragent {

// What `inner` opens; its usage says that it cost nothing, where others' say nothing.
ModelSource free_of_charge(ModelSource inner);

}  // namespace ragent
