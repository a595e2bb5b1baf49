#include <gtest/gtest.h>
#include <simulation/harness.h>

namespace ragent::simulation {
namespace {

using Kind = Outside::Kind;

class SimulationTest : public testing::TestWithParam<const char*> {};

TEST_P(SimulationTest, KeepsItsPromisesThroughCrashes) {
  for (std::uint64_t seed = 1; seed <= 4; ++seed) {
    for (const Kind kind : {Kind::steady, Kind::rough}) {
      EXPECT_EQ(sweep({.planner = GetParam(), .seed = seed, .kind = kind}, 12), "");
    }
  }
}

TEST_P(SimulationTest, ASmallBudgetEndsItAndAddsUp) {
  for (std::uint64_t seed = 1; seed <= 3; ++seed) {
    EXPECT_EQ(sweep({.planner = GetParam(),
                     .seed = seed,
                     .budget = {.steps = 60, .tokens = 9000, .time = std::chrono::hours(1)}},
                    6),
              "");
  }
}

TEST_P(SimulationTest, AStoppedRunIsCancelled) {
  for (std::uint64_t seed = 1; seed <= 4; ++seed) {
    const std::chrono::milliseconds after(5 + seed * 17 % 90);
    EXPECT_EQ(sweep({.planner = GetParam(), .seed = seed, .cancel_after = after}, 6), "");
  }
}

TEST_P(SimulationTest, AnEvictedRunIsTheSame) {
  for (std::uint64_t seed = 1; seed <= 3; ++seed) {
    EXPECT_EQ(
        sweep({.planner = GetParam(), .seed = seed, .evict_after = std::chrono::milliseconds(5)},
              6),
        "");
  }
}

TEST_P(SimulationTest, AForkKeepsThePromisesAndSoDoesItsSource) {
  for (std::uint64_t seed = 1; seed <= 2; ++seed) {
    for (const Kind kind : {Kind::steady, Kind::rough}) {
      EXPECT_EQ(sweep_forks({.planner = GetParam(), .seed = seed, .kind = kind}, 6), "");
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Planners, SimulationTest,
                         testing::Values("beam", "race", "map_join", "loop", "busy"),
                         [](const auto& tested) { return std::string(tested.param); });

class LongSimulationTest : public testing::TestWithParam<const char*> {};

TEST_P(LongSimulationTest, ManySeeds) {
  for (std::uint64_t seed = 1000; seed < 1040; ++seed) {
    for (const Kind kind : {Kind::steady, Kind::rough}) {
      EXPECT_EQ(sweep({.planner = GetParam(), .seed = seed, .kind = kind}, 30), "");
    }
    EXPECT_EQ(sweep({.planner = GetParam(),
                     .seed = seed,
                     .cancel_after = std::chrono::milliseconds(5 + seed * 17 % 150),
                     .evict_after = std::chrono::milliseconds(5)},
                    10),
              "");
  }
}

TEST_P(LongSimulationTest, ManyForks) {
  for (std::uint64_t seed = 2000; seed < 2040; ++seed) {
    for (const Kind kind : {Kind::steady, Kind::rough}) {
      EXPECT_EQ(sweep_forks({.planner = GetParam(), .seed = seed, .kind = kind}, 40), "");
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Planners, LongSimulationTest,
                         testing::Values("beam", "race", "map_join", "loop", "busy"),
                         [](const auto& tested) { return std::string(tested.param); });

// The number asked of us: 500 interleavings, each with every crash, the same answer each time.
TEST(LongInterleavingTest, AnyAndCancelAnswerTheSameThroughEveryCrash) {
  for (std::uint64_t seed = 1; seed <= 500; ++seed) {
    EXPECT_EQ(sweep({.planner = "picky", .seed = seed, .kind = Kind::steady}, 200), "");
  }
}

TEST(InterleavingTest, AnyAndCancelAnswerTheSameThroughEveryCrash) {
  for (std::uint64_t seed = 501; seed <= 505; ++seed) {
    EXPECT_EQ(sweep({.planner = "picky", .seed = seed, .kind = Kind::steady}, 60), "");
  }
}

}  // namespace
}  // namespace ragent::simulation
