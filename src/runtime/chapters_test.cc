// A run that goes on for ever costs a resume its last chapter only.
#include <runtime/test_engine.h>

#include <store/forwarding_store.h>
#include <store/memory/memory_store.h>

#include <atomic>

namespace ragent {
namespace {

using testing::options;

// Counts what is read from the journal.
class CountingStore final : public ForwardingStore {
 public:
  CountingStore(std::shared_ptr<MemoryDisk> disk, std::atomic<std::size_t>& read)
      : ForwardingStore(make_memory_store(std::move(disk))), read_(read) {}

 private:
  Result<std::vector<Record>> records(const Tenant& tenant, RunId run,
                                      std::uint32_t chapter_from) override {
    Result<std::vector<Record>> found = ForwardingStore::records(tenant, run, chapter_from);
    if (found) read_ += found->size();
    return found;
  }

  std::atomic<std::size_t>& read_;
};

// Ten notes a chapter; in the last one it asks, and ends with the answer.
Task<Answer> diary(Run& run, Input input) {
  const std::int64_t left =
      input.state ? input.state->integer().value_or(0) : std::stoll(input.text);
  for (int i = 0; i < 10; ++i) (void)co_await run.note(Json(i));
  if (left > 1) co_return co_await run.continue_as_new(Json(left - 1));
  Decision decision = co_await run.ask("Enough?");
  co_return Answer{.text = decision.allowed ? "enough" : "more"};
}

// Records that a resume in chapter `chapters` of a run reads.
std::size_t read_by_resume(int chapters) {
  auto disk = std::make_shared<MemoryDisk>();
  std::atomic<std::size_t> read = 0;
  auto with = [&] {
    EngineOptions out = options(std::make_unique<CountingStore>(disk, read), {});
    out.models.clear();
    out.planners = {{"diary", 1, diary}};
    out.check_replay = false;
    return out;
  };
  std::string run;
  {
    Engine engine(with());
    Result<RunHandle> handle = engine.start({.profile = {.name = "diarist"}, .planner = "diary"},
                                            std::to_string(chapters));
    EXPECT_TRUE(handle) << handle.error().message;
    EXPECT_EQ(handle->wait().error().kind, ErrorKind::conflict);  // it asks
    run = handle->id();
  }
  read = 0;
  Engine engine(with());
  Result<RunHandle> handle = engine.attach(run);
  EXPECT_TRUE(handle) << handle.error().message;
  EXPECT_EQ(handle->wait().error().kind, ErrorKind::conflict);
  const std::size_t by_resume = read;
  EXPECT_TRUE(engine.answer(engine.asks()->front().id, {.allowed = true}));
  Result<Answer> answer = handle->wait();
  EXPECT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(answer ? answer->text : "", "enough");
  return by_resume;
}

Task<Answer> two_thinks(Run& run, Input input) {
  Transcript chat = co_await run.open(input);
  (void)co_await run.think(chat);
  if (!input.state) co_return co_await run.continue_as_new(Json("second"));
  (void)co_await run.ask("Enough?");
  co_return Answer{.text = "enough"};
}

TEST(ChaptersTest, WhatTheChaptersBeforeUsedIsNotForgotten) {
  auto disk = std::make_shared<MemoryDisk>();
  auto with = [&](std::int64_t cost) {
    EngineOptions out = options(make_memory_store(disk), [cost](const ModelRequest&) {
      return Reply{.text = "x", .usage = {.tokens_input = 10, .cost_nanodollars = cost}};
    });
    out.planners = {{"thinks", 1, two_thinks}};
    return out;
  };
  std::string run;
  {
    Engine engine(with(70));
    Result<RunHandle> handle =
        engine.start({.profile = {.name = "x"}, .model = "test", .planner = "thinks"}, "go");
    ASSERT_TRUE(handle) << handle.error().message;
    EXPECT_EQ(handle->wait().error().kind, ErrorKind::conflict);  // it asks
    run = handle->id();
  }
  Engine engine(with(1'000));  // what is dear by now was not then
  Result<RunHandle> handle = engine.attach(run);
  ASSERT_TRUE(handle) << handle.error().message;
  EXPECT_EQ(handle->wait().error().kind, ErrorKind::conflict);
  ASSERT_TRUE(engine.answer(engine.asks()->front().id, {.allowed = true}));
  Result<Answer> answer = handle->wait();
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(answer->usage, (Usage{.tokens_input = 20, .cost_nanodollars = 140}));
}

TEST(ChaptersTest, AResumeReadsOnlyTheLastOne) {
  const std::size_t first = read_by_resume(1);
  EXPECT_GE(first, 11U);  // a start and ten notes
  EXPECT_EQ(read_by_resume(2), first);
  EXPECT_EQ(read_by_resume(20), first);
}

}  // namespace
}  // namespace ragent
