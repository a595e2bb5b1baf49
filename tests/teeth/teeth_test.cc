// The simulation against a runtime in which one rule is broken (mutate.cmake): it must notice.
#include <simulation/harness.h>

#include <gtest/gtest.h>

namespace ragent {

int mutation = 0;  // which rule is broken; asked by the mutated copies

namespace simulation {
namespace {

std::string first_failure(std::uint64_t seeds) {
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    for (const char* planner : {"map_join", "race", "beam", "loop", "busy"}) {
      for (const Outside::Kind kind : {Outside::Kind::steady, Outside::Kind::rough}) {
        std::string wrong = sweep({.planner = planner, .seed = seed, .kind = kind}, 12);
        if (!wrong.empty()) return wrong;
      }
      const std::chrono::milliseconds after(5 + seed * 17 % 90);
      std::string wrong = sweep({.planner = planner, .seed = seed, .cancel_after = after}, 6);
      if (!wrong.empty()) return wrong;
    }
  }
  return "";
}

TEST(TeethTest, TheRuntimeAsItIsPasses) {
  mutation = 0;
  EXPECT_EQ(first_failure(1), "");
}

class TeethTest : public testing::TestWithParam<std::pair<int, const char*>> {};

TEST_P(TeethTest, TheSimulationNotices) {
  mutation = GetParam().first;
  const std::string noticed = first_failure(8);
  mutation = 0;
  EXPECT_NE(noticed, "") << "the rule \"" << GetParam().second << "\" has no tooth";
  std::printf("%s\n", noticed.substr(0, noticed.find('\n')).substr(0, 200).c_str());
}

INSTANTIATE_TEST_SUITE_P(Rules, TeethTest,
                         testing::Values(std::pair(1, "live_only_when_quiet"),
                                         std::pair(2, "query_waits_for_not_after"),
                                         std::pair(3, "next_is_journalled"),
                                         std::pair(4, "once_is_not_repeated"),
                                         std::pair(5, "the_intent_is_durable"),
                                         std::pair(6, "late_records_do_not_count"),
                                         std::pair(7, "ended_children_in_order_of_record")),
                         [](const auto& tested) { return std::string(tested.param.second); });

}  // namespace
}  // namespace simulation
}  // namespace ragent
