#include <tau_bench/driver.h>

#include <model/http/http_model.h>
#include <ragent/ragent.h>
#include <tau_bench/ledger.h>

#include <fmt/format.h>

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>

namespace ragent::tau_bench {
namespace {

using Moment = Fatal::Moment;
using namespace std::chrono_literals;

constexpr std::array<std::string_view, 6> kEffects = {
    "book_reservation",           "cancel_reservation",
    "transfer_to_human_agents",   "update_reservation_baggages",
    "update_reservation_flights", "update_reservation_passengers"};
constexpr std::array<std::string_view, 7> kReads = {"calculate",
                                                    "get_reservation_details",
                                                    "get_user_details",
                                                    "list_all_airports",
                                                    "search_direct_flight",
                                                    "search_onestop_flight",
                                                    "think"};

// One turn of the log has 26 replies with as many calls, and each of these is a step.
constexpr std::int64_t kStepsMax = 100;

// Whoever goes on after a death asks about an effect when the time of its call is over.
constexpr auto kEffectTime = 500ms;

[[noreturn]] void die() {
  ::kill(::getpid(), SIGKILL);
  for (;;) ::pause();
}

// What the tools of one process know.
struct Stage {
  explicit Stage(Drive drive) : options(std::move(drive)), ledger(options.ledger) {}
  bool dies_at(Moment moment, std::size_t call) const {
    const std::optional<Fatal>& fatal = options.fatal;
    return fatal && fatal->moment == moment && fatal->turn == turn() && fatal->at == call;
  }
  const Place& turn() const { return places[at_work]; }
  Result<std::string> work(const std::string& tool, const Json& arguments,
                           const ToolContext& context) const;

  const Drive options;
  const Ledger ledger;
  Log log = {};
  std::vector<Place> places = {};
  std::atomic<std::size_t> at_work = 0;  // of `places`
};

Result<std::string> Stage::work(const std::string& tool, const Json& arguments,
                                const ToolContext& context) const {
  const std::vector<LoggedCall> calls = log.turn(turn()).calls();
  const std::size_t number = ledger.call_of(context.key, turn());
  if (number >= calls.size()) return fail(ErrorKind::rejected, "the log has no such call");
  const LoggedCall& logged = calls[number];
  const Json wanted = parse_json(logged.arguments).value_or(Json());
  if (tool != logged.tool || arguments.dump() != wanted.dump()) {
    return fail(ErrorKind::rejected, "expected " + logged.tool + " " + wanted.dump() + ", got " +
                                         tool + " " + arguments.dump());
  }
  if (context.session != log.session(turn())) {
    return fail(ErrorKind::rejected, "this is session " + context.session);
  }
  if (dies_at(Moment::call, number)) die();
  ledger.add({.key = context.key, .turn = turn(), .call = number, .tool = tool});
  if (dies_at(Moment::effect, number)) die();
  return logged.content;
}

Tool tool_of(const std::string& name, const std::shared_ptr<Stage>& stage) {
  Tool out = tool(name, "As in the log.", [stage, name](Json arguments, ToolContext& context) {
    return stage->work(name, arguments, context);
  });
  if (!is_effect(name) || stage->options.effects_are_reads) return std::move(out).read();
  out.spec.timeout = kEffectTime;
  return std::move(out).once().query([stage](Json, ToolContext& context) -> QueryAnswer {
    const std::optional<Entry> entry = stage->ledger.find(context.key);
    if (!entry) return {.state = QueryAnswer::State::cannot_happen};
    const LoggedTurn& turn = stage->log.turn(entry->turn);
    return {.state = QueryAnswer::State::happened,
            .result = Json(turn.calls()[entry->call].content)};
  });
}

Agent agent_of(const std::shared_ptr<Stage>& stage) {
  Agent agent{.profile = {.name = "airline", .instructions = stage->log.system},
              .model = stage->options.model,
              .budget = {.steps = kStepsMax}};
  for (const std::string_view name : kReads) {
    agent.tools.push_back(tool_of(std::string(name), stage));
  }
  for (const std::string_view name : kEffects) {
    agent.tools.push_back(tool_of(std::string(name), stage));
  }
  return agent;
}

// Until it has heard of the outcome after which it is to die.
void die_after_outcome(RunHandle& handle, std::size_t call) {
  std::size_t outcomes = 0;
  while (std::optional<Event> event = handle.next_event(10s)) {
    if (event->kind != Event::Kind::step || event->record != "act" || event->intent) continue;
    if (outcomes++ == call) die();
  }
}

Result<void> take_turn(Engine& engine, const Agent& agent, const Stage& stage) {
  const Place& place = stage.turn();
  const LoggedTurn& turn = stage.log.turn(place);
  const std::string& session = stage.log.session(place);
  // By its key a turn that an earlier process began is that run.
  Result<RunHandle> handle =
      engine.start(agent, turn.user, {.session = session, .key = name_of(stage.log, place)});
  if (!handle) return fail(handle.error());
  const std::optional<Fatal>& fatal = stage.options.fatal;
  if (fatal && fatal->turn == place && fatal->moment == Moment::outcome) {
    die_after_outcome(*handle, fatal->at);
  }
  const Result<Answer> answer = handle->wait();
  if (!answer) return fail(answer.error());
  if (answer->text == turn.answer()) return {};
  return fail(ErrorKind::invalid, "expected " + turn.answer() + ", got " + answer->text);
}

}  // namespace

std::string name_of(const Log& log, const Place& place) {
  return fmt::format("{}-turn-{}", log.session(place), place.turn);
}

bool is_effect(std::string_view tool) {
  return std::ranges::find(kEffects, tool) != kEffects.end();
}

int drive(const Drive& options) {
  const auto stage = std::make_shared<Stage>(options);  // shared with the tools
  const auto failed = [](std::string_view what, const Error& error) {
    fmt::print(stderr, "{}: {}\n", what, error.message);
    return 2;
  };
  Result<Log> log = load_log(kLogPath, options.from.conversation, options.to.conversation);
  if (!log) return failed("the log", log.error());
  stage->log = std::move(*log);
  for (const Place& place : stage->log.places()) {
    if (place >= options.from && place <= options.to) stage->places.push_back(place);
  }
  if (stage->places.empty()) return failed("the log", {.message = "it has no such turns"});
  const Agent agent = agent_of(stage);
  EngineOptions engine_options;
  engine_options.home = options.home;
  engine_options.models = {
      http_models({.environment = [](const char*) -> const char* { return nullptr; }})};
  engine_options.planners = {react()};
  engine_options.agents = {agent};
  engine_options.check_replay = true;
  Engine engine(std::move(engine_options));
  if (Result<void> opened = engine.open(); !opened) return failed("opening", opened.error());
  // A run that was resumed at opening is that of the first turn.
  for (std::size_t i = 0; i < stage->places.size(); ++i) {
    stage->at_work = i;
    if (Result<void> taken = take_turn(engine, agent, *stage); !taken) {
      return failed(name_of(stage->log, stage->turn()), taken.error());
    }
  }
  return 0;
}

}  // namespace ragent::tau_bench
