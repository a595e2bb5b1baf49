// The engine end to end: memory store, scripted model, native tools.
#include <runtime/test_engine.h>

#include <ragent/limits.h>
#include <store/memory/memory_store.h>

#include <algorithm>
#include <atomic>
#include <thread>

namespace ragent {
namespace {

using testing::call_then_answer;
using testing::options;

struct Sum {
  int a = 0;
  int b = 0;
};

Agent clerk() {
  return {.profile = {.name = "clerk", .instructions = "Add."},
          .model = "test",
          .tools = {tool("add", "Add two integers.", [](Sum s) { return s.a + s.b; }).read()}};
}

TEST(EngineTest, AnswersThroughAModelAndATool) {
  auto reply = call_then_answer({{.tool = "add", .arguments = Json::object({{"a", 2}, {"b", 3}})}});
  Engine engine(options(make_memory_store(), reply));
  Result<Answer> answer = engine.run(clerk(), "What is 2 + 3?");
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(answer->outcome, Outcome::answered);
  EXPECT_TRUE(answer->text.starts_with("done")) << answer->text;
}

TEST(EngineTest, AModelThatDoesNotOpenIsNamedOnce) {
  EngineOptions with = options(make_memory_store(), call_then_answer({}));
  with.models = {[](const std::string& name, Loop&) -> Result<std::unique_ptr<Model>> {
    return fail(ErrorKind::invalid, name == "tells" ? "tells: no weights" : "no weights");
  }};
  Engine engine(std::move(with));
  EXPECT_EQ(engine.run(clerk(), "hi", {.model = "tells"}).error().message, "tells: no weights");
  EXPECT_EQ(engine.run(clerk(), "hi", {.model = "bad\nname"}).error().message,
            "model \"bad\\x0aname\": no weights");
}

Task<std::string> ask_twice(Engine& engine) {
  Answer first = co_await engine.call(clerk(), "one");
  Answer second = co_await engine.call(clerk(), "two");
  co_return first.text + " " + second.text;
}

TEST(EngineTest, ACoroutineOfTheHostAwaitsRuns) {
  for (std::uint32_t threads : {0U, 1U}) {
    EngineOptions with = options(make_memory_store(), call_then_answer({}));
    with.threads = threads;
    Engine engine(std::move(with));
    Result<std::string> text = engine.block_on(ask_twice(engine));
    ASSERT_TRUE(text) << text.error().message;
    EXPECT_TRUE(text->starts_with("done: one")) << *text;
    EXPECT_NE(text->find(" done: two"), std::string::npos) << *text;
  }
}

Task<std::string> ask_blocking(Engine& engine) {
  Result<Answer> answer = engine.run(clerk(), "again");
  co_return answer ? "ran" : std::string(to_string(answer.error().kind));
}

TEST(EngineTest, ABlockingCallOnAShardIsMisuse) {
  Engine* self = nullptr;
  Agent asker = clerk();
  auto nested = [&self](ToolContext&) { return ask_blocking(*self); };
  asker.tools = {tool("nested", "Asks the engine.", nested).read()};
  Engine engine(options(make_memory_store(),
                        call_then_answer({{.tool = "nested", .arguments = Json::object({})}})));
  self = &engine;
  Result<Answer> answer = engine.run(asker, "go");
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_NE(answer->text.find("misuse"), std::string::npos) << answer->text;
}

TEST(EngineTest, ClosingWaitsForAnEffectUnderWay) {
  auto disk = std::make_shared<MemoryDisk>();
  std::atomic<bool> begun = false;
  std::atomic<int> done = 0;
  Agent slow = clerk();
  slow.tools = {tool("pay", "Pays.", [&](Json) {
                  begun = true;
                  std::this_thread::sleep_for(std::chrono::milliseconds(100));
                  return ++done;
                }).once()};
  auto reply = call_then_answer({{.tool = "pay", .arguments = Json::object({})}});
  std::string run;
  {
    EngineOptions with = options(make_memory_store(disk), reply);
    with.threads = 1;
    with.close_wait = std::chrono::seconds(5);
    Engine engine(std::move(with));
    Result<RunHandle> handle = engine.start(slow, "pay");
    ASSERT_TRUE(handle) << handle.error().message;
    run = handle->id();
    while (!begun) std::this_thread::yield();
  }
  EXPECT_EQ(done, 1);
  Result<FiledRun> left = make_memory_store(disk)->tenants().run(Tenant(), run);
  ASSERT_TRUE(left) << left.error().message;
  EXPECT_TRUE(std::ranges::any_of(left->records, [](const Record& record) {
    return record.kind == RecordKind::act && record.phase == Phase::outcome;
  }));
}

TEST(EngineTest, StartingAgainWithTheSameKeyAnswersTheFirstRun) {
  auto disk = std::make_shared<MemoryDisk>();
  auto asked = std::make_shared<int>(0);
  auto reply = [asked](const ModelRequest&) -> Result<Reply> {
    return Reply{.text = "answer " + std::to_string(++*asked)};
  };
  for (int process = 0; process < 2; ++process) {
    Engine engine(options(make_memory_store(disk), reply));
    for (int time = 0; time < 2; ++time) {
      Result<Answer> answer = engine.run(clerk(), "Pay.", {.key = "bill 7"});
      ASSERT_TRUE(answer) << answer.error().message;
      EXPECT_EQ(answer->text, "answer 1");
    }
  }
  EXPECT_EQ(*asked, 1);
}

// A tool that holds its run until it is let go.
Agent waiter(std::shared_ptr<std::atomic<bool>> go) {
  Agent agent = clerk();
  agent.tools = {tool("hold", "Waits.", [go](Json) {
                   while (!*go) std::this_thread::sleep_for(std::chrono::milliseconds(1));
                   return 1;
                 }).read()};
  return agent;
}

ScriptedReply hold() { return call_then_answer({{.tool = "hold", .arguments = Json::object({})}}); }

TEST(EngineTest, WithManyShardsASessionStillHasOneRunAtWork) {
  auto go = std::make_shared<std::atomic<bool>>(false);
  EngineOptions with = options(make_memory_store(), hold());
  with.threads = 4;
  Engine engine(std::move(with));
  std::vector<RunHandle> first;
  for (int i = 0; i < 4; ++i) {  // one of each shard
    Result<RunHandle> started = engine.start(waiter(go), "one");
    ASSERT_TRUE(started) << started.error().message;
    Result<RunHandle> second =
        engine.start(waiter(go), "two", {.session = started->session(), .on_busy = OnBusy::reject});
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().kind, ErrorKind::conflict) << second.error().message;
    first.push_back(std::move(*started));
  }
  *go = true;
  for (RunHandle& run : first) EXPECT_TRUE(run.wait());
}

TEST(EngineTest, ClosingEndsTheWaitOfAHandle) {
  for (std::uint32_t threads : {0U, 1U}) {
    auto go = std::make_shared<std::atomic<bool>>(false);
    EngineOptions with = options(make_memory_store(), hold());
    with.threads = threads;
    std::optional<Engine> engine(std::in_place, std::move(with));
    Result<RunHandle> run = engine->start(waiter(go), "go");
    ASSERT_TRUE(run) << run.error().message;
    std::jthread release([go] {  // the tool's thread is joined by closing
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
      *go = true;
    });
    engine.reset();
    Result<Answer> answer = run->wait();
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().kind, ErrorKind::unavailable) << answer.error().message;
    EXPECT_FALSE(run->cancel("late"));
  }
}

TEST(EngineTest, AHandleCancelsTheRunOfItsTenant) {
  auto go = std::make_shared<std::atomic<bool>>(false);
  EngineOptions with = options(make_memory_store(), hold());
  with.threads = 1;
  Engine engine(std::move(with));
  Result<RunHandle> run = engine.start(waiter(go), "go", {.tenant = Tenant::parse("acme").value()});
  ASSERT_TRUE(run) << run.error().message;
  Result<void> cancelled = run->cancel("enough");
  *go = true;
  ASSERT_TRUE(cancelled) << cancelled.error().message;
  Result<Answer> answer = run->wait();
  EXPECT_TRUE(!answer || answer->outcome == Outcome::cancelled);
}

TEST(EngineTest, ADeadlineIsNotTooFarAwayToBeWaitedFor) {
  Engine engine(options(make_memory_store(), call_then_answer({})));
  const auto now = std::chrono::duration_cast<std::chrono::milliseconds>(
      std::chrono::system_clock::now().time_since_epoch());
  for (auto far :
       {std::chrono::milliseconds::max(), std::chrono::milliseconds(10'000'000'000'000)}) {
    Result<RunHandle> run = engine.start(clerk(), "go", {.deadline = far});
    ASSERT_TRUE(run) << run.error().message;
    const std::optional<Event> begun = run->next_event(std::chrono::seconds(5));
    ASSERT_TRUE(begun);
    EXPECT_GT(begun->body.integer("deadline"), now.count());
    EXPECT_LT(begun->body.integer("deadline"), (now + 2 * limits::kWaitMax).count());
    EXPECT_TRUE(run->wait());
  }
}

// What came within the limit of JSON lies deeper in its record.
TEST(EngineTest, ACallNestedAsDeeplyAsJsonMayBeReplays) {
  Json deep = 1;
  for (std::size_t i = 0; i < limits::kJsonDepthMax; ++i) deep = Json::object({{"a", deep}});
  ASSERT_TRUE(parse_json(deep.dump()));
  Engine engine(
      options(make_memory_store(), call_then_answer({{.tool = "nothing", .arguments = deep}})));
  Result<Answer> answer = engine.run(clerk(), "go");
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(answer->outcome, Outcome::answered);
}

TEST(EngineTest, ARunThatWaitsBehindAnotherIsJoinedByItsKey) {
  auto go = std::make_shared<std::atomic<bool>>(false);
  EngineOptions with = options(make_memory_store(), hold());
  with.threads = 1;
  Engine engine(std::move(with));
  Result<RunHandle> first = engine.start(waiter(go), "one", {.session = "s"});
  Result<RunHandle> second = engine.start(waiter(go), "two", {.session = "s", .key = "k"});
  Result<RunHandle> again = engine.start(waiter(go), "two", {.session = "s", .key = "k"});
  *go = true;
  ASSERT_TRUE(first && second);
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(again->id(), second->id());
  EXPECT_TRUE(again->wait());
}

}  // namespace
}  // namespace ragent
