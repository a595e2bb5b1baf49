// Journals of every release, replayed by this one: each file of tests/journals/RELEASE/ is a run
// without its final record; it must come to the answer that was recorded, without asking the model
// or a tool anything. RAGENT_RECORD_JOURNALS=FOLDER writes the files of this release.
#include <base/file.h>
#include <base/hash.h>
#include <base/text.h>
#include <ragent/limits.h>
#include <runtime/records.h>
#include <runtime/test_engine.h>
#include <store/memory/memory_store.h>

#include <cstdlib>
#include <filesystem>

namespace ragent {
namespace {

namespace fs = std::filesystem;

struct Thing {
  std::string name;
};

Task<std::string> leaf(Run& run, std::string item) {
  Observation seen =
      co_await run.act({.tool = "look", .arguments = Json::object({{"name", item}})});
  co_return item + "=" + seen.text();
}

// Every kind of record a planner can cause: forks, children handed out and cancelled, values,
// questions, effects, a timer, and a second chapter.
Task<Answer> everything(Run& run, Input input, bool chapters) {
  if (input.state) co_return Answer{.text = "second chapter: " + input.state->dump()};
  Transcript chat = co_await run.open(input);
  Reply reply = co_await run.think(chat);
  chat.add(reply, co_await run.act_all(reply.calls));
  Fork<std::string> fork = co_await run.fork(std::vector<std::string>{"a", "b", "c"}, leaf, true);
  Ended<std::string> first = co_await fork.next();
  co_await fork.cancel({first.index == 2 ? 1U : 2U});
  co_await run.note("pruned one");
  (void)co_await run.random();
  (void)co_await run.now();
  bool patched = co_await run.patched("greeting");
  co_await run.sleep(std::chrono::milliseconds(5));
  Decision decision = co_await run.ask("Go on?");
  std::string text = co_await std::move(first.value) + (patched ? "+" : "-");
  if (chapters && decision.allowed) co_return co_await run.continue_as_new(Json(text));
  co_return Answer{.text = text};
}

std::vector<Planner> planners() {
  auto with = [](bool chapters) {
    return
        [chapters](Run& run, Input input) { return everything(run, std::move(input), chapters); };
  };
  return {direct(), react(), {"everything", 1, with(false)}, {"chapters", 1, with(true)}};
}

Agent agent(bool forbidden) {
  auto body = [forbidden](Thing thing) -> Result<std::string> {
    if (forbidden) ADD_FAILURE() << "a replay called a tool for " << thing.name;
    return "seen " + thing.name;
  };
  return {.profile = {.name = "keeper", .instructions = "Look, then pay."},
          .model = "test",
          .tools = {tool("look", "Looks.", body).read(), tool("pay", "Pays.", body).once()}};
}

ScriptedReply replies() {
  auto call = [](std::string tool, std::string name) {
    return ToolCall{.tool = std::move(tool), .arguments = Json::object({{"name", name}})};
  };
  return testing::call_then_answer({call("look", "price"), call("pay", "bill")});
}

Json line_of(const Record& record) {
  return Json::object({{"n", record.n},
                       {"chapter", record.chapter},
                       {"path", record.path},
                       {"step", record.step},
                       {"call", record.call},
                       {"kind", to_string(record.kind)},
                       {"intent", record.phase == Phase::intent},
                       {"attempt", record.attempt},
                       {"at", record.at},
                       {"digest", to_hex(record.digest)},
                       {"body", record.body}});
}

Record record_of(const Json& line) {
  auto number = [&](std::string_view key) { return static_cast<std::uint32_t>(line.integer(key)); };
  return {.run = 1,
          .n = number("n"),
          .chapter = number("chapter"),
          .path = line.text("path"),
          .step = number("step"),
          .call = number("call"),
          .kind = record_kind_from(line.text("kind")).value_or(RecordKind::start),
          .phase = line.flag("intent") ? Phase::intent : Phase::outcome,
          .attempt = number("attempt"),
          .at = line.integer("at"),
          .digest = digest_from_hex(line.text("digest")).value_or(Digest{}),
          .body = line.text("body")};
}

void record(const std::string& folder, const std::string& planner) {
  auto disk = std::make_shared<MemoryDisk>();
  std::string run;
  {
    EngineOptions options = testing::options(make_memory_store(disk), replies());
    options.planners = planners();
    Engine engine(std::move(options));
    Result<RunHandle> handle = engine.start(agent(false), "Pay the bill.", {.planner = planner});
    ASSERT_TRUE(handle) << handle.error().message;
    run = handle->id();
    Result<Answer> answer = handle->wait();
    if (!answer) {  // it asks
      Result<std::vector<Ask>> asks = engine.asks();
      ASSERT_TRUE(asks && asks->size() == 1) << answer.error().message;
      ASSERT_TRUE(engine.answer(asks->front().id, {.allowed = true, .who = "a test"}));
      answer = handle->wait();
    }
    ASSERT_TRUE(answer) << answer.error().message;
  }
  Result<FiledRun> filed = make_memory_store(disk)->tenants().run(Tenant(), run);
  ASSERT_TRUE(filed) << filed.error().message;
  std::string text = Json::object({{"planner", filed->row.planner},
                                   {"digest", filed->row.spec},
                                   {"chapter", filed->row.chapter},
                                   {"spec", filed->spec}})
                         .dump() +
                     "\n";
  for (const Record& one : filed->records) text += line_of(one).dump() + "\n";
  ASSERT_TRUE(write_file_atomic(folder + "/" + planner + ".jsonl", text));
}

void replay(const fs::path& file) {
  Result<std::string> text = read_file(file.string(), limits::kJsonBytesMax);
  ASSERT_TRUE(text) << text.error().message;
  std::vector<Json> lines;
  for (std::string_view line : split(*text, '\n')) {
    if (line.empty()) continue;
    Result<Json> json = parse_json(line);
    ASSERT_TRUE(json) << json.error().message;
    lines.push_back(std::move(*json));
  }
  ASSERT_GT(lines.size(), 2U);
  Group group;
  group.specs.push_back({lines[0].text("digest"), lines[0].text("spec")});
  RunRow row{.id = 1,
             .uid = "old",
             .tenant = "local",
             .session = "s",
             .agent = "keeper",
             .spec = lines[0].text("digest"),
             .planner = lines[0].text("planner"),
             .state = "working",
             .chapter = static_cast<std::uint32_t>(lines[0].integer("chapter"))};
  group.runs.push_back(row);
  for (std::size_t i = 1; i < lines.size(); ++i) group.records.push_back(record_of(lines[i]));
  Result<Json> final = parse_json(group.records.back().body);
  ASSERT_TRUE(final && group.records.back().kind == RecordKind::final);
  group.records.pop_back();
  std::unique_ptr<Store> store = make_memory_store();
  ASSERT_TRUE(store->journal().commit(group));
  ScriptedReply silent = [](const ModelRequest& request) -> Result<Reply> {
    ADD_FAILURE() << "a replay asked the model at " << request.key;
    return Reply{};
  };
  EngineOptions options = testing::options(std::move(store), silent);
  options.planners = planners();
  options.agents = {agent(true)};
  Engine engine(std::move(options));
  Result<RunHandle> handle = engine.attach("old");
  ASSERT_TRUE(handle) << handle.error().message;
  Result<Answer> answer = handle->wait();
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(answer->text, final->text("text"));
  const Json* usage = final->find("usage");
  ASSERT_TRUE(usage);
  // Nothing is priced afterwards.
  EXPECT_EQ(answer->usage.cost_nanodollars, usage_from_json(*usage).cost_nanodollars);
}

TEST(JournalsTest, EveryJournalOfEveryReleaseReplays) {
  if (const char* folder = std::getenv("RAGENT_RECORD_JOURNALS")) {
    for (const char* planner : {"direct", "react", "everything", "chapters"})
      record(folder, planner);
  }
  std::size_t files = 0;
  for (const auto& entry : fs::recursive_directory_iterator("tests/journals")) {
    if (entry.path().extension() != ".jsonl") continue;
    SCOPED_TRACE(entry.path().string());
    replay(entry.path());
    ++files;
  }
  EXPECT_GE(files, 4U);
}

}  // namespace
}  // namespace ragent
