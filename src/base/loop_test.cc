#include <base/loop.h>

#include <ragent/limits.h>

#include <base/deadline.h>
#include <base/posix.h>
#include <base/simulated_loop.h>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/socket.h>

#include <cstdlib>
#include <set>
#include <thread>

namespace ragent {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;

// What holds for both loops runs on both.
class AnyLoop : public testing::TestWithParam<bool> {
 protected:
  static std::unique_ptr<Loop> make() {
    if (GetParam()) return make_simulated_loop(3);
    return make_loop();
  }
  std::unique_ptr<Loop> loop_ = make();
};
INSTANTIATE_TEST_SUITE_P(, AnyLoop, testing::Values(false, true), [](const auto& suite) {
  return suite.param ? std::string("simulated") : std::string("real");
});

Task<void> log_after(Loop& loop, std::chrono::milliseconds delay, std::string& log, char name) {
  co_await loop.sleep(delay);
  log += name;
}

TEST_P(AnyLoop, TimersFireInTheOrderOfTheirTimes) {
  std::string log;
  Scope scope(*loop_);
  scope.spawn(log_after(*loop_, 30ms, log, 'c'));
  scope.spawn(log_after(*loop_, 1ms, log, 'a'));
  scope.spawn(log_after(*loop_, 15ms, log, 'b'));
  const TimePoint begin = loop_->now();
  EXPECT_TRUE(block_on(*loop_, scope.join()));
  EXPECT_EQ(log, "abc");
  EXPECT_GE(loop_->now() - begin, 30ms);
}

TEST_P(AnyLoop, PostedFunctionsKeepTheirOrder) {
  std::vector<int> order;
  for (int i = 0; i < 5; ++i) loop_->post([&order, i] { order.push_back(i); });
  EXPECT_TRUE(loop_->run([&] { return order.size() == 5; }));
  EXPECT_THAT(order, ElementsAre(0, 1, 2, 3, 4));
}

TEST_P(AnyLoop, RunEndsAtUntil) {
  const TimePoint until = loop_->now() + 5ms;
  EXPECT_FALSE(loop_->run([] { return false; }, until));
  EXPECT_GE(loop_->now(), until);
}

TEST_P(AnyLoop, TheEndOfATurnIsAnnounced) {
  int ends = 0;
  loop_->on_turn_end([&] { ++ends; });
  EXPECT_TRUE(block_on(*loop_, [](Loop& loop) -> Task<void> { co_await loop.sleep(1ms); }(*loop_)));
  EXPECT_GE(ends, 2);
}

TEST_P(AnyLoop, DestroyedSleepersAreNotResumed) {
  std::string log;
  std::string log_at_the_end;
  {
    Scope scope(*loop_);
    for (int i = 0; i < 20; ++i) scope.spawn(log_after(*loop_, i * 1ms, log, 'x'));
    loop_->run([] { return false; }, loop_->now() + 5ms);
    log_at_the_end = log;
  }
  loop_->run([] { return false; }, loop_->now() + 20ms);
  EXPECT_EQ(log, log_at_the_end);
}

TEST_P(AnyLoop, ADeadlineDestroysTheSlowTask) {
  std::string log;
  Task<void> slow = with_deadline(*loop_, log_after(*loop_, 1h, log, 'x'), loop_->now() + 2ms);
  EXPECT_EQ(block_on(*loop_, std::move(slow)).error().kind, ErrorKind::timeout);
  Task<void> quick = with_deadline(*loop_, log_after(*loop_, 1ms, log, 'q'), loop_->now() + 1h);
  EXPECT_TRUE(block_on(*loop_, std::move(quick)));
  EXPECT_EQ(log, "q");
}

TEST_P(AnyLoop, ASignalWakesItsAwaiterOrTimePasses) {
  Signal signal(*loop_);
  struct Body {
    static Task<std::string> run(Loop& loop, Signal& signal) {
      std::string said = co_await signal.until(loop.now() + 1ms) ? "set" : "time";
      loop.post([&signal] { signal.set(); });
      said += co_await signal.until(loop.now() + 1h) ? " set" : " time";
      co_await signal;  // stays set
      signal.reset();
      said += signal.is_set() ? " set" : " reset";
      co_return said;
    }
  };
  EXPECT_EQ(block_on(*loop_, Body::run(*loop_, signal)), "time set reset");
}

TEST_P(AnyLoop, ASignalMayDieBeforeItsAwaiter) {
  auto signal = std::make_unique<Signal>(*loop_);
  struct Body {
    static Task<void> run(Signal& signal) { co_await signal; }
  };
  Scope scope(*loop_);
  scope.spawn(Body::run(*signal));
  loop_->run([] { return false; }, loop_->now() + 1ms);
  signal = nullptr;
  EXPECT_EQ(scope.size(), 1u);
}

TEST(RealLoop, TakesPostsFromManyThreads) {
  const std::unique_ptr<Loop> loop = make_loop();
  int count = 0;  // only the loop's thread touches it
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 1000; ++i) loop->post([&] { ++count; });
    });
  }
  EXPECT_TRUE(loop->run([&] { return count == 4000; }));
  for (std::thread& thread : threads) thread.join();
}

struct Pair {
  Pair() {
    int ends[2];
    RAGENT_ASSERT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
    ours = FileDescriptor(ends[0]);
    theirs = FileDescriptor(ends[1]);
  }
  FileDescriptor ours, theirs;
};

TEST(RealLoop, WatchesBothSidesOfOneDescriptor) {
  const Pair pair;
  const std::unique_ptr<Loop> loop = make_loop();
  int readable = 0;
  int writable = 0;
  auto reading = loop->watch(pair.ours.get(), Readiness::readable, [&] { ++readable; });
  auto writing = loop->watch(pair.ours.get(), Readiness::writable, [&] { ++writable; });
  EXPECT_TRUE(loop->run([&] { return writable > 0; }));
  EXPECT_EQ(readable, 0);
  ASSERT_EQ(::write(pair.theirs.get(), "x", 1), 1);
  EXPECT_TRUE(loop->run([&] { return readable > 0; }));
  // Once each, although both are still ready.
  loop->run([] { return false; }, loop->now() + 2ms);
  EXPECT_EQ(readable + writable, 2);
  reading = loop->watch(pair.ours.get(), Readiness::readable, [&] { ++readable; });
  EXPECT_TRUE(loop->run([&] { return readable == 2; }));
}

TEST(RealLoop, ADestroyedWatchDoesNotCall) {
  const Pair pair;
  const std::unique_ptr<Loop> loop = make_loop();
  int calls = 0;
  auto watch = loop->watch(pair.ours.get(), Readiness::readable, [&] { ++calls; });
  ASSERT_EQ(::write(pair.theirs.get(), "x", 1), 1);
  watch = nullptr;
  loop->run([] { return false; }, loop->now() + 2ms);
  EXPECT_EQ(calls, 0);
  // The descriptor is free again, also for its next owner of the same number.
  watch = loop->watch(pair.ours.get(), Readiness::readable, [&] { ++calls; });
  EXPECT_TRUE(loop->run([&] { return calls == 1; }));
}

TEST(RealLoop, AWatchMayDestroyItselfWhileCalled) {
  const Pair pair;
  const std::unique_ptr<Loop> loop = make_loop();
  int calls = 0;
  std::unique_ptr<Watch> watch = loop->watch(pair.ours.get(), Readiness::writable, [&] {
    watch = nullptr;
    ++calls;
  });
  EXPECT_TRUE(loop->run([&] { return calls == 1; }));
}

TEST(RealLoop, AWatchWaitsAgain) {
  const Pair pair;
  const std::unique_ptr<Loop> loop = make_loop();
  int calls = 0;
  std::unique_ptr<Watch> watch;
  watch = loop->watch(pair.ours.get(), Readiness::writable, [&] {
    if (++calls < 3) watch->again();
  });
  EXPECT_TRUE(loop->run([&] { return calls == 3; }));
  loop->run([] { return false; }, loop->now() + 2ms);
  EXPECT_EQ(calls, 3);
  watch->again();
  EXPECT_TRUE(loop->run([&] { return calls == 4; }));
}

TEST(RealLoop, ARegularFileIsAlwaysReady) {
  const FileDescriptor file(::open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
  const std::unique_ptr<Loop> loop = make_loop();
  int calls = 0;
  const auto watch = loop->watch(file.get(), Readiness::readable, [&] { ++calls; });
  EXPECT_TRUE(loop->run([&] { return calls == 1; }));
}

TEST(RealLoop, AFileThatCannotBeWaitedForIsNoBusyCircle) {
  const std::unique_ptr<Loop> loop = make_loop(Logger(LogLevel::off));
  int calls = 0;
  std::unique_ptr<Watch> watch;
  watch = loop->watch(1'000'000, Readiness::readable, [&] {
    ++calls;
    watch->again();
  });
  EXPECT_TRUE(loop->run([&] { return calls > 0; }, loop->now() + 10s));
  const TimePoint begin = loop->now();
  EXPECT_TRUE(loop->run([&] { return calls > 2; }, loop->now() + 10s));
  EXPECT_GE(loop->now() - begin, 150ms);
}

// A small world whose end depends on the schedule.
Task<void> racer(Loop& loop, int id, std::vector<int>& order) {
  for (int i = 0; i < 5; ++i) {
    co_await loop.yield();
    order.push_back(id);
    if (id % 2 == 0) co_await loop.sleep(1ms);
  }
}
std::pair<std::uint64_t, std::vector<int>> simulate(std::uint64_t seed) {
  SimulatedLoop loop(seed);
  Scope scope(loop);
  std::vector<int> order;
  for (int id = 0; id < 6; ++id) scope.spawn(racer(loop, id, order));
  EXPECT_TRUE(block_on(loop, scope.join()));
  return {loop.trace(), order};
}

TEST(SimulatedLoop, OneSeedIsOneScheduleAndManySeedsAreMany) {
  const auto first = simulate(42);
  EXPECT_EQ(first.second.size(), 30u);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(simulate(42), first);
  std::set<std::uint64_t> traces;
  std::set<std::vector<int>> orders;
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    const auto [trace, order] = simulate(seed);
    traces.insert(trace);
    orders.insert(order);
  }
  EXPECT_EQ(traces.size(), 100u);
  EXPECT_EQ(orders.size(), 100u);
}

TEST(SimulatedLoop, AYearPassesAtOnce) {
  SimulatedLoop loop(1);
  const WallPoint begin = loop.wall();
  EXPECT_EQ(begin, std::chrono::sys_days(std::chrono::year(2026) / 1 / 1));
  EXPECT_TRUE(block_on(loop, [](Loop& l) -> Task<void> { co_await l.sleep(365 * 24h); }(loop)));
  EXPECT_EQ(loop.wall() - begin, 365 * 24h);
  loop.set_wall_offset(-1h);  // somebody sets the clock
  EXPECT_EQ(loop.wall() - begin, 365 * 24h - 1h);
}

TEST(SimulatedLoop, ADeadlockIsReported) {
  SimulatedLoop loop(1);
  EXPECT_FALSE(loop.run([] { return false; }));
  Signal never(loop);
  const Result<void> stuck =
      block_on(loop, [](Signal& signal) -> Task<void> { co_await signal; }(never));
  EXPECT_EQ(stuck.error().kind, ErrorKind::internal);
}

TEST(Loop, ASlowTurnIsLogged) {
  Pair pair;
  const std::unique_ptr<Loop> loop = make_loop(Logger(LogLevel::info, pair.ours.get()));
  bool done = false;
  loop->post([&] {
    const TimePoint begin = loop->now();
    while (loop->now() - begin < 2 * limits::kTurnSlow) {
    }
    done = true;
  });
  EXPECT_TRUE(loop->run([&] { return done; }));
  char line[512] = {};
  ASSERT_GT(::read(pair.theirs.get(), line, sizeof line - 1), 0);
  const Result<Json> parsed = parse_json(line);
  ASSERT_TRUE(parsed) << line;
  EXPECT_EQ(parsed->text("message"), "a shard turn was slow");
  EXPECT_GE(parsed->integer("us"), 2000);
}

}  // namespace
}  // namespace ragent
