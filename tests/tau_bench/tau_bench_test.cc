// Recorded conversations of GPT-4o through `react`: the log's replies come from a model's server,
// its tool results from native tools, every message of a user is a run of its conversation's
// session. In every tenth turn the process is killed and another one goes on. Afterwards the
// journal holds the log, message for message, and nothing that a tool changes happened twice or not
// at all.
#include <ragent/typed.h>
#include <tau_bench/house.h>
#include <tau_bench/journalled.h>

#include <gtest/gtest.h>

#include <fmt/format.h>

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <map>

namespace ragent::tau_bench {
namespace {

using Moment = Fatal::Moment;

const Log& the_log() {
  static const Log log = [] {
    Result<Log> loaded = load_log(kLogPath);
    if (loaded) return std::move(*loaded);
    fmt::print(stderr, "{}\n", loaded.error().message);
    std::exit(1);
  }();
  return log;
}

// Deaths of every kind, each kind spread over the calls, the replies and their bytes.
class Fates {
 public:
  Fatal next(const Place& turn) {
    const std::vector<LoggedCall> calls = the_log().turn(turn).calls();
    Fatal fatal{.turn = turn, .part = kParts[count_++ % kParts.size()]};
    if (calls.empty()) return fatal;
    const auto effect =
        std::ranges::find_if(calls, [](const LoggedCall& call) { return is_effect(call.tool); });
    if (effect != calls.end()) {
      fatal.moment = kOfEffects[effects_++ % kOfEffects.size()];
      fatal.at = static_cast<std::size_t>(effect - calls.begin());
    } else {
      fatal.moment = kOfReads[reads_++ % kOfReads.size()];
      fatal.at = reads_ % calls.size();
    }
    return fatal;
  }

 private:
  static constexpr std::array kParts{0.25, 0.5, 0.7};
  static constexpr std::array kOfEffects{Moment::effect, Moment::call, Moment::outcome};
  static constexpr std::array kOfReads{Moment::call, Moment::outcome, Moment::reply};
  std::size_t count_ = 0;
  std::size_t effects_ = 0;
  std::size_t reads_ = 0;
};

// Replies that were said whole before that death.
std::size_t said_before(const Fatal& fatal) {
  return fatal.at + (fatal.moment == Moment::reply ? 0 : 1);  // each call is of a reply of its own
}

// How a run stands after a death. What was heard and changed nothing outside may be lost with the
// process: a reply, a read. Before an effect, and once its outcome is told, all is there.
void check_found(const Fatal& fatal, const Found& found) {
  EXPECT_EQ(found.state, "working");
  EXPECT_EQ(found.session, the_log().session(fatal.turn));
  EXPECT_LE(found.replies, said_before(fatal));
  if (fatal.moment == Moment::outcome) {
    EXPECT_TRUE(found.last == "act outcome" || found.last == "think intent") << found.last;
    EXPECT_EQ(found.replies, said_before(fatal));
    return;
  }
  if (fatal.moment == Moment::reply) return;
  if (is_effect(the_log().turn(fatal.turn).calls()[fatal.at].tool)) {
    EXPECT_EQ(found.last, "act intent");
    EXPECT_EQ(found.replies, said_before(fatal));
  }
}

struct Deaths {
  std::size_t count = 0;
  std::map<Moment, std::size_t> by_moment = {};
  std::size_t replies_lost = 0;  // that were said and not yet durable
};

// All turns, one life after the other; each life but the last ends within a turn.
Deaths live_through(House& house, const std::vector<Fatal>& fates) {
  Deaths deaths;
  Place from;
  for (const Fatal& fatal : fates) {
    SCOPED_TRACE(name_of(the_log(), fatal.turn));
    const ProcessResult life = house.live({.from = from, .to = fatal.turn, .fatal = fatal});
    EXPECT_EQ(life.signal, SIGKILL) << life.err << life.out;
    const Found found = house.found();
    check_found(fatal, found);
    if (testing::Test::HasFailure()) return deaths;
    from = fatal.turn;
    ++deaths.count;
    ++deaths.by_moment[fatal.moment];
    deaths.replies_lost += said_before(fatal) - found.replies;
  }
  const ProcessResult last = house.live({.from = from, .to = the_log().places().back()});
  EXPECT_EQ(last.exit_status, 0) << last.err << last.out;
  return deaths;
}

// What the journal and the sessions hold against the log.
struct Checked {
  std::size_t turns = 0;
  std::size_t messages = 0;
  std::size_t calls = 0;
  std::set<std::string> keys = {};
};

void check_turn(const FiledRun& run, const LoggedTurn& turn, Checked& checked) {
  EXPECT_EQ(run.row.outcome, "answered");
  const Result<Journalled> journalled = messages_of(run.records);
  ASSERT_TRUE(journalled) << journalled.error().message;
  EXPECT_EQ(difference(lines_of(turn), journalled->lines), "");
  ++checked.turns;
  checked.messages += journalled->lines.size();
  checked.calls += journalled->calls;
  checked.keys.insert(journalled->keys.begin(), journalled->keys.end());
}

void check_session(Store& store, const Conversation& conversation, Checked& checked) {
  SCOPED_TRACE(conversation.name);
  const Result<std::vector<Turn>> turns = store.tenants().turns({}, conversation.name, 1);
  ASSERT_TRUE(turns) << turns.error().message;
  ASSERT_EQ(turns->size(), conversation.turns.size());
  for (std::size_t i = 0; i < turns->size(); ++i) {
    SCOPED_TRACE("turn " + std::to_string(i));
    const LoggedTurn& logged = conversation.turns[i];
    const Turn& turn = (*turns)[i];
    const Result<Message> input = message_from_json(parse_json(turn.input).value_or(Json()));
    const Result<Message> answer = message_from_json(parse_json(turn.answer).value_or(Json()));
    ASSERT_TRUE(input && answer) << turn.input << turn.answer;
    EXPECT_EQ(input->text(), logged.user);
    EXPECT_EQ(answer->text(), logged.answer());
    const Result<FiledRun> run = store.tenants().run({}, turn.run);
    ASSERT_TRUE(run) << run.error().message;
    check_turn(*run, logged, checked);
  }
}

Checked check_store(const House& house) {
  Checked checked;
  const Result<std::unique_ptr<Store>> store = open_sqlite_store_read_only(house.home());
  EXPECT_TRUE(store) << store.error().message;
  if (!store) return checked;
  for (const Conversation& conversation : the_log().conversations) {
    check_session(**store, conversation, checked);
  }
  const Result<std::vector<RunRow>> runs = list_runs(**store, {});
  EXPECT_TRUE(runs && runs->size() == checked.turns) << "a run that is no turn";
  const Result<std::vector<RunRow>> filed = (*store)->tenants().runs({});
  // Who opens the home next files the last one.
  EXPECT_TRUE(filed && filed->size() + 1 >= checked.turns) << "a run that is not filed";
  return checked;
}

// Every call of the log, in order; an effect exactly once, by the key that the journal has.
void check_ledger(const House& house, const Checked& checked) {
  std::map<std::pair<Place, std::size_t>, std::vector<Entry>> done;
  for (Entry& entry : house.ledger().entries()) done[{entry.turn, entry.call}].push_back(entry);
  std::size_t calls = 0;
  std::size_t effects = 0;
  for (const Place& turn : the_log().places()) {
    SCOPED_TRACE(name_of(the_log(), turn));
    const std::vector<LoggedCall> logged = the_log().turn(turn).calls();
    for (std::size_t i = 0; i < logged.size(); ++i) {
      const std::vector<Entry>& entries = done[{turn, i}];
      ASSERT_FALSE(entries.empty()) << logged[i].tool << " was lost";
      EXPECT_EQ(entries[0].tool, logged[i].tool);
      if (is_effect(logged[i].tool)) {
        EXPECT_EQ(entries.size(), 1U) << logged[i].tool << " was repeated";
        EXPECT_TRUE(checked.keys.contains(entries[0].key)) << entries[0].key;
        ++effects;
      }
      ++calls;
    }
  }
  EXPECT_EQ(done.size(), calls);
  EXPECT_EQ(checked.keys.size(), effects);
}

void replay_with_deaths_every(std::size_t turns_between) {
  const std::vector<Place> places = the_log().places();
  Fates fates;
  std::vector<Fatal> fatal;
  for (std::size_t turn = turns_between - 1; turn < places.size(); turn += turns_between) {
    fatal.push_back(fates.next(places[turn]));
  }
  House house(the_log());
  Deaths deaths = live_through(house, fatal);
  for (const std::string& one : house.speaker().differences()) ADD_FAILURE() << one;
  if (testing::Test::HasFailure()) return;
  const Checked checked = check_store(house);
  check_ledger(house, checked);
  EXPECT_EQ(deaths.count, places.size() / turns_between);
  EXPECT_EQ(checked.turns, 398U);
  EXPECT_EQ(checked.calls, 313U);
  EXPECT_EQ(checked.messages, 398U + 398U + 313U + 313U);
  // What is journalled is never asked for again.
  EXPECT_EQ(house.speaker().replies(), 398U + 313U + deaths.replies_lost);
  for (const Moment moment : {Moment::reply, Moment::call, Moment::effect, Moment::outcome}) {
    EXPECT_GT(deaths.by_moment[moment], 0U) << "no death of kind " << static_cast<int>(moment);
  }
  std::printf(
      "50 conversations, %zu turns, %zu calls; %zu kills: %zu within a reply, %zu within a "
      "call, %zu after its effect, %zu after its outcome\n",
      checked.turns, checked.calls, deaths.count, deaths.by_moment[Moment::reply],
      deaths.by_moment[Moment::call], deaths.by_moment[Moment::effect],
      deaths.by_moment[Moment::outcome]);
}

// The first call that changes something, and its turn.
std::pair<Place, std::size_t> first_effect() {
  for (const Place& turn : the_log().places()) {
    const std::vector<LoggedCall> calls = the_log().turn(turn).calls();
    for (std::size_t i = 0; i < calls.size(); ++i) {
      if (is_effect(calls[i].tool)) return {turn, i};
    }
  }
  return {};
}

// Not a test: the process that drives.
TEST(TauBenchDriver, Drives) {
  const char* words = std::getenv(kDriverVariable);
  if (!words) return;
  const Result<Json> json = parse_json(words);
  ASSERT_TRUE(json) << json.error().message;
  const Result<Drive> wanted = from_json<Drive>(*json);
  ASSERT_TRUE(wanted) << wanted.error().message;
  const int code = drive(*wanted);
  std::fflush(nullptr);
  ::_exit(code);
}

TEST(TauBench, TheLogHoldsWhatIsSaidOfIt) {
  std::map<std::string, std::size_t> count;
  for (const Conversation& conversation : the_log().conversations) {
    count["stopped"] += conversation.stopped ? 1 : 0;
    count["cut"] += conversation.cut ? 1 : 0;
    for (const LoggedTurn& turn : conversation.turns) {
      std::set<std::string> ids;
      for (const Said& said : turn.said) {
        count["several calls"] += said.calls.size() > 1 ? 1 : 0;
        count["text with a call"] += !said.calls.empty() && !said.text.empty() ? 1 : 0;
      }
      for (const LoggedCall& call : turn.calls()) {
        count["empty"] += call.content.empty() ? 1 : 0;
        count["errors"] += call.content.starts_with("Error") ? 1 : 0;
        count["ids again"] += ids.insert(call.id).second ? 0 : 1;
        count["effects"] += is_effect(call.tool) ? 1 : 0;
        const Result<Json> arguments = parse_json(call.arguments);
        ASSERT_TRUE(arguments && arguments->is_object()) << call.arguments;
        count["spaces"] += arguments->dump() != call.arguments ? 1 : 0;
      }
    }
  }
  const std::map<std::string, std::size_t> expected = {
      {"stopped", 41},          {"cut", 9},      {"several calls", 0},
      {"text with a call", 20}, {"empty", 32},   {"errors", 29},
      {"ids again", 7},         {"effects", 80}, {"spaces", 27}};
  EXPECT_EQ(count, expected);
  EXPECT_EQ(the_log().conversations.size(), 50U);
}

// RAGENT_TEST_DATA: a folder of the benchmarks' own files, for who has them.
TEST(TauBench, TheCopySaysWhatTheOriginalSays) {
  const char* data = std::getenv("RAGENT_TEST_DATA");
  if (!data) GTEST_SKIP() << "RAGENT_TEST_DATA names no folder with the benchmark's own file";
  const std::string path = std::string(data) + "/tau_bench_gpt4o/airline.jsonl";
  const Result<Log> original = load_log(path);
  ASSERT_TRUE(original) << original.error().message;
  EXPECT_TRUE(*original == the_log());
}

TEST(TauBench, KilledInEveryTenthTurnItIsTheLog) { replay_with_deaths_every(10); }

TEST(LongTauBench, KilledInEveryTurnItIsTheLog) { replay_with_deaths_every(1); }

TEST(TauBenchTeeth, ADroppedRecordAndAnAlteredMessageAreSeen) {
  House house(the_log());
  const auto [turn, call] = first_effect();
  const ProcessResult life = house.live({.to = turn});
  ASSERT_EQ(life.exit_status, 0) << life.err;
  const LoggedTurn& logged = the_log().turn(turn);
  const auto store = open_sqlite_store_read_only(house.home());
  ASSERT_TRUE(store) << store.error().message;
  const auto runs = list_runs(**store, {});
  ASSERT_TRUE(runs && !runs->empty());
  const Result<FiledRun> run = (*store)->tenants().run({}, runs->front().uid);
  ASSERT_TRUE(run) << run.error().message;
  const Result<Journalled> whole = messages_of(run->records);
  ASSERT_TRUE(whole) << whole.error().message;
  EXPECT_EQ(difference(lines_of(logged), whole->lines), "");

  LoggedTurn altered = logged;
  altered.said[call].calls[0].content += ".";
  EXPECT_NE(difference(lines_of(altered), whole->lines), "");
  altered = logged;
  altered.said[call].calls[0].arguments = R"({"reservation_id":"another"})";
  EXPECT_NE(difference(lines_of(altered), whole->lines), "");
  altered = logged;
  altered.said.pop_back();
  EXPECT_NE(difference(lines_of(altered), whole->lines), "");
  for (std::size_t i = 0; i < run->records.size(); ++i) {
    std::vector<Record> fewer = run->records;
    fewer.erase(fewer.begin() + static_cast<std::ptrdiff_t>(i));
    const Result<Journalled> rest = messages_of(fewer);
    EXPECT_FALSE(rest) << "without record " << i + 1;
  }
}

TEST(TauBenchTeeth, AModelOfAnotherMindIsSeen) {
  Log other = the_log();
  other.conversations[0].turns[0].said[0].text += " Or not.";
  House house(other);
  const ProcessResult life = house.live({});
  EXPECT_EQ(life.exit_status, 2);
  EXPECT_NE(life.err.find("task-0-trial-0-turn-0: expected"), std::string::npos) << life.err;
}

TEST(TauBenchTeeth, DeclaredReadAnEffectIsRepeated) {
  const auto [turn, call] = first_effect();
  for (const bool lie : {false, true}) {
    House house(the_log());
    const Fatal fatal{.moment = Moment::effect, .turn = turn, .at = call};
    Drive drive{.to = turn, .fatal = fatal, .effects_are_reads = lie};
    EXPECT_EQ(house.live(drive).signal, SIGKILL);
    drive.from = turn;
    drive.fatal.reset();
    const ProcessResult life = house.live(drive);
    EXPECT_EQ(life.exit_status, 0) << life.err;
    std::size_t times = 0;
    for (const Entry& entry : house.ledger().entries()) {
      times += entry.turn == turn && entry.call == call ? 1 : 0;
    }
    EXPECT_EQ(times, lie ? 2U : 1U);
  }
}

}  // namespace
}  // namespace ragent::tau_bench
