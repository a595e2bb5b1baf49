// Args: what a command line says. The one unit that knows the parser library is args.cc.
//
//   Result<Args> args = parse_args({"run", "agents/travel", "Find a flight", "--yes"});
//
// Values; main thread.
#pragma once

#include <ragent/result.h>

#include <span>
#include <string>
#include <vector>

namespace ragent::cli {

struct Args {
  std::string command = {};  // "run", "trace", …; "help" with `topic`
  std::string topic = {};
  std::string home = {};     // as it was named; home_of() in home.h is the one that is meant
  bool json = false;
  bool yes = false;
  bool quiet = false;
  std::string edit = {};     // fork: a file, or "-"
  bool later = false;        // record the decision, do not carry the run on

  std::string name = {};     // new; models fetch
  std::string what = {};     // models: "fetch", or an endpoint; completion: a shell
  std::string agent = {};    // check, run, chat, doctor
  std::string task = {};
  std::string session = {};
  std::string model = {};
  std::string planner = {};
  std::int64_t budget_steps = 0;  // 0: the agent's own
  std::vector<std::string> images = {};  // run
  std::string record = {};
  bool dev = false;          // chat

  std::string run = {};      // fork, trace, resume, …: a beginning of its id
  std::string step = {};
  std::string html = {};     // a file
  bool jsonl = false;
  bool in_doubt = false;

  bool happened = false;     // resolve
  std::string result = {};
  bool did_not_happen = false;
  bool abandon = false;
  std::string who = {};
  std::string evidence = {};

  std::string ask = {};      // asks
  bool allow = false;
  bool deny = false;
  bool answers = false;
  std::string answer = {};   // JSON
  std::string reason = {};   // cancel
};

// Error{invalid}: what is not understood, the near miss, and where to read on.
Result<Args> parse_args(const std::vector<std::string>& words);
std::span<const std::string> command_names();
std::vector<std::string> options_of(const std::string& command);  // "--home", "--yes", …
// The help of a command; of an unknown or empty one, the overview.
std::string help_text(std::string_view command, bool color);

}  // namespace ragent::cli
