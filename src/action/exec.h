// exec: programs as tools. JSON on stdin and stdout, no shell between.
//
//   Result<std::shared_ptr<ToolBody>> body = exec_body(spec, "agents/travel");   // exec = "./book"
//
// Outcomes: exit 0 with JSON is the result; exit 0 with {"error": …} is Error{rejected}: not
// done; any other exit, signal, time-out or output is another Error: nobody can tell. A program
// sees PATH, HOME, LANG and RAGENT_KEY, RAGENT_NOT_AFTER (milliseconds since 1970; it is killed
// then), RAGENT_AGENT_DIR, RAGENT_WORKSPACE (its working directory), RAGENT_TENANT, RAGENT_SESSION,
// RAGENT_RUN. What it leaves in its working directory the Gate keeps (workspace.h). Bodies live on
// the shard; the functions may block: any thread.
#pragma once

#include <ragent/tool.h>

namespace ragent {

// Words of a command line: quotes and backslashes as in a shell, nothing else.
Result<std::vector<std::string>> split_command(std::string_view command);

// Error{invalid}: the program of `source` or `query_source` is missing or cannot be run. A program
// with a slash is a path in the agent's folder, one without is sought there, then in PATH.
Result<std::shared_ptr<ToolBody>> exec_body(const ToolSpec& spec, const std::string& folder);

// Kills what programs of an earlier process of this home have left running, whatever became of
// their process groups; answers how many. Before anything of the home is resumed. They are known by
// the environment that they were started with: a program that clears it for what it leaves behind
// hides that.
std::size_t reap_stale(const std::string& home);

// The workspace's name in the environment of its programs, which one of them may turn into a link.
std::string canonical_workspace(const std::string& workspace);
// The same for one call, whose attempt is over: what left its process group, as after `setsid`.
// `workspace` is canonical, taken before the attempt.
std::size_t reap_call(const std::string& workspace, const std::string& key);

}  // namespace ragent
