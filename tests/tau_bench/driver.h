// The process that owns the engine: it takes the turns of the log from one to another, each as a
// run of its conversation's session, and dies in the middle of one where it is told to. Its tools
// are those of the log: they check what they are called with, note what they do in the ledger and
// say what the log says.
//
//   int code = drive({.home = home, .model = url + "#gpt-4o", .ledger = file, .to = place});
//
// Blocks; the only engine of its process.
#pragma once

#include <tau_bench/speaker.h>

namespace ragent::tau_bench {

// As JSON it goes to the process by its environment.
struct Drive {
  std::string home = {};
  std::string model = {};  // "http://127.0.0.1:PORT/v1#gpt-4o"
  std::string ledger = {};
  Place from = {};
  Place to = {};  // the last turn
  std::optional<Fatal> fatal = {};
  bool effects_are_reads = false;  // a lie, for the teeth
};

std::string name_of(const Log& log, const Place& place);  // "task-3-trial-1-turn-0"
bool is_effect(std::string_view tool);  // what changes something outside

// The exit code: 0 when every turn was answered as in the log; else why, on stderr.
int drive(const Drive& options);

}  // namespace ragent::tau_bench
