#include <api/feed.h>
#include <api/test_house.h>

namespace ragent::api {
namespace {

using namespace std::chrono_literals;

class FeedTest : public testing::Test {
 protected:
  RunHandle start(std::string_view input) {
    Result<Agent> agent = load_agent(house.agent());
    Result<RunHandle> handle = engine.start(*agent, Input(std::string(input)));
    RAGENT_ASSERT(handle);
    return std::move(*handle);
  }
  FeedParts parts() { return {*loop, *pool, engine, house.home()}; }

  static Task<std::vector<Event>> all(std::unique_ptr<Feed> feed, Loop& loop) {
    std::vector<Event> out;
    for (;;) {
      std::optional<Feed::News> news = co_await feed->next(loop.now() + 5s);
      if (!news || !news->event) co_return out;
      out.push_back(std::move(*news->event));
    }
  }
  static Task<std::vector<Event>> all_of(FeedParts parts, RunHandle handle) {
    co_return co_await all(co_await Feed::of(parts, std::move(handle), OnBusy::enqueue),
                           parts.loop);
  }
  std::vector<Event> read(RunHandle handle) {
    Result<std::vector<Event>> events = block_on(*loop, all_of(parts(), std::move(handle)));
    EXPECT_TRUE(events);
    return events.value_or(std::vector<Event>());
  }

  House house;
  Engine engine{house.options()};
  std::unique_ptr<Loop> loop = make_loop();
  std::unique_ptr<Pool> pool = make_pool(1, 16);
};

TEST_F(FeedTest, ARunThatIsHeardFromItsStartIsToldAsItWas) {
  RunHandle handle = start("hello");
  ASSERT_TRUE(handle.wait());
  const std::vector<Event> events = read(std::move(handle));
  EXPECT_EQ(ids_of(events), up_to(ids_of(events).size()));
  EXPECT_EQ(text_of(events), "one two three four");
  EXPECT_EQ(events.back().kind, Event::Kind::ended);
}

TEST_F(FeedTest, NoDeltaComesBehindTheRecordThatEndsItsStep) {
  RunHandle handle = start("hello");
  ASSERT_TRUE(handle.wait());
  EXPECT_EQ(handle.next_event(1s)->id, 1u);  // so that all is read, and then heard as well
  const std::vector<Event> events = read(std::move(handle));
  EXPECT_EQ(ids_of(events), up_to(ids_of(events).size()));
  EXPECT_EQ(text_of(events), "");
  EXPECT_EQ(events.back().kind, Event::Kind::ended);
}

TEST_F(FeedTest, WhatAFullQueueDroppedIsReadFromTheStore) {
  RunHandle ran = start("book");
  ASSERT_TRUE(ran.wait());
  auto state = std::make_shared<RunHandle::State>(nullptr, Tenant());
  state->name(ran.id(), ran.session());
  for (const std::uint64_t id : {1, 5, 6}) state->push({.id = id, .record = "heard"});
  state->finish(Answer{});
  const std::vector<Event> events = read(RunHandle(state));
  EXPECT_EQ(ids_of(events), up_to(6));
  EXPECT_EQ(events[3].record == "heard", false);
  EXPECT_EQ(events[4].record, "heard");
}

TEST_F(FeedTest, AnInterruptEndsTheWaiting) {
  RunHandle handle = start("endless");
  auto waits = [](FeedParts parts, RunHandle run) -> Task<bool> {
    auto feed = co_await Feed::of(parts, std::move(run), OnBusy::enqueue);
    while (co_await feed->next(parts.loop.now() + 50ms)) {
    }
    feed->interrupt();
    co_return !co_await feed->next(parts.loop.now() + 60s) && feed->interrupted();
  };
  EXPECT_EQ(block_on(*loop, waits(parts(), std::move(handle))), true);
}

}  // namespace
}  // namespace ragent::api
