// ragent cancel: stop a run at its next step.
#include <cli/commands.h>
#include <cli/follow.h>
#include <cli/home.h>
#include <cli/render.h>

#include <fmt/core.h>

namespace ragent::cli {

int cancel_command(const Args& args, const Console& console) {
  Result<RunRow> row = find_run_in(home_of(args), args.run);
  if (!row) return console.report(row.error());
  if (row->state == "ended") {
    return console.report({.kind = ErrorKind::conflict,
                           .message = fmt::format("run {} has ended already: {}", row->uid,
                                                  state_text(row->state, row->outcome))});
  }
  std::string reason = args.reason.empty() ? "cancelled by " + user_name() : args.reason;
  // Cancelled before anything else of it goes on; often it has ended when this returns.
  catch_interrupts();
  Result<std::unique_ptr<Host>> host = open_home(engine_options(args), args);
  if (!host) return report_home(host.error(), console);
  Result<void> done = (*host)->cancel(row->uid, reason);
  if (!done) return console.report(done.error());
  Result<RunHandle> handle = (*host)->attach(row->uid, row->n);
  if (!handle) return console.report(handle.error());
  int code = follow(**host, *handle, args, console);
  return code == kExitCancelled ? kExitDone : code;  // it did what it was asked
}

}  // namespace ragent::cli
