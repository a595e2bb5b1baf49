#include <api/begin.h>

#include <runtime/records.h>

namespace ragent::api {

Result<RunHandle> start_on(Engine& engine, StartRequest request) {
  Result<Agent> agent = load_agent(request.agent);
  if (!agent) return fail(std::move(agent.error()));
  return engine.start(*agent, std::move(request.input), std::move(request.options));
}

Result<Forked> fork_on(Engine& engine, const std::string& run, ForkOptions options) {
  Result<RunHandle> handle = engine.fork(run, std::move(options));
  if (!handle) return fail(std::move(handle.error()));
  Forked out{.run = handle->id(), .session = handle->session()};
  // Its first event says how much was copied. Of a fork that its key found, what comes first is
  // something else: then all is told.
  const std::optional<Event> start = handle->next_event({});
  if (start && start->record == "start") out.records = forked_from(start->body).records;
  return out;
}

}  // namespace ragent::api
