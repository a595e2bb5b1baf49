// The process that is killed: a ten-step run with one `once` tool over a SQLite home. It goes on
// where an earlier process died, decides doubts by asking the service, and reports on a pipe each
// record that the engine has acknowledged as durable.
#pragma once

#include <string>

namespace ragent::kill {

enum class Declared { once, once_with_query, read };  // read: a lie, for the teeth

struct VictimOptions {
  std::string home = {};
  std::string socket = {};
  Declared declared = Declared::once;
  int report = 1;  // fd
};

inline constexpr int kSteps = 10;
inline constexpr int kToolMs = 150;  // not_after

// The exit code: 0 when the run has answered.
int be_victim(const VictimOptions& options);

}  // namespace ragent::kill
