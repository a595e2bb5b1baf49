#include <runtime/planners.h>

#include <gmock/gmock.h>

namespace ragent {
namespace {

const std::vector<Planner> kPlanners = {
    {.name = "react", .version = 2}, {.name = "react", .version = 10}, {.name = "direct"}};

TEST(FindPlanner, IsTheNewestOrTheVersionThatIsNamed) {
  EXPECT_EQ(find_planner(kPlanners, "react")->version, 10U);
  EXPECT_EQ(find_planner(kPlanners, "react@2")->version, 2U);
  EXPECT_EQ(find_planner(kPlanners, "direct@1")->name, "direct");
}

TEST(FindPlanner, WhatThereIsNotComesWithWhatThereIs) {
  auto error = [](std::span<const Planner> planners, const std::string& name) {
    Result<Planner> found = find_planner(planners, name);
    return found ? "none" : found.error().message;
  };
  EXPECT_EQ(error(kPlanners, "raect"),
            "there is no planner `raect`; did you mean `react`? (there are react, direct)");
  EXPECT_EQ(
      error(kPlanners, "direct@2"),
      "there is no planner `direct@2`; did you mean `direct@1`? (there are react@2, react@10, "
      "direct@1)");
  EXPECT_EQ(error({}, "x"), "there is no planner `x` (there are none)");
}

}  // namespace
}  // namespace ragent
