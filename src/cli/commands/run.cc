// ragent run: one task, followed to its end.
#include <cli/commands.h>
#include <cli/follow.h>
#include <cli/home.h>
#include <runtime/planners.h>

#include <fmt/core.h>

namespace ragent::cli {

int run_command(const Args& args, const Console& console) {
  Result<std::string> path = find_agent(args.agent);
  if (!path) return console.report(path.error());
  Result<Agent> agent = load_agent(*path);
  if (!agent) return console.report(agent.error());

  catch_interrupts();
  EngineOptions options = engine_options(args);
  const std::string& planner = args.planner.empty() ? agent->planner : args.planner;
  if (Result<Planner> known = find_planner(options.planners, planner); !known) {
    return console.report(known.error());
  }
  std::string model = !args.model.empty()      ? args.model
                      : !options.model.empty() ? options.model
                                               : agent->model;
  options.agents.push_back(*agent);
  Result<std::unique_ptr<Host>> host = open_home(std::move(options), args);
  if (!host) return report_home(host.error(), console);

  RunOptions run{.session = args.session, .model = args.model, .planner = args.planner};
  if (args.budget_steps > 0) {
    run.budget = agent->budget;
    run.budget->steps = args.budget_steps;
  }
  Result<RunHandle> handle =
      (*host)->start({.agent = *path, .input = args.task, .options = std::move(run)});
  if (!handle) return console.report(handle.error());
  if (!args.json && !args.quiet) {
    std::string head = dotted(console.err, {agent->profile.name, model, "run " + handle->id()});
    note(fmt::format("{}\n\n", dim(console.err, head)));
  }
  return follow(**host, *handle, args, console);
}

}  // namespace ragent::cli
