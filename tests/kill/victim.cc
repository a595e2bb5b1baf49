#include <kill/victim.h>

#include <kill/service.h>
#include <model/scripted.h>
#include <ragent/ragent.h>
#include <runtime/view.h>
#include <store/store.h>

#include <unistd.h>

namespace ragent::kill {
namespace {

struct Stamp {
  int n = 0;
};

Tool stamp_tool(const VictimOptions& options) {
  const std::string socket = options.socket;
  auto call = [socket](Stamp stamp, ToolContext& context) -> Result<int> {
    const std::string reply =
        ask_service(socket, "call " + context.key + " " +
                                std::to_string(context.not_after.time_since_epoch().count()));
    if (reply == "done") return stamp.n;
    if (reply == "rejected") return fail(ErrorKind::rejected, "the service said no");
    return fail(ErrorKind::unavailable, "the service gave no answer");
  };
  auto query = [socket](Stamp stamp, ToolContext& context) {
    const std::string reply = ask_service(socket, "query " + context.key);
    using State = QueryAnswer::State;
    return QueryAnswer{.state = reply == "happened"        ? State::happened
                                : reply == "cannot_happen" ? State::cannot_happen
                                                           : State::unknown,
                       .result = Json(stamp.n)};
  };
  Tool out = tool("stamp", "Stamp a number.", call);
  if (options.declared == Declared::read) out = std::move(out).read();
  if (options.declared == Declared::once_with_query) out = std::move(out).query(query);
  out.spec.timeout = std::chrono::milliseconds(kToolMs);
  return out;
}

ModelSource model_source() {
  return [](const std::string&, Loop& loop) -> Result<std::unique_ptr<Model>> {
    auto reply = [](const ModelRequest& request) -> Result<Reply> {
      const auto replies = static_cast<int>(request.transcript.replies());
      if (replies == kSteps) return Reply{.text = "stamped"};
      return Reply{.calls = {{.tool = "stamp", .arguments = Json::object({{"n", replies}})}},
                   .finish = Finish::calls};
    };
    return make_scripted_model(loop, reply, std::chrono::milliseconds(2));
  };
}

void report(int fd, const std::string& line) {
  const std::string text = line + "\n";
  if (::write(fd, text.data(), text.size()) < 0) ::_exit(4);  // nobody listens any more
}

// A person who looks into the service's ledger. The key stands in the intent.
void decide(Engine& engine, Store& store, const VictimOptions& options) {
  Result<std::vector<DoubtView>> doubts = list_doubts(store, {});
  if (!doubts) return;
  for (const DoubtView& doubt : *doubts) {
    Result<RunView> view = view_run(store, {}, doubt.run.uid);
    if (!view) continue;
    for (const StepView& step : steps(*view)) {
      if (step.name() != doubt.step) continue;
      const bool happened =
          ask_service(options.socket, "query " + step.intent.text("key")) == "happened";
      using Verdict = Resolution::Verdict;
      (void)engine.resolve(doubt.run.uid, doubt.step,
                           {.verdict = happened ? Verdict::happened : Verdict::did_not_happen,
                            .result = *doubt.arguments.find("n"),
                            .who = "the driver"});
    }
  }
}

}  // namespace

int be_victim(const VictimOptions& options) {
  Agent agent{.profile = {.name = "stamper"}, .model = "test", .tools = {stamp_tool(options)}};
  EngineOptions engine_options;
  engine_options.home = options.home;
  engine_options.models.push_back(model_source());
  engine_options.planners = {react()};
  engine_options.agents = {agent};
  engine_options.check_replay = true;
  Engine engine(std::move(engine_options));
  if (Result<void> opened = engine.open(); !opened) {
    report(options.report, "error " + opened.error().message);
    return 2;
  }
  report(options.report, "open");
  auto store = open_sqlite_store_read_only(options.home);
  auto runs = list_runs(**store, {});
  if (!runs->empty() && runs->front().state == "ended") return 0;
  Result<RunHandle> handle =
      runs->empty() ? engine.start(agent, "Stamp ten numbers.") : engine.attach(runs->front().uid);
  if (!handle) {
    report(options.report, "error " + handle.error().message);
    return 3;
  }
  for (;;) {
    while (std::optional<Event> event = handle->next_event(std::chrono::milliseconds(5))) {
      if (event->kind != Event::Kind::step) continue;
      report(options.report, "record " + std::to_string(event->id) + " " + event->record + " " +
                                 event->path + ":" + std::to_string(event->step));
    }
    auto now = list_runs(**store, {});
    if (now && !now->empty() && now->front().state == "in_doubt") {
      decide(engine, **store, options);
      continue;
    }
    if (now && !now->empty() && now->front().state != "ended") {
      if (now->front().state == "working") continue;
    }
    Result<Answer> answer = handle->wait();
    if (answer) return 0;
    if (answer.error().kind == ErrorKind::conflict) continue;  // it stands still: in doubt
    report(options.report, "error " + answer.error().message);
    return 3;
  }
}

}  // namespace ragent::kill
