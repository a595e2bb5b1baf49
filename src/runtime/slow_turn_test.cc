// A slow turn of a shard is logged with what was slow.
#include <runtime/test_engine.h>

#include <store/memory/memory_store.h>

#include <cstdio>

namespace ragent {
namespace {

using testing::options;

void take_long() {
  const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(5);
  while (std::chrono::steady_clock::now() < until) continue;
}

Task<Json> slow(Json, ToolContext&) {
  take_long();
  co_return Json(1);
}

Task<Answer> thinks_hard(Run& run, Input) {
  (void)co_await run.act({.tool = "slow_tool", .arguments = Json::object({})});
  take_long();
  co_await run.note(Json("thought"));
  co_return Answer{.text = "done"};
}

TEST(SlowTurnTest, NamesTheToolOrThePlannerAndTheRun) {
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> log(std::tmpfile(), std::fclose);
  ASSERT_TRUE(log);
  EngineOptions with = options(make_memory_store(), {});
  with.models.clear();
  with.planners = {{"hard", 1, thinks_hard}};
  with.check_replay = false;
  with.world = std::make_unique<World>(real_world());
  with.world->loop = [&] { return make_loop(Logger(LogLevel::info, fileno(log.get()))); };
  Engine engine(std::move(with));
  Result<RunHandle> run = engine.start({.profile = {.name = "slow"},
                                        .planner = "hard",
                                        .tools = {tool("slow_tool", "", slow).read()}},
                                       "go");
  ASSERT_TRUE(run) << run.error().message;
  ASSERT_TRUE(run->wait());
  std::rewind(log.get());
  std::string text(1u << 16, '\0');
  text.resize(std::fread(text.data(), 1, text.size(), log.get()));
  for (const char* what : {"tool slow_tool", "planner hard"}) {
    std::string expected = "\"doing\":\"" + std::string(what) + " of run " + run->id() + "\"";
    EXPECT_NE(text.find(expected), std::string::npos) << expected << " in\n" << text;
  }
}

}  // namespace
}  // namespace ragent
