// Every fault of a model's server meets a call with a deadline: it ends in time, with a whole reply
// or an error that says who failed; never with calls of half a reply; and the next call succeeds.

#include <model/http/dialect.h>
#include <providers/fault_table.h>
#include <providers/tally.h>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <charconv>

namespace ragent::providers {
namespace {

using namespace std::chrono_literals;
using stub::Cut;
using stub::Fault;
using stub::FaultKind;
using stub::StubModel;
using stub::StubReply;
using stub::StubRequest;

constexpr auto kHang = 1s;  // after the deadline
constexpr auto kTime = 2s;
constexpr auto kTimeHanging = 400ms;
constexpr auto kTimeWell = 5s;  // longer than any Retry-After of the table but the huge one
constexpr std::size_t kAtOnce = 96;
constexpr std::size_t kHeavyAtOnce = 1;

// Rows with what their server does now: the model's name tells the server which row is meant.
struct Trial {
  std::unique_ptr<Loop> loop = make_loop();
  Sources sources = {};
  std::vector<Row> rows = {};
  std::vector<bool> healed = {};
  std::size_t next = 0;
  std::unique_ptr<StubModel> stub = {};

  explicit Trial(std::vector<Row> of) : rows(std::move(of)), healed(rows.size()) {
    stub = std::make_unique<StubModel>(
        *loop, stub::StubOptions{.script = [this](const StubRequest& asked) { return said(asked); },
                                 .requests_kept = 0});
  }
  StubReply said(const StubRequest& asked) const {
    constexpr std::string_view kName = R"("model":"row-)";
    const std::size_t at = asked.body.find(kName);
    std::size_t row = rows.size();
    if (at != asked.body.npos) {
      std::from_chars(asked.body.data() + at + kName.size(), asked.body.data() + asked.body.size(),
                      row);
    }
    if (row >= rows.size()) return {.text = "no such row"};
    StubReply reply = well(rows[row].calls);
    if (!healed[row]) reply.fault = rows[row].fault.fault;
    return reply;
  }
  // All rows, so many side by side.
  template <class One>
  void all(One one, std::size_t at_once = kAtOnce) {
    Scope scope(*loop, [](const Error& error) { ADD_FAILURE() << error.message; });
    const auto worker = [](Trial& run, One work) -> Task<void> {
      while (run.next < run.rows.size()) co_await work(run, run.next++);
    };
    for (std::size_t i = 0; i < at_once; ++i) scope.spawn(worker(*this, one));
    ASSERT_TRUE(block_on(*loop, scope.join()));
  }
};

void judge(const Row& row, const Said& said) {
  ++tally().faults;
  if (said.late > kHang) {
    ++tally().hangs;
    ADD_FAILURE() << row.name() << ": it ended " << said.late / 1ms << " ms after its deadline";
  }
  if (said.reply && half_calls(row, *said.reply)) ++tally().half_calls;
  const std::string problem = problem_of(row, said);
  EXPECT_EQ(problem, "") << row.name();
}

// The next call succeeds, unless the server said to come back much later.
void judge_next(const Row& row, const Said& said) {
  EXPECT_LE(said.late, kHang) << row.name() << ", the next call";
  if (row.fault.fault.retry != stub::RetryForm::huge) {
    EXPECT_EQ(problem_of_well(row.calls, said), "") << row.name() << ", the next call";
    return;
  }
  ASSERT_FALSE(said.reply) << row.name();
  const auto wait = said.reply.error().retry_after.value_or(0ms);
  EXPECT_TRUE(wait > kTimeWell && wait <= limits::kRetryAfterMax) << said.reply.error().message;
}

Task<void> meet(Trial& run, std::size_t index) {
  const Row& row = run.rows[index];
  const auto model = run.sources.open(run.stub->url(), row.api, row.stream,
                                      fmt::format("row-{}", index), *run.loop);
  const std::string words = fmt::format("call {}.", index);
  const std::chrono::milliseconds time = row.fault.hangs ? kTimeHanging : kTime;
  judge(row, co_await ask(*run.loop, *model, time, words, row.calls));
  EXPECT_LE(run.sources.sent[words], limits::kCallAttemptsMax) << row.name();
  run.healed[index] = true;
  judge_next(row, co_await ask(*run.loop, *model, kTimeWell, words, row.calls));
}

// Megabytes made, sent and read by one thread would take the time of others.
bool is_heavy(const Row& row) {
  return row.fault.fault.kind == FaultKind::huge_line || row.fault.fault.kind == FaultKind::endless;
}

TEST(Faults, EachEndsInTimeAndNoneIsTakenForAReply) {
  std::vector<Row> light = rows();
  std::vector<Row> heavy;
  std::ranges::copy_if(light, std::back_inserter(heavy), is_heavy);
  std::erase_if(light, is_heavy);
  Trial(std::move(heavy)).all(meet, kHeavyAtOnce);
  Trial run(std::move(light));
  run.all(meet);
  // What was given up is not worked at any longer.
  EXPECT_TRUE(run.loop->run([&] { return run.stub->at_work() == 0; }, run.loop->now() + 5s));
}

// ---- a server that is not there

Task<void> meet_down(Trial& run, std::size_t index) {
  const Row& row = run.rows[index];
  StubModel own(*run.loop, {.reply = well(row.calls)});
  const bool tls = row.fault.name == "no tls";
  if (!tls) own.down(row.fault.name == "refused" ? stub::Down::refused : stub::Down::reset);
  std::string url = own.url();
  if (tls) url.insert(4, "s");
  const auto model = run.sources.open(url, row.api, row.stream, "stub", *run.loop);
  judge(row, co_await ask(*run.loop, *model, kTime, "call 0.", row.calls));
  if (tls) co_return;  // nobody mends that
  own.up();
  judge_next(row, co_await ask(*run.loop, *model, kTimeWell, "call 0.", row.calls));
}

TEST(Faults, NobodyThere) {
  std::vector<Row> rows;
  for (const Api api : stub::kApis) {
    for (const bool stream : {true, false}) {
      for (const std::string name : {"refused", "reset at once", "no tls"}) {
        rows.push_back({.fault = {.name = name}, .api = api, .stream = stream, .calls = stream});
      }
    }
  }
  Trial run(std::move(rows));
  run.all(meet_down);
}

// ---- truncation

std::vector<Row> cuts(Cut cut, std::size_t step, bool calls) {
  std::vector<Row> out;
  for (const Api api : stub::kApis) {
    for (const bool stream : {true, false}) {
      const std::size_t size = body_of({.api = api, .stream = stream}, well(calls)).size();
      for (std::size_t at = 0; at < size; at += step) {
        const Fault fault{.kind = FaultKind::truncated, .at = at, .cut = cut};
        out.push_back(
            {.fault = {.name = fmt::format("truncated {} at {}", int(cut), at), .fault = fault},
             .api = api,
             .stream = stream,
             .calls = calls});
      }
    }
  }
  return out;
}

Task<void> meet_cut(Trial& run, std::size_t index) {
  const Row& row = run.rows[index];
  const auto model = run.sources.open(run.stub->url(), row.api, row.stream,
                                      fmt::format("row-{}", index), *run.loop);
  judge(row, co_await ask(*run.loop, *model, kTimeHanging, "call 0.", row.calls));
  run.healed[index] = true;
  judge_next(row, co_await ask(*run.loop, *model, kTimeWell, "call 0.", row.calls));
}

TEST(Faults, CutInEachWayOverASocket) {
  constexpr std::size_t kStep = 97;
  std::vector<Row> all = cuts(Cut::clean, 13, true);
  for (const Cut cut :
       {Cut::eof, Cut::short_length, Cut::open_chunk, Cut::no_last_chunk, Cut::reset}) {
    for (Row& row : cuts(cut, kStep, true)) all.push_back(std::move(row));
  }
  Trial run(std::move(all));
  run.sources.patient = true;
  run.all(meet_cut);
}

// ---- truncation at every byte, as the readers see it

HttpResponse head_of(bool stream) {
  HttpResponse head;
  head.headers.add("content-type", stream ? "text/event-stream" : "application/json");
  return head;
}

const Dialect& dialect_of(Api api) {
  switch (api) {
    case Api::chat: return openai_chat();
    case Api::responses: return openai_responses();
    case Api::messages: break;
  }
  return anthropic();
}

// The body's first `at` bytes, in two pieces.
Result<Reply> read_cut(Api api, bool stream, std::string_view part, std::size_t middle) {
  const DeltaSink nobody;
  auto reader = dialect_of(api).reader(head_of(stream));
  if (!reader) return fail(reader.error());
  for (const std::string_view piece : {part.substr(0, middle), part.substr(middle)}) {
    if (Result<void> fed = (*reader)->feed(piece, nobody); !fed) return fail(fed.error());
  }
  return (*reader)->finish();
}

class CutAtEveryByte : public testing::TestWithParam<std::tuple<Api, bool, bool>> {};

TEST_P(CutAtEveryByte, GivesNoCallsAndNoHalfText) {
  const auto [api, stream, calls] = GetParam();
  const StubReply reply = well(calls);
  const std::string whole = body_of({.api = api, .stream = stream}, reply);
  SeededRandom random(1);
  for (std::size_t at = 0; at < whole.size(); ++at) {
    const std::string_view part = std::string_view(whole).substr(0, at);
    const Result<Reply> read = read_cut(api, stream, part, random.below(at + 1));
    if (!read) {
      ASSERT_EQ(read.error().kind, ErrorKind::unavailable) << at << ": " << read.error().message;
      ASSERT_TRUE(readable(read.error().message)) << read.error().message;
      continue;
    }
    if (!read->calls.empty()) ++tally().half_calls;
    ASSERT_TRUE(read->calls.empty()) << "calls of the first " << at << " of " << whole.size();
    // Text may be whole before its stream is.
    ASSERT_TRUE(!calls && stream) << at << " of " << whole.size();
    ASSERT_EQ(read->text, reply.text) << at;
  }
  const Result<Reply> read = read_cut(api, stream, whole, whole.size() / 2);
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->calls.size(), reply.calls.size());
}

INSTANTIATE_TEST_SUITE_P(Dialects, CutAtEveryByte,
                         testing::Combine(testing::ValuesIn(stub::kApis), testing::Bool(),
                                          testing::Bool()));

}  // namespace
}  // namespace ragent::providers
