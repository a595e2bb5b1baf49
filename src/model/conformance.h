// The conformance suite of Model: what every implementation promises, as tests. Used by the tests
// of the implementations (conformance_test.cc, http/http_model_test.cc, llama/llama_test.cc), on
// one thread.
//
//   INSTANTIATE_TEST_SUITE_P(Scripted, ModelConformance, testing::Values(ModelUnderTest{…}));
//
// A model under test has one tool to call, `add` of two integers, and must answer within a minute.
#pragma once

#include <base/scope.h>
#include <model/messages.h>

#include <gmock/gmock.h>

namespace ragent {

struct ModelUnderTest {
  std::string name = {};
  std::function<std::unique_ptr<Model>(Loop&)> make = {};
  friend void PrintTo(const ModelUnderTest& model, std::ostream* out) { *out << model.name; }
};

inline ToolSpec add_tool() {
  Json integer = Json::object({{"type", "integer"}});
  return {
      .name = "add",
      .description = "Add two integers.",
      .parameters = Json::object({{"type", "object"},
                                  {"properties", Json::object({{"a", integer}, {"b", integer}})},
                                  {"required", Json::array({"a", "b"})}}),
      .effect = Effect::read};
}

class ModelConformance : public testing::TestWithParam<ModelUnderTest> {
 protected:
  void SetUp() override {
    loop_ = make_loop();
    model_ = GetParam().make(*loop_);
    ASSERT_NE(model_, nullptr);
  }

  static ModelRequest request(std::string question, bool tools = false) {
    ModelRequest out{
        .transcript = Transcript(tools ? std::vector{add_tool()} : std::vector<ToolSpec>{}),
        .key = "run/0:1"};
    Message system = Message::of(Role::system, "You are a calculator.");
    system.stable = true;
    out.transcript.add(std::move(system));
    out.transcript.add(Message::of(Role::user, std::move(question)));
    if (tools) out.offers.push_back({.tool = add_tool()});
    out.options.tokens_max = 48;
    return out;
  }

  Result<Reply> ask(ModelRequest request) {
    streamed_.clear();
    DeltaSink sink = [this](const Delta& delta) {
      if (delta.kind == Delta::Kind::text) streamed_ += delta.text;
    };
    return block_on(*loop_, model_->reply(std::move(request), sink));
  }

  std::unique_ptr<Loop> loop_;
  std::unique_ptr<Model> model_;
  std::string streamed_;
};

TEST_P(ModelConformance, AnswersInTextAndSaysWhatItUsed) {
  Result<Reply> reply = ask(request("text"));
  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_FALSE(reply->text.empty());
  EXPECT_TRUE(reply->calls.empty());
  EXPECT_NE(reply->finish, Finish::calls);
  EXPECT_GT(reply->usage.tokens_input, 0);
  EXPECT_GT(reply->usage.tokens_output, 0);
  EXPECT_LE(reply->usage.tokens_cached, reply->usage.tokens_input);
  EXPECT_FALSE(model_->info().name.empty());
}

TEST_P(ModelConformance, StreamsWhatItAnswers) {
  Result<Reply> reply = ask(request("text"));
  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_EQ(streamed_, reply->text);
}

TEST_P(ModelConformance, CallsWhatIsOfferedWithArgumentsOfItsSchema) {
  ModelRequest asked = request("call", true);
  asked.options.calls = ThinkOptions::Calls::required;
  Result<Reply> reply = ask(std::move(asked));
  ASSERT_TRUE(reply) << reply.error().message;
  ASSERT_EQ(reply->calls.size(), 1U);
  EXPECT_EQ(reply->finish, Finish::calls);
  EXPECT_EQ(reply->calls[0].tool, "add");
  const Json& arguments = reply->calls[0].arguments;
  ASSERT_EQ(arguments.size(), 2U) << arguments.dump();
  EXPECT_TRUE(arguments.find("a") && arguments.find("a")->is_integer());
  EXPECT_TRUE(arguments.find("b") && arguments.find("b")->is_integer());
}

TEST_P(ModelConformance, CallsNothingWhereNothingIsOffered) {
  ModelRequest asked = request("text", true);
  asked.offers.clear();
  Result<Reply> reply = ask(std::move(asked));
  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_TRUE(reply->calls.empty());
  EXPECT_EQ(streamed_, reply->text);
}

TEST_P(ModelConformance, CallsNothingWhenToldNotTo) {
  ModelRequest asked = request("text", true);
  asked.options.calls = ThinkOptions::Calls::none;
  Result<Reply> reply = ask(std::move(asked));
  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_TRUE(reply->calls.empty());
}

TEST_P(ModelConformance, AnswersInTheSchema) {
  for (bool tools : {false, true}) {
    ModelRequest asked = request("schema", tools);
    asked.options.calls = ThinkOptions::Calls::none;
    asked.options.schema = *parse_json(
        R"({"type": "object", "required": ["sum", "kind"], "properties":
            {"sum": {"type": "integer"}, "kind": {"enum": ["even", "odd"]}}})");
    Result<Reply> reply = ask(std::move(asked));
    ASSERT_TRUE(reply) << reply.error().message;
    EXPECT_EQ(streamed_, reply->text);
    Result<Json> json = parse_json(reply->text);
    ASSERT_TRUE(json) << reply->text;
    ASSERT_EQ(json->size(), 2U) << reply->text;
    EXPECT_TRUE(json->find("sum") && json->find("sum")->is_integer());
    EXPECT_THAT(json->text("kind"), testing::AnyOf("even", "odd"));
  }
}

TEST_P(ModelConformance, AnswersTheSameToTheSame) {
  Result<Reply> first = ask(request("text", true));
  Result<Reply> second = ask(request("text", true));
  ASSERT_TRUE(first && second);
  EXPECT_EQ(first->text, second->text);
  EXPECT_EQ(first->calls, second->calls);
}

TEST_P(ModelConformance, GivesUpWhenTimeIsUp) {
  ModelRequest asked = request("slow");
  asked.options.tokens_max = 100'000;
  asked.time_max = std::chrono::milliseconds(20);
  Result<Reply> reply = ask(std::move(asked));
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().kind, ErrorKind::timeout) << reply.error().message;
}

TEST_P(ModelConformance, CountsTokens) {
  std::string words = "one two three four five six seven eight";
  Result<std::vector<std::int64_t>> counts =
      block_on(*loop_, model_->tokens({"", words, words + " " + words}));
  ASSERT_TRUE(counts) << counts.error().message;
  ASSERT_EQ(counts->size(), 3U);
  EXPECT_EQ((*counts)[0], 0);
  EXPECT_GE((*counts)[1], 8);
  EXPECT_LE((*counts)[1], 39);
  EXPECT_GE((*counts)[2], 2 * (*counts)[1] - 2);
}

TEST_P(ModelConformance, IsCancelledByDestroyingTheTaskAndWorksOn) {
  int deltas = 0;
  DeltaSink sink = [&](const Delta&) { ++deltas; };
  {
    Scope scope(*loop_);
    ModelRequest asked = request("slow");
    asked.options.tokens_max = 100'000;
    scope.spawn([](Model& model, ModelRequest asked, DeltaSink& sink) -> Task<void> {
      co_await model.reply(std::move(asked), sink);
    }(*model_, std::move(asked), sink));
    loop_->run([] { return false; }, loop_->now() + std::chrono::milliseconds(20));
  }
  int before = deltas;
  Result<Reply> reply = ask(request("text"));
  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_EQ(deltas, before);  // nothing comes after the end
}

}  // namespace ragent
