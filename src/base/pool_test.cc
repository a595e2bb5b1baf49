#include <base/pool.h>

#include <base/scope.h>
#include <base/simulated_loop.h>

#include <gmock/gmock.h>

#include <condition_variable>
#include <set>
#include <stdexcept>
#include <thread>

namespace ragent {
namespace {

using testing::HasSubstr;

// Holds threads until it is opened.
class Gate {
 public:
  void open() {
    const std::scoped_lock lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }
  void enter() {
    std::unique_lock lock(mutex_);
    ++inside_;
    changed_.notify_all();
    changed_.wait(lock, [this] { return open_; });
  }
  void await_inside(int count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return inside_ >= count; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool open_ = false;
  int inside_ = 0;
};

TEST(Pool, OffloadRunsElsewhereAndComesBack) {
  const std::unique_ptr<Loop> loop = make_loop();
  const std::unique_ptr<Pool> pool = make_pool(2, 16);
  struct Body {
    static Task<bool> run(Loop& loop, Pool& pool) {
      const auto ours = std::this_thread::get_id();
      const auto theirs = co_await offload(loop, pool, [] { return std::this_thread::get_id(); });
      co_return theirs != ours&& ours == std::this_thread::get_id();
    }
  };
  EXPECT_EQ(block_on(*loop, Body::run(*loop, *pool)), true);
}

// Values, Results, void, move-only results and exceptions: on threads and in the simulator.
class AnyPool : public testing::TestWithParam<bool> {
 protected:
  AnyPool()
      : loop_(GetParam() ? std::unique_ptr<Loop>(make_simulated_loop(1)) : make_loop()),
        pool_(GetParam() ? make_simulated_pool(*loop_, 2) : make_pool(2, 16)) {}
  template <class F>
  auto run(F function) {
    return block_on(*loop_, offload(*loop_, *pool_, std::move(function)));
  }
  std::unique_ptr<Loop> loop_;
  std::unique_ptr<Pool> pool_;
};
INSTANTIATE_TEST_SUITE_P(, AnyPool, testing::Values(false, true), [](const auto& suite) {
  return suite.param ? std::string("simulated") : std::string("threads");
});

TEST_P(AnyPool, EveryKindOfResult) {
  EXPECT_EQ(run([] { return 7; }), 7);
  EXPECT_EQ(run([]() -> Result<int> { return 8; }), 8);
  EXPECT_EQ(run([]() -> Result<int> { return fail(ErrorKind::io, "disk"); }).error().message,
            "disk");
  EXPECT_TRUE(run([] {}));
  EXPECT_EQ(run([]() -> Result<void> { return fail(ErrorKind::io, "disk"); }).error().message,
            "disk");
  EXPECT_EQ(**run([p = std::make_unique<int>(9)]() mutable { return std::move(p); }), 9);
  const Result<int> thrown = run([]() -> int { throw std::runtime_error("out of paper"); });
  EXPECT_EQ(thrown.error().kind, ErrorKind::internal);
  EXPECT_THAT(thrown.error().message, HasSubstr("out of paper"));
}

TEST(Pool, AFullQueueIsUnavailable) {
  Gate gate;
  const std::unique_ptr<Pool> pool = make_pool(1, 2);
  ASSERT_TRUE(pool->run([&] { gate.enter(); }));
  gate.await_inside(1);
  EXPECT_TRUE(pool->run([] {}));
  EXPECT_TRUE(pool->run([] {}));
  EXPECT_EQ(pool->run([] {}).error().kind, ErrorKind::unavailable);
  gate.open();
}

TEST(Pool, TheDestructorRunsWhatIsQueued) {
  std::atomic<int> ran = 0;
  {
    const std::unique_ptr<Pool> pool = make_pool(2, 1000);
    for (int i = 0; i < 500; ++i) ASSERT_TRUE(pool->run([&] { ++ran; }));
  }
  EXPECT_EQ(ran, 500);
}

TEST(Pool, AFrameMayGoWhileItsWorkGoesOn) {
  const std::unique_ptr<Loop> loop = make_loop();
  Gate gate;
  auto payload = std::make_shared<int>(1);
  {
    const std::unique_ptr<Pool> pool = make_pool(1, 16);
    Scope scope(*loop);
    struct Body {
      static Task<void> run(Loop& loop, Pool& pool, Gate& gate, std::shared_ptr<int> payload) {
        co_await offload(loop, pool, [&gate, payload] {
          gate.enter();
          return payload;
        });
        ADD_FAILURE() << "resumed after it was destroyed";
      }
    };
    scope.spawn(Body::run(*loop, *pool, gate, payload));
    loop->run([turn = 0]() mutable { return turn++ > 0; });
    gate.await_inside(1);
    scope.cancel();
    gate.open();
  }
  bool seen = false;
  loop->post([&] { seen = true; });
  EXPECT_TRUE(loop->run([&] { return seen; }));
  EXPECT_EQ(payload.use_count(), 1);  // the result was dropped
}

TEST(Pool, WorkThatHasNotBegunIsSkippedWhenItsFrameIsGone) {
  const std::unique_ptr<Loop> loop = make_loop();
  Gate gate;
  bool begun = false;
  {
    const std::unique_ptr<Pool> pool = make_pool(1, 16);
    ASSERT_TRUE(pool->run([&] { gate.enter(); }));
    gate.await_inside(1);
    Scope scope(*loop);
    struct Body {
      static Task<void> run(Loop& loop, Pool& pool, bool& begun) {
        co_await offload(loop, pool, [&begun] { begun = true; });
      }
    };
    scope.spawn(Body::run(*loop, *pool, begun));
    loop->run([turn = 0]() mutable { return turn++ > 0; });
    scope.cancel();
    gate.open();
  }
  EXPECT_FALSE(begun);
}

TEST(Pool, DestroyedAtAnyMomentOfManyOffloads) {
  for (int round = 0; round < 50; ++round) {
    const std::unique_ptr<Loop> loop = make_loop();
    const std::unique_ptr<Pool> pool = make_pool(2, 1000);
    struct Body {
      static Task<void> run(Loop& loop, Pool& pool, int& ended) {
        for (int i = 0; i < 4; ++i)
          co_await offload(loop, pool, [] { return std::string(100, 'x'); });
        ++ended;
      }
    };
    int ended = 0;
    Scope scope(*loop);
    for (int i = 0; i < 20; ++i) scope.spawn(Body::run(*loop, *pool, ended));
    loop->run([&] { return ended > round % 20; });
    EXPECT_GT(ended, round % 20);
    scope.cancel();
  }
}

TEST(SimulatedPool, TheOrderIsDrawnFromTheSeed) {
  const auto order_of = [](std::uint64_t seed) {
    SimulatedLoop loop(1);
    const std::unique_ptr<Pool> pool = make_simulated_pool(loop, seed);
    std::vector<int> order;
    for (int i = 0; i < 8; ++i) EXPECT_TRUE(pool->run([&order, i] { order.push_back(i); }));
    EXPECT_TRUE(loop.run([&] { return order.size() == 8; }));
    return order;
  };
  EXPECT_EQ(order_of(42), order_of(42));
  std::set<std::vector<int>> orders;
  for (std::uint64_t seed = 0; seed < 50; ++seed) orders.insert(order_of(seed));
  EXPECT_GT(orders.size(), 40u);
}

}  // namespace
}  // namespace ragent
