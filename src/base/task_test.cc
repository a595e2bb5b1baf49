#include <ragent/task.h>

#include <base/scope.h>
#include <base/simulated_loop.h>

#include <gmock/gmock.h>

#include <stdexcept>
#include <thread>

namespace ragent {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

Task<int> value(int n) { co_return n; }
Task<int> failing(std::string why) { co_return Error{.kind = ErrorKind::timeout, .message = why}; }
Task<int> throwing() {
  throw std::runtime_error("out of paper");
  co_return 1;
}
Task<int> throwing_number() {
  throw 42;
  co_return 1;
}
Task<void> failing_void() { co_await fail(ErrorKind::budget, "spent"); }
Task<std::unique_ptr<int>> moved_only() { co_return std::make_unique<int>(7); }

template <class T>
Result<T> run(Task<T> task) {
  SimulatedLoop loop(1);
  return block_on(loop, std::move(task));
}

TEST(Task, ValuesComeThroughAChain) {
  constexpr auto chain = []() -> Task<int> {
    const int a = co_await value(2);
    const int b = co_await value(3);
    co_return a* b;
  };
  EXPECT_EQ(run(chain()), 6);
  EXPECT_EQ(**run(moved_only()), 7);
}

TEST(Task, AnErrorEndsEveryAwaiterThatDoesNotAskForIt) {
  static int reached;
  reached = 0;
  struct Chain {
    static Task<int> inner() {
      co_await failing("late");
      ++reached;
      co_return 1;
    }
    static Task<int> outer() {
      co_await inner();
      ++reached;
      co_return 2;
    }
  };
  const Result<int> result = run(Chain::outer());
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error(), (Error{.kind = ErrorKind::timeout, .message = "late"}));
  EXPECT_EQ(reached, 0);
}

TEST(Task, ResultHandsTheErrorOver) {
  constexpr auto handled = []() -> Task<std::string> {
    const Result<int> failed = co_await failing("late").result();
    const Result<int> good = co_await value(5).result();
    const Result<void> nothing = co_await failing_void().result();
    co_return failed.error().message + std::to_string(*good) + nothing.error().message;
  };
  EXPECT_EQ(run(handled()), "late5spent");
}

TEST(Task, ResultsAreUnwrapped) {
  constexpr auto unwrap = [](Result<int> input) -> Task<int> {
    const int n = co_await input;
    co_await Result<void>();
    co_return n + 1;
  };
  EXPECT_EQ(run(unwrap(4)), 5);
  EXPECT_EQ(run(unwrap(fail(ErrorKind::invalid, "odd"))).error().message, "odd");
}

TEST(Task, EveryFormOfReturningAnError) {
  constexpr auto unexpected = []() -> Task<int> { co_return fail(ErrorKind::io, "disk"); };
  constexpr auto result = []() -> Task<int> {
    Result<int> failed = fail(ErrorKind::io, "disk");
    co_return failed;
  };
  EXPECT_EQ(run(unexpected()).error().kind, ErrorKind::io);
  EXPECT_EQ(run(result()).error().kind, ErrorKind::io);
  EXPECT_EQ(run(failing_void()).error().kind, ErrorKind::budget);
}

TEST(Task, ExceptionsBecomeErrors) {
  EXPECT_EQ(run(throwing()).error().kind, ErrorKind::internal);
  EXPECT_THAT(run(throwing()).error().message, HasSubstr("out of paper"));
  EXPECT_EQ(run(throwing_number()).error().kind, ErrorKind::internal);
}

TEST(Task, ALazyTaskThatNobodyAwaitsDoesNothing) {
  static int begun;
  begun = 0;
  constexpr auto counting = []() -> Task<void> {
    ++begun;
    co_return;
  };
  {
    const Task<void> dropped = counting();
  }
  EXPECT_EQ(begun, 0);
  EXPECT_TRUE(run(counting()));
  EXPECT_EQ(begun, 1);
}

TEST(Task, AMillionAwaitsInALoopDoNotUseUpTheStack) {
  constexpr auto many = []() -> Task<int> {
    int sum = 0;
    for (int i = 0; i < 1'000'000; ++i) sum += co_await value(1);
    co_return sum;
  };
  EXPECT_EQ(run(many()), 1'000'000);
}

TEST(Task, AnErrorPassesTenThousandAwaiters) {
  struct Deep {
    static Task<int> down(int depth) {
      if (depth == 0) co_return Error{.kind = ErrorKind::timeout, .message = "bottom"};
      co_return co_await down(depth - 1) + 1;
    }
  };
  EXPECT_EQ(run(Deep::down(10'000)).error().message, "bottom");
}

struct Counted {
  explicit Counted(int& count) : count(count) { ++count; }
  Counted(const Counted& other) : count(other.count) { ++count; }
  ~Counted() { --count; }
  int& count;
};

Task<int> leaf(Loop& loop, Counted) {
  co_await loop.sleep(1ms);
  co_await loop.yield();
  co_return 1;
}
Task<int> middle(Loop& loop, Counted counted) {
  const int a = co_await leaf(loop, counted);
  co_await loop.sleep(2ms);
  const Result<int> b = co_await leaf(loop, counted).result();
  co_return a + *b;
}
Task<void> top(Loop& loop, Counted counted, int& ended) {
  for (int i = 0; i < 2; ++i) co_await middle(loop, counted);
  ++ended;
}

TEST(Task, DestroyedAtEverySuspensionItLeavesNothing) {
  bool reached_the_end = false;
  for (int turns = 0; !reached_the_end; ++turns) {
    int count = 0;
    int ended = 0;
    {
      SimulatedLoop loop(7);
      Scope scope(loop);
      scope.spawn(top(loop, Counted(count), ended));
      int turn = 0;
      loop.run([&] { return turn++ >= turns; });
      reached_the_end = ended == 1;
      EXPECT_EQ(count > 0, !reached_the_end);
    }
    EXPECT_EQ(count, 0) << "destroyed after " << turns << " turns";
    ASSERT_LT(turns, 100);
  }
}

TEST(Task, FramesMayBeFreedOnAnotherThread) {
  std::vector<Task<int>> tasks;
  for (int i = 0; i < 1000; ++i) tasks.push_back(value(i));
  std::thread([other = std::move(tasks)]() mutable { other.clear(); }).join();
  EXPECT_EQ(run(value(3)), 3);
}

TEST(Error, WithinNamesThePlace) {
  const Error error = within("agent.toml", {.kind = ErrorKind::invalid, .message = "no name"});
  EXPECT_EQ(error.message, "agent.toml: no name");
  EXPECT_EQ(error.kind, ErrorKind::invalid);
  EXPECT_EQ(to_string(error.kind), "invalid");
}

TEST(AssertionDeathTest, AbortsAndSaysWhere) {
  EXPECT_DEATH(RAGENT_ASSERT(1 + 1 == 3), "task_test.cc:.*1 \\+ 1 == 3");
}

}  // namespace
}  // namespace ragent
