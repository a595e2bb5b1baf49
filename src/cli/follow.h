// Following a run to its end, or to where it stands still: what `run`, `resume`, `resolve`,
// `asks` and `cancel` have in common. It prints, asks the person, and cancels on Ctrl-C.
//
//   Result<RunHandle> handle = engine.start(agent, task);
//   return follow(engine, *handle, args, console);
//
// Main thread.
#pragma once

#include <cli/args.h>
#include <cli/console.h>
#include <store/store.h>

#include <ragent/engine.h>

namespace ragent::cli {

int follow(Engine& engine, RunHandle& handle, const Args& args, const Console& console);
// Opens the home, attaches to the run and follows it. `decide` is applied before: a decision that
// somebody made.
int carry_on(const std::string& run, const Args& args, const Console& console,
             const std::function<Result<void>(Engine&)>& decide = {});
// One after another; the first exit code that is not kExitDone is the answer.
int carry_on_all(const std::vector<RunRow>& rows, const Args& args, const Console& console,
                 void (*head)(const RunRow&, const Args&, const Console&));

}  // namespace ragent::cli
