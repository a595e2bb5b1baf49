// A server that is down for everybody: its calls are hardly more requests than calls, the breaker
// is never open for long, and one probe brings everything back. And one that fails at random.

#include <providers/asking.h>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>

namespace ragent::providers {
namespace {

using namespace std::chrono_literals;
using stub::Down;
using stub::StubModel;
using stub::StubRequest;

constexpr std::size_t kCalls = 1000;
constexpr std::size_t kWorkers = 400;  // so many callers, each with one call after the other
constexpr auto kOpenMax = 2s;

struct Outage {
  std::unique_ptr<Loop> loop = make_loop();
  StubModel stub{*loop, {.requests_kept = 0}};
  Sources sources = {};
  std::unique_ptr<Model> model = sources.open(stub.url(), Api::chat, true, "stub", *loop);
  std::size_t next = 0;
  std::size_t replied = 0;
  std::size_t failed = 0;

  std::size_t sent() const { return sources.times.size(); }
  void call(std::size_t calls, std::size_t workers) {
    Scope scope(*loop, [](const Error& error) { ADD_FAILURE() << error.message; });
    const auto worker = [](Outage& of, std::size_t end) -> Task<void> {
      while (of.next < end) {
        const std::string words = fmt::format("call {}.", of.next++);
        const Said said = co_await ask(*of.loop, *of.model, 20s, words);
        ++(said.reply ? of.replied : of.failed);
        if (!said.reply) EXPECT_TRUE(readable(said.reply.error().message));
      }
    };
    const std::size_t end = next + calls;
    for (std::size_t i = 0; i < workers; ++i) scope.spawn(worker(*this, end));
    ASSERT_TRUE(block_on(*loop, scope.join()));
  }
  int attempts_max() const {
    int most = 0;
    for (const auto& [call, sent] : sources.sent) most = std::max(most, sent);
    return most;
  }
  // While callers wait, how long nobody was let through.
  std::chrono::nanoseconds open_max() const {
    std::chrono::nanoseconds longest = {};
    for (std::size_t i = 1; i < sources.times.size(); ++i) {
      longest =
          std::max<std::chrono::nanoseconds>(longest, sources.times[i] - sources.times[i - 1]);
    }
    return longest;
  }
};

class FullOutage : public testing::TestWithParam<std::tuple<Down, std::size_t>> {};

TEST_P(FullOutage, CostsHardlyMoreRequestsThanCallsAndEndsWithOneProbe) {
  const auto [down, workers] = GetParam();
  Outage outage;
  outage.call(10, 10);  // it was well
  ASSERT_EQ(outage.replied, 10u);
  outage.sources.times.clear();
  outage.stub.down(down);
  outage.call(kCalls, workers);
  EXPECT_EQ(outage.failed, kCalls);
  EXPECT_LE(outage.sent(), kCalls * 11 / 10);
  EXPECT_LE(outage.attempts_max(), limits::kCallAttemptsMax);
  EXPECT_LE(outage.open_max(), kOpenMax);

  outage.stub.up();
  const TimePoint up = outage.loop->now();
  outage.sources.times.clear();
  outage.call(100, 100);
  EXPECT_EQ(outage.replied, 110u);
  EXPECT_EQ(outage.sent(), 100u);  // the probe is one of them, and none fails
  EXPECT_LE(outage.loop->now() - up, kOpenMax);
}

INSTANTIATE_TEST_SUITE_P(Kinds, FullOutage,
                         testing::Combine(testing::Values(Down::status, Down::refused, Down::reset),
                                          testing::Values(kWorkers, kCalls)));

// What fails at once; the rest only takes time.
std::vector<stub::Fault> quick_faults() {
  std::vector<stub::Fault> out;
  for (const stub::FaultCase& one : stub::fault_cases()) {
    const stub::FaultKind kind = one.fault.kind;
    const bool waits = one.fault.retry != stub::RetryForm::none || one.hangs;
    if (!waits && kind != stub::FaultKind::huge_line) out.push_back(one.fault);
  }
  return out;
}

TEST(RandomFaults, LoseNoCallAndCostFewRetries) {
  constexpr std::size_t kMixed = 500;
  constexpr std::uint64_t kSeed = 20260301;
  const auto loop = make_loop();
  const std::vector<stub::Fault> faults = quick_faults();
  SeededRandom random(kSeed);
  std::size_t faulty = 0;
  StubModel stub(*loop, {.script = [&](const StubRequest&) {
    stub::StubReply reply{.text = "Well."};
    if (random.below(10) >= 3) return reply;
    ++faulty;
    reply.fault = faults[random.below(faults.size())];
    return reply;
  }});
  Sources sources;
  const auto model = sources.open(stub.url(), Api::messages, true, "stub", *loop);
  std::size_t ended = 0, replied = 0;
  Scope scope(*loop, [](const Error& error) { ADD_FAILURE() << error.message; });
  for (std::size_t i = 0; i < kMixed; ++i) {
    scope.spawn([](Loop& on, Model& to, std::size_t number, std::size_t& all,
                   std::size_t& well) -> Task<void> {
      const Said said = co_await ask(on, to, 20s, fmt::format("call {}.", number));
      ++all;
      well += said.reply ? 1 : 0;
      if (!said.reply) EXPECT_TRUE(readable(said.reply.error().message));
    }(*loop, *model, i, ended, replied));
  }
  ASSERT_TRUE(block_on(*loop, scope.join()));
  EXPECT_EQ(ended, kMixed);
  EXPECT_GT(faulty, kMixed / 5);
  EXPECT_GE(replied, kMixed * 6 / 10) << "seed " << kSeed;
  const double most = static_cast<double>(kMixed) * limits::kRetriesPerCall +
                      limits::kRetriesSavedMax + 2;  // earned by time
  EXPECT_LE(static_cast<double>(sources.times.size() - kMixed), most) << "seed " << kSeed;
}

}  // namespace
}  // namespace ragent::providers
