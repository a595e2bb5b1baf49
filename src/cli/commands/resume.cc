// ragent resume: one run, or all that were interrupted.
#include <cli/commands.h>
#include <cli/follow.h>
#include <cli/home.h>
#include <cli/render.h>

#include <algorithm>
#include <fmt/core.h>

namespace ragent::cli {
namespace {

bool interrupted(const RunRow& row) {
  return row.state == "working" || row.state == "waiting_timer" || row.state == "paused" ||
         row.state == "unbound";
}

void print_head(const RunRow& row, const Args& args, const Console& console) {
  if (args.json || args.quiet) return;
  std::string task = fit(console.err, one_line(row.task), console.err.width);
  std::string head = dotted(console.err, {row.agent, "run " + row.uid, task});
  note(fmt::format("{}\n\n", dim(console.err, head)));
}

int resume_one(const RunRow& row, const Args& args, const Console& console) {
  if (row.state == "ended") {
    note(fmt::format("run {} has ended already: {}; `ragent trace {}` shows it\n", row.uid,
                     state_text(row.state, row.outcome), row.uid));
    return kExitDone;
  }
  print_head(row, args, console);
  return carry_on(row, args, console);
}

}  // namespace

int resume_command(const Args& args, const Console& console) {
  if (!args.run.empty()) {
    Result<RunRow> row = find_run_in(home_of(args), args.run);
    return row ? resume_one(*row, args, console) : console.report(row.error());
  }
  Result<std::unique_ptr<Store>> store = read_home(home_of(args));
  if (!store) return console.report(store.error());
  std::vector<RunRow> rows;
  if (*store) {
    Result<std::vector<RunRow>> all = list_runs(**store, Tenant());
    if (!all) return console.report(all.error());
    std::ranges::copy_if(*all, std::back_inserter(rows), interrupted);
    std::ranges::reverse(rows);  // the oldest first
  }
  if (rows.empty()) {
    note("nothing was interrupted; `ragent runs` lists what ran\n");
    return kExitDone;
  }
  store->reset();
  return carry_on_all(rows, args, console, print_head);
}

}  // namespace ragent::cli
