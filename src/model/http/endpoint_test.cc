#include <model/http/endpoint.h>

#include <base/scope.h>
#include <base/simulated_loop.h>

#include <gmock/gmock.h>

#include <thread>

namespace ragent {
namespace {

using namespace std::chrono_literals;
using Kind = Endpoint::Ending::Kind;
using testing::HasSubstr;

Endpoint::Ending bad(Kind kind, std::optional<std::chrono::milliseconds> retry_after = {}) {
  return {.kind = kind,
          .error = {.kind = ErrorKind::unavailable, .message = "down", .retry_after = retry_after}};
}

class EndpointTest : public testing::Test {
 protected:
  struct Counts {
    int entered = 0;
    int refused = 0;
    int inside = 0;
    int inside_max = 0;
    Error last = {};
  };

  // Enters, stays for `time`, and ends as `ending` says.
  static Task<void> call(EndpointTest& test, Counts& counts, std::chrono::milliseconds time,
                         std::function<Endpoint::Ending()> ending,
                         std::optional<TimePoint> deadline = {}) {
    Result<Endpoint::Permit> permit =
        co_await test.endpoint->enter(*test.loop, test.tokens, deadline).result();
    if (!permit) {
      ++counts.refused;
      counts.last = permit.error();
      co_return;
    }
    ++counts.entered;
    counts.inside_max = std::max(counts.inside_max, ++counts.inside);
    co_await test.loop->sleep(time);
    --counts.inside;
    permit->ended(test.loop->now(), ending());
  }
  void one(Endpoint::Ending ending) {
    Counts counts;
    ASSERT_TRUE(block_on(*loop, call(*this, counts, 1ms, [&] { return ending; })));
    ASSERT_EQ(counts.entered, 1) << counts.last.message;
  }
  Result<void> enters(std::optional<TimePoint> deadline = {}) {
    Counts counts;
    auto well = [] { return Endpoint::Ending(); };
    EXPECT_TRUE(block_on(*loop, call(*this, counts, 0ms, well, deadline)));
    if (counts.entered == 1) return {};
    return fail(counts.last);
  }
  void open_breaker() {
    for (int i = 0; i < limits::kBreakerFailures; ++i) one(bad(Kind::failed));
  }

  std::unique_ptr<Loop> loop = make_simulated_loop(7);
  std::shared_ptr<Endpoint> endpoint = std::make_shared<Endpoint>("https://example.org");
  std::int64_t tokens = 0;
};

TEST_F(EndpointTest, WhatRefusesIsAskedLessAtOnceAndLaterMore) {
  Counts counts;
  {
    Scope scope(*loop);
    for (int i = 0; i < 100; ++i) {
      scope.spawn(call(*this, counts, 10ms, [] { return bad(Kind::refused); }));
    }
    ASSERT_TRUE(block_on(*loop, scope.join()));
  }
  EXPECT_EQ(counts.inside_max, 100);
  double lowered = endpoint->limit();
  EXPECT_LT(lowered, 100);  // once for all that were under way together
  EXPECT_GE(lowered, 50);
  Counts later;
  {
    Scope scope(*loop);
    for (int i = 0; i < 500; ++i) {
      scope.spawn(call(*this, later, 10ms, [] { return Endpoint::Ending(); }));
    }
    ASSERT_TRUE(block_on(*loop, scope.join()));
  }
  EXPECT_EQ(later.entered, 500);  // who waits goes later
  EXPECT_LE(later.inside_max, 90);
  EXPECT_GT(endpoint->limit(), lowered + 2);
}

TEST_F(EndpointTest, AFailureInARowOpensTheBreakerAndOneProbeClosesIt) {
  open_breaker();
  TimePoint opened = loop->now();
  Counts counts;
  Scope scope(*loop);
  for (int i = 0; i < 50; ++i) {
    scope.spawn(call(*this, counts, 10ms, [] { return Endpoint::Ending(); }));
  }
  loop->run([&] { return counts.entered > 0; });
  EXPECT_EQ(counts.entered, 1);  // the probe alone
  EXPECT_LE(loop->now() - opened, 2s);
  EXPECT_GE(loop->now() - opened, limits::kBreakerOpen);
  ASSERT_TRUE(block_on(*loop, scope.join()));
  EXPECT_EQ(counts.entered, 50);
  EXPECT_LE(loop->now() - opened, limits::kBreakerOpen + 50ms);
}

TEST_F(EndpointTest, AFailedProbeFailsThoseWhoWaitedAndNoOthers) {
  open_breaker();
  Counts counts;
  Scope scope(*loop);
  for (int i = 0; i < 50; ++i) {
    scope.spawn(call(*this, counts, 10ms, [] { return bad(Kind::overloaded); }));
  }
  ASSERT_TRUE(block_on(*loop, scope.join()));
  EXPECT_EQ(counts.entered, 1);
  EXPECT_EQ(counts.refused, 49);
  EXPECT_EQ(counts.last.message, "down");
  EXPECT_TRUE(enters());  // it waits for the next probe, and is it
  EXPECT_TRUE(enters());
}

TEST_F(EndpointTest, AProbeThatIsCancelledLeavesItsPlace) {
  open_breaker();
  Counts counts;
  {
    Scope scope(*loop);
    scope.spawn(call(*this, counts, 1h, [] { return Endpoint::Ending(); }));
    loop->run([&] { return counts.entered == 1; });
  }
  EXPECT_TRUE(enters());
}

TEST_F(EndpointTest, NobodyGoesBeforeRetryAfter) {
  one(bad(Kind::refused, 3000ms));
  TimePoint told = loop->now();
  Result<void> early = enters(told + 2s);
  ASSERT_FALSE(early);
  EXPECT_EQ(early.error().kind, ErrorKind::unavailable);
  EXPECT_EQ(early.error().retry_after, 3000ms);
  EXPECT_THAT(early.error().message, HasSubstr("https://example.org takes no calls for 3000 ms"));
  EXPECT_TRUE(enters());
  EXPECT_GE(loop->now() - told, 3s);
}

TEST_F(EndpointTest, AHugeRetryAfterIsNotBelievedForEver) {
  one(bad(Kind::refused, std::chrono::hours(1000)));
  TimePoint told = loop->now();
  EXPECT_TRUE(enters());
  EXPECT_LE(loop->now() - told, limits::kRetryAfterMax);
}

TEST_F(EndpointTest, TheAccountsOwnRatesHold) {
  // Two requests are left of 60 a minute: the third waits for one second, as does each after it.
  one({.rates = {.requests = Rates::Rate{.left = 2, .limit = 60, .reset = 58s}}});
  TimePoint told = loop->now();
  EXPECT_TRUE(enters());
  EXPECT_TRUE(enters());
  EXPECT_LT(loop->now() - told, 100ms);
  EXPECT_TRUE(enters());
  EXPECT_GE(loop->now() - told, 900ms);
  EXPECT_LE(loop->now() - told, 1100ms);
  EXPECT_TRUE(enters());
  EXPECT_GE(loop->now() - told, 1900ms);
  EXPECT_LE(loop->now() - told, 2200ms);
}

TEST_F(EndpointTest, TokensAreCountedAndAWindowWithoutALimitEndsByItself) {
  tokens = 700;
  one({.rates = {.tokens = Rates::Rate{.left = 1000, .reset = 5s}}});
  TimePoint told = loop->now();
  EXPECT_TRUE(enters());
  EXPECT_LT(loop->now() - told, 100ms);
  EXPECT_TRUE(enters());
  EXPECT_GE(loop->now() - told, 5s);
  EXPECT_LE(loop->now() - told, 5100ms);
}

TEST_F(EndpointTest, RetriesAreEarned) {
  int given = 0;
  while (endpoint->may_retry(loop->now())) ++given;
  EXPECT_EQ(given, limits::kRetriesSavedMax);
  for (int i = 0; i < 25; ++i) one({});
  given = 0;
  while (endpoint->may_retry(loop->now())) ++given;
  EXPECT_EQ(given, 2);  // a tenth
  ASSERT_TRUE(block_on(
      *loop, [](Loop& on) -> Task<void> { co_await on.sleep(3 * limits::kRetryEarnTime); }(*loop)));
  given = 0;
  while (endpoint->may_retry(loop->now())) ++given;
  EXPECT_EQ(given, 3);  // time earns some as well, where calls are rare
}

TEST_F(EndpointTest, TheQueueIsBoundedAndADeadlineEndsTheWait) {
  Counts counts;
  Scope scope(*loop);
  auto well = [] { return Endpoint::Ending(); };
  std::size_t all = limits::kEndpointCallsMax + limits::kEndpointQueueMax + 10;
  for (std::size_t i = 0; i < all; ++i) {
    scope.spawn(call(*this, counts, 60s, well, loop->now() + 30s));
  }
  loop->run([] { return false; }, loop->now() + 1s);
  EXPECT_EQ(counts.entered, static_cast<int>(limits::kEndpointCallsMax));
  EXPECT_EQ(counts.refused, 10);
  EXPECT_THAT(counts.last.message, HasSubstr("calls wait for their turn, no more are taken"));
  loop->run([] { return false; }, loop->now() + 31s);
  EXPECT_EQ(counts.refused, static_cast<int>(limits::kEndpointQueueMax) + 10);
  EXPECT_EQ(counts.last.kind, ErrorKind::timeout);
  EXPECT_THAT(counts.last.message, HasSubstr("(1024 are under way)"));
}

TEST_F(EndpointTest, WhoGivesUpInTheQueueLetsTheNextThrough) {
  one(bad(Kind::refused));  // the limit is lowered to 1 from here on
  ASSERT_EQ(endpoint->limit(), 1);
  Counts first;
  Counts second;
  Counts third;
  auto well = [] { return Endpoint::Ending(); };
  Scope one_at_work(*loop);
  one_at_work.spawn(call(*this, first, 100ms, well));
  loop->run([&] { return first.entered == 1; });
  {
    Scope waits(*loop);
    waits.spawn(call(*this, second, 10ms, well));
    loop->run([] { return false; }, loop->now() + 10ms);
  }
  Scope last(*loop);
  last.spawn(call(*this, third, 10ms, well));
  ASSERT_TRUE(block_on(*loop, last.join()));
  EXPECT_EQ(second.entered, 0);
  EXPECT_EQ(third.entered, 1);
}

TEST_F(EndpointTest, ShardsShareIt) {
  one(bad(Kind::refused));  // one at a time
  std::atomic<int> inside = 0;
  std::atomic<int> done = 0;
  auto work = [&] {
    std::unique_ptr<Loop> own = make_loop();
    Scope scope(*own);
    for (int i = 0; i < 50; ++i) {
      scope.spawn(
          [](Loop& on, Endpoint& to, std::atomic<int>& in, std::atomic<int>& ended) -> Task<void> {
            Endpoint::Permit permit = co_await to.enter(on, 0, {});
            EXPECT_LE(++in, 16);  // it learns that it may have a few more
            co_await on.sleep(100us);
            --in;
            ++ended;
            permit.ended(on.now(), {});
          }(*own, *endpoint, inside, done));
    }
    EXPECT_TRUE(block_on(*own, scope.join()));
  };
  {
    std::jthread a(work);
    std::jthread b(work);
  }
  EXPECT_EQ(done, 100);
}

}  // namespace
}  // namespace ragent
