// The embedded defaults of an Engine: the local model in process, the built-in planners, SQLite in
// the home.
//
//   EngineOptions options;
//   options.home = "/var/lib/clerk";
//   Engine engine(embedded(std::move(options)));   // Engine{} is embedded({})
//
// Pure; any thread.
#pragma once

#include <ragent/engine.h>

namespace ragent {

// `options` with what they lack; models and planners that they have come first.
EngineOptions embedded(EngineOptions options = {});

}  // namespace ragent
