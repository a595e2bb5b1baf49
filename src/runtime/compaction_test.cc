#include <runtime/compaction.h>

#include <base/scope.h>
#include <base/simulated_loop.h>
#include <runtime/test_engine.h>

#include <gmock/gmock.h>

#include <set>

namespace ragent {
namespace {

using ::testing::HasSubstr;

// Its tokens are four bytes each; it remembers what it was asked.
class Small : public Model {
 public:
  explicit Small(std::vector<Transcript>* asked = nullptr, std::uint32_t window = 1000)
      : info_{.name = "small", .context_tokens = window}, asked_(asked) {}
  const ModelInfo& info() const override { return info_; }
  Task<Reply> reply(ModelRequest request, DeltaSink&) override {
    if (asked_) asked_->push_back(request.transcript);
    co_return Reply{.text = "Noted: " + request.transcript.last().text().substr(0, 40)};
  }
  Task<std::vector<std::int64_t>> tokens(std::vector<std::string> texts) override {
    std::vector<std::int64_t> out;
    for (const std::string& text : texts) {
      ++counted;
      out.push_back(static_cast<std::int64_t>(text.size() / 4));
    }
    co_return out;
  }
  int counted = 0;

 private:
  ModelInfo info_;
  std::vector<Transcript>* asked_;
};

class CompactionTest : public ::testing::Test {
 protected:
  CompactionTest() {
    Message system = Message::of(Role::system, "You are kind.");
    system.stable = true;
    chat.add(std::move(system));
  }
  void turn(int number, std::size_t bytes = 200) {
    std::string name = "number " + std::to_string(number) + " ";
    chat.add(Message::of(Role::user, "Question " + name + std::string(bytes, 'q')));
    chat.add(Message::of(Role::assistant, "Answer " + name + std::string(bytes, 'a')));
  }
  void step(int number, std::size_t bytes) {
    step(number, Observation{.value = Json("observation " + std::to_string(number) + " " +
                                           std::string(bytes, 'o'))});
  }
  void step(int number, Observation seen) {
    ToolCall call{.id = "c" + std::to_string(number), .tool = "look", .arguments = Json(number)};
    chat.add(Reply{.calls = {call}}, {std::move(seen)});
  }
  // Each file is a line of about a hundred bytes.
  static Observation with_files(std::size_t count) {
    Observation seen{.value = Json("done")};
    for (std::size_t i = 0; i < count; ++i) {
      seen.files.push_back({.name = "report.csv", .bytes = 10, .artifact = std::string(60, 'a')});
    }
    return seen;
  }
  Result<Transcript> fit() {
    note = Json();
    return block_on(*loop, compaction.fit(chat, model, 100, &note));
  }
  std::string text(const Transcript& of) {
    std::string out;
    for (const Message* message : of.messages()) out += to_json(*message).dump() + "\n";
    return out;
  }
  // No call without its result, none without its call.
  static void expect_pairs(const Transcript& of) {
    std::multiset<std::string> calls;
    std::multiset<std::string> results;
    for (const Message* message : of.messages()) {
      for (const Part& part : message->parts) {
        if (const auto* call = std::get_if<ToolCall>(&part)) calls.insert(call->id);
        if (const auto* result = std::get_if<ToolResult>(&part)) results.insert(result->call);
      }
    }
    EXPECT_EQ(calls, results);
  }

  std::unique_ptr<Loop> loop = make_simulated_loop(1);
  Small model;
  Compaction compaction;
  Transcript chat;
  Json note;
};

TEST_F(CompactionTest, WhatFitsStaysAsItIs) {
  turn(1);
  chat.add(Message::of(Role::user, "And now?"));
  Result<Transcript> seen = fit();
  ASSERT_TRUE(seen);
  EXPECT_EQ(seen->digest(), chat.digest());
  EXPECT_TRUE(note.is_null());
}

TEST_F(CompactionTest, OldTurnsBecomeALineEach) {
  for (int i = 1; i <= 20; ++i) turn(i);
  chat.add(Message::of(Role::user, "What was it?"));
  Result<Transcript> seen = fit();
  ASSERT_TRUE(seen) << seen.error().message;
  std::string all = text(*seen);
  EXPECT_LT(all.size() / 4, 700U);
  EXPECT_THAT(all, HasSubstr("You are kind."));
  EXPECT_THAT(all, HasSubstr("What was it?"));
  EXPECT_THAT(all, HasSubstr("Answer number 20 aaa"));
  EXPECT_THAT(all, HasSubstr("Earlier in this conversation:"));
  EXPECT_THAT(all, HasSubstr("- asked: Question number 17"));
  EXPECT_THAT(all, HasSubstr("; answered: Answer number 17"));
  EXPECT_EQ(note.integer("turns"), 17);
  ASSERT_TRUE(note.find("tokens"));
  EXPECT_GT((*note.find("tokens")->array())[0].integer(), 1000);
  EXPECT_LT((*note.find("tokens")->array())[1].integer(), 1000);
}

TEST_F(CompactionTest, WhatWasDoneStaysSoThatThePrefixIsTheSame) {
  for (int i = 1; i <= 20; ++i) turn(i);
  chat.add(Message::of(Role::user, "What was it?"));
  Transcript first = *fit();
  int counted = model.counted;
  chat.add(Reply{.text = "It was that."});
  chat.add(Message::of(Role::user, "Sure?"));
  Result<Transcript> second = fit();
  ASSERT_TRUE(second);
  EXPECT_TRUE(note.is_null());
  EXPECT_EQ(second->digest(first.size()), first.digest());
  EXPECT_EQ(second->size(), first.size() + 2);
  EXPECT_EQ(model.counted, counted + 2);  // only what is new
}

TEST_F(CompactionTest, ItGoesOnForEver) {
  for (int i = 1; i <= 300; ++i) {
    turn(i, 50 + static_cast<std::size_t>(i) * 37 % 400);
    chat.add(Message::of(Role::user, "Next " + std::to_string(i)));
    Result<Transcript> seen = fit();
    ASSERT_TRUE(seen) << seen.error().message;
    std::size_t bytes = 0;
    for (const Message* message : seen->messages()) bytes += message->text().size();
    EXPECT_LE(bytes / 4, 900U) << i;
    EXPECT_EQ(seen->last().text().substr(0, 4), "Next");
    chat.add(Reply{.text = "fine"});
  }
}

TEST_F(CompactionTest, OldObservationsAreShortenedAndCallsKeepTheirResults) {
  chat.add(Message::of(Role::user, "Look at all of them."));
  for (int i = 1; i <= 40; ++i) {
    step(i, 600);
    Result<Transcript> seen = fit();
    ASSERT_TRUE(seen) << seen.error().message;
    expect_pairs(*seen);
    std::string all = text(*seen);
    EXPECT_LE(all.size() / 4, 1300U) << i;  // JSON is longer than what is counted
    EXPECT_THAT(all, HasSubstr("Look at all of them."));
    // The latest one is whole.
    EXPECT_THAT(all, HasSubstr("observation " + std::to_string(i) + " " + std::string(600, 'o')));
  }
}

TEST_F(CompactionTest, AnObservationLargerThanTheWindowKeepsItsBeginning) {
  chat.add(Message::of(Role::user, "Read it."));
  step(1, 20'000);
  Result<Transcript> seen = fit();
  ASSERT_TRUE(seen) << seen.error().message;
  EXPECT_THAT(text(*seen), HasSubstr("observation 1 ooo"));
  EXPECT_THAT(text(*seen), HasSubstr("bytes; shortened, as the conversation is long"));
  EXPECT_EQ(note.integer("observations"), 1);
}

TEST_F(CompactionTest, FilesAreCountedOnce) {
  chat.add(Message::of(Role::user, "Write the reports."));
  step(1, with_files(20));
  ASSERT_TRUE(fit());
  EXPECT_TRUE(note.is_null()) << note.dump();
}

TEST_F(CompactionTest, FilesStayWhereAnObservationIsShortened) {
  chat.add(Message::of(Role::user, "Write the reports, then look."));
  step(1, with_files(8));
  step(2, 3000);
  step(3, 10);
  Result<Transcript> seen = fit();
  ASSERT_TRUE(seen) << seen.error().message;
  EXPECT_EQ(note.integer("observations"), 1);
  const auto& files = std::get<ToolResult>(seen->messages()[3]->parts.front()).observation;
  EXPECT_EQ(files, with_files(8));
}

TEST_F(CompactionTest, WhatCannotBeMadeToFitIsSaid) {
  chat.add(Message::of(Role::user, std::string(8000, 'x')));
  Result<Transcript> seen = fit();
  ASSERT_FALSE(seen);
  EXPECT_EQ(seen.error().kind, ErrorKind::invalid);
  EXPECT_THAT(seen.error().message, HasSubstr("small reads 869 beside its answer"));
}

TEST_F(CompactionTest, AnotherTranscriptBeginsAnew) {
  for (int i = 1; i <= 20; ++i) turn(i);
  ASSERT_TRUE(fit());
  chat = Transcript();
  chat.add(Message::of(Role::user, "Short."));
  Result<Transcript> seen = fit();
  ASSERT_TRUE(seen);
  EXPECT_EQ(seen->digest(), chat.digest());
}

// A session of many turns through the engine: the model never reads more than its window, and every
// run replays as it was (check_replay).
TEST_F(CompactionTest, ALongSessionStaysWithinTheWindow) {
  std::vector<Transcript> asked;
  EngineOptions options = testing::options(make_memory_store(), {});
  options.models = {[&](const std::string&, Loop&) -> Result<std::unique_ptr<Model>> {
    return std::make_unique<Small>(&asked, 3000);
  }};
  Engine engine(std::move(options));
  Agent agent{.profile = {.name = "friend"}, .model = "test", .planner = "direct"};
  for (int i = 1; i <= 60; ++i) {
    Result<Answer> answer = engine.run(
        agent, "Word " + std::to_string(i) + " " + std::string(150, 'w'), {.session = "long"});
    ASSERT_TRUE(answer) << answer.error().message;
  }
  ASSERT_GE(asked.size(), 60U);
  EXPECT_LT(asked.back().size(), 60U);
  EXPECT_THAT(text(asked.back()), HasSubstr("- asked: Word "));
  EXPECT_LE(text(asked.back()).size() / 4, 3000U);
}

}  // namespace
}  // namespace ragent
