// The conformance suite of the Store interface: everything here holds for every implementation.

#include <ragent/limits.h>

#include <store/memory/memory_store.h>
#include <store/test_home.h>

#include <functional>
#include <random>
#include <thread>

#include <fmt/core.h>
#include <gmock/gmock.h>

namespace ragent {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

// Where a store lives; opening it again is what a new process does.
class Place {
 public:
  virtual ~Place() = default;
  virtual Result<std::unique_ptr<Store>> open() = 0;
};
class SqlitePlace : public Place {
  Result<std::unique_ptr<Store>> open() override { return open_sqlite_store(home_.path()); }
  TestHome home_;
};
class MemoryPlace : public Place {
  Result<std::unique_ptr<Store>> open() override { return make_memory_store(disk_); }
  std::shared_ptr<MemoryDisk> disk_ = std::make_shared<MemoryDisk>();
};

struct Backend {
  std::string name;
  std::function<std::unique_ptr<Place>()> make;
};
const Backend kSqlite{"sqlite", [] { return std::make_unique<SqlitePlace>(); }};
const Backend kMemory{"memory", [] { return std::make_unique<MemoryPlace>(); }};

Tenant tenant_named(std::string_view id) { return Tenant::parse(id).value(); }

std::vector<RunId> ids(const std::vector<RunRow>& rows) {
  std::vector<RunId> out;
  for (const RunRow& row : rows) out.push_back(row.id);
  return out;
}

class StoreTest : public testing::TestWithParam<Backend> {
 protected:
  StoreTest() : place_(GetParam().make()) { reopen(); }
  void reopen() {
    store_.reset();
    Result<std::unique_ptr<Store>> opened = place_->open();
    RAGENT_ASSERT(opened.has_value());
    store_ = std::move(*opened);
  }
  Journal& journal() { return store_->journal(); }
  Tenants& tenants() { return store_->tenants(); }
  Artifacts& artifacts() { return store_->artifacts(); }
  // A run that has ended, was applied as `turn` of session s1 and filed; still in the journal too.
  void file_run(RunId run, std::uint32_t turn) {
    const std::uint64_t lsn = journal().commit(ended_run(run, 3)).value() + 2;
    Applied applied{.lsn = lsn,
                    .session = "s1",
                    .turn = {.number = turn, .run = run_row(run).uid, .at = 10 + turn}};
    ASSERT_TRUE(tenants().apply(local_, {applied}));
    ASSERT_TRUE(tenants().file(local_, {run}));
  }

  const Tenant local_ = {};
  const Tenant other_ = tenant_named("other");
  std::unique_ptr<Place> place_;
  std::unique_ptr<Store> store_;
};

INSTANTIATE_TEST_SUITE_P(Stores, StoreTest, testing::Values(kSqlite, kMemory),
                         [](const auto& info) { return info.param.name; });

TEST_P(StoreTest, AnEmptyStoreAnswersNothing) {
  EXPECT_THAT(journal().runs().value(), IsEmpty());
  EXPECT_THAT(journal().waits().value(), IsEmpty());
  EXPECT_THAT(journal().inbox().value(), IsEmpty());
  EXPECT_THAT(journal().records(local_, 1, 0).value(), IsEmpty());
  EXPECT_THAT(tenants().runs(local_).value(), IsEmpty());
  EXPECT_THAT(tenants().sessions(local_).value(), IsEmpty());
  EXPECT_THAT(tenants().turns(local_, "s1", 0).value(), IsEmpty());
  EXPECT_EQ(tenants().applied_lsn(local_).value(), 0u);
  EXPECT_EQ(store_->last_run_id().value(), 0);
}

TEST_P(StoreTest, EveryFieldComesBackAlsoAfterReopening) {
  RunRow row = run_row(7);
  row.parent = "uid3";
  row.outcome = "gave_up";
  row.chapter = 2;
  row.crashes = 1;
  row.ended_at = 1'764'000'000'000;
  Record first = record(7, 1, std::string("a\0ž\"\n", 6));
  first.path = "0.4.1";
  first.chapter = 2;
  first.step = kNoStep;
  first.call = 3;
  first.kind = RecordKind::call_agent;
  first.phase = Phase::intent;
  first.attempt = 9;
  first.at = -1;
  const WaitRow wait{.run = 7,
                     .path = "0.4",
                     .step = 2,
                     .call = 1,
                     .kind = "ask",
                     .key = "k",
                     .due = 99,
                     .body = "{}"};
  const InboxRow inbox{.id = "m1", .tenant = "local", .session = "s1", .run = 7, .body = "hello"};
  EXPECT_EQ(journal().commit({.specs = {{"d1", "spec"}},
                              .runs = {row},
                              .records = {first, record(7, 2, "")},
                              .waits = {wait},
                              .inbox = {inbox}}),
            1u);
  row.n = 2;
  first.lsn = 1;
  Record second = record(7, 2, "");
  second.lsn = 2;
  for (int opened = 0; opened < 2; ++opened) {
    EXPECT_THAT(journal().runs().value(), ElementsAre(row));
    EXPECT_THAT(journal().records(local_, 7, 0).value(), ElementsAre(first, second));
    EXPECT_THAT(journal().waits().value(), ElementsAre(wait));
    EXPECT_THAT(journal().inbox().value(), ElementsAre(inbox));
    EXPECT_EQ(journal().spec(local_, "d1"), "spec");
    EXPECT_EQ(store_->last_run_id(), 7);
    reopen();
  }
}

TEST_P(StoreTest, LsnsFollowTheGroupAndAreNeverGivenTwice) {
  EXPECT_EQ(journal().commit({.runs = {run_row(1)}, .records = {record(1, 1), record(1, 2)}}), 1u);
  EXPECT_EQ(journal().commit({.records = {record(1, 3)}}), 3u);
  EXPECT_EQ(journal().commit({}), 4u);
  file_run(2, 1);  // lsns 4, 5, 6
  ASSERT_TRUE(journal().commit({.forget = {2}}));
  reopen();  // the highest lsn is no longer in the journal
  EXPECT_EQ(journal().commit({.records = {record(1, 4)}}), 7u);
  EXPECT_EQ(store_->last_run_id(), 2);
}

TEST_P(StoreTest, ARunIsReplacedByItsIdAndCountsItsRecords) {
  ASSERT_TRUE(journal().commit({.runs = {run_row(1), run_row(2, "other")},
                                .records = {record(1, 1), record(2, 1), record(1, 2)}}));
  RunRow parked = run_row(1);
  parked.state = "waiting_ask";
  ASSERT_TRUE(journal().commit({.runs = {parked}}));
  parked.n = 2;
  RunRow second = run_row(2, "other");
  second.n = 1;
  EXPECT_THAT(journal().runs().value(), ElementsAre(parked, second));
}

TEST_P(StoreTest, ABadGroupWritesNothingAtAll) {
  ASSERT_TRUE(journal().commit({.runs = {run_row(1)}, .records = {record(1, 1)}}));
  const Group twice{.specs = {{"d2", "spec"}},
                    .runs = {run_row(1, "local", "ended"), run_row(2)},
                    .records = {record(1, 2), record(1, 1)},
                    .waits = {{.run = 1, .path = "0"}},
                    .inbox = {{.id = "m1", .session = "s1"}}};
  EXPECT_EQ(journal().commit(twice).error().kind, ErrorKind::misuse);
  EXPECT_THAT(journal().commit(twice).error().message, HasSubstr("number 1 of run 1"));
  RunRow same_uid = run_row(3);
  same_uid.uid = "uid1";
  EXPECT_EQ(journal().commit({.runs = {same_uid}}).error().kind, ErrorKind::misuse);
  EXPECT_EQ(journal().commit({.inbox_done = {{"m1", 1, 1}}}).error().kind, ErrorKind::misuse);
  EXPECT_THAT(ids(journal().runs().value()), ElementsAre(1));
  EXPECT_EQ(journal().runs().value()[0].state, "working");
  EXPECT_THAT(journal().waits().value(), IsEmpty());
  EXPECT_THAT(journal().inbox().value(), IsEmpty());
  EXPECT_EQ(journal().commit({.records = {record(1, 2)}}), 2u);
}

TEST_P(StoreTest, RecordsAreReadFromAChapterOnAndOnlyByTheirTenant) {
  Group group{.runs = {run_row(1)}};
  for (std::uint32_t n = 1; n <= 6; ++n) {
    group.records.push_back(record(1, n));
    group.records.back().chapter = (n - 1) / 2;
  }
  ASSERT_TRUE(journal().commit(group));
  EXPECT_THAT(journal().records(local_, 1, 0).value(), SizeIs(6));
  const std::vector<Record> last = journal().records(local_, 1, 2).value();
  ASSERT_THAT(last, SizeIs(2));
  EXPECT_EQ(last[0].n, 5u);
  EXPECT_THAT(journal().records(local_, 1, 3).value(), IsEmpty());
  EXPECT_THAT(journal().records(other_, 1, 0).value(), IsEmpty());
}

TEST_P(StoreTest, WaitsComeAndGoInTheOrderOfTheGroup) {
  WaitRow wait{.run = 1, .path = "0", .step = 2, .kind = "timer", .due = 5};
  WaitRow done = wait;
  done.done = true;
  Group group{.runs = {run_row(1)}, .waits = {wait, done}};
  ASSERT_TRUE(journal().commit(group));
  EXPECT_THAT(journal().waits().value(), IsEmpty());
  WaitRow later = wait;
  later.due = 6;
  Group first{.waits = {wait, done}};
  first.append({.waits = {later}});
  ASSERT_TRUE(journal().commit(first));
  EXPECT_THAT(journal().waits().value(), ElementsAre(later));
}

TEST_P(StoreTest, AnInboxRowComesOnceAndIsTakenByOneRecord) {
  const InboxRow one{.id = "a", .tenant = "local", .session = "s1", .body = "1"};
  InboxRow two{.id = "b", .tenant = "local", .session = "s1", .body = "2"};
  ASSERT_TRUE(journal().commit({.runs = {run_row(1)}, .inbox = {two, one, one}}));
  EXPECT_THAT(journal().inbox().value(), ElementsAre(two, one));
  Group taken{.records = {record(1, 1)}, .inbox_done = {{"b", 1, 1}}};
  taken.append({.records = {record(1, 2)}});
  ASSERT_TRUE(journal().commit(taken));
  ASSERT_TRUE(journal().commit({.inbox = {two}}));
  EXPECT_THAT(journal().inbox().value(), ElementsAre(one));
}

TEST_P(StoreTest, ASpecBelongsToTheTenantsWhoseRunsUseIt) {
  ASSERT_TRUE(
      journal().commit({.specs = {{"d1", "first"}, {"d2", "unused"}}, .runs = {run_row(1)}}));
  ASSERT_TRUE(journal().commit({.specs = {{"d1", "second"}}}));
  EXPECT_EQ(journal().spec(local_, "d1"), "first");
  EXPECT_EQ(journal().spec(other_, "d1").error().kind, ErrorKind::not_found);
  EXPECT_EQ(journal().spec(local_, "d2").error().kind, ErrorKind::not_found);
}

TEST_P(StoreTest, ApplyingMayRepeat) {
  const auto item = [](std::uint64_t lsn, std::uint32_t number) {
    return Applied{.lsn = lsn,
                   .session = "s1",
                   .turn = {.number = number,
                            .run = "uid",
                            .input = "in",
                            .answer = "out",
                            .at = 100 + static_cast<std::int64_t>(lsn)},
                   .usage = std::to_string(lsn)};
  };
  Group group{.runs = {run_row(1)}};
  for (std::uint32_t n = 1; n <= 9; ++n) group.records.push_back(record(1, n));
  ASSERT_TRUE(journal().commit(group));
  ASSERT_TRUE(tenants().apply(local_, {item(2, 1), item(4, 2)}));
  ASSERT_TRUE(tenants().apply(local_, {item(2, 1), item(4, 2), item(5, 0), item(8, 3)}));
  EXPECT_EQ(tenants().applied_lsn(local_), 8u);
  EXPECT_EQ(tenants().apply(local_, {item(9, 4), item(9, 3), item(10, 2)}).has_value(), false);
  EXPECT_EQ(tenants().applied_lsn(local_), 8u);
  reopen();
  const std::vector<Turn> turns = tenants().turns(local_, "s1", 2).value();
  EXPECT_THAT(turns, ElementsAre(item(4, 2).turn, item(8, 3).turn));
  EXPECT_THAT(tenants().sessions(local_).value(), ElementsAre(SessionRow{"s1", 3, 108}));
  EXPECT_THAT(tenants().usage(local_).value(),
              ElementsAre(UsageRow{"uid", "s1", "8"}, UsageRow{"uid", "s1", "5"},
                          UsageRow{"uid", "s1", "4"}, UsageRow{"uid", "s1", "2"}));
  EXPECT_THAT(tenants().sessions(other_).value(), IsEmpty());
  EXPECT_THAT(tenants().usage(other_).value(), IsEmpty());
  EXPECT_THAT(tenants().turns(other_, "s1", 0).value(), IsEmpty());
}

// Sessions that begin with the turns of another one, and with those of one that did so itself.
TEST_P(StoreTest, ASessionBeginsWithTheTurnsOfItsOrigin) {
  const auto turn = [](std::uint32_t number, const std::string& run) {
    return Turn{.number = number, .run = run, .input = "in", .answer = "out", .at = 100 + number};
  };
  const auto runs_of = [&](const std::string& session, std::uint32_t from) {
    std::string out;
    for (const Turn& one : tenants().turns(local_, session, from).value()) {
      out += std::to_string(one.number) + one.run + " ";
    }
    return out;
  };
  Group group{.runs = {run_row(1)}};
  for (std::uint32_t n = 1; n <= 9; ++n) group.records.push_back(record(1, n));
  ASSERT_TRUE(journal().commit(group));
  ASSERT_TRUE(tenants().apply(local_, {{.lsn = 1, .session = "a", .turn = turn(1, "a")},
                                       {.lsn = 2, .session = "a", .turn = turn(2, "a")},
                                       {.lsn = 3, .session = "a", .turn = turn(3, "a")}}));
  const std::vector<Applied> forks = {
      {.lsn = 4, .session = "b", .turn = turn(3, "b"), .origin = {"a", 2}},
      {.lsn = 5, .session = "c", .turn = turn(3, "c"), .origin = {"b", 2}},
      {.lsn = 6, .session = "d", .turn = turn(4, "d"), .origin = {"b", 3}},
      {.lsn = 7, .session = "e", .turn = {.at = 110}, .origin = {"d", 4}}};
  ASSERT_TRUE(tenants().apply(local_, forks));
  ASSERT_TRUE(tenants().apply(local_, forks));
  ASSERT_TRUE(tenants().apply(local_, {{.lsn = 8, .session = "a", .turn = turn(4, "a")},
                                       {.lsn = 9, .session = "e", .turn = turn(5, "e")}}));
  for (bool again : {false, true}) {
    if (again) reopen();
    EXPECT_EQ(runs_of("a", 1), "1a 2a 3a 4a ");
    EXPECT_EQ(runs_of("b", 1), "1a 2a 3b ");
    EXPECT_EQ(runs_of("c", 1), "1a 2a 3c ");
    EXPECT_EQ(runs_of("d", 1), "1a 2a 3b 4d ");
    EXPECT_EQ(runs_of("e", 1), "1a 2a 3b 4d 5e ");
    EXPECT_EQ(runs_of("e", 3), "3b 4d 5e ");
    EXPECT_EQ(runs_of("e", 6), "");
    EXPECT_THAT(
        tenants().sessions(local_).value(),
        ElementsAre(SessionRow{"e", 5, 110}, SessionRow{"a", 4, 104}, SessionRow{"d", 4, 104},
                    SessionRow{"b", 3, 103}, SessionRow{"c", 3, 103}));
    EXPECT_THAT(tenants().turns(other_, "b", 0).value(), IsEmpty());
  }
}

TEST_P(StoreTest, AFiledRunIsTheSameInTheJournalInBothAndAtRest) {
  file_run(1, 1);
  const FiledRun both = tenants().run(local_, "uid1").value();
  EXPECT_THAT(both.records, SizeIs(3));
  EXPECT_EQ(both.spec, R"({"name":"clerk"})");
  EXPECT_EQ(both.row.n, 3u);
  EXPECT_THAT(ids(list_runs(*store_, local_).value()), ElementsAre(1));
  ASSERT_TRUE(tenants().file(local_, {1}));
  const WaitRow wait{.run = 1, .path = "0"};
  const InboxRow inbox{.id = "m", .tenant = "local", .session = "s1", .run = 1};
  ASSERT_TRUE(journal().commit({.waits = {wait}, .inbox = {inbox}}));
  ASSERT_TRUE(journal().commit({.runs = {run_row(2)}, .forget = {1}}));
  reopen();
  EXPECT_THAT(ids(journal().runs().value()), ElementsAre(2));
  EXPECT_THAT(journal().records(local_, 1, 0).value(), IsEmpty());
  EXPECT_THAT(journal().waits().value(), IsEmpty());
  EXPECT_THAT(journal().inbox().value(), IsEmpty());
  EXPECT_EQ(tenants().run(local_, "uid1"), both);
  EXPECT_THAT(tenants().runs(local_).value(), ElementsAre(both.row));
  EXPECT_THAT(ids(list_runs(*store_, local_).value()), ElementsAre(2, 1));
  ASSERT_TRUE(tenants().file(local_, {1}));  // a filer that starts again
}

TEST_P(StoreTest, OnlyWhatHasEndedAndWasAppliedIsFiled) {
  ASSERT_TRUE(journal().commit({.runs = {run_row(1)}, .records = {record(1, 1)}}));
  ASSERT_TRUE(journal().commit(ended_run(2, 2)));
  EXPECT_EQ(tenants().file(local_, {1}).error().kind, ErrorKind::misuse);
  EXPECT_EQ(tenants().file(local_, {2}).error().kind, ErrorKind::misuse);
  EXPECT_EQ(tenants().file(local_, {3}).error().kind, ErrorKind::not_found);
  ASSERT_TRUE(tenants().apply(local_, {{.lsn = 3}}));
  EXPECT_EQ(tenants().file(local_, {2, 1}).error().kind, ErrorKind::misuse);
  EXPECT_THAT(tenants().runs(local_).value(), IsEmpty());  // all of the batch or nothing
  ASSERT_TRUE(tenants().file(local_, {2}));
}

TEST_P(StoreTest, AnotherTenantsRunDoesNotExist) {
  file_run(1, 1);
  ASSERT_TRUE(journal().commit({.runs = {run_row(2)}, .records = {record(2, 1)}}));
  const Error missing = tenants().run(other_, "uid9").error();
  EXPECT_EQ(missing.kind, ErrorKind::not_found);
  for (const char* uid : {"uid1", "uid2"}) {
    EXPECT_TRUE(tenants().run(local_, uid)) << uid;
    Error error = tenants().run(other_, uid).error();
    EXPECT_EQ(error.kind, missing.kind);
    EXPECT_EQ(error.message.size(), missing.message.size()) << "the same words";
  }
  EXPECT_EQ(tenants().file(other_, {1}).error().kind, ErrorKind::not_found);
  EXPECT_THAT(list_runs(*store_, other_).value(), IsEmpty());
}

TEST_P(StoreTest, ArtifactsAreNamedByTheirContent) {
  std::string bytes(1u << 20, '\0');
  bytes += "\xff\n";
  const std::string id = artifacts().put(local_, bytes).value();
  EXPECT_EQ(artifacts().put(local_, bytes), id);
  EXPECT_EQ(artifacts().put(local_, ""),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  reopen();
  EXPECT_EQ(artifacts().get(local_, id), bytes);
  const std::vector<std::string> none = {"", "../journal.db", std::string(64, '0'), id + "/", "."};
  for (const std::string& bad : none) {
    EXPECT_EQ(artifacts().get(local_, bad).error().kind, ErrorKind::not_found) << bad;
  }
  EXPECT_EQ(artifacts().get(other_, id).error().kind, ErrorKind::not_found);
}

TEST_P(StoreTest, ReadersSeeWholeGroupsWhileTheWriterCommits) {
  ASSERT_TRUE(journal().commit({.runs = {run_row(1)}}));
  constexpr std::uint32_t kGroups = 60;
  std::jthread writer([&] {
    for (std::uint32_t n = 1; n <= 2 * kGroups; n += 2) {
      ASSERT_TRUE(journal().commit({.records = {record(1, n), record(1, n + 1)}}));
    }
  });
  std::size_t seen = 0;
  while (seen < 2 * kGroups) {
    const std::vector<Record> records = journal().records(local_, 1, 0).value();
    ASSERT_EQ(records.size() % 2, 0u);
    ASSERT_GE(records.size(), seen);
    seen = records.size();
  }
}

// The same random calls on every store: all answers are those of the memory store.
TEST_P(StoreTest, BehavesAsTheMemoryStoreDoes) {
  const std::unique_ptr<Store> model = make_memory_store();
  std::mt19937 random(4711);
  const auto draw = [&](std::uint32_t below) {
    return static_cast<std::uint32_t>(random() % below);
  };
  std::vector<std::uint32_t> n(8, 0);
  std::uint32_t turns = 0;
  for (int round = 0; round < 300; ++round) {
    Group group;
    for (std::uint32_t i = draw(4); i > 0; --i) {
      const RunId run = 1 + draw(7);
      const Tenant& tenant = run % 2 == 0 ? other_ : local_;
      auto& next = n[static_cast<std::size_t>(run)];
      group.runs.push_back(run_row(run, tenant.id(), draw(4) == 0 ? "ended" : "working"));
      group.records.push_back(record(run, draw(12) == 0 ? 1 : ++next));
      group.waits.push_back(
          {.run = run, .path = "0", .step = draw(2), .due = round, .done = draw(2) == 0});
      group.inbox.push_back({.id = fmt::format("m{}", draw(40)), .session = "s"});
      if (draw(3) == 0) {
        group.inbox_done.push_back({fmt::format("m{}", draw(40)), run, group.records.back().n});
      }
    }
    const auto first = model->journal().commit(group);
    const auto same = journal().commit(group);
    ASSERT_EQ(first.has_value(), same.has_value()) << round;
    if (!first) {
      ASSERT_EQ(first.error().kind, same.error().kind);
      for (const Record& record : group.records) --n[static_cast<std::size_t>(record.run)];
      for (const RunRow& row : model->journal().runs().value())
        n[static_cast<std::size_t>(row.id)] = row.n;
      continue;
    }
    ASSERT_EQ(*first, *same);
    const std::vector<Applied> applied = {
        {.lsn = *first, .session = "s", .turn = {.number = draw(5) == 0 ? turns : ++turns}}};
    for (const Tenant& tenant : {local_, other_}) {
      const auto done = model->tenants().apply(tenant, applied);
      ASSERT_EQ(done.has_value(), tenants().apply(tenant, applied).has_value()) << round;
      const std::vector<RunId> some = {1 + draw(7)};
      const auto filed = model->tenants().file(tenant, some);
      ASSERT_EQ(filed.has_value(), tenants().file(tenant, some).has_value()) << round;
      if (!filed) continue;
      ASSERT_EQ(model->journal().commit({.forget = some}), journal().commit({.forget = some}));
      ASSERT_EQ(model->tenants().runs(tenant), tenants().runs(tenant));
      ASSERT_EQ(model->tenants().sessions(tenant), tenants().sessions(tenant));
      ASSERT_EQ(model->tenants().turns(tenant, "s", 0), tenants().turns(tenant, "s", 0));
    }
    if (draw(40) == 0) reopen();
    ASSERT_EQ(model->journal().runs(), journal().runs()) << round;
    ASSERT_EQ(model->journal().waits(), journal().waits()) << round;
    ASSERT_EQ(model->journal().inbox(), journal().inbox()) << round;
    for (RunId run = 1; run < 8; ++run) {
      ASSERT_EQ(model->tenants().run(local_, run_row(run).uid),
                tenants().run(local_, run_row(run).uid));
    }
  }
}

TEST(MemoryDisk, APowerCutTakesWhatWasNotSyncedAndNothingElse) {
  auto disk = std::make_shared<MemoryDisk>();
  const Tenant local;
  const auto apply = [&](Store& store, std::uint64_t lsn, std::uint32_t turn) {
    return store.tenants().apply(local, {{.lsn = lsn, .session = "s", .turn = {.number = turn}}});
  };
  std::unique_ptr<Store> store = make_memory_store(disk);
  ASSERT_TRUE(store->journal().commit(ended_run(1, 1)));
  ASSERT_TRUE(store->journal().commit(ended_run(2, 1)));
  ASSERT_TRUE(apply(*store, 1, 1));
  ASSERT_TRUE(store->tenants().file(local, {1}));
  ASSERT_TRUE(apply(*store, 2, 2));
  store = make_memory_store(disk);
  EXPECT_EQ(store->tenants().applied_lsn(local), 2u);
  disk->power_cut();
  EXPECT_EQ(store->tenants().applied_lsn(local), 1u);
  EXPECT_THAT(store->tenants().turns(local, "s", 0).value(), SizeIs(1));
  EXPECT_THAT(store->tenants().runs(local).value(), SizeIs(1));
  EXPECT_THAT(store->journal().runs().value(), SizeIs(2));
  ASSERT_TRUE(apply(*store, 2, 2));
}

TEST(MemoryDisk, ACommitFailsOnceAndAfterAnIoErrorForGood) {
  auto disk = std::make_shared<MemoryDisk>();
  std::unique_ptr<Store> store = make_memory_store(disk);
  disk->fail_next_commit({.kind = ErrorKind::unavailable, .message = "full"});
  EXPECT_EQ(store->journal().commit(ended_run(1, 1)).error().kind, ErrorKind::unavailable);
  EXPECT_THAT(store->journal().runs().value(), IsEmpty());
  EXPECT_EQ(store->journal().commit(ended_run(1, 1)), 1u);
  disk->fail_next_commit({.kind = ErrorKind::io, .message = "sync"}, true);
  EXPECT_EQ(store->journal().commit(ended_run(2, 1)).error().kind, ErrorKind::io);
  EXPECT_EQ(store->journal().commit(ended_run(3, 1)).error().kind, ErrorKind::io);
  store = make_memory_store(disk);
  EXPECT_EQ(store->journal().commit(ended_run(3, 1)), 3u);
}

}  // namespace
}  // namespace ragent
