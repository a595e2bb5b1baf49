// What a scenario's engine is given: tools that do what the file says, a model that reads the
// file's script, a store that dies where the file says. They outlive the engine, as the world
// outlives a process. One thread, in the time of a simulated loop.
#pragma once

#include <base/simulated_loop.h>
#include <scenarios/case_file.h>
#include <store/memory/memory_store.h>

#include <map>
#include <set>

namespace ragent::scenarios {

// What really happened, across crashes.
struct Ledger {
  struct Use {
    std::size_t executions = 0;
    std::size_t queries = 0;
    std::set<std::string> keys = {};
  };
  std::map<std::string, Use> tools = {};
  std::map<std::string, std::string> offers = {};  // what the model may call, by RUN/PATH:STEP
};

std::vector<Tool> make_tools(const std::vector<CaseTool>& tools, std::shared_ptr<Ledger> ledger);
// The script's model, called "test"; it notes what it is offered.
ModelSource make_model(Script script, std::shared_ptr<Ledger> ledger);

// The disk's end of one process: sees every commit, and refuses all from the crash on.
struct Gate {
  std::vector<Record> records = {};  // that are durable
  std::optional<Point> dies_at = {};
  bool loses_it = false;  // the commit of that record
  bool crashed = false;
};
std::unique_ptr<Store> make_gated_store(std::shared_ptr<MemoryDisk> disk,
                                        std::shared_ptr<Gate> gate);

// Planners for what react and direct do not do, named in README.md; `life` counts processes from
// 1: some change when they are restarted.
std::vector<Planner> make_planners(std::uint32_t life);

}  // namespace ragent::scenarios
