// Sessions, keys and handles of an engine: who meets whom, on one shard and on many.
#include <runtime/test_engine.h>

#include <base/simulated_loop.h>
#include <ragent/limits.h>
#include <store/memory/memory_store.h>

#include <atomic>
#include <filesystem>
#include <gmock/gmock.h>
#include <poll.h>
#include <set>
#include <thread>

namespace ragent {
namespace {

using std::chrono::milliseconds;
using testing::call_then_answer;
using testing::options;

Agent clerk() { return {.profile = {.name = "clerk"}, .model = "test"}; }

// A tool that holds its run until it is let go.
Agent holder(std::shared_ptr<std::atomic<bool>> go) {
  Agent agent = clerk();
  agent.tools = {tool("hold", "Waits.", [go](Json) {
                   while (!*go) std::this_thread::sleep_for(milliseconds(1));
                   return 1;
                 }).read()};
  return agent;
}

// A tool that a person must allow.
Agent asker() {
  Agent agent = clerk();
  agent.tools = {tool("pay", "Pays.", [](Json) { return 5; }).once().ask("Pay?")};
  return agent;
}

ScriptedReply calls(std::string tool) {
  return call_then_answer({{.tool = std::move(tool), .arguments = Json::object({})}});
}

struct Home {
  explicit Home(ScriptedReply reply, std::uint32_t threads)
      : disk(std::make_shared<MemoryDisk>()), reader(make_memory_store(disk)) {
    EngineOptions with = options(make_memory_store(disk), std::move(reply));
    with.threads = threads;
    engine.emplace(std::move(with));
  }
  std::size_t runs() { return list_runs(*reader, {})->size(); }
  std::shared_ptr<MemoryDisk> disk;  // shared with the engine's store
  std::unique_ptr<Store> reader;
  std::optional<Engine> engine;
};

std::string text_of(RunHandle& run) {
  Result<Answer> answer = run.wait();
  return answer ? answer->text : answer.error().message;
}

TEST(SessionTest, OddNamesAndBrokenTextAreRefusedBeforeAnythingIsWritten) {
  Home home(calls("hold"), 1);
  for (const char* name : {"a b", "../x", "-x", "caf\xc3\xa9", "x\x1b"}) {
    Result<RunHandle> run = home.engine->start(clerk(), "go", {.session = name});
    ASSERT_FALSE(run) << name;
    EXPECT_EQ(run.error().kind, ErrorKind::invalid);
    EXPECT_THAT(run.error().message, ::testing::HasSubstr("the session: expected a name"));
  }
  Result<RunHandle> run = home.engine->start(clerk(), "broken \xff");
  ASSERT_FALSE(run);
  EXPECT_EQ(run.error().message, "the input: expected text in UTF-8, got `broken \\xff`");
  EXPECT_EQ(home.runs(), 0U);
}

TEST(KeyTest, NamesOneRunWhateverTheSessionAndTheShard) {
  auto go = std::make_shared<std::atomic<bool>>(false);
  Home home(calls("hold"), 4);
  std::vector<RunHandle> handles;
  for (int i = 0; i < 8; ++i) {
    Result<RunHandle> run = home.engine->start(holder(go), "go " + std::to_string(i),
                                               {.session = "s" + std::to_string(i), .key = "k"});
    if (!run) *go = true;
    ASSERT_TRUE(run) << run.error().message;
    handles.push_back(std::move(*run));
  }
  *go = true;
  for (RunHandle& run : handles) {
    EXPECT_EQ(run.id(), handles.front().id());
    EXPECT_EQ(run.session(), "s0");
    EXPECT_EQ(text_of(run), "done: 1");
  }
  Result<RunHandle> late = home.engine->start(holder(go), "late", {.session = "t", .key = "k"});
  ASSERT_TRUE(late) << late.error().message;
  EXPECT_EQ(text_of(*late), "done: 1");
  EXPECT_EQ(home.runs(), 1u);
}

TEST(KeyTest, NamesOneRunForCallersAtTheSameTime) {
  constexpr int kKeys = 20;
  Home home(call_then_answer({}), 3);
  std::array<std::array<std::string, kKeys>, 4> ids;
  {
    std::vector<std::jthread> callers;
    for (std::size_t caller = 0; caller < ids.size(); ++caller) {
      callers.emplace_back([&, caller] {
        for (int key = 0; key < kKeys; ++key) {
          Result<RunHandle> run = home.engine->start(
              clerk(), "go",
              {.session = "of-" + std::to_string(caller), .key = std::to_string(key)});
          if (run && run->wait()) ids[caller][static_cast<std::size_t>(key)] = run->id();
        }
      });
    }
  }
  for (const auto& of_caller : ids) EXPECT_EQ(of_caller, ids[0]);
  EXPECT_EQ(std::set(ids[0].begin(), ids[0].end()).count(""), 0u);
  EXPECT_EQ(home.runs(), static_cast<std::size_t>(kKeys));
}

// An input behind a run that waits for a person says so, whoever began that run and when.
TEST(SessionTest, AQueuedRunSaysThatTheOneBeforeItWaits) {
  Home home(calls("pay"), 1);
  std::string parked;
  for (bool reopened : {false, true}) {
    if (reopened) {
      home.engine.reset();
      EngineOptions with = options(make_memory_store(home.disk), calls("pay"));
      with.threads = 1;
      with.resume = false;
      home.engine.emplace(std::move(with));
    } else {
      Result<RunHandle> first = home.engine->start(asker(), "one", {.session = "s"});
      ASSERT_TRUE(first) << first.error().message;
      ASSERT_FALSE(first->wait());
      parked = first->id();
    }
    Result<RunHandle> behind = home.engine->start(asker(), "two", {.session = "s"});
    ASSERT_TRUE(behind) << behind.error().message;
    Result<Answer> answer = behind->wait();
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().kind, ErrorKind::conflict);
    EXPECT_THAT(answer.error().message, ::testing::HasSubstr("is queued behind another one: run "));
    EXPECT_THAT(answer.error().message, ::testing::HasSubstr("`ragent asks " + parked));
  }
  Result<RunHandle> last = home.engine->start(clerk(), "three", {.session = "s"});
  ASSERT_TRUE(last) << last.error().message;
  ASSERT_TRUE(home.engine->answer(parked + "/0:2.0", {.allowed = true}));
  ASSERT_TRUE(home.engine->attach(parked)->wait());
  EXPECT_FALSE(last->wait());  // now "two" asks
}

// Two calls in one reply, then "paid".
Result<Reply> pays_twice(const ModelRequest& request) {
  ToolCall pay{.tool = "pay", .arguments = Json::object({})};
  if (request.transcript.replies() > 0) return Reply{.text = "paid"};
  return Reply{.calls = {pay, pay}, .finish = Finish::calls};
}

TEST(SessionTest, TheSecondOfTwoQuestionsIsWaitedForWhenTheFirstIsAnswered) {
  Home home(pays_twice, 1);
  Result<RunHandle> run = home.engine->start(asker(), "pay twice");
  ASSERT_TRUE(run) << run.error().message;
  ASSERT_FALSE(run->wait());
  ASSERT_TRUE(home.engine->answer(run->id() + "/0:2.0", {.allowed = true}));
  Result<Answer> still = run->wait();
  ASSERT_FALSE(still);
  EXPECT_THAT(still.error().message, ::testing::HasSubstr("/0:2.1 --allow"));
  ASSERT_TRUE(home.engine->answer(run->id() + "/0:2.1", {.allowed = true}));
  EXPECT_EQ(text_of(*run), "paid");
}

TEST(SessionTest, TheSecondOfTwoDoubtsIsWaitedForWhenTheFirstIsResolved) {
  Home home(pays_twice, 1);
  Agent agent = clerk();
  agent.tools = {tool("pay", "Pays.", [](Json) -> Result<int> {
                   return fail(ErrorKind::unavailable, "the line is dead");
                 }).once()};
  agent.tools[0].spec.timeout = std::chrono::milliseconds(20);  // a doubt begins when it is over
  Result<RunHandle> run = home.engine->start(agent, "pay twice");
  ASSERT_TRUE(run) << run.error().message;
  ASSERT_FALSE(run->wait());
  const Resolution happened{.verdict = Resolution::Verdict::happened, .result = 5};
  ASSERT_TRUE(home.engine->resolve(run->id(), "0:2.0", happened));
  Result<Answer> still = run->wait();
  ASSERT_FALSE(still);
  EXPECT_THAT(still.error().message, ::testing::HasSubstr("in doubt about step 0:2.1"));
  ASSERT_TRUE(home.engine->resolve(run->id(), "0:2.1", happened));
  EXPECT_EQ(text_of(*run), "paid");
}

TEST(SessionTest, AQueuedRunIsToldOfTheSecondQuestionThoughNobodyListensToTheFirstRun) {
  Home home(pays_twice, 1);
  std::string front;
  {
    Result<RunHandle> run = home.engine->start(asker(), "pay twice", {.session = "s"});
    ASSERT_TRUE(run) << run.error().message;
    ASSERT_FALSE(run->wait());
    front = run->id();
  }
  Result<RunHandle> behind = home.engine->start(clerk(), "next", {.session = "s"});
  ASSERT_TRUE(behind) << behind.error().message;
  ASSERT_FALSE(behind->wait());
  ASSERT_TRUE(home.engine->answer(front + "/0:2.0", {.allowed = true}));
  Result<Answer> still = behind->wait();
  ASSERT_FALSE(still);
  EXPECT_THAT(still.error().message, ::testing::HasSubstr("/0:2.1 --allow"));
}

// The run at work must first be read from the journal: meanwhile a second start of the key comes.
TEST(KeyTest, NamesOneRunThatInterruptsAParkedOne) {
  Home home(calls("pay"), 1);
  {
    Result<RunHandle> parked = home.engine->start(asker(), "one", {.session = "s"});
    ASSERT_TRUE(parked) << parked.error().message;
    ASSERT_FALSE(parked->wait());
  }
  home.engine.reset();
  EngineOptions with = options(make_memory_store(home.disk), calls("pay"));
  with.threads = 1;
  with.resume = false;  // it stays on disk until somebody needs it
  home.engine.emplace(std::move(with));
  ASSERT_TRUE(home.engine->open());
  std::array<std::string, 2> ids;
  {
    std::vector<std::jthread> callers;
    for (std::string& id : ids) {
      callers.emplace_back([&] {
        Result<RunHandle> run = home.engine->start(
            asker(), "two", {.session = "s", .key = "k", .on_busy = OnBusy::interrupt});
        if (run) id = run->id();
      });
    }
  }
  EXPECT_NE(ids[0], "");
  EXPECT_EQ(ids[0], ids[1]);
  EXPECT_EQ(home.runs(), 2u);
}

TEST(KeyTest, DoesNotGoWithSteering) {
  Home home(call_then_answer({}), 0);
  Result<RunHandle> run =
      home.engine->start(clerk(), "go", {.session = "s", .key = "k", .on_busy = OnBusy::steer});
  ASSERT_FALSE(run);
  EXPECT_EQ(run.error().kind, ErrorKind::invalid);
  EXPECT_NE(run.error().message.find("start without the key"), std::string::npos);
}

TEST(SteerTest, ThatComesTooLateIsNamedByTheEndOfItsRun) {
  auto reply = [](const ModelRequest& request) -> Result<Reply> {
    return Reply{.text = "to " + request.transcript.last().text()};
  };
  EngineOptions with = options(make_memory_store(), nullptr);
  with.models = {testing::scripted(reply, milliseconds(50))};
  Engine here(std::move(with));
  Result<RunHandle> first = here.start(clerk(), "one", {.session = "s"});
  ASSERT_TRUE(first) << first.error().message;
  std::optional<Event> event = first->next_event(milliseconds(5000));
  while (event && event->record != "think") event = first->next_event(milliseconds(5000));
  Result<RunHandle> late = here.start(clerk(), "two", {.session = "s", .on_busy = OnBusy::steer});
  ASSERT_TRUE(late) << late.error().message;
  EXPECT_EQ(late->id(), first->id());
  EXPECT_EQ(text_of(*late), "to one");
  std::string next;
  while ((event = late->next_event(milliseconds(0)))) {
    const Json* follows =
        event->kind == Event::Kind::ended ? event->body.find("followed_by") : nullptr;
    if (follows && follows->array()->size() == 1) next = *follows->array()->front().string();
  }
  Result<RunHandle> second = here.attach(next);
  ASSERT_TRUE(second) << second.error().message;
  EXPECT_EQ(second->session(), "s");
  EXPECT_EQ(text_of(*second), "to two");
}

TEST(SteerTest, IsBoundedAndTakesText) {
  auto go = std::make_shared<std::atomic<bool>>(false);
  Home home(calls("hold"), 1);
  RunOptions steer{.session = "s", .on_busy = OnBusy::steer};
  Result<RunHandle> run = home.engine->start(holder(go), "go", {.session = "s"});
  ASSERT_TRUE(run) << run.error().message;
  std::optional<Event> event = run->next_event(std::chrono::minutes(1));
  while (event && (event->record != "think" || event->intent)) {
    event = run->next_event(std::chrono::minutes(1));
  }
  Input typed = "typed";
  typed.schema = Json::object({{"type", "integer"}});
  Result<RunHandle> refused = home.engine->start(holder(go), typed, steer);
  std::size_t taken = 0;
  Result<RunHandle> more = home.engine->start(holder(go), "more", steer);
  for (; more && taken < limits::kSessionQueueMax; ++taken) {
    more = home.engine->start(holder(go), "more", steer);
  }
  *go = true;
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::invalid) << refused.error().message;
  EXPECT_EQ(taken, limits::kSessionQueueMax - 1);
  ASSERT_FALSE(more);
  EXPECT_EQ(more.error().kind, ErrorKind::conflict) << more.error().message;
  EXPECT_TRUE(run->wait());
}

TEST(QueueTest, ARunThatWaitsForItsSessionIsCancelled) {
  auto go = std::make_shared<std::atomic<bool>>(false);
  Home home(calls("hold"), 1);
  Result<RunHandle> first = home.engine->start(holder(go), "one", {.session = "s"});
  Result<RunHandle> second = home.engine->start(holder(go), "two", {.session = "s"});
  Result<RunHandle> third = home.engine->start(holder(go), "three", {.session = "s"});
  Result<void> cancelled = second ? second->cancel("enough") : fail(second.error());
  std::string shown = cancelled ? text_of(*second) : cancelled.error().message;
  const bool busy = !*go;
  *go = true;
  ASSERT_TRUE(first && third);
  EXPECT_EQ(shown, "enough (run " + second->id() + ")");
  EXPECT_TRUE(busy);
  EXPECT_EQ(text_of(*first), "done: 1");
  EXPECT_EQ(text_of(*third), "done: 1");
  Result<FiledRun> filed = home.reader->tenants().run({}, second->id());
  ASSERT_TRUE(filed);
  EXPECT_EQ(filed->row.outcome, "cancelled");
  EXPECT_EQ(filed->records.size(), 3u);
}

TEST(ShardsTest, TheErrorIsThatOfTheRunsShard) {
  Home home(calls("pay"), 4);
  for (int i = 0; i < 4; ++i) {  // one of each shard
    Result<RunHandle> run = home.engine->start(asker(), "go");
    ASSERT_TRUE(run) << run.error().message;
    ASSERT_FALSE(run->wait());
    Result<void> answered = home.engine->answer(run->id() + "/0:7.0", {.allowed = true});
    ASSERT_FALSE(answered);
    EXPECT_NE(answered.error().message.find("asks nothing at step 0:7.0"), std::string::npos)
        << answered.error().message;
  }
  Result<RunHandle> none = home.engine->attach("nobody");
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().kind, ErrorKind::not_found) << none.error().message;
}

TEST(HandleTest, AStandIsSaidOnceAndThenWaitedThrough) {
  Home home(calls("pay"), 1);
  Result<RunHandle> run = home.engine->start(asker(), "go");
  ASSERT_TRUE(run) << run.error().message;
  const auto long_time = std::chrono::minutes(10);
  while (run->next_event(long_time)) {
  }
  EXPECT_EQ(run->wait().error().kind, ErrorKind::conflict);
  const auto before = std::chrono::steady_clock::now();
  EXPECT_FALSE(run->next_event(milliseconds(30)));
  EXPECT_GE(std::chrono::steady_clock::now() - before, milliseconds(30));
  std::vector<Ask> asks = home.engine->asks().value();
  ASSERT_EQ(asks.size(), 1u);
  ASSERT_TRUE(home.engine->answer(asks.front().id, {.allowed = true}));
  bool ended = false;
  while (std::optional<Event> event = run->next_event(long_time)) {
    ended = ended || event->kind == Event::Kind::ended;
  }
  EXPECT_TRUE(ended);
}

TEST(HandleTest, ASimulatedRunIsWaitedForInItsOwnTime) {
  auto reply = [](const ModelRequest&) -> Result<Reply> { return Reply{.text = "slow"}; };
  SimulatedLoop* loop = nullptr;
  EngineOptions with = options(make_memory_store(), nullptr);
  with.models = {testing::scripted(reply, std::chrono::hours(1))};
  with.world = std::make_unique<World>();
  with.world->loop = [&loop] {
    auto made = make_simulated_loop(1, Logger(LogLevel::off));
    loop = made.get();
    return made;
  };
  with.world->pool = [](Loop& on, std::size_t, std::size_t) { return make_simulated_pool(on, 1); };
  with.world->random = [] { return make_seeded_random(1); };
  Engine engine(std::move(with));
  Result<RunHandle> run = engine.start(clerk(), "go");
  ASSERT_TRUE(run) << run.error().message;
  while (run->next_event(milliseconds(1000))) {
  }
  const TimePoint before = loop->now();
  EXPECT_FALSE(run->next_event(std::chrono::minutes(1)));
  EXPECT_EQ(loop->now() - before, std::chrono::minutes(1));
  EXPECT_TRUE(run->next_event(std::chrono::hours(2)));
}

std::size_t open_files() {
  std::filesystem::directory_iterator all("/proc/self/fd");
  return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

bool readable(int fd, int ms) {
  pollfd one{.fd = fd, .events = POLLIN, .revents = 0};
  return ::poll(&one, 1, ms) == 1;
}

TEST(HandleTest, ADescriptorIsOpenedWhenAskedFor) {
  auto go = std::make_shared<std::atomic<bool>>(false);
  Home home(calls("hold"), 1);
  ASSERT_TRUE(home.engine->open());
  const std::size_t before = open_files();
  std::vector<RunHandle> runs;
  for (int i = 0; i < 20; ++i) {
    runs.push_back(home.engine->start(holder(go), "go", {.session = "s"}).value());
  }
  EXPECT_EQ(open_files(), before);
  EXPECT_TRUE(readable(runs.front().fd(), 0)) << "its start was there before the descriptor";
  EXPECT_EQ(runs.front().fd(), runs.front().fd());
  EXPECT_EQ(open_files(), before + 1);
  *go = true;
  bool ended = false;
  while (!ended && readable(runs.front().fd(), 60'000)) {
    while (std::optional<Event> event = runs.front().next_event(milliseconds(0))) {
      ended = ended || event->kind == Event::Kind::ended;
    }
  }
  EXPECT_TRUE(ended);
  EXPECT_TRUE(readable(runs.front().fd(), 0)) << "for good";
  for (RunHandle& run : runs) EXPECT_EQ(text_of(run), "done: 1");
}

}  // namespace
}  // namespace ragent
