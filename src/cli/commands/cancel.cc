// ragent cancel: stop a run at its next step.
#include <cli/commands.h>
#include <cli/follow.h>
#include <cli/home.h>
#include <cli/render.h>

#include <fmt/core.h>

namespace ragent::cli {

int cancel_command(const Args& args, const Console& console) {
  Result<RunRow> row = find_run_in(args.home, args.run);
  if (!row) return console.report(row.error());
  if (row->state == "ended") {
    return console.report({.kind = ErrorKind::conflict,
                           .message = fmt::format("run {} has ended already: {}", row->uid,
                                                  state_text(row->state, row->outcome))});
  }
  std::string reason = args.reason.empty() ? "cancelled by " + user_name() : args.reason;
  int code = carry_on(row->uid, args, console,
                      [&](Engine& engine) { return engine.cancel(row->uid, reason); });
  return code == kExitCancelled ? kExitDone : code;  // it did what it was asked
}

}  // namespace ragent::cli
