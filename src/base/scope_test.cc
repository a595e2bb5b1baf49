#include <base/scope.h>

#include <base/simulated_loop.h>

#include <gmock/gmock.h>

namespace ragent {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;

struct Counted {
  explicit Counted(int& count) : count(count) { ++count; }
  Counted(const Counted& other) : count(other.count) { ++count; }
  ~Counted() { --count; }
  int& count;
};

Task<void> forever(Loop& loop, Counted) {
  for (;;) co_await loop.sleep(1ms);
}

class ScopeTest : public testing::Test {
 protected:
  void turns(int count) {
    loop_.run([&] { return count-- == 0; });
  }
  SimulatedLoop loop_{5};
  int alive_ = 0;
};

TEST_F(ScopeTest, SpawnDoesNotRunInline) {
  bool ran = false;
  Scope scope(loop_);
  scope.spawn([](bool& flag) -> Task<void> {
    flag = true;
    co_return;
  }(ran));
  EXPECT_FALSE(ran);
  EXPECT_EQ(scope.size(), 1u);
  EXPECT_TRUE(block_on(loop_, scope.join()));
  EXPECT_TRUE(ran);
  EXPECT_EQ(scope.size(), 0u);
}

TEST_F(ScopeTest, CancelDestroysAllFrames) {
  Scope scope(loop_);
  for (int i = 0; i < 10; ++i) scope.spawn(forever(loop_, Counted(alive_)));
  turns(5);
  EXPECT_GE(alive_, 10);
  scope.cancel();
  EXPECT_EQ(alive_, 0);
  EXPECT_EQ(scope.size(), 0u);
  EXPECT_TRUE(block_on(loop_, scope.join()));
}

TEST_F(ScopeTest, CancelBeforeTheFirstTurn) {
  Scope scope(loop_);
  scope.spawn(forever(loop_, Counted(alive_)));
  scope.cancel();
  EXPECT_EQ(alive_, 0);
}

TEST_F(ScopeTest, ARootMayCancelItsOwnScopeAndJoinsNothing) {
  Scope scope(loop_);
  bool went_on = false;
  bool after_await = false;
  struct Body {
    static Task<void> run(Loop& loop, Scope& scope, Counted, bool& went_on, bool& after_await) {
      co_await loop.yield();
      scope.cancel();
      went_on = true;
      co_await loop.yield();
      after_await = true;
    }
  };
  scope.spawn(Body::run(loop_, scope, Counted(alive_), went_on, after_await));
  for (int i = 0; i < 3; ++i) scope.spawn(forever(loop_, Counted(alive_)));
  EXPECT_TRUE(block_on(loop_, scope.join()));
  EXPECT_TRUE(went_on);
  EXPECT_FALSE(after_await);
  EXPECT_EQ(alive_, 0);
}

TEST_F(ScopeTest, ARootThatCancelsAndEndsAtOnce) {
  Scope scope(loop_);
  scope.spawn([](Scope& own) -> Task<void> {
    own.cancel();
    co_return;
  }(scope));
  EXPECT_TRUE(block_on(loop_, scope.join()));
  EXPECT_EQ(scope.size(), 0u);
}

TEST_F(ScopeTest, ARootMaySpawnBrothers) {
  struct Body {
    static Task<void> run(Scope& scope, int depth, int& count) {
      ++count;
      if (depth > 0) {
        scope.spawn(run(scope, depth - 1, count));
        scope.spawn(run(scope, depth - 1, count));
      }
      co_return;
    }
  };
  Scope scope(loop_);
  int count = 0;
  scope.spawn(Body::run(scope, 6, count));
  EXPECT_TRUE(block_on(loop_, scope.join()));
  EXPECT_EQ(count, 127);
}

TEST_F(ScopeTest, AFrameThatSpawnsWhenItDiesDoesNotOutliveTheScope) {
  struct SpawnsAtEnd {
    Scope& scope;
    Loop& loop;
    int& alive;
    ~SpawnsAtEnd() { scope.spawn(forever(loop, Counted(alive))); }
  };
  struct Body {
    static Task<void> run(Loop& loop, Scope& scope, int& alive) {
      const SpawnsAtEnd spawns{scope, loop, alive};
      co_await loop.sleep(1h);
    }
  };
  {
    Scope scope(loop_);
    scope.spawn(Body::run(loop_, scope, alive_));
    turns(3);
  }
  EXPECT_EQ(alive_, 0);
}

TEST_F(ScopeTest, ErrorsOfRootsReachTheHandler) {
  std::vector<std::string> errors;
  Scope scope(loop_, [&](const Error& error) { errors.push_back(error.message); });
  const auto failing = [](std::string why) -> Task<void> { co_await fail(ErrorKind::io, why); };
  scope.spawn(failing("disk"));
  EXPECT_TRUE(block_on(loop_, scope.join()));
  EXPECT_THAT(errors, ElementsAre("disk"));
}

TEST_F(ScopeTest, NestedScopesGoWithTheirFrame) {
  struct Body {
    static Task<void> parent(Loop& loop, int& alive) {
      Scope children(loop);
      for (int i = 0; i < 4; ++i) children.spawn(forever(loop, Counted(alive)));
      co_await children.join();
    }
  };
  Scope scope(loop_);
  scope.spawn(Body::parent(loop_, alive_));
  turns(6);
  EXPECT_EQ(alive_, 4);
  scope.cancel();
  EXPECT_EQ(alive_, 0);
}

TEST_F(ScopeTest, ScopesSurviveCancellationAtAnyMomentOfAnySchedule) {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    int alive = 0;
    SimulatedLoop loop(seed);
    struct Body {
      static Task<void> node(Loop& loop, Scope& scope, Counted counted, std::uint64_t draw) {
        SeededRandom random(draw);
        while (random.below(8) != 0) {
          co_await loop.sleep(std::chrono::microseconds(random.below(50)));
          if (random.below(4) == 0) scope.spawn(node(loop, scope, counted, random.next()));
          if (random.below(16) == 0) scope.cancel();
        }
      }
    };
    {
      Scope scope(loop);
      for (std::uint64_t i = 0; i < 5; ++i) {
        scope.spawn(Body::node(loop, scope, Counted(alive), seed * 10 + i));
      }
      int turns = static_cast<int>(seed % 40);
      loop.run([&] { return turns-- == 0; });
    }
    EXPECT_EQ(alive, 0) << "seed " << seed;
  }
}

Task<int> later(Loop& loop, std::chrono::milliseconds delay, int value) {
  co_await loop.sleep(delay);
  if (value < 0) co_return Error{.kind = ErrorKind::invalid, .message = "negative"};
  co_return value;
}

TEST_F(ScopeTest, WhenAllKeepsTheOrderGivenAndEachError) {
  std::vector<Task<int>> tasks;
  tasks.push_back(later(loop_, 30ms, 1));
  tasks.push_back(later(loop_, 10ms, -1));
  tasks.push_back(later(loop_, 20ms, 3));
  const auto begin = loop_.now();
  const auto results = block_on(loop_, when_all(loop_, std::move(tasks)));
  ASSERT_TRUE(results);
  ASSERT_EQ(results->size(), 3u);
  EXPECT_EQ((*results)[0], 1);
  EXPECT_EQ((*results)[1].error().message, "negative");
  EXPECT_EQ((*results)[2], 3);
  EXPECT_EQ(loop_.now() - begin, 30ms);  // at once, not one after the other
}

TEST_F(ScopeTest, WhenAllOfNothingAndOfVoid) {
  EXPECT_EQ(block_on(loop_, when_all(loop_, std::vector<Task<int>>()))->size(), 0u);
  std::vector<Task<void>> tasks;
  tasks.push_back([](Loop& loop) -> Task<void> { co_await loop.yield(); }(loop_));
  EXPECT_TRUE(block_on(loop_, when_all(loop_, std::move(tasks)))->at(0).has_value());
}

TEST_F(ScopeTest, DestroyingWhenAllDestroysItsChildren) {
  Scope scope(loop_);
  struct Body {
    static Task<void> run(Loop& loop, int& alive) {
      std::vector<Task<void>> tasks;
      for (int i = 0; i < 3; ++i) tasks.push_back(forever(loop, Counted(alive)));
      co_await when_all(loop, std::move(tasks));
    }
  };
  scope.spawn(Body::run(loop_, alive_));
  turns(6);
  EXPECT_EQ(alive_, 3);
  scope.cancel();
  EXPECT_EQ(alive_, 0);
}

}  // namespace
}  // namespace ragent
