// ragent runs: what ran here, read beside a living owner.
#include <cli/commands.h>
#include <cli/home.h>
#include <cli/render.h>

#include <algorithm>
#include <chrono>
#include <fmt/core.h>

namespace ragent::cli {
namespace {

std::int64_t now_ms() {
  auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
}

int print_doubts(Store& store, const Args& args, const Console& console) {
  Result<std::vector<DoubtView>> doubts = list_doubts(store, Tenant());
  if (!doubts) return console.report(doubts.error());
  if (args.json) {
    for (const DoubtView& doubt : *doubts) print(fmt::format("{}\n", doubt_json(doubt).dump()));
  } else if (doubts->empty()) {
    print("Nothing is in doubt.\n");
  } else {
    print(doubts_text(console.out, *doubts, home_option(args)));
  }
  return kExitDone;
}

// Whoever lists a run as `working` that nobody works on has to be told.
void note_interrupted(const std::vector<RunRow>& rows, const Args& args) {
  auto stopped = std::ranges::count_if(rows, [](const RunRow& row) {
    return row.state == "working" || row.state == "waiting_timer";
  });
  if (stopped == 0 || is_owned(home_of(args))) return;
  note(fmt::format(
      "\ninterrupted, as no process works on this home: {}; `ragent resume{}` goes on\n",
      plural(stopped, "run"), home_option(args)));
}

void print_nothing(const Args& args) {
  print(fmt::format("Nothing ran here yet, in the home {}. `ragent run AGENT TASK` begins.\n",
                    one_line(home_of(args))));
}

}  // namespace

int runs_command(const Args& args, const Console& console) {
  Result<std::unique_ptr<Store>> store = read_home(home_of(args));
  if (!store) return console.report(store.error());
  if (!*store) {
    if (!args.json) print_nothing(args);
    return kExitDone;
  }
  if (args.in_doubt) return print_doubts(**store, args, console);
  Result<std::vector<RunRow>> rows = list_runs(**store, Tenant());
  if (!rows) return console.report(rows.error());
  Result<Used> used = list_used(**store, Tenant());
  if (!used) return console.report(used.error());
  if (args.json) {
    for (const RunRow& row : *rows) print(fmt::format("{}\n", run_json(row, *used).dump()));
  } else if (rows->empty()) {
    print_nothing(args);
  } else {
    print(runs_text(console.out, *rows, *used, now_ms()));
    note_interrupted(*rows, args);
  }
  return kExitDone;
}

}  // namespace ragent::cli
