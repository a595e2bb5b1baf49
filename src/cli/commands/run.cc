// ragent run: one task, followed to its end.
#include <cli/commands.h>
#include <cli/follow.h>
#include <cli/home.h>
#include <cli/image.h>
#include <cli/weights.h>
#include <profile/agent_file.h>
#include <ragent/limits.h>
#include <runtime/planners.h>

#include <cstdlib>
#include <fmt/core.h>
#include <unistd.h>

namespace ragent::cli {
namespace {

constexpr std::string_view kFromInput = "-";

// What standard input says, as a task.
Result<std::string> read_task() {
  Result<std::string> text = read_input("the task");
  if (!text) return text;
  if (!valid_utf8(*text)) {
    return fail(ErrorKind::invalid, "the task on standard input is not text in UTF-8");
  }
  if (trim(*text).empty()) {
    return fail(ErrorKind::invalid,
                "expected what the agent shall do on standard input, got nothing");
  }
  return std::string(trim(*text));
}

Result<Input> input_of(const Args& args, std::string task, Host& host) {
  if (args.images.size() > limits::kChatImagesMax) {
    return fail(ErrorKind::invalid, fmt::format("a task takes at most {} images, got {}",
                                                limits::kChatImagesMax, args.images.size()));
  }
  Input input(std::move(task));
  for (const std::string& file : args.images) {
    Result<Media> image = keep_image(host, file);
    if (!image) return fail(std::move(image.error()));
    input.parts.emplace_back(std::move(*image));
  }
  return input;
}

}  // namespace

int run_command(const Args& args, const Console& console) {
  Result<std::string> path = find_agent(args.agent);
  if (!path) return console.report(path.error());
  Result<Agent> agent = load_agent(*path);
  if (!agent) return console.report(agent.error());

  catch_interrupts();
  Result<std::string> task = args.task == kFromInput ? read_task() : args.task;
  if (!task) return console.report(task.error());
  // Read where the engine is wired; no thread has begun yet.
  if (!args.record.empty()) ::setenv("RAGENT_RECORD", args.record.c_str(), 1);
  EngineOptions options = engine_options(args);
  const std::string& planner = args.planner.empty() ? agent->planner : args.planner;
  if (Result<Planner> known = find_planner(options.planners, planner); !known) {
    bool own = args.planner.empty();  // the agent's, so its file is to be mended
    return console.report(own ? within(place_in_agent(*path, "planner"), std::move(known.error()))
                              : std::move(known.error()));
  }
  std::string model = model_of(args, options, *agent);
  options.agents.push_back(*agent);
  if (Result<void> here = bring_weights(model, console); !here) {
    return report_weights(here.error(), console);
  }
  Result<std::unique_ptr<Host>> host = open_home(std::move(options), args);
  if (!host) return report_home(host.error(), console);
  if (!args.record.empty() && (*host)->owner() != ::getpid()) {
    return console.report(
        {.kind = ErrorKind::conflict,
         .message =
             fmt::format("--record: process {} owns this home and asks the models, so nothing "
                         "would be recorded: wait for it, or take another --home",
                         (*host)->owner())});
  }

  RunOptions run{.session = args.session, .model = args.model, .planner = args.planner};
  if (args.budget_steps > 0) {
    run.budget = agent->budget;
    run.budget->steps = args.budget_steps;
  }
  Result<Input> input = input_of(args, std::move(*task), **host);
  if (!input) return console.report(input.error());
  Result<RunHandle> handle =
      (*host)->start({.agent = *path, .input = std::move(*input), .options = std::move(run)});
  if (!handle) return console.report(handle.error());
  if (!args.json && !args.quiet) {
    std::string head = dotted(console.err, {agent->profile.name, model, "run " + handle->id()});
    note(fmt::format("{}\n\n", dim(console.err, head)));
  }
  return follow(**host, *handle, args, console);
}

}  // namespace ragent::cli
