// declared: bodies for the tools that an agent.toml declares as SQL or as a program.
//
//   ToolBinder binder;                                          // one a process, so that data is
//   Result<Tool> search = binder.bind(spec, "agents/travel");   // loaded once for all tools
//
// Binding reads files: not on a shard. Any thread.
#pragma once

#include <action/sql.h>

#include <map>

namespace ragent {

class ToolBinder {
 public:
  // Error{invalid} says what is wrong: a program that is missing or not executable, SQL that does
  // not prepare, that writes, or that names a parameter which is no argument; data files.
  Result<Tool> bind(ToolSpec spec, const std::string& folder);

 private:
  Result<std::shared_ptr<SqlData>> data(const std::string& folder);

  std::mutex mutex_;
  std::map<std::string, std::weak_ptr<SqlData>> data_;  // by folder; owned by the tools
};

// For one tool alone.
Result<Tool> bind_tool(ToolSpec spec, const std::string& folder);

}  // namespace ragent
