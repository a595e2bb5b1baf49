#include <gtest/gtest.h>
#include <simulation/harness.h>

namespace ragent::simulation {
namespace {

using Kind = Outside::Kind;

std::string named(const Trial& trial) {
  return trial.planner + (trial.kind == Kind::steady ? " steady" : " rough") + " seed " +
         std::to_string(trial.seed);
}

// One run whose process dies at `crash`, and perhaps again while the next one recovers.
void expect_survives(const Trial& trial, Crash crash, const std::string& answer) {
  SeededRandom random(trial.seed * 31 + crash.commit + crash.turn);
  Universe universe(trial);
  universe.live(crash);
  for (int again = 0; again < 2 && !universe.ended() && random.below(3) == 0; ++again) {
    universe.live({.commit = 1 + random.below(6), .written = random.below(2) == 0});
  }
  if (!universe.ended()) universe.live();
  SCOPED_TRACE(named(trial) + " dies at commit " + std::to_string(crash.commit) +
               (crash.written ? " (written)" : " (lost)") + " or turn " +
               std::to_string(crash.turn));
  ASSERT_EQ(universe.wrong(), "");
  // The timers of "race" count whole milliseconds: a crash may move them past a reply.
  if (trial.kind == Kind::steady && trial.planner != "race" && !universe.doubted()) {
    EXPECT_EQ(universe.answer(), answer) << universe.dump();
  }
}

// `points` crashes of one run at commits and at turns; every one when it has not more.
void sweep(const Trial& trial, std::uint64_t points) {
  Universe whole(trial);
  const Lived lived = whole.live();
  ASSERT_EQ(whole.wrong(), "") << named(trial);
  SeededRandom random(trial.seed);
  const bool every = points >= 2 * lived.commits;
  for (std::uint64_t i = 0; i < (every ? 2 * lived.commits : points); ++i) {
    const std::uint64_t at = every ? i / 2 : random.below(lived.commits);
    expect_survives(trial, {.commit = 1 + at, .written = i % 2 == 0}, whole.answer());
    if (testing::Test::HasFailure()) return;
  }
  for (std::uint64_t i = 0; i < points / 4; ++i) {
    expect_survives(trial, {.turn = 1 + random.below(lived.turns)}, whole.answer());
    if (testing::Test::HasFailure()) return;
  }
}

class SimulationTest : public testing::TestWithParam<const char*> {};

TEST_P(SimulationTest, KeepsItsPromisesThroughCrashes) {
  for (std::uint64_t seed = 1; seed <= 6; ++seed) {
    for (const Kind kind : {Kind::steady, Kind::rough}) {
      sweep({.planner = GetParam(), .seed = seed, .kind = kind}, 12);
    }
  }
}

TEST_P(SimulationTest, ASmallBudgetEndsItAndAddsUp) {
  for (std::uint64_t seed = 1; seed <= 6; ++seed) {
    sweep({.planner = GetParam(),
           .seed = seed,
           .budget = {.steps = 60, .tokens = 9000, .time = std::chrono::hours(1)}},
          6);
  }
}

TEST_P(SimulationTest, AStoppedRunIsCancelled) {
  for (std::uint64_t seed = 1; seed <= 8; ++seed) {
    const std::chrono::milliseconds after(5 + seed * 17 % 90);
    sweep({.planner = GetParam(), .seed = seed, .cancel_after = after}, 6);
  }
}

TEST_P(SimulationTest, AnEvictedRunIsTheSame) {
  for (std::uint64_t seed = 1; seed <= 6; ++seed) {
    sweep({.planner = GetParam(), .seed = seed, .evict_after = std::chrono::milliseconds(5)}, 6);
  }
}

INSTANTIATE_TEST_SUITE_P(Planners, SimulationTest,
                         testing::Values("beam", "race", "map_join", "loop"),
                         [](const auto& tested) { return std::string(tested.param); });

}  // namespace
}  // namespace ragent::simulation
