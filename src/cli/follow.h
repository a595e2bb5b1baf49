// Following a run to its end, or to where it stands still: what `run`, `fork`, `resume`, `resolve`,
// `asks`, `cancel` and a `chat` without a terminal have in common. It prints, asks the person, and
// cancels on Ctrl-C.
//
//   Result<RunHandle> handle = host->start({.agent = "agents/travel", .input = task});
//   return follow(**host, *handle, args, console);
//
// Main thread.
#pragma once

#include <cli/args.h>
#include <cli/console.h>
#include <api/host.h>
#include <store/store.h>

namespace ragent::cli {

int follow(Host& host, RunHandle& handle, const Args& args, const Console& console);
// Opens the home, attaches to the run, applies `decide` (a decision that somebody made) and
// follows the run, so that nothing of what the decision causes is missed. What the row counts is
// not told again.
int carry_on(const RunRow& run, const Args& args, const Console& console,
             const std::function<Result<void>(Host&)>& decide = {});
// One after another; the first exit code that is not kExitDone is the answer.
int carry_on_all(const std::vector<RunRow>& rows, const Args& args, const Console& console,
                 void (*head)(const RunRow&, const Args&, const Console&));

}  // namespace ragent::cli
