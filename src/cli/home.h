// Finding things from a command: the home and what is in it, agents by name, who owns it.
//
//   Result<std::unique_ptr<Store>> store = read_home(home_of(args));
//   Result<std::string> folder = find_agent("travel");           // "agents/travel"
//
// Main thread; what takes a home's folder blocks and is for any thread.
#pragma once

#include <cli/args.h>
#include <cli/console.h>
#include <api/host.h>
#include <runtime/view.h>
#include <store/store.h>

namespace ragent::cli {

// The home that is meant, whether it was named or not.
std::string home_of(const Args& args);
// Read-only, beside a living owner. Null: nothing ever ran here.
Result<std::unique_ptr<Store>> read_home(const std::string& home);
// The run of `prefix`, read beside a living owner.
Result<RunRow> find_run_in(const std::string& home, const std::string& prefix);
// The calls of a run of which nobody knows whether they happened; none where that cannot be read.
std::vector<DoubtView> doubts_of(const std::string& home, const std::string& run);

// The folder or file of an agent: a path, or a name in ./agents. Error{not_found} with the near
// miss.
Result<std::string> find_agent(const std::string& name);
std::vector<std::string> agent_names();  // in ./agents

// The options of an engine for this home: embedded defaults and scripted models.
EngineOptions engine_options(const Args& args);
// The model of a new run: what the command line says, else the environment, else the agent.
std::string model_of(const Args& args, const EngineOptions& options, const Agent& agent);
// The home as ours, or by way of the command that owns it.
Result<std::unique_ptr<Host>> open_home(EngineOptions options, const Args& args);
// Says why it could not be opened, and what to leave with.
Exit report_home(const Error& error, const Console& console);

// Why nothing comes from the process that owns the home: it was stopped, by Ctrl-Z in another
// terminal for one. Empty: it was not.
std::string stopped_owner(const Host& host);

// " --home DIR" for the commands that are shown: they must work as they stand, in a shell too.
std::string home_option(const Args& args);

// JSON, or bare text as a string.
Result<Json> json_or_text(const std::string& text);

}  // namespace ragent::cli
