#include <runtime/view.h>

#include <gmock/gmock.h>

namespace ragent {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// A store with hand-made runs; records get their n in the order they are added.
class ViewTest : public testing::Test {
 protected:
  RunRow& run(RunId id, std::string uid) {
    row_ = {.id = id,
            .uid = std::move(uid),
            .tenant = "local",
            .agent = "travel",
            .state = "working",
            .started_at = 1000 * id};
    n_ = 0;
    return row_;
  }
  Record& record(RecordKind kind, std::uint32_t step, std::string body,
                 Phase phase = Phase::outcome, std::string path = "0") {
    group_.records.push_back({.run = row_.id,
                              .n = n_++,
                              .path = std::move(path),
                              .step = step,
                              .kind = kind,
                              .phase = phase,
                              .at = 5000 + n_ * 100,
                              .body = std::move(body)});
    return group_.records.back();
  }
  void commit() {
    group_.runs.push_back(row_);
    ASSERT_TRUE(store_->journal().commit(std::exchange(group_, {})));
  }
  std::vector<StepView> steps_of(const std::string& uid) {
    Result<RunView> view = view_run(*store_, {}, uid);
    EXPECT_TRUE(view) << view.error().message;
    return view ? steps(*view) : std::vector<StepView>{};
  }
  static std::vector<std::string> names(const std::vector<StepView>& all) {
    std::vector<std::string> out;
    for (const StepView& step : all) out.push_back(step.name());
    return out;
  }

  std::unique_ptr<Store> store_ = make_memory_store();
  RunRow row_;
  Group group_;
  std::uint32_t n_ = 0;
};

TEST_F(ViewTest, FindsARunByUniquePrefix) {
  for (auto [id, uid] : {std::pair{1, "01aa1"}, {2, "01ab2"}, {3, "02cc3"}}) {
    run(id, uid);
    record(RecordKind::start, kNoStep, "{}");
    commit();
  }
  EXPECT_EQ(find_run(*store_, {}, "02")->uid, "02cc3");
  EXPECT_EQ(find_run(*store_, {}, "01ab2")->uid, "01ab2");
  Result<RunRow> two = find_run(*store_, {}, "01");
  ASSERT_FALSE(two);
  EXPECT_EQ(two.error().kind, ErrorKind::conflict);
  EXPECT_THAT(two.error().message, HasSubstr("01ab2, 01aa1"));
  EXPECT_EQ(find_run(*store_, {}, "03").error().kind, ErrorKind::not_found);
  EXPECT_EQ(find_run(*store_, {}, "").error().kind, ErrorKind::not_found);
}

TEST_F(ViewTest, ListsNewestFirstAndOnlyTheTenantsOwn) {
  run(1, "a");
  commit();
  run(2, "b");
  commit();
  run(3, "c").tenant = "other";
  commit();
  Result<std::vector<RunRow>> rows = list_runs(*store_, {});
  ASSERT_TRUE(rows);
  ASSERT_EQ(rows->size(), 2u);
  EXPECT_EQ((*rows)[0].uid, "b");
  EXPECT_EQ((*rows)[1].uid, "a");
  EXPECT_EQ(find_run(*store_, {}, "c").error().kind, ErrorKind::not_found);
}

TEST_F(ViewTest, JoinsIntentAndOutcome) {
  run(1, "a");
  record(RecordKind::start, kNoStep, "{}");
  record(RecordKind::act, 1, R"({"tool":"book","effect":"once"})", Phase::intent);
  record(RecordKind::act, 1, R"({"tool":"book","ms":80})").attempt = 2;
  record(RecordKind::act, 2, R"({"tool":"look","ms":40})");
  commit();
  std::vector<StepView> all = steps_of("a");
  EXPECT_THAT(names(all), ElementsAre("start", "0:1.0", "0:2.0"));
  EXPECT_EQ(all[1].attempts, 2u);
  EXPECT_EQ(all[1].began_at, 5200);
  EXPECT_EQ(all[1].ended_at, 5300);
  EXPECT_EQ(all[1].intent.text("effect"), "once");
  EXPECT_EQ(all[2].began_at, 5360);  // its outcome says how long it took
}

TEST_F(ViewTest, BranchesFollowTheirForkInOrderOfIndex) {
  run(1, "a");
  record(RecordKind::fork, 0, R"({"children":11})");
  record(RecordKind::think, 0, "{}", Phase::outcome, "0.0.10");
  record(RecordKind::think, 0, "{}", Phase::outcome, "0.0.2");
  record(RecordKind::fork, 1, R"({"children":1})", Phase::outcome, "0.0.2");
  record(RecordKind::think, 0, "{}", Phase::outcome, "0.0.2.1.0");
  record(RecordKind::cancel, 1, R"({"children":["0.0.2"],"reason":"any"})");
  record(RecordKind::final, kNoStep, "{}");
  commit();
  std::vector<StepView> all = steps_of("a");
  EXPECT_THAT(names(all),
              ElementsAre("0:0", "0.0.2:0", "0.0.2:1", "0.0.2.1.0:0", "0.0.10:0", "0:1", "final"));
  EXPECT_EQ(all[3].depth, 2u);
  EXPECT_TRUE(all[1].cancelled);
  EXPECT_TRUE(all[3].cancelled);
  EXPECT_FALSE(all[4].cancelled);
  EXPECT_FALSE(all[0].cancelled);
}

TEST_F(ViewTest, AnUnreadableBodyIsShownNotLost) {
  run(1, "a");
  record(RecordKind::think, 0, "{broken");
  commit();
  std::vector<StepView> all = steps_of("a");
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(all[0].outcome.text("unreadable"), "{broken");
}

TEST_F(ViewTest, AddsUpTokens) {
  run(1, "a");
  for (int i = 0; i < 2; ++i) {
    record(RecordKind::think, i,
           R"({"reply":{"usage":{"tokens_input":10,"tokens_cached":4,)"
           R"("tokens_output":3}},"ms":5})");
  }
  record(RecordKind::act, 2, R"({"tool":"look"})");
  commit();
  Totals sum = totals(*view_run(*store_, {}, "a"));
  EXPECT_EQ(sum.thinks, 2);
  EXPECT_EQ(sum.calls, 1);
  EXPECT_EQ(sum.usage, (Usage{20, 8, 6}));
}

TEST_F(ViewTest, AddsUpWhatIsPricedAndSaysWhereNotAllIs) {
  run(1, "a");
  auto think = [&](int step, const std::string& cost) {
    record(RecordKind::think, step,
           R"({"reply":{"usage":{"tokens_input":10,"tokens_output":3)" + cost + "}},\"ms\":5}");
  };
  think(0, R"(,"cost_nanodollars":1500)");
  think(1, R"(,"cost_nanodollars":0)");
  commit();
  EXPECT_EQ(totals(*view_run(*store_, {}, "a")).usage.cost_nanodollars, 1500);
  EXPECT_FALSE(totals(*view_run(*store_, {}, "a")).usage.cost_partial);
  run(2, "b");
  think(0, R"(,"cost_nanodollars":1500)");
  think(1, "");  // of an older release, or a model without a price
  commit();
  EXPECT_EQ(totals(*view_run(*store_, {}, "b")).usage.cost_nanodollars, 1500);
  EXPECT_TRUE(totals(*view_run(*store_, {}, "b")).usage.cost_partial);
}

TEST_F(ViewTest, WhatEndedRunsUsedByRunAndBySession) {
  run(1, "a");
  for (int i = 0; i < 3; ++i) record(RecordKind::think, i, "{}");
  commit();
  auto ended = [](std::uint64_t lsn, std::string run, std::string session, std::string usage) {
    return Applied{.lsn = lsn,
                   .session = std::move(session),
                   .turn = {.run = std::move(run)},
                   .usage = std::move(usage)};
  };
  ASSERT_TRUE(store_->tenants().apply(
      {}, {ended(1, "a", "s", R"({"tokens_input":5,"cost_nanodollars":70})"),
           ended(2, "b", "s", R"({"tokens_input":2})"),
           ended(3, "c", "t", R"({"tokens_input":1,"cost_nanodollars":3})")}));
  Result<Used> used = list_used(*store_, {});
  ASSERT_TRUE(used) << used.error().message;
  EXPECT_EQ(used->runs.at("a"), (Usage{.tokens_input = 5, .cost_nanodollars = 70}));
  EXPECT_EQ(used->sessions.at("t").cost_nanodollars, 3);
  EXPECT_EQ(used->sessions.at("s"),
            (Usage{.tokens_input = 7, .cost_nanodollars = 70, .cost_partial = true}));
}

TEST_F(ViewTest, ListsAsksAndDoubts) {
  run(7, "a");
  record(RecordKind::act, 3, R"({"tool":"book","arguments":{"flight":"F1"}})", Phase::intent);
  commit();
  Group group;
  group.waits.push_back({.run = 7, .path = "0", .step = 3, .kind = "doubt"});
  group.waits.push_back({.run = 7,
                         .path = "0",
                         .step = 4,
                         .kind = "ask",
                         .key = "a/0:4.0",
                         .body = R"({"question":"Book F1?","tool":"book","digest":"d"})"});
  ASSERT_TRUE(store_->journal().commit(group));
  Result<std::vector<AskView>> asks = list_asks(*store_, {});
  ASSERT_TRUE(asks);
  ASSERT_EQ(asks->size(), 1u);
  EXPECT_EQ((*asks)[0].ask.question, "Book F1?");
  EXPECT_EQ((*asks)[0].ask.run, "a");
  EXPECT_EQ((*asks)[0].tool, "book");
  Result<std::vector<DoubtView>> doubts = list_doubts(*store_, {});
  ASSERT_TRUE(doubts);
  ASSERT_EQ(doubts->size(), 1u);
  EXPECT_EQ((*doubts)[0].step, "0:3.0");
  EXPECT_EQ((*doubts)[0].arguments.text("flight"), "F1");
  EXPECT_TRUE(list_asks(*store_, *Tenant::parse("other"))->empty());
}

}  // namespace
}  // namespace ragent
