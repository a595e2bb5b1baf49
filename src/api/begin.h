// What begins a run on the engine that a request has come to: the one of a command that owns the
// home, or of the owner that was asked.
//
//   Result<RunHandle> run = start_on(engine, {.agent = "agents/travel", .input = "Find a flight"});
//
// Any thread but a shard's; they block.
#pragma once

#include <api/wire.h>

namespace ragent::api {

Result<RunHandle> start_on(Engine& engine, StartRequest request);
Result<Forked> fork_on(Engine& engine, const std::string& run, ForkOptions options);

}  // namespace ragent::api
