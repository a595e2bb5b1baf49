#include <cli/html.h>
#include <cli/render.h>

#include <gmock/gmock.h>

namespace ragent::cli {
namespace {

using testing::HasSubstr;
using testing::Not;

const Look kPlain{.width = 80};

Json json(std::string_view text) {
  Result<Json> value = parse_json(text);
  EXPECT_TRUE(value) << value.error().message;
  return value ? *value : Json();
}

Event delta(std::string text) {
  return {.kind = Event::Kind::delta,
          .path = "0",
          .step = 1,
          .attempt = 1,
          .record = "text",
          .body = Json(std::move(text))};
}
Event step(std::string record, std::string_view body, bool intent = false) {
  return {.kind = Event::Kind::step,
          .id = 1,
          .path = "0",
          .step = 1,
          .attempt = 1,
          .record = record,
          .intent = intent,
          .body = json(body)};
}
Event ended(std::string answer) {
  return {.kind = Event::Kind::ended,
          .body = Json::object({{"outcome", "answered"}, {"text", answer}})};
}

std::string shown(RunText& text, const std::vector<Event>& events) {
  std::string out;
  for (const Event& event : events) out += text.on(event);
  return out;
}

const char* const kThinkOfTool =
    R"({"reply":{"calls":[{"tool":"flights"}],"usage":{"tokens_input":814,"tokens_cached":790,)"
    R"("tokens_output":6}},"ms":2000})";

TEST(RunTextTest, ACallIsOneLineWithItsTable) {
  RunText text(kPlain);
  std::string out = shown(
      text, {step("think", kThinkOfTool),
             step("act", R"({"tool":"flights","arguments":{"from":"Prague","to":"Porto"},"ms":100,)"
                         R"("observation":{"status":"done","value":[{"id":"F1","price":64},)"
                         R"({"id":"F12","price":79.5}]}})"),
             delta("F1 costs "), delta("64."), step("think", R"({"reply":{"text":"x"},"ms":1})"),
             ended("F1 costs 64.")});
  EXPECT_EQ(out,
            "  ✓ flights  from Prague, to Porto       2.1 s · 30 tokens evaluated, 790 reused\n"
            "    id   price\n"
            "    F1      64\n"
            "    F12   79.5\n"
            "\n"
            "F1 costs 64.\n");
  EXPECT_EQ(text.totals().thinks, 2);
  EXPECT_EQ(text.totals().calls, 1);
}

TEST(RunTextTest, WhyAThinkFailedIsSaidOnceWhereTheRunEndsOfIt) {
  const Event failed = step("think", R"({"error":{"message":"no such model"},"ms":1})");
  Event end = ended("");
  end.body["error"] = Json::object({{"message", "no such model"}});
  RunText text(kPlain);
  EXPECT_EQ(shown(text, {delta("Half"), failed, end}), "Half\n");
}

TEST(RunTextTest, WhyAThinkFailedIsSaidWhereTheRunGoesOn) {
  const Event failed = step("think", R"({"error":{"message":"no such model"},"ms":1})");
  RunText text(kPlain);
  EXPECT_EQ(shown(text, {failed, failed, delta("Another."), ended("Another.")}),
            "  the model: no such model\n  the model: no such model\nAnother.\n");
  Event end = ended("");
  end.body["error"] = Json::object({{"message", "the budget is used up"}});
  EXPECT_EQ(shown(text, {failed, end}), "  the model: no such model\n");
}

TEST(RunTextTest, AOnceToolLeavesAReceipt) {
  RunText text(kPlain);
  std::string out = shown(
      text, {step("act", R"({"tool":"book","arguments":{},"effect":"once"})", true),
             step("act", R"({"tool":"book","arguments":{"flight":"F1"},"ms":80,"observation":)"
                         R"({"value":{"booking":"B7","price":64}}})"),
             ended("Done.")});
  EXPECT_EQ(out, "  ✓ book  flight F1" + std::string(56, ' ') +
                     "80 ms\n"
                     "    │ booking  B7\n"
                     "    │ price    64\n"
                     "\n"
                     "Done.\n");
}

TEST(RunTextTest, FailuresSayWhy) {
  RunText text({.unicode = false, .width = 80});
  std::string out = shown(
      text, {step("act", R"({"tool":"book","arguments":{"flight":"F9"},"ms":3,)"
                         R"("observation":{"status":"refused","value":{"error":"not seen"}}})")});
  EXPECT_THAT(out, HasSubstr("  - book  flight F9"));
  EXPECT_THAT(out, HasSubstr("\n    not seen\n"));
}

TEST(RunTextTest, AnotherAttemptDropsWhatWasStreamed) {
  RunText text(kPlain);
  Event again{.kind = Event::Kind::attempt_started, .path = "0", .step = 1, .attempt = 2};
  std::string out = shown(text, {delta("Half an ans"), again, delta("An answer."),
                                 step("think", R"({"reply":{},"ms":1})"), ended("An answer.")});
  EXPECT_EQ(out, "Half an ans\n(asking the model again)\nAn answer.\n");
}

TEST(RunTextTest, BranchesDoNotStreamIntoEachOther) {
  RunText text(kPlain);
  Event branch = delta("from a branch");
  branch.path = "0.1.0";
  EXPECT_EQ(shown(text, {branch, ended("The answer.")}), "The answer.\n");
}

TEST(RunTextTest, ReplayedAnswersArePrintedOnce) {
  RunText text(kPlain);
  EXPECT_EQ(shown(text, {ended("The answer.")}), "The answer.\n");
  RunText hostile(kPlain);
  EXPECT_THAT(shown(hostile, {delta("\x1b]0;owned\x07")}), Not(HasSubstr("\x1b")));
}

TEST(RenderTest, WhatARunDoes) {
  EXPECT_EQ(doing_text(step("think", R"({"model":"local/default"})", true)),
            "waiting for local/default");
  EXPECT_EQ(doing_text(step("act", R"({"tool":"flights"})", true)), "flights");
  EXPECT_EQ(doing_text(step("act", R"({"tool":"flights"})")), "working");
  EXPECT_EQ(doing_text({.kind = Event::Kind::progress, .body = Json("half")}), "half");
  EXPECT_EQ(doing_text(delta("F1")), "");
}

TEST(RenderTest, ACostIsShownWhereThereIsOne) {
  Usage usage{.tokens_input = 10};
  EXPECT_EQ(cost_text(usage), "");  // nobody knows
  usage.cost_nanodollars = 0;
  EXPECT_EQ(cost_text(usage), "");  // free
  usage.cost_nanodollars = 4'200'000;
  EXPECT_EQ(cost_text(usage), "$0.0042");
  usage += Usage{.tokens_input = 1};
  EXPECT_EQ(cost_text(usage), "at least $0.0042 (not all is priced)");
}

TEST(RenderTest, LongTablesAreCut) {
  Json rows = Json::array({});
  for (int i = 0; i < 25; ++i) rows.push_back(Json::object({{"n", i}}));
  std::string out = rows_text(kPlain, "", rows);
  EXPECT_THAT(out, HasSubstr("19\nand 5 more\n"));
  EXPECT_EQ(rows_text(kPlain, "", json(R"([{"a":[1]}])")), "");  // not a table
  EXPECT_EQ(rows_text(kPlain, "", json("[]")), "");
  EXPECT_THAT(rows_text(kPlain, "", json(R"({"rows":[{"a":1}]})")), HasSubstr("a\n1\n"));
}

TEST(RenderTest, IdsAreAsLongAsNeeded) {
  EXPECT_EQ(id_length({{.uid = "01aaaaaaaaaa1"}, {.uid = "01aaaaaaaaaa2"}}), 13u);
  EXPECT_EQ(id_length({{.uid = "01a"}, {.uid = "02b"}}), 8u);
}

RunView sample() {
  RunView view;
  view.row = {.uid = "01jd",
              .session = "s1",
              .agent = "travel",
              .planner = "react@1",
              .state = "ended",
              .outcome = "answered",
              .task = "Find <b>flights</b>",
              .started_at = 1000,
              .ended_at = 4000};
  auto add = [&](RecordKind kind, std::uint32_t number, std::int64_t at, std::string body,
                 std::string path = "0", Phase phase = Phase::outcome) {
    view.records.push_back({.n = static_cast<std::uint32_t>(view.records.size()),
                            .path = path,
                            .step = number,
                            .kind = kind,
                            .phase = phase,
                            .at = at,
                            .body = std::move(body)});
  };
  add(RecordKind::start, kNoStep, 1000, "{}");
  add(RecordKind::think, 1, 1000, R"({"model":"m"})", "0", Phase::intent);
  add(RecordKind::think, 1, 3000, kThinkOfTool);
  add(RecordKind::act, 2, 3040,
      R"({"tool":"flights","arguments":{"to":"Porto"},"ms":40,)"
      R"("observation":{"value":[{"id":"<i>"}]}})");
  add(RecordKind::fork, 3, 3050, R"({"children":1})");
  add(RecordKind::value, 0, 3500, R"({"what":"note","value":"hi"})", "0.3.0");
  add(RecordKind::final, kNoStep, 4000, R"({"outcome":"answered","text":"F1 & more"})");
  return view;
}

TEST(TraceTest, AWaterfall) {
  EXPECT_EQ(trace_text({.width = 90}, sample()),
            "travel · answered · 3.0 s · 1 think · 1 call · 30 tokens evaluated, 790 reused\n"
            "run 01jd · session s1 · react@1\n"
            "\n"
            "  Find <b>flights</b>\n"
            "\n"
            "  0:1        think → flights            █████      2.0 s"
            "  30 tokens evaluated, 790 reused\n"
            "  0:2.0      flights to Porto  (1 row)       ▏     40 ms\n"
            "  0:3        fork 1 branches                 ▏      0 ms\n"
            "    0.3.0:0  value note hi                    ▏     0 ms\n"
            "  final      answered                          ▏    0 ms\n"
            "\n"
            "  F1 & more\n");
}

// What a fork copied was not in its time; what somebody gave says who it was.
TEST(TraceTest, AFork) {
  RunView view = sample();
  std::uint32_t n = 0;
  for (Record& record : view.records) record.n = ++n;
  view.row.parent = "01jc@0:2";
  view.row.started_at = 3040;
  view.records[0].body = R"({"forked":{"run":"01jc","at":"0:2","records":4}})";
  view.records[3].body =
      R"({"tool":"flights","observation":{"value":1},"edited":true,"who":"ada"})";
  const std::string text = trace_text({.width = 90}, view);
  EXPECT_THAT(text, testing::StartsWith(
                        "travel · answered · 1.0 s · 0 thinks · 0 calls · 0 tokens evaluated\n"
                        "run 01jd · fork of 01jc at 0:2 · session s1 · react@1\n"));
  EXPECT_THAT(text, HasSubstr("0:1        think → flights  (copied)             2.0 s  30 tokens"));
  EXPECT_THAT(text, HasSubstr("0:2.0      flights  (edited by ada)   ▏           0 ms\n"));
  EXPECT_THAT(trace_html(view), HasSubstr("fork of 01jc at 0:2"));
  EXPECT_THAT(trace_html(view), HasSubstr("think → flights (copied)"));
  EXPECT_EQ(
      runs_text(kPlain, {{.uid = "01jdxxxxxx", .parent = "01jcyyyyyy@0:2", .task = "Go"}}, {}, 0)
              .find("fork of 01jcyyyy at 0:2: Go") == std::string::npos,
      false);
}

TEST(TraceTest, SaysWhatWasPaid) {
  RunView view = sample();
  std::string& body = view.records[2].body;
  body.insert(body.find(R"("tokens_output")"), R"("cost_nanodollars":4200000,)");
  std::string text = trace_text({.width = 120}, view);
  EXPECT_THAT(text, HasSubstr("790 reused · $0.0042\n"));
  EXPECT_THAT(text, HasSubstr("790 reused, $0.0042\n"));
  EXPECT_THAT(trace_html(view), HasSubstr("790 reused · $0.0042</div>"));
  EXPECT_THAT(trace_html(view), HasSubstr("790 reused, $0.0042</span>"));
  EXPECT_THAT(trace_text({.width = 120}, sample()), Not(HasSubstr("$")));
}

TEST(TraceTest, LinesFit) {
  for (std::size_t width : {60U, 80U, 100U, 140U}) {
    std::string text = trace_text({.width = width}, sample());
    for (std::string_view line : split(text, '\n')) EXPECT_LE(width_of(line), width) << text;
  }
  EXPECT_THAT(trace_text({.width = 140}, sample()), HasSubstr("████████████████   "));
}

TEST(TraceTest, HtmlIsWholeAndHarmless) {
  std::string page = trace_html(sample());
  EXPECT_THAT(page, HasSubstr("Find &lt;b&gt;flights&lt;/b&gt;"));
  EXPECT_THAT(page, HasSubstr("&lt;i&gt;"));
  EXPECT_THAT(page, HasSubstr("F1 &amp; more"));
  EXPECT_THAT(page, Not(HasSubstr("<b>")));
  EXPECT_THAT(page, Not(HasSubstr("<script")));
  EXPECT_THAT(page, Not(HasSubstr("://")));
  EXPECT_THAT(page, HasSubstr("default-src 'none'"));
}

TEST(ListingTest, WhatRunsCostIsAColumnWhereAnyDid) {
  RunRow row{.uid = "01jdxxxxxx", .agent = "travel", .state = "paused", .task = "Book"};
  Used used;
  used.runs[row.uid] = {.tokens_input = 5, .cost_nanodollars = 0};
  EXPECT_THAT(runs_text(kPlain, {row}, used, 0), Not(HasSubstr("cost")));
  used.runs[row.uid] += Usage{.tokens_input = 5, .cost_nanodollars = 4'200'000};
  EXPECT_THAT(runs_text(kPlain, {row}, used, 0), HasSubstr("started   cost     task\n"));
  EXPECT_THAT(runs_text(kPlain, {row}, used, 0), HasSubstr("just now  $0.0042  Book\n"));
  used.runs[row.uid] += Usage{.tokens_input = 5};
  EXPECT_THAT(runs_text(kPlain, {row}, used, 0), HasSubstr("at least $0.0042  Book\n"));
  EXPECT_THAT(run_json(row, used).dump(), HasSubstr("\"cost_partial\":true"));
}

TEST(ListingTest, WhatWaitsBehindAnotherRunOfItsSessionIsQueued) {
  auto row = [](std::string uid, std::string session, std::string state) {
    return RunRow{.uid = uid, .session = session, .agent = "a", .state = state, .task = uid};
  };
  std::string text = runs_text(
      kPlain,
      {row("third", "s", "working"), row("other", "t", "working"), row("second", "s", "working"),
       row("first", "s", "waiting_ask"), row("zeroth", "s", "ended"), row("alone", "", "working"),
       row("single", "", "working")},
      {}, 0);
  for (std::string_view line : split(text, '\n')) {
    bool behind = line.ends_with("third") || line.ends_with("second");
    EXPECT_EQ(line.contains("queued"), behind) << line;
  }
}

TEST(ListingTest, RunsAsksAndDoubts) {
  RunRow row{.uid = "01jdxxxxxx",
             .agent = "travel",
             .state = "waiting_ask",
             .task = "Book\nit",
             .started_at = 1000};
  EXPECT_EQ(runs_text(kPlain, {row}, {}, 121'000),
            "run       agent   state     took  started    task\n"
            "01jdxxxx  travel  asks you        2 min ago  Book it\n");
  AskView ask{.ask = {.id = "01jd/0:3.0", .run = "01jd", .question = "Book F1?"},
              .run = row,
              .tool = "book",
              .arguments = json(R"({"flight":"F1"})")};
  EXPECT_EQ(asks_text(kPlain, {ask}, " --home h"),
            "? Book F1?  travel\n"
            "    book flight F1\n"
            "    ragent asks 01jd/0:3.0 --home h --allow     or --deny\n");
  Look narrow = kPlain;
  narrow.width = 24;
  AskView asked{.ask = {.id = "1", .question = " Which of the two flights? "}, .run = row};
  EXPECT_THAT(asks_text(narrow, {asked}, ""),
              testing::StartsWith("? Which of the\n  two flights?  travel\n"));
  asked.ask.question.clear();
  EXPECT_THAT(asks_text(narrow, {asked}, ""), testing::StartsWith("?   travel\n"));
  DoubtView doubt{.run = row, .step = "0:3.0", .tool = "book"};
  EXPECT_THAT(doubts_text(kPlain, {doubt}, ""),
              HasSubstr("    ragent resolve 01jdxxxxxx 0:3.0 --did-not-happen\n"));
}

}  // namespace
}  // namespace ragent::cli
