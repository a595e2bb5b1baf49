#include <base/channel.h>

#include <base/scope.h>
#include <base/simulated_loop.h>

#include <gmock/gmock.h>

#include <numeric>

namespace ragent {
namespace {

using namespace std::chrono_literals;

Task<void> produce(Channel<int>& channel, int from, int to) {
  for (int i = from; i < to; ++i) co_await channel.push(i);
}
Task<void> consume(Channel<int>& channel, std::vector<int>& taken) {
  while (const std::optional<int> item = co_await channel.pop()) taken.push_back(*item);
}

TEST(Channel, KeepsTheOrderAndTheBound) {
  SimulatedLoop loop(1);
  Channel<int> channel(loop, 3);
  Scope scope(loop);
  scope.spawn(produce(channel, 0, 100));
  loop.run([turn = 0]() mutable { return turn++ > 20; });
  EXPECT_EQ(channel.size(), 3u);  // the producer waits
  std::vector<int> taken;
  scope.spawn(consume(channel, taken));
  EXPECT_TRUE(loop.run([&] { return taken.size() == 100; }));
  std::vector<int> expected(100);
  std::iota(expected.begin(), expected.end(), 0);
  EXPECT_EQ(taken, expected);
}

TEST(Channel, CloseDrainsReadersAndFailsWriters) {
  SimulatedLoop loop(1);
  Channel<int> channel(loop, 2);
  std::vector<Error> errors;
  Scope scope(loop, [&](const Error& error) { errors.push_back(error); });
  scope.spawn(produce(channel, 0, 5));
  loop.run([turn = 0]() mutable { return turn++ > 10; });
  channel.close();
  std::vector<int> taken;
  scope.spawn(consume(channel, taken));
  EXPECT_TRUE(block_on(loop, scope.join()));
  EXPECT_THAT(taken, testing::ElementsAre(0, 1));
  ASSERT_EQ(errors.size(), 1u);
  EXPECT_EQ(errors[0].kind, ErrorKind::cancelled);
  int item = 9;
  EXPECT_FALSE(channel.try_push(item));
}

TEST(Channel, AReaderThatDiesPassesItsItemOn) {
  SimulatedLoop loop(1);
  Channel<int> channel(loop, 2);
  std::vector<int> dead;
  std::vector<int> alive;
  Scope first(loop);
  Scope second(loop);
  first.spawn(consume(channel, dead));
  loop.run([turn = 0]() mutable { return turn++ > 4; });
  second.spawn(consume(channel, alive));
  loop.run([turn = 0]() mutable { return turn++ > 4; });
  int item = 7;
  EXPECT_TRUE(channel.try_push(item));  // wakes the first, who is destroyed before its turn
  first.cancel();
  EXPECT_TRUE(loop.run([&] { return !alive.empty(); }));
  EXPECT_THAT(alive, testing::ElementsAre(7));
  EXPECT_TRUE(dead.empty());
}

TEST(Channel, NothingIsLostOrTwiceOnAnySchedule) {
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    SimulatedLoop loop(seed);
    Channel<int> channel(loop, 1 + seed % 4);
    std::vector<int> taken;
    Scope writers(loop);
    Scope readers(loop);
    for (int w = 0; w < 3; ++w) writers.spawn(produce(channel, w * 10, w * 10 + 10));
    for (int r = 0; r < 4; ++r) readers.spawn(consume(channel, taken));
    EXPECT_TRUE(block_on(loop, writers.join()));
    channel.close();
    EXPECT_TRUE(block_on(loop, readers.join()));
    std::ranges::sort(taken);
    std::vector<int> expected(30);
    std::iota(expected.begin(), expected.end(), 0);
    EXPECT_EQ(taken, expected) << "seed " << seed;
  }
}

}  // namespace
}  // namespace ragent
