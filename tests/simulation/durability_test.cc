// What a run is through restarts: pinned, compared, evicted, woken, stopped, queued. Virtual time.
#include <model/scripted.h>
#include <runtime/world.h>
#include <simulation/harness.h>

#include <gmock/gmock.h>

namespace ragent::simulation {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::HasSubstr;

std::string first_words(const ModelRequest& request) {
  return request.transcript.messages().front()->text();
}

// A home on a disk of memory, and the processes that open it one after another.
class DurabilityTest : public ::testing::Test {
 protected:
  EngineOptions options(std::vector<Planner> planners = {}) {
    EngineOptions out;
    out.close_wait = {};  // destroying the engine is a crash
    out.threads = 0;
    const std::uint64_t life = ++lives_;
    out.store = make_memory_store(disk_);
    out.world = simulated_world(outside_, life, life);
    out.planners = std::move(planners);
    out.planners.push_back(react());
    out.models.push_back([this](const std::string&, Loop& loop) -> Result<std::unique_ptr<Model>> {
      auto reply = [this](const ModelRequest& request) -> Result<Reply> {
        return reply_ ? reply_(request) : Reply{.text = "re: " + request.transcript.last().text()};
      };
      return make_scripted_model(loop, reply, milliseconds(10));
    });
    out.check_replay = true;
    return out;
  }
  // The process ends when `use` returns.
  void process(EngineOptions options, const std::function<void(Engine&)>& use) {
    Engine engine(std::move(options));
    Result<void> opened = engine.open();
    EXPECT_TRUE(opened) << opened.error().message;
    use(engine);
    outside_->crash({});
  }
  RunRow row() { return list_runs(*reader_, {})->front(); }
  std::vector<Record> records() { return reader_->tenants().run({}, row().uid)->records; }
  void poll_until(Engine& engine, const std::function<bool()>& done) {
    for (int i = 0; i < 10'000 && !done(); ++i) engine.poll(milliseconds(50));
    EXPECT_TRUE(done());
  }
  static Agent agent(std::string planner) {
    return {.profile = {.name = "clerk"}, .model = "test", .planner = std::move(planner)};
  }

  std::shared_ptr<MemoryDisk> disk_ = std::make_shared<MemoryDisk>();
  std::unique_ptr<Store> reader_ = make_memory_store(disk_);
  std::shared_ptr<Outside> outside_ = std::make_shared<Outside>(1, Outside::Kind::steady);
  std::uint64_t lives_ = 0;
  ScriptedReply reply_ = {};
};

Task<std::string> say(Run& run, std::string text) {
  Transcript chat;
  chat.add(Message::of(Role::user, std::move(text)));
  co_return (co_await run.think(std::move(chat))).text;
}

Task<Answer> ask_after_one(Run& run, Input) {
  std::string text = co_await say(run, "one");
  Decision decision = co_await run.ask("Go on?");
  co_return Answer{.text = text + (decision.allowed ? " yes" : " no")};
}
Task<Answer> ask_after_two(Run& run, Input) {
  std::string text = co_await say(run, "two");
  Decision decision = co_await run.ask("Go on?");
  co_return Answer{.text = text + (decision.allowed ? " yes" : " no")};
}

TEST_F(DurabilityTest, AnotherRequestOnReplayIsDivergedAndNothingIsAppended) {
  process(options({{"plan", 1, ask_after_one}}), [&](Engine& engine) {
    Result<Answer> answer = engine.run(agent("plan"), "go");
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().kind, ErrorKind::conflict) << answer.error().message;
  });
  const std::vector<Record> before = records();
  process(options({{"plan", 1, ask_after_two}}), [&](Engine& engine) {
    poll_until(engine, [&] { return row().state == "diverged"; });
    Result<RunHandle> handle = engine.attach(row().uid);
    ASSERT_TRUE(handle) << handle.error().message;
    Result<Answer> answer = handle->wait();
    ASSERT_FALSE(answer);
    EXPECT_THAT(answer.error().message, HasSubstr("\"one\""));
    EXPECT_THAT(answer.error().message, HasSubstr("\"two\""));
  });
  EXPECT_EQ(records(), before);
  EXPECT_EQ(row().state, "diverged");
  // The planner of before can go on with it.
  process(options({{"plan", 1, ask_after_one}}), [&](Engine& engine) {
    poll_until(engine, [&] { return !engine.asks()->empty(); });
    ASSERT_TRUE(engine.answer(engine.asks()->front().id, {.allowed = true, .who = "me"}));
    poll_until(engine, [&] { return row().state == "ended"; });
  });
  EXPECT_EQ(parse_json(records().back().body)->text("text"), "re: one yes");
}

struct Nothing {};
Task<Answer> ask_between(Run& run, Input input) {
  Transcript chat = co_await run.open(std::move(input));
  Decision decision = co_await run.ask("Go on?");
  if (!decision.allowed) co_return Answer{.text = "no"};
  Reply reply = co_await run.think(chat);
  co_return Answer{.text = reply.text};
}

TEST_F(DurabilityTest, AnEditedAgentDoesNotTouchARunInFlight) {
  Agent edited = agent("plan");
  edited.profile.instructions = "Be kind.";
  edited.tools.push_back(tool("look", "The old description.", [](Nothing) { return 1; }).read());
  std::string shown;
  reply_ = [&](const ModelRequest& request) -> Result<Reply> {
    shown = first_words(request) + request.transcript.tools().front().description;
    return Reply{.text = "done"};
  };
  process(options({{"plan", 1, ask_between}}),
          [&](Engine& engine) { (void)engine.run(edited, "go"); });
  edited.profile.instructions = "Be rude.";
  edited.tools.front().spec.description = "The new description.";
  EngineOptions again = options({{"plan", 1, ask_between}});
  again.agents = {edited};
  process(std::move(again), [&](Engine& engine) {
    poll_until(engine, [&] { return !engine.asks()->empty(); });
    ASSERT_TRUE(engine.answer(engine.asks()->front().id, {.allowed = true, .who = "me"}));
    poll_until(engine, [&] { return row().state == "ended"; });
  });
  EXPECT_THAT(shown, HasSubstr("Be kind."));
  EXPECT_THAT(shown, HasSubstr("The old description."));
  EXPECT_THAT(shown, Not(HasSubstr("Be rude.")));
}

Task<Answer> unpatched(Run& run, Input) {
  std::string text = co_await say(run, "a");
  (void)co_await run.ask("Go on?");
  co_return Answer{.text = text + co_await say(run, "b")};
}
Task<Answer> with_patch(Run& run, Input) {
  std::string text;
  if (co_await run.patched("greet")) text = co_await say(run, "hello");
  text += co_await say(run, "a");
  (void)co_await run.ask("Go on?");
  co_return Answer{.text = text + co_await say(run, "b")};
}

TEST_F(DurabilityTest, PatchedKeepsOldRunsOnTheOldWay) {
  process(options({{"plan", 1, unpatched}}),
          [&](Engine& engine) { (void)engine.run(agent("plan"), "go"); });
  const std::string old = row().uid;
  process(options({{"plan", 1, with_patch}}), [&](Engine& engine) {
    Result<Answer> parked = engine.run(agent("plan"), "go");
    ASSERT_FALSE(parked);
    poll_until(engine, [&] { return engine.asks()->size() == 2; });
    for (const Ask& ask : *engine.asks()) ASSERT_TRUE(engine.answer(ask.id, {.allowed = true}));
    poll_until(engine, [&] {
      return std::ranges::all_of(*list_runs(*reader_, {}),
                                 [](const RunRow& run) { return run.state == "ended"; });
    });
  });
  for (const RunRow& run : *list_runs(*reader_, {})) {
    FiledRun filed = *reader_->tenants().run({}, run.uid);
    EXPECT_EQ(parse_json(filed.records.back().body)->text("text"),
              run.uid == old ? "re: are: b" : "re: hellore: are: b");
  }
}

Task<Answer> five_chapters(Run& run, Input input) {
  const std::int64_t n = input.state ? *input.state->integer() : 1;
  (void)co_await say(run, "chapter " + std::to_string(n));
  if (n < 5) co_return co_await run.continue_as_new(Json(n + 1));
  co_return Answer{.text = "after " + std::to_string(n)};
}

TEST_F(DurabilityTest, ChaptersEndAndBeginThroughCrashes) {
  bool ended = false;
  for (int life = 0; life < 200 && !ended; ++life) {
    process(options({{"plan", 1, five_chapters}}), [&](Engine& engine) {
      if (list_runs(*reader_, {})->empty()) (void)engine.start(agent("plan"), "go");
      for (int turns = 0; turns < 12 + life % 7 && !ended; ++turns) {
        engine.poll(milliseconds(50));
        ended = row().state == "ended";
      }
    });
  }
  ASSERT_TRUE(ended);
  EXPECT_EQ(row().outcome, "answered");
  EXPECT_EQ(row().chapter, 4u);
  EXPECT_EQ(parse_json(records().back().body)->text("text"), "after 5");
  EXPECT_EQ(std::ranges::count(records(), RecordKind::start, &Record::kind), 5);
  EXPECT_EQ(std::ranges::count(records(), RecordKind::chapter, &Record::kind), 4);
}

TEST_F(DurabilityTest, ARunThatDoesNotSurviveItsReplayIsQuarantined) {
  process(options({{"plan", 1, ask_after_one}}),
          [&](Engine& engine) { (void)engine.run(agent("plan"), "go"); });
  for (std::uint32_t crash = 1; crash <= 3; ++crash) {
    process(options({{"plan", 1, ask_after_one}}), [&](Engine& engine) {
      poll_until(engine, [&] { return row().crashes == crash; });  // and dies here
    });
    EXPECT_NE(row().state, "quarantined");
  }
  process(options({{"plan", 1, ask_after_one}}), [&](Engine& engine) {
    poll_until(engine, [&] { return row().state == "quarantined"; });
    for (int i = 0; i < 50; ++i) engine.poll(milliseconds(50));
  });
  EXPECT_EQ(row().state, "quarantined");
}

Task<Answer> ask_for_number(Run& run, Input) {
  Json schema =
      Json::object({{"type", "object"},
                    {"properties", Json::object({{"n", Json::object({{"type", "integer"}})}})},
                    {"required", Json::Array{Json("n")}}});
  Decision decision = co_await run.ask("Which number?", std::move(schema));
  co_return Answer{.text = decision.who + " says " + decision.answer.dump()};
}

TEST_F(DurabilityTest, AnEvictedRunIsWokenByItsAnswer) {
  EngineOptions evicting = options({{"plan", 1, ask_for_number}});
  evicting.evict_after = milliseconds(100);
  process(std::move(evicting), [&](Engine& engine) {
    Result<RunHandle> handle = engine.start(agent("plan"), "go");
    ASSERT_TRUE(handle);
    poll_until(engine, [&] { return row().state == "waiting_ask"; });
    for (int i = 0; i < 20; ++i) engine.poll(milliseconds(50));
    const std::string ask = engine.asks()->front().id;
    Result<void> wrong = engine.answer(ask, {.answer = Json::object({{"n", "seven"}})});
    ASSERT_FALSE(wrong);
    EXPECT_EQ(wrong.error().kind, ErrorKind::invalid) << wrong.error().message;
    ASSERT_TRUE(engine.answer(ask, {.answer = Json::object({{"n", 7}}), .who = "Ann"}));
    Result<Answer> answer = handle->wait();
    ASSERT_TRUE(answer) << answer.error().message;
    EXPECT_EQ(answer->text, "Ann says {\"n\":7}");
    EXPECT_EQ(engine.answer(ask, {}).error().kind, ErrorKind::not_found);
  });
}

Task<Answer> long_sleep(Run& run, Input) {
  co_await run.sleep(seconds(10));
  co_return Answer{.text = "awake"};
}

TEST_F(DurabilityTest, ATimerRingsAtItsTimeThroughARestart) {
  std::int64_t begin = 0;
  process(options({{"plan", 1, long_sleep}}), [&](Engine& engine) {
    ASSERT_TRUE(engine.start(agent("plan"), "go"));
    begin = row().started_at;
    poll_until(engine, [&] { return outside_->wall().time_since_epoch().count() > begin + 3000; });
    EXPECT_EQ(row().state, "waiting_timer");
  });
  process(options({{"plan", 1, long_sleep}}),
          [&](Engine& engine) { poll_until(engine, [&] { return row().state == "ended"; }); });
  EXPECT_NEAR(static_cast<double>(row().ended_at - begin), 10'000, 100);
}

TEST_F(DurabilityTest, ADeadlineCancels) {
  process(options({{"plan", 1, long_sleep}}), [&](Engine& engine) {
    Result<Answer> answer = engine.run(agent("plan"), "go", {.deadline = seconds(2)});
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().kind, ErrorKind::cancelled);
  });
  EXPECT_EQ(row().outcome, "cancelled");
  EXPECT_NEAR(static_cast<double>(row().ended_at - row().started_at), 2000, 100);
}

TEST_F(DurabilityTest, AUsedUpBudgetIsTheOutcome) {
  Agent looping = agent("react");
  looping.tools.push_back(tool("look", "Look.", [](Nothing) { return 1; }).read());
  reply_ = [](const ModelRequest&) -> Result<Reply> {
    return Reply{.calls = {{.tool = "look", .arguments = Json::object({})}},
                 .finish = Finish::calls};
  };
  process(options(), [&](Engine& engine) {
    Result<Answer> answer = engine.run(looping, "go", {.budget = Budget{.steps = 5}});
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().kind, ErrorKind::budget) << answer.error().message;
  });
  EXPECT_EQ(row().outcome, "budget");
}

TEST_F(DurabilityTest, ARunWithoutItsNativeToolIsUnboundUntilItIsThere) {
  Agent tooled = agent("plan");
  tooled.tools.push_back(tool("look", "Look.", [](Nothing) { return 1; }).read());
  process(options({{"plan", 1, ask_between}}),
          [&](Engine& engine) { (void)engine.run(tooled, "go"); });
  process(options({{"plan", 1, ask_between}}),
          [&](Engine& engine) { poll_until(engine, [&] { return row().state == "unbound"; }); });
  EngineOptions bound = options({{"plan", 1, ask_between}});
  bound.agents = {tooled};
  process(std::move(bound), [&](Engine& engine) {
    poll_until(engine, [&] { return row().state == "waiting_ask"; });
    ASSERT_TRUE(engine.answer(engine.asks()->front().id, {.allowed = true}));
    poll_until(engine, [&] { return row().state == "ended"; });
  });
  EXPECT_EQ(row().outcome, "answered");
}

TEST_F(DurabilityTest, AToolThatAsksRunsOnlyWhenAllowed) {
  int calls = 0;
  Agent asking = agent("react");
  asking.tools.push_back(
      tool("pay", "Pay.", [&calls](Nothing) { return ++calls; }).once().ask("Pay?"));
  reply_ = [](const ModelRequest& request) -> Result<Reply> {
    if (request.transcript.replies() > 0) return Reply{.text = "done"};
    return Reply{.calls = {{.tool = "pay", .arguments = Json::object({})}},
                 .finish = Finish::calls};
  };
  for (const bool allowed : {false, true}) {
    process(options(), [&](Engine& engine) {
      Result<RunHandle> handle = engine.start(asking, "go");
      ASSERT_TRUE(handle);
      poll_until(engine, [&] { return !engine.asks()->empty(); });
      EXPECT_EQ(engine.asks()->front().question, "Pay?");
      EXPECT_FALSE(engine.asks()->front().digest.empty());
      EXPECT_EQ(calls, 0);
      ASSERT_TRUE(engine.answer(engine.asks()->front().id, {.allowed = allowed, .who = "Ann"}));
      EXPECT_TRUE(handle->wait());
    });
    EXPECT_EQ(calls, allowed ? 1 : 0);
  }
}

TEST_F(DurabilityTest, AFullDiskIsWaitedFor) {
  process(options({{"plan", 1, long_sleep}}), [&](Engine& engine) {
    disk_->fail_next_commit({.kind = ErrorKind::unavailable, .message = "no space"});
    Result<Answer> answer = engine.run(agent("plan"), "go");
    ASSERT_TRUE(answer) << answer.error().message;
    EXPECT_EQ(answer->text, "awake");
  });
}

TEST_F(DurabilityTest, ABrokenDiskEndsTheEngineAndLosesNothing) {
  for (const bool written : {false, true}) {
    std::string uid;
    process(options({{"plan", 1, ask_after_one}}), [&](Engine& engine) {
      Result<RunHandle> handle = engine.start(agent("plan"), "go");
      ASSERT_TRUE(handle);
      uid = handle->id();
      disk_->fail_next_commit({.kind = ErrorKind::io, .message = "the disk is gone"}, written);
      Result<Answer> answer = handle->wait();
      ASSERT_FALSE(answer);
      EXPECT_EQ(answer.error().kind, ErrorKind::io);
      EXPECT_THAT(answer.error().message, HasSubstr("the disk is gone"));
      Result<Answer> later = engine.run(agent("plan"), "go");
      ASSERT_FALSE(later);
      EXPECT_EQ(later.error().kind, ErrorKind::io) << later.error().message;
    });
    process(options({{"plan", 1, ask_after_one}}), [&](Engine& engine) {
      poll_until(engine, [&] { return !engine.asks()->empty(); });
      ASSERT_TRUE(engine.answer(engine.asks()->front().id, {.allowed = true}));
      poll_until(engine, [&] { return row().uid == uid && row().state == "ended"; });
    });
  }
}

class SessionTest : public DurabilityTest {
 protected:
  Result<RunHandle> start(Engine& engine, std::string text, OnBusy on_busy) {
    return engine.start(agent("react"), std::move(text), {.session = "talk", .on_busy = on_busy});
  }
};

TEST_F(SessionTest, EnqueuedInputSeesTheTurnBefore) {
  std::size_t seen = 0;
  reply_ = [&](const ModelRequest& request) -> Result<Reply> {
    seen = request.transcript.size();
    return Reply{.text = "re: " + request.transcript.last().text()};
  };
  process(options(), [&](Engine& engine) {
    Result<RunHandle> first = start(engine, "one", OnBusy::enqueue);
    Result<RunHandle> second = start(engine, "two", OnBusy::enqueue);
    ASSERT_TRUE(first && second);
    ASSERT_TRUE(first->wait());
    const std::size_t of_first = seen;
    ASSERT_TRUE(second->wait());
    EXPECT_EQ(seen, of_first + 2);  // its turn: input and answer
    poll_until(engine, [&] { return reader_->tenants().turns({}, "talk", 1)->size() == 2; });
  });
  std::vector<Turn> turns = *reader_->tenants().turns({}, "talk", 1);
  ASSERT_EQ(turns.size(), 2u);
  EXPECT_THAT(turns[0].input, HasSubstr("one"));
  EXPECT_THAT(turns[1].input, HasSubstr("two"));
}

TEST_F(SessionTest, RejectAndInterrupt) {
  process(options(), [&](Engine& engine) {
    Result<RunHandle> first = start(engine, "one", OnBusy::enqueue);
    Result<RunHandle> rejected = start(engine, "two", OnBusy::reject);
    ASSERT_FALSE(rejected);
    EXPECT_EQ(rejected.error().kind, ErrorKind::conflict);
    Result<RunHandle> third = start(engine, "three", OnBusy::interrupt);
    ASSERT_TRUE(third);
    Result<Answer> cancelled = first->wait();
    ASSERT_FALSE(cancelled);
    EXPECT_EQ(cancelled.error().kind, ErrorKind::cancelled);
    EXPECT_TRUE(third->wait());
    for (int i = 0; i < 20; ++i) engine.poll(milliseconds(50));
  });
  EXPECT_EQ(reader_->tenants().turns({}, "talk", 1)->size(), 1u);  // only the third answered
}

Task<Answer> two_thinks(Run& run, Input input) {
  Transcript chat = co_await run.open(std::move(input));
  Reply reply = co_await run.think(chat);
  chat.add(reply);
  (void)co_await run.ask("Go on?");
  co_return Answer{.text = (co_await run.think(chat)).text};
}

TEST_F(SessionTest, SteeringIsDeliveredOnceBeforeTheNextThink) {
  reply_ = [&](const ModelRequest& request) -> Result<Reply> {
    std::string all;
    for (const Message* message : request.transcript.messages(1)) all += "|" + message->text();
    return Reply{.text = all};
  };
  process(options({{"plan", 1, two_thinks}}), [&](Engine& engine) {
    Result<RunHandle> first = engine.start(agent("plan"), "one", {.session = "talk"});
    poll_until(engine, [&] { return row().state == "waiting_ask"; });
    ASSERT_TRUE(
        engine.start(agent("plan"), "be brief", {.session = "talk", .on_busy = OnBusy::steer}));
  });
  process(options({{"plan", 1, two_thinks}}), [&](Engine& engine) {  // it lies in the inbox
    poll_until(engine, [&] { return !engine.asks()->empty(); });
    ASSERT_TRUE(engine.answer(engine.asks()->front().id, {.allowed = true}));
    poll_until(engine, [&] { return row().state == "ended"; });
  });
  EXPECT_EQ(list_runs(*reader_, {})->size(), 1u);
  EXPECT_EQ(parse_json(records().back().body)->text("text"), "|one||one|be brief");
}

}  // namespace
}  // namespace ragent::simulation
