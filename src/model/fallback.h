// Fallbacks: several models by one name, separated by commas. The first answers; when it is not
// available or too slow, the next one does.
//
//   options.models = {with_fallbacks({http_models(), local})};
//   RAGENT_MODEL=openai/gpt-4o,anthropic/claude-sonnet-4-5,local/default
//
// Owned by the engine; called on a shard.
#pragma once

#include <ragent/engine.h>

namespace ragent {

// Opens any name by the first of `sources` that knows it, and lists of names as one model. A list
// needs each of its names: Error{invalid} of an empty one, or the Error of opening it.
ModelSource with_fallbacks(std::vector<ModelSource> sources);

}  // namespace ragent
