// Forks of runs: what is copied, what is asked again, what an edit replaces, and what neither
// their source nor the world notices.
#include <runtime/test_engine.h>

#include <action/gate.h>
#include <gmock/gmock.h>
#include <runtime/view.h>
#include <store/memory/memory_store.h>

#include <mutex>

namespace ragent {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::options;

// What happened outside: the keys of the payments, and what the model was shown.
struct World {
  std::vector<std::string> paid = {};
  std::vector<std::string> shown = {};
  std::vector<std::string> models = {};
  std::mutex paying = {};  // branches pay at once, on threads of the pool

  std::size_t pay(const std::string& key) {
    const std::lock_guard lock(paying);
    paid.push_back(key);
    return paid.size();
  }
};

std::string shown(const Transcript& transcript) {
  std::string out;
  for (const Message* message : transcript.messages()) {
    if (message->role == Role::system) continue;
    if (const auto* seen = std::get_if<ToolResult>(&message->parts.front())) {
      out += "[" + seen->observation.text() + "]";
    } else if (const auto* said = std::get_if<Text>(&message->parts.front())) {
      out += said->text + "|";  // without the date
    }
  }
  return out;
}

// Calls `pay` as often as the input has letters "p", then says what it has seen.
Result<Reply> answer(World& world, const ModelRequest& request) {
  world.shown.push_back(shown(request.transcript));
  const std::string& text = request.transcript.last_user()->text();
  const auto pays = static_cast<std::size_t>(std::ranges::count(text, 'p'));
  const std::size_t replies = request.transcript.replies();
  const Usage usage{.tokens_input = 100, .tokens_output = 10};
  if (replies < pays) {
    Json arguments = Json::object({{"n", replies}});
    return Reply{.calls = {{.tool = "pay", .arguments = std::move(arguments)}},
                 .usage = usage,
                 .finish = Finish::calls};
  }
  return Reply{.text = "saw " + world.shown.back(), .usage = usage};
}

struct Fixture {
  Fixture() : disk(std::make_shared<MemoryDisk>()), reader(make_memory_store(disk)) { open(); }
  void open(std::vector<Planner> more = {}) {
    engine.reset();
    EngineOptions with = options(make_memory_store(disk), {});
    with.models.clear();
    for (const char* name : {"test", "other"}) {
      with.models.push_back(
          [this, name](const std::string& asked, Loop& loop) -> Result<std::unique_ptr<Model>> {
            if (asked != name) return nullptr;
            return make_scripted_model(loop, [this, name](const ModelRequest& request) {
              world.models.emplace_back(name);
              return answer(world, request);
            });
          });
    }
    with.agents = {payer()};
    with.planners.insert(with.planners.end(), more.begin(), more.end());
    engine.emplace(std::move(with));
  }
  Agent payer(std::string planner = "react") {
    return {.profile = {.name = "payer"},
            .model = "test",
            .planner = std::move(planner),
            .budget = {.steps = 12},
            .tools = {tool("pay", "Pays.",
                           [this](Json, ToolContext& context) { return world.pay(context.key); })
                          .once(),
                      tool("ask_pay", "Pays.",
                           [this](Json, ToolContext& context) {
                             world.pay(context.key);
                             return 1;
                           })
                          .once()
                          .ask("Pay?")}};
  }
  std::string run(std::string input, RunOptions how = {}) {
    Result<RunHandle> handle = engine->start(payer(), std::move(input), std::move(how));
    EXPECT_TRUE(handle) << handle.error().message;
    Result<Answer> answer = handle->wait();
    EXPECT_TRUE(answer) << answer.error().message;
    world.shown.clear();
    return handle->id();
  }
  // Forks, waits, and answers what it says.
  std::string fork(const std::string& of, ForkOptions how) {
    Result<RunHandle> handle = engine->fork(of, std::move(how));
    if (!handle) return handle.error().message;
    last = handle->id();
    session = handle->session();
    Result<Answer> answer = handle->wait();
    return answer ? answer->text : answer.error().message;
  }
  // The turns of a session, once there are so many: they are applied after a run has ended.
  std::vector<Turn> turns_of(const std::string& of, std::size_t many) {
    std::vector<Turn> turns;
    for (int i = 0; i < 2000 && turns.size() < many; ++i) {
      engine->poll(std::chrono::milliseconds(1));
      turns = *reader->tenants().turns({}, of, 1);
    }
    return turns;
  }
  FiledRun journal(const std::string& uid) { return reader->tenants().run({}, uid).value(); }
  Json start(const std::string& uid) { return *parse_json(journal(uid).records.front().body); }
  Json last_body(const std::string& uid) { return *parse_json(journal(uid).records.back().body); }

  World world;
  std::shared_ptr<MemoryDisk> disk;  // shared with the engine's store
  std::unique_ptr<Store> reader;
  std::optional<Engine> engine;
  std::string last, session;  // of the latest fork
};

class ForkRunTest : public ::testing::Test, protected Fixture {};

// react: 0:0 open, 0:1 think, 0:2 act, 0:3 think, 0:4 act, 0:5 think.
TEST_F(ForkRunTest, WhatWasDoneIsKeptAndWhatComesAfterHasKeysOfItsOwn) {
  const std::string source = run("pp");
  const FiledRun before = journal(source);
  EXPECT_THAT(world.paid, ::testing::SizeIs(2));
  EXPECT_EQ(fork(source, {.at = "0:3"}), "saw pp|[1][3]");
  EXPECT_THAT(world.shown, ElementsAre("pp|[1]", "pp|[1][3]"));
  ASSERT_THAT(world.paid, ::testing::SizeIs(3));
  EXPECT_NE(world.paid[2], world.paid[1]);
  EXPECT_EQ(world.paid[2], idempotency_key(last, 0, "0", 4, 0));
  EXPECT_EQ(journal(source), before);
  const FiledRun forked = journal(last);
  for (std::size_t i = 1; i <= 5; ++i) {
    EXPECT_EQ(forked.records[i].body, before.records[i].body);
    EXPECT_EQ(forked.records[i].digest, before.records[i].digest);
  }
  EXPECT_NE(forked.row.session, before.row.session);
  EXPECT_EQ(forked.row.parent, source + "@0:3");
  EXPECT_EQ(forked.row.spec, before.row.spec);
  EXPECT_EQ(forked.row.planner, before.row.planner);
  const ForkedFrom from = forked_from(start(last));
  EXPECT_EQ(from.run, source);
  EXPECT_EQ(from.at, "0:3");
  EXPECT_EQ(from.records, 6U);
}

TEST_F(ForkRunTest, AForkMayBeForked) {
  const std::string source = run("pp");
  fork(source, {.at = "0:4"});
  const std::string first = last;
  EXPECT_EQ(fork(first, {.at = "0:5"}), "saw pp|[1][3]");
  EXPECT_EQ(forked_from(start(last)).run, first);
  EXPECT_THAT(world.paid, ::testing::SizeIs(3));
  EXPECT_EQ(fork(source, {.at = "start"}), "saw pp|[4][5]");
}

TEST_F(ForkRunTest, WhatItsSourceSpentIsNotItsOwn) {
  const std::string source = run("pp");
  const std::int64_t paid = last_body(source).find("usage")->integer("tokens_input");
  EXPECT_EQ(paid, 300);
  fork(source, {.at = "0:5"});
  EXPECT_EQ(last_body(last).find("usage")->integer("tokens_input"), 100);
  EXPECT_EQ(last_body(last).find("budget")->integer("steps"), 11);
  EXPECT_EQ(totals(*view_run(*reader, {}, last)).thinks, 1);
  EXPECT_EQ(totals(*view_run(*reader, {}, last)).calls, 0);
  EXPECT_EQ(totals(*view_run(*reader, {}, source)).calls, 2);
}

TEST_F(ForkRunTest, OneThatRanOutOfItsBudgetGoesOn) {
  Result<RunHandle> short_of =
      engine->start(payer(), "ppp", {.budget = Budget{.steps = 4, .tokens = 9000}});
  ASSERT_TRUE(short_of);
  (void)short_of->wait();
  EXPECT_EQ(fork(short_of->id(), {.at = "0:3"}), "saw ppp|[1][3][4]");
}

TEST_F(ForkRunTest, AnotherModelGoesOnWithTheSameConversation) {
  const std::string source = run("p");
  world.models.clear();
  EXPECT_EQ(fork(source, {.at = "0:3", .model = "other"}), "saw p|[1]");
  EXPECT_THAT(world.models, ElementsAre("other"));
  EXPECT_NE(journal(last).row.spec, journal(source).row.spec);
  EXPECT_THAT(fork(source, {.at = "0:3", .model = "none"}), HasSubstr("no model is called"));
}

TEST_F(ForkRunTest, ItsSessionBeginsWithWhatTheSourceSaw) {
  run("one", {.session = "s"});
  const std::string source = run("two", {.session = "s"});
  run("three", {.session = "s"});
  EXPECT_EQ(fork(source, {.at = "0:1"}), "saw one|saw one||two|");
  const std::string forked = session;
  const std::string again = last;
  EXPECT_EQ(fork(again, {.at = "start", .edit = Json("2")}), "saw one|saw one||2|");
  EXPECT_EQ(turns_of(session, 2).size(), 2U);
  engine.reset();
  open();
  const std::string next = run("four", {.session = forked});
  EXPECT_EQ(last_body(next).text("text"), "saw one|saw one||two|saw one|saw one||two||four|");
  std::vector<Turn> turns = turns_of(forked, 3);
  ASSERT_THAT(turns, ::testing::SizeIs(3));
  EXPECT_EQ(turns[1].run, again);
  EXPECT_EQ(turns[2].run, next);
  EXPECT_EQ(reader->tenants().turns({}, "s", 1)->size(), 3U);
  EXPECT_EQ(reader->tenants().sessions({})->size(), 3U);
}

// ---- edits: the step is not asked, and the finished fork replays

TEST_F(ForkRunTest, TheInputIsEdited) {
  const std::string source = run("pp");
  EXPECT_EQ(fork(source, {.at = "start", .edit = Json("p!"), .who = "ada"}), "saw p!|[3]");
  EXPECT_EQ(journal(last).row.task, "p!");
  EXPECT_TRUE(start(last).flag("edited"));
  EXPECT_EQ(start(last).text("who"), "ada");
  fork(last, {.at = "start"});
  EXPECT_FALSE(start(last).flag("edited"));
}

TEST_F(ForkRunTest, AReplyIsEdited) {
  const std::string source = run("p");
  EXPECT_EQ(fork(source, {.at = "0:1", .edit = Json("No.")}), "No.");
  EXPECT_EQ(fork(source, {.at = "0:3", .edit = Json(42)}), "42");
  EXPECT_THAT(world.shown, IsEmpty());
  Json calls = *parse_json(R"({"calls":[{"tool":"pay","arguments":{"n":7}}]})");
  EXPECT_EQ(fork(source, {.at = "0:3", .edit = calls}), "saw p|[1][2]");
  const FiledRun forked = journal(last);
  const Json outcome = *parse_json(forked.records[7].body);
  EXPECT_TRUE(outcome.flag("edited"));
  EXPECT_EQ(outcome.text("who"), "the user");
  EXPECT_EQ(parse_json(forked.records[8].body)->find("arguments")->integer("n"), 7);
  for (const char* wrong : {R"({"txt":"a"})", R"({"calls":[{"arguments":{}}]})", R"({"text":1})",
                            R"({"calls":[{"tool":"pay","arguments":1}]})", "{}"}) {
    EXPECT_THAT(fork(source, {.at = "0:1", .edit = *parse_json(wrong)}),
                HasSubstr("step 0:1 is a think: its edit is a reply"));
  }
  EXPECT_THAT(fork(source, {.at = "0:1", .edit = *parse_json(R"({"text":"","finish":"x"})")}),
              HasSubstr("finish: expected one of"));
}

TEST_F(ForkRunTest, AnObservationIsEdited) {
  const std::string source = run("pp");
  EXPECT_EQ(fork(source, {.at = "0:4", .edit = Json("nothing")}), "saw pp|[1][\"nothing\"]");
  EXPECT_THAT(world.paid, ::testing::SizeIs(2));
  EXPECT_EQ(fork(source, {.at = "0:2.0", .edit = Json(9)}), "saw pp|[9][3]");
  EXPECT_TRUE(parse_json(journal(last).records[4].body)->flag("edited"));
  EXPECT_THAT(fork(source, {.at = "0:2", .edit = Json(std::string(40'000, 'x'))}),
              HasSubstr("a value of at most 32768 bytes"));
  EXPECT_THAT(fork(source, {.at = "0:0", .edit = Json("x")}),
              HasSubstr("is a record of kind open: what can be edited"));
}

Task<Answer> questions(Run& run, Input input) {
  Decision free = co_await run.ask("Go on?");
  Decision typed = co_await run.ask("How many?", *parse_json(R"({"type":"integer"})"));
  std::vector<ToolCall> calls = {{.tool = "ask_pay", .arguments = Json::object({})},
                                 {.tool = "pay", .arguments = Json::object({})}};
  std::vector<Observation> seen = co_await run.act_all(std::move(calls));
  co_return Answer{.text = input.text + (free.allowed ? " yes " : " no ") + typed.answer.dump() +
                           " " + seen[0].text() + " " + seen[1].text()};
}

TEST_F(ForkRunTest, ADecisionIsEdited) {
  open({{"questions", 1, questions}});
  Result<RunHandle> parked = engine->start(payer("questions"), "go");
  ASSERT_TRUE(parked);
  ASSERT_FALSE(parked->wait());
  const std::string source = parked->id();
  EXPECT_THAT(fork(source, {.at = "0:0", .edit = Json("maybe")}),
              HasSubstr("step 0:0 is an ask: its edit is a decision"));
  EXPECT_THAT(fork(source, {.at = "0:0"}), HasSubstr("waits for an answer"));
  EXPECT_THAT(fork(source, {.at = "0:0", .edit = Json(false)}), HasSubstr("waits for an answer"));
  const std::string first = last;
  EXPECT_THAT(fork(first, {.at = "0:1", .edit = Json("many")}), HasSubstr("expected integer"));
  EXPECT_THAT(fork(first, {.at = "0:1", .edit = Json(3)}), HasSubstr("waits for an answer"));
  const std::string second = last;
  // The approval of a call: its outcome is given, so nobody is asked and it does not happen.
  EXPECT_EQ(fork(second, {.at = "0:2", .edit = Json("paid")}), "go no 3 \"paid\" 1");
  const std::string third = last;
  EXPECT_THAT(fork(third, {.at = "0:2", .edit = Json(1)}),
              HasSubstr("has 2 calls, and an edit is the observation of one: name it, 0:2.0 to "));
  EXPECT_EQ(fork(third, {.at = "0:2.1", .edit = Json("too")}), "go no 3 \"paid\" \"too\"");
  EXPECT_EQ(fork(third, {.at = "0:2.1"}), "go no 3 \"paid\" 2");
  EXPECT_THAT(world.paid, ::testing::SizeIs(2));
  // The source waits still, and goes on as it would have.
  EXPECT_EQ(engine->asks()->size(), 4U);
  EXPECT_TRUE(engine->answer(source + "/0:0.0", {.allowed = true}));
  EXPECT_TRUE(engine->answer(source + "/0:1.0", {.answer = Json(5)}));
  EXPECT_TRUE(engine->answer(source + "/0:2.0", {.allowed = true}));
  EXPECT_EQ(parked->wait()->text, "go yes 5 1 4");
}

// ---- branches

Task<std::string> worker(Run& run, std::string item) {
  Observation one = co_await run.act({.tool = "pay", .arguments = Json::object({})});
  Transcript chat;
  chat.add(Message::of(Role::user, item + one.text()));
  Reply reply = co_await run.think(std::move(chat));
  Observation two = co_await run.act({.tool = "pay", .arguments = Json::object({})});
  co_return reply.text + two.text();
}

Task<Answer> parallel(Run& run, Input) {
  std::vector<std::string> items = {"a", "b", "c"};
  Fork<std::string> fork = co_await run.fork(std::move(items), worker);
  std::string out;
  for (Result<std::string>& one : co_await fork.all()) out += (one ? *one : "-") + " ";
  co_return Answer{.text = out};
}

TEST_F(ForkRunTest, InsideAChildTheOthersGoOnFromWhereTheyWere) {
  open({{"parallel", 1, parallel}});
  Result<RunHandle> handle = engine->start(payer("parallel"), "go");
  ASSERT_TRUE(handle);
  ASSERT_TRUE(handle->wait());
  const std::string source = handle->id();
  ASSERT_EQ(world.paid.size(), 6U);
  const FiledRun before = journal(source);
  for (const char* at : {"0.0.0:0", "0.0.1:1", "0.0.2:1", "0.0.1:2", "0.0.2:2", "0:1", "0:2"}) {
    world.paid.clear();
    const std::string text = fork(source, {.at = at});
    EXPECT_THAT(text, HasSubstr("saw a")) << at;
    EXPECT_THAT(text, HasSubstr("saw c")) << at;
    const FiledRun forked = journal(last);
    std::size_t copied = 0;
    for (const Record& record : forked.records) {
      const bool own = record.n > forked_from(start(last)).records;
      if (record.kind == RecordKind::act && record.phase == Phase::outcome && !own) ++copied;
    }
    EXPECT_EQ(copied + world.paid.size(), 6U) << at << ": each is done once, here or there";
    EXPECT_EQ(journal(source), before);
  }
  EXPECT_THAT(fork(source, {.at = "0.0.1:2", .edit = Json("X")}), HasSubstr("X"));
  EXPECT_THAT(fork(source, {.at = "0.0.7:2"}), HasSubstr("its branches are 0, 0.0.0, 0.0.1, 0.0."));
}

// ---- errors

Task<Answer> two_chapters(Run& run, Input input) {
  if (!input.state) {
    for (int i = 0; i < 5; ++i) (void)co_await run.note(Json(i));
    co_return co_await run.continue_as_new(Json("second"));
  }
  (void)co_await run.note(Json("x"));
  Decision decision = co_await run.ask("End?");
  co_return Answer{.text = *input.state->string() + (decision.allowed ? " yes" : " no")};
}

TEST_F(ForkRunTest, AChapterThatHasEndedIsNotForked) {
  open({{"chapters", 1, two_chapters}});
  Result<RunHandle> handle = engine->start(payer("chapters"), "go");
  ASSERT_TRUE(handle);
  ASSERT_FALSE(handle->wait());
  EXPECT_THAT(fork(handle->id(), {.at = "0:4"}),
              HasSubstr("step 0:4 of run " + handle->id() +
                        " belongs to chapter 0, which has ended: a fork begins in the chapter at "
                        "work, 1; there branch 0 has the steps 0:0 to 0:1"));
  EXPECT_EQ(fork(handle->id(), {.at = "0:1", .edit = Json(true)}), "second yes");
  EXPECT_EQ(journal(last).row.chapter, 1U);
  EXPECT_EQ(fork(last, {.at = "0:1", .edit = Json(false)}), "second no");
}

TEST_F(ForkRunTest, WhatCannotBeForkedSaysWhy) {
  const std::string source = run("p");
  EXPECT_THAT(fork(source, {.at = "0:9"}),
              HasSubstr("has recorded no step 0:9: branch 0 has the steps 0:0 to 0:3"));
  EXPECT_THAT(fork(source, {.at = "0:2.4"}), HasSubstr("the calls of that step are 0:2.0"));
  EXPECT_THAT(fork(source, {.at = "soon"}), HasSubstr("expected PATH:STEP"));
  EXPECT_THAT(fork(source, {.at = "soon"}), HasSubstr("or start"));
  EXPECT_THAT(fork("none", {.at = "0:1"}), HasSubstr("there is no run none"));
  Result<RunHandle> foreign =
      engine->fork(source, {.at = "0:1", .tenant = Tenant::parse("other").value()});
  ASSERT_FALSE(foreign);
  EXPECT_EQ(foreign.error().kind, ErrorKind::not_found);
  EXPECT_EQ(foreign.error().message, "there is no run " + source);
  EXPECT_EQ(list_runs(*reader, {})->size(), 1U);
}

TEST_F(ForkRunTest, ARunThatDivergedIsNotForked) {
  open({{"changed", 1, questions}});
  Result<RunHandle> handle = engine->start(payer("changed"), "go");
  ASSERT_TRUE(handle);
  ASSERT_FALSE(handle->wait());
  const std::string source = handle->id();
  open({{"changed", 1, two_chapters}});
  Result<RunHandle> again = engine->attach(source);
  ASSERT_TRUE(again);
  EXPECT_THAT(again->wait().error().message, HasSubstr("diverged"));
  EXPECT_THAT(fork(source, {.at = "0:0"}), HasSubstr("diverged: its planner no longer asks"));
}

TEST_F(ForkRunTest, AKeyNamesOneFork) {
  const std::string source = run("p");
  EXPECT_EQ(fork(source, {.at = "0:3", .key = "k"}), "saw p|[1]");
  const std::string first = last;
  EXPECT_EQ(fork(source, {.at = "0:2", .key = "k"}), "saw p|[1]");
  EXPECT_EQ(last, first);
  EXPECT_EQ(list_runs(*reader, {})->size(), 2U);
}

// ---- what the user said meanwhile

Task<Answer> patient(Run& run, Input input) {
  Transcript chat = co_await run.open(std::move(input));
  (void)co_await run.ask("Think?");
  co_return Answer{.text = (co_await run.think(std::move(chat))).text};
}

TEST_F(ForkRunTest, AThinkThatIsAskedAgainHearsWhatWasSaidToIt) {
  open({{"patient", 1, patient}});
  Result<RunHandle> handle = engine->start(payer("patient"), "go", {.session = "s"});
  ASSERT_TRUE(handle);
  ASSERT_FALSE(handle->wait());
  ASSERT_TRUE(
      engine->start(payer("patient"), "in euros", {.session = "s", .on_busy = OnBusy::steer}));
  ASSERT_TRUE(engine->answer(handle->id() + "/0:1.0", {.allowed = true}));
  ASSERT_EQ(handle->wait()->text, "saw go|in euros|");
  EXPECT_EQ(fork(handle->id(), {.at = "0:2"}), "saw go|in euros|");
  EXPECT_EQ(fork(handle->id(), {.at = "0:1", .edit = Json(true)}), "saw go|");
  EXPECT_EQ(fork(handle->id(), {.at = "0:2", .edit = Json("said")}), "said");
  EXPECT_THAT(reader->journal().inbox().value(), IsEmpty());
}

}  // namespace
}  // namespace ragent
