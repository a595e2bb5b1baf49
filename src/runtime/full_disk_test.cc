// What a disk that takes no more means to whoever waits for a run: they are told, and the next
// engine of the home carries on.
#include <runtime/test_engine.h>

#include <runtime/patience.h>
#include <store/forwarding_store.h>
#include <store/memory/memory_store.h>

#include <atomic>

namespace ragent {
namespace {

using testing::call_then_answer;
using testing::options;
using namespace std::chrono_literals;

// What the next writes are answered; shared by a test and its stores.
struct Disk {
  static constexpr int kForEver = -1;
  std::shared_ptr<MemoryDisk> memory = std::make_shared<MemoryDisk>();
  std::atomic<int> commits = 0;  // of the journal, that are refused for lack of space
  std::atomic<int> applies = 0;  // writes of tenant files that fail
  std::atomic<int> files = 0;
  std::atomic<ErrorKind> why = ErrorKind::unavailable;

  Result<void> refuse(std::atomic<int>& left) {
    if (left == 0) return {};
    if (left != kForEver) --left;
    return fail(why.load(), "home/some.db: no space left on the device; make room");
  }
};

class ScarceStore final : public ForwardingStore {
 public:
  explicit ScarceStore(Disk& disk) : ForwardingStore(make_memory_store(disk.memory)), disk_(disk) {}

 private:
  Result<std::uint64_t> commit(const Group& group) override {
    if (Result<void> may = disk_.refuse(disk_.commits); !may) return fail(may.error());
    return ForwardingStore::commit(group);
  }
  Result<void> apply(const Tenant& tenant, const std::vector<Applied>& items) override {
    if (Result<void> may = disk_.refuse(disk_.applies); !may) return may;
    return ForwardingStore::apply(tenant, items);
  }
  Result<void> file(const Tenant& tenant, const std::vector<RunId>& runs) override {
    if (Result<void> may = disk_.refuse(disk_.files); !may) return may;
    return ForwardingStore::file(tenant, runs);
  }

  Disk& disk_;
};

// Its tool fills the disk, when it is to; by then its intent, and so the run, is recorded.
Agent filler(Disk& disk, bool fills) {
  auto put = [&disk, fills](ToolContext&) {
    if (fills) disk.commits = Disk::kForEver;
    return 1;
  };
  return {
      .profile = {.name = "filler"}, .model = "test", .tools = {tool("put", "", put).idempotent()}};
}

EngineOptions scarce(Disk& disk, std::uint32_t threads, std::chrono::milliseconds wait) {
  EngineOptions with = options(std::make_unique<ScarceStore>(disk),
                               call_then_answer({{.tool = "put", .arguments = Json::object({})}}));
  with.threads = threads;
  with.full_disk_wait = wait;
  with.agents = {filler(disk, false)};
  return with;
}

bool says_why(const Error& error) {
  return error.kind == ErrorKind::unavailable &&
         error.message.find("some.db: no space left") != std::string::npos &&
         error.message.find("opened again") != std::string::npos;
}

class FullDiskTest : public ::testing::TestWithParam<std::uint32_t> {};

TEST_P(FullDiskTest, EverybodyIsToldAndTheNextEngineCarriesTheRunOn) {
  Disk disk;
  std::string run;
  {
    Engine engine(scarce(disk, GetParam(), 0ms));
    Result<RunHandle> handle = engine.start(filler(disk, true), "go");
    ASSERT_TRUE(handle) << handle.error().message;
    run = handle->id();
    Result<Answer> answer = handle->wait();
    ASSERT_FALSE(answer);
    EXPECT_TRUE(says_why(answer.error())) << answer.error().message;
    Result<Answer> another = engine.run(filler(disk, false), "and this");
    ASSERT_FALSE(another);
    EXPECT_TRUE(says_why(another.error())) << another.error().message;
    Result<std::vector<Ask>> asks = engine.asks();
    ASSERT_FALSE(asks);
    EXPECT_TRUE(says_why(asks.error())) << asks.error().message;
  }
  disk.commits = 0;
  Engine engine(scarce(disk, GetParam(), 0ms));
  Result<RunHandle> handle = engine.attach(run);
  ASSERT_TRUE(handle) << handle.error().message;
  Result<Answer> answer = handle->wait();
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(answer->text, "done: 1");
}

TEST_P(FullDiskTest, ARunThatCannotBeRecordedIsNotStarted) {
  Disk disk;
  disk.commits = Disk::kForEver;
  Engine engine(scarce(disk, GetParam(), 0ms));
  Result<RunHandle> handle = engine.start(filler(disk, false), "go");
  ASSERT_FALSE(handle);
  EXPECT_TRUE(says_why(handle.error())) << handle.error().message;
}

TEST_P(FullDiskTest, WithRoomInTimeRunsOnlyWait) {
  Disk disk;
  disk.commits = 1;
  disk.applies = 1;
  disk.files = 1;
  Engine engine(scarce(disk, GetParam(), 1min));
  for (int turn = 0; turn < 2; ++turn) {
    Result<Answer> answer = engine.run(filler(disk, false), "go", {.session = "one"});
    ASSERT_TRUE(answer) << answer.error().message;
  }
  const TimePoint patience = std::chrono::steady_clock::now() + 10s;
  ScarceStore reader(disk);
  while (static_cast<Store&>(reader).tenants().runs(Tenant())->size() < 2) {
    ASSERT_LT(std::chrono::steady_clock::now(), patience) << "the runs were not filed";
    if (!engine.poll(10ms)) std::this_thread::yield();
  }
}

// Whoever waited has the outcome; a later turn of the session would miss this one.
TEST_P(FullDiskTest, ATurnThatCannotBeAppliedStopsTheEngineAfterItsRunWasAnswered) {
  for (const ErrorKind why : {ErrorKind::unavailable, ErrorKind::io}) {
    for (std::atomic<int> Disk::* fails : {&Disk::applies, &Disk::files}) {
      Disk disk;
      disk.why = why;
      disk.*fails = Disk::kForEver;
      Engine engine(scarce(disk, GetParam(), 0ms));
      Result<Answer> answer = engine.run(filler(disk, false), "go", {.session = "one"});
      ASSERT_TRUE(answer) << answer.error().message;
      Result<Answer> next = answer;
      for (int turn = 0; next && turn < 1000; ++turn) {  // one more when only filing failed
        next = engine.run(filler(disk, false), "and?", {.session = "one"});
      }
      ASSERT_FALSE(next);
      EXPECT_EQ(next.error().kind, why) << next.error().message;
    }
  }
}

// The turn of the first run is applied when the engine has stopped already: the one behind it must
// not begin.
TEST_P(FullDiskTest, WhatIsAppliedAfterTheEndBeginsNothing) {
  Disk disk;
  disk.applies = 1;
  Engine engine(scarce(disk, GetParam(), 1min));
  Result<RunHandle> first = engine.start(filler(disk, false), "go", {.session = "one"});
  ASSERT_TRUE(first) << first.error().message;
  Result<RunHandle> behind = engine.start(filler(disk, false), "and?", {.session = "one"});
  ASSERT_TRUE(behind) << behind.error().message;
  ASSERT_TRUE(first->wait());
  while (disk.applies > 0) engine.poll(1ms);
  disk.why = ErrorKind::io;  // while applying waits to be tried again
  disk.commits = Disk::kForEver;
  EXPECT_FALSE(engine.run(filler(disk, false), "go", {.session = "two"}));
  ScarceStore reader(disk);
  auto turns = [&] {
    return static_cast<Store&>(reader).tenants().turns(Tenant(), "one", 1)->size();
  };
  const TimePoint patience = std::chrono::steady_clock::now() + 10s;
  while (turns() == 0 && std::chrono::steady_clock::now() < patience) {
    if (!engine.poll(1ms)) std::this_thread::yield();
  }
  EXPECT_EQ(turns(), 1U);
  engine.poll(1ms);
  Result<Answer> answer = behind->wait();
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().kind, ErrorKind::io);
}

INSTANTIATE_TEST_SUITE_P(Threads, FullDiskTest, ::testing::Values(0U, 1U),
                         [](const auto& of) { return std::to_string(of.param); });

TEST(PatienceTest, PausesGrowUntilItIsOver) {
  Patience patience(1s);
  TimePoint now{};
  int pauses = 0;
  for (auto pause = patience.next(now); pause; pause = patience.next(now)) {
    now += *pause;
    ++pauses;
  }
  EXPECT_EQ(pauses, 4);  // 100 + 200 + 400 + 300 ms
  EXPECT_EQ(now, TimePoint{} + 1s);  // no longer than that
  patience.reset();
  EXPECT_EQ(patience.next(now), limits::kStoreRetryFirst);
}

}  // namespace
}  // namespace ragent
