// ragent resolve: a person's word on a call that is in doubt.
#include <cli/commands.h>
#include <cli/follow.h>
#include <cli/home.h>
#include <runtime/records.h>

namespace ragent::cli {

int resolve_command(const Args& args, const Console& console) {
  Result<StepName> step = parse_step_name(args.step);
  if (!step) {
    console.report(step.error());
    return kExitUsage;
  }
  Resolution resolution{.who = args.who.empty() ? user_name() : args.who,
                        .evidence = args.evidence};
  if (args.happened) {
    Result<Json> result = json_or_text(args.result);
    if (!result) {
      console.report(result.error());
      return kExitUsage;
    }
    resolution.verdict = Resolution::Verdict::happened;
    resolution.result = std::move(*result);
  } else if (args.did_not_happen) {
    resolution.verdict = Resolution::Verdict::did_not_happen;
  }
  Result<RunRow> row = find_run_in(home_of(args), args.run);
  if (!row) return console.report(row.error());
  std::string name = call_name(step->path, step->step, step->call);
  return carry_on(*row, args, console,
                  [&](Host& host) { return host.resolve(row->uid, name, resolution); });
}

}  // namespace ragent::cli
