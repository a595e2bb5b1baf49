#include <model/llama/pace.h>

#include <gtest/gtest.h>

namespace ragent {
namespace {

using std::chrono::milliseconds;

TEST(Pace, HalvesTheThreadsOfACrowdedMachineAndTriesThemAgain) {
  Pace pace(4);
  Pace::TimePoint now = {};
  auto batch = [&](int wall, int processor) {
    std::uint32_t threads = pace.threads(now);
    now += milliseconds(wall);
    pace.took(threads, milliseconds(wall), milliseconds(processor), now);
    return threads;
  };
  EXPECT_EQ(batch(100, 99), 4U);
  EXPECT_EQ(batch(100, 50), 4U);
  EXPECT_EQ(batch(100, 50), 2U);
  EXPECT_EQ(batch(100, 50), 1U);
  EXPECT_EQ(batch(100, 50), 1U);  // there is nothing less
  now += milliseconds(3000);
  EXPECT_EQ(batch(100, 99), 2U);
  EXPECT_EQ(batch(100, 99), 4U);
  EXPECT_EQ(batch(100, 99), 4U);
}

TEST(Pace, TriesLaterEachTimeAndForgetsThatOnAQuietMachine) {
  Pace pace(2);
  Pace::TimePoint now = {};
  auto crowded = [&] { pace.took(2, milliseconds(100), milliseconds(20), now); };
  auto waits = [&] {  // in halves of a second
    int count = 0;
    while (pace.threads(now) == 1) {
      now += milliseconds(500);
      ++count;
    }
    return count;
  };
  for (int expected : {1, 2, 4, 8, 16, 32, 32}) {
    crowded();
    EXPECT_EQ(waits(), expected);
  }
  pace.took(2, milliseconds(100), milliseconds(99), now);
  crowded();
  EXPECT_EQ(waits(), 1);
}

TEST(Pace, AShortBatchTellsNothing) {
  Pace pace(2);
  pace.took(2, milliseconds(2), milliseconds(0), {});
  EXPECT_EQ(pace.threads({}), 2U);
}

}  // namespace
}  // namespace ragent
