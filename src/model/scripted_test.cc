#include <model/scripted.h>

#include <base/simulated_loop.h>
#include <base/scope.h>
#include <gmock/gmock.h>

namespace ragent {
namespace {

using std::chrono::milliseconds;

class ScriptedTest : public testing::Test {
 protected:
  Result<Reply> ask(Model& model, const Transcript& chat, std::string key = "run/0:1") {
    DeltaSink sink = [this](const Delta& delta) { words_.push_back(delta.text); };
    ModelRequest request{.transcript = chat, .key = std::move(key)};
    return block_on(*loop_, model.reply(std::move(request), sink));
  }
  std::unique_ptr<Model> model(std::string_view script) {
    Result<Script> parsed = parse_script(script);
    EXPECT_TRUE(parsed) << parsed.error().message;
    return make_scripted_model(*loop_, std::move(*parsed));
  }
  static Transcript said(std::string text) {
    Transcript chat;
    chat.add(Message::of(Role::user, std::move(text)));
    return chat;
  }

  std::unique_ptr<SimulatedLoop> loop_ = make_simulated_loop(1);
  std::vector<std::string> words_;
};

TEST_F(ScriptedTest, RepliesInOrderOfTheConversationAlone) {
  constexpr std::string_view kScript = R"(
# a comment
{"user": "Book"}
{"tool": "search", "args": {"to": "Oslo"}}
{"calls": [{"tool": "book", "args": {"flight": "KP811"}}, {"tool": "note"}]}
{"answer": "Booked."}
{"user": ""}
{"answer": "Hello."}
)";
  auto first = model(kScript);
  Transcript chat = said("Please book the cheapest.");
  Result<Reply> search = ask(*first, chat);
  ASSERT_TRUE(search) << search.error().message;
  EXPECT_EQ(search->calls.at(0).tool, "search");
  chat.add(*search, {Observation{}});
  auto after_crash = model(kScript);  // knows nothing of the first reply
  Result<Reply> book = ask(*after_crash, chat, "run/0:3");
  ASSERT_TRUE(book) << book.error().message;
  ASSERT_EQ(book->calls.size(), 2U);
  EXPECT_EQ(book->finish, Finish::calls);
  EXPECT_EQ(book->calls[0].arguments, Json::object({{"flight", "KP811"}}));
  chat.add(*book, {Observation{}, Observation{}});
  EXPECT_EQ(ask(*after_crash, chat)->text, "Booked.");
  EXPECT_EQ(ask(*after_crash, said("Good morning"))->text, "Hello.");
}

TEST_F(ScriptedTest, TellsBranchesAndStepsApart) {
  auto both = model(R"(
{"user": "", "at": "0.2.1"}
{"answer": "in the branch"}
{"at": "0:7"}
{"answer": "at the step"}
{"user": ""}
{"answer": "elsewhere"}
)");
  EXPECT_EQ(ask(*both, said("x"), "run/0.2.1:4")->text, "in the branch");
  EXPECT_EQ(ask(*both, said("x"), "run/0:7")->text, "at the step");
  EXPECT_EQ(ask(*both, said("x"), "run/0:77")->text, "elsewhere");
}

TEST_F(ScriptedTest, TakesItsTimeAndStreamsWordByWord) {
  auto slow = model(R"({"model": "slow", "latency_ms": 400, "pace_ms": 20}
{"answer": "One two three"})");
  TimePoint begin = loop_->now();
  ASSERT_TRUE(ask(*slow, said("x")));
  EXPECT_EQ(loop_->now() - begin, milliseconds(460));
  EXPECT_THAT(words_, testing::ElementsAre("One", " two", " three"));
  EXPECT_EQ(slow->info().name, "slow");
}

TEST_F(ScriptedTest, FailsAsOftenAsItIsTold) {
  auto faulty = model(R"(
{"answer": "Ready.", "fault": "unavailable", "retry_after_ms": 50, "times": 2, "message": "busy"}
)");
  for (int i = 0; i < 2; ++i) {
    Result<Reply> reply = ask(*faulty, said("x"));
    ASSERT_FALSE(reply);
    EXPECT_EQ(reply.error().kind, ErrorKind::unavailable);
    EXPECT_EQ(reply.error().retry_after, milliseconds(50));
    EXPECT_EQ(reply.error().message, "busy");
  }
  EXPECT_FALSE(ask(*faulty, said("x"), "other/0:1"));  // each run has its own two
  EXPECT_EQ(ask(*faulty, said("x"))->text, "Ready.");
}

TEST_F(ScriptedTest, SaysWhatTheScriptLacks) {
  auto one = model(R"({"user": "book"}
{"answer": "Booked."})");
  EXPECT_THAT(ask(*one, said("hello")).error().message,
              testing::HasSubstr("no dialogue for \"hello\" at 0:1"));
  Transcript chat = said("book it");
  chat.add(Reply{.text = "Booked."});
  EXPECT_THAT(ask(*one, chat).error().message,
              testing::HasSubstr("has 1 replies for {\"user\": \"book\"}, the run asks for 2"));
}

TEST(Script, NamesTheLineThatIsWrong) {
  auto error = [](std::string_view text) {
    Result<Script> script = parse_script(text);
    return script ? std::string("none") : script.error().message;
  };
  EXPECT_THAT(error("\n{\"answr\": \"x\"}"),
              testing::StartsWith("line 2: unknown key \"answr\", did you mean \"answer\"?"));
  EXPECT_THAT(error("{\"answer\": "), testing::StartsWith("line 1: "));
  EXPECT_THAT(error("[1]"), testing::HasSubstr("expected an object, got [1]"));
  EXPECT_THAT(error(R"({"latency_ms": 3})"),
              testing::HasSubstr("a reply needs answer, tool, calls or fault"));
  EXPECT_THAT(error(R"({"tool": "x", "args": 3})"), testing::HasSubstr("args: expected an object"));
  EXPECT_THAT(error(R"({"fault": "sneeze"})"),
              testing::HasSubstr("expected unavailable, timeout or invalid, got \"sneeze\""));
  Result<Script> missing = load_script("no/such/script.jsonl");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().kind, ErrorKind::not_found);
  EXPECT_THAT(missing.error().message, testing::HasSubstr("no/such/script.jsonl"));
}

}  // namespace
}  // namespace ragent
