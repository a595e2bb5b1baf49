// Binding: a pinned AgentSpec with what this process has for it: tool bodies, model, planner and
// the permissions of today. Made by the engine; immutable; any thread.
#pragma once

#include <action/gate.h>
#include <ragent/planner.h>

#include <algorithm>

namespace ragent {

struct Binding {
  AgentSpec spec = {};
  std::string digest = {};
  std::string folder = {};
  std::vector<Tool> tools = {};  // in the order of spec.tools
  Permissions permissions = {};
  Model* model = nullptr;        // owned by the shard; null: the engine has no models
  Planner planner = {};

  const Tool* find(std::string_view tool) const {
    auto found =
        std::ranges::find(tools, tool, [](const Tool& t) { return std::string_view(t.spec.name); });
    return found == tools.end() ? nullptr : &*found;
  }
};

}  // namespace ragent
