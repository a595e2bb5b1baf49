#include <runtime/writer.h>

#include <gtest/gtest.h>

#include <atomic>
#include <latch>
#include <thread>

namespace ragent {
namespace {

using namespace std::chrono_literals;

class BrokenJournal final : public Journal {
 public:
  Result<std::uint64_t> commit(const Group&) override {
    begun.count_down();
    go_on.wait();
    return fail(ErrorKind::io, "broken");
  }
  Result<std::vector<RunRow>> runs() override { return {}; }
  Result<std::vector<Record>> records(const Tenant&, RunId, std::uint32_t) override { return {}; }
  Result<std::vector<WaitRow>> waits() override { return {}; }
  Result<std::vector<InboxRow>> inbox() override { return {}; }
  Result<std::string> spec(const Tenant&, const std::string&) override { return {}; }
  std::latch begun{1};
  std::latch go_on{1};
};

// Refuses some, then works.
class BusyPool final : public Pool {
 public:
  Result<void> run(Function function) override {
    if (refusals > 0) {
      --refusals;
      return fail(ErrorKind::unavailable, "busy");
    }
    return pool_->run(std::move(function));
  }
  int refusals = 2;

 private:
  std::unique_ptr<Pool> pool_ = make_pool(1, 1);
};

Group one_record() {
  Group group;
  group.records.push_back({.run = 1});
  return group;
}

// Calls back when it goes, as what a shard holds may.
struct Held {
  JournalWriter& writer;
  std::vector<std::thread::id>& gone_on;
  Held(JournalWriter& of, std::vector<std::thread::id>& where) : writer(of), gone_on(where) {}
  Held(const Held&) = delete;
  Held& operator=(const Held&) = delete;
  ~Held() {
    (void)writer.idle();
    gone_on.push_back(std::this_thread::get_id());
  }
};

TEST(JournalWriterTest, WhatIsNotWrittenIsDroppedOnItsOwnLoop) {
  BrokenJournal journal;
  const std::unique_ptr<Loop> loop = make_loop();
  std::unique_ptr<Pool> pool = make_pool(1, 1);
  std::optional<Error> failed;
  JournalWriter writer({.journal = journal,
                        .pool = *pool,
                        .retry_loop = *loop,
                        .log = {},
                        .full_disk_wait = 0ms,
                        .failed = [&](Error error) { failed = std::move(error); }});
  std::vector<std::thread::id> gone_on;
  auto submit = [&] {
    writer.submit(one_record(), *loop,
                  [held = std::make_unique<Held>(writer, gone_on)](std::uint64_t) {
                    ADD_FAILURE() << "nothing was written";
                  });
  };
  submit();
  journal.begun.wait();
  submit();  // waits behind the one that is being written
  journal.go_on.count_down();
  EXPECT_TRUE(loop->run([&] { return failed && gone_on.size() == 2; }, loop->now() + 10s));
  submit();  // too late
  EXPECT_EQ(gone_on, std::vector<std::thread::id>(3, std::this_thread::get_id()));
  EXPECT_TRUE(writer.idle());
}

TEST(JournalWriterTest, APoolThatTakesNothingIsAskedAgain) {
  const std::unique_ptr<Store> store = make_memory_store();
  const std::unique_ptr<Loop> loop = make_loop();
  BusyPool pool;
  JournalWriter writer({.journal = store->journal(),
                        .pool = pool,
                        .retry_loop = *loop,
                        .log = {},
                        .full_disk_wait = 10s,
                        .failed = [](const Error& error) { ADD_FAILURE() << error.message; }});
  std::optional<std::uint64_t> lsn;
  writer.submit(one_record(), *loop, [&](std::uint64_t first) { lsn = first; });
  EXPECT_TRUE(loop->run([&] { return lsn.has_value(); }, loop->now() + 10s));
  while (!writer.idle()) std::this_thread::yield();  // its thread looks once more for what waits
}

}  // namespace
}  // namespace ragent
