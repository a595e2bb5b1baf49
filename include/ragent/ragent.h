// Ragent: a runtime for fleets of LLM agents. Start here.
//
//   #include <ragent/ragent.h>
//
//   ragent::Engine engine;
//   ragent::Agent clerk{.profile = {.name = "clerk", .instructions = "Answer in one sentence."}};
//   auto answer = engine.run(clerk, "What is the capital of France?");
//
// An agent is a value (agent.h), a run is a resource (run.h), everything else is an interface:
// tools (tool.h, typed.h), models (model.h), planners (planner.h). The Engine wires them.
#pragma once

#include <ragent/engine.h>
