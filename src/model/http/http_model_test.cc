#include <model/http/http_model.h>

#include <base/file.h>
#include <base/random.h>
#include <base/scope.h>
#include <model/conformance.h>
#include <store/test_home.h>
#include <stub_model/stub_model.h>

#include <fmt/format.h>

#include <map>

namespace ragent {
namespace {

using namespace std::chrono_literals;
// The provider's side alone is a stand-in, a real server on this machine that fails when it is told
// to, as no real one does; the model, its client and the connections are the product's.
using stub::Fault;
using stub::FaultKind;
using stub::StubModel;
using stub::StubReply;
using stub::StubRequest;
using testing::HasSubstr;
using testing::Not;

// ---- the conformance suite, of each dialect, streamed and plain

StubReply conforming(const StubRequest& request) {
  auto says = [&](std::string_view word) {
    return request.body.find("\"" + std::string(word) + "\"") != std::string::npos;
  };
  StubReply out{.text = "It is five, I should say."};
  if (says("slow")) out.fault = {.kind = FaultKind::slow, .delay = 60s};
  if (says("schema")) out.text = R"({"sum":5,"kind":"odd"})";
  if (says("call")) {
    out.text.clear();
    out.calls = {{.id = "call_1", .tool = "add", .arguments = R"({"a":2,"b":3})"}};
  }
  // Anthropic answers a schema by the call of a tool of that name.
  if (says("schema") && request.path == "/v1/messages") {
    out.calls = {
        {.id = "call_1", .tool = "final-answer", .arguments = std::exchange(out.text, "")}};
  }
  return out;
}

ModelSource source(bool stream = true, std::map<std::string, std::string> variables = {}) {
  return http_models({.environment = [variables](const char* name) -> const char* {
                        auto found = variables.find(name);
                        return found == variables.end() ? nullptr : found->second.c_str();
                      },
                      .random = [] { return make_seeded_random(1); },
                      .stream = stream});
}

std::unique_ptr<Model> open(const StubModel& stub, Loop& loop, std::string_view scheme = "",
                            bool stream = true, std::string_view name = "stub") {
  auto model = source(stream)(fmt::format("{}{}#{}", scheme, stub.url(), name), loop);
  EXPECT_TRUE(model) << model.error().message;
  return model ? std::move(*model) : nullptr;
}

// A model with its server.
class Served : public Model {
 public:
  Served(Loop& loop, std::string_view scheme, bool stream)
      : stub_(loop, {.script = conforming}), model_(open(stub_, loop, scheme, stream)) {}
  const ModelInfo& info() const override { return model_->info(); }
  Task<Reply> reply(ModelRequest request, DeltaSink& deltas) override {
    return model_->reply(std::move(request), deltas);
  }

 private:
  StubModel stub_;
  std::unique_ptr<Model> model_;
};

ModelUnderTest served(std::string name, std::string scheme, bool stream) {
  return {.name = std::move(name),
          .make = [=](Loop& loop) { return std::make_unique<Served>(loop, scheme, stream); }};
}

INSTANTIATE_TEST_SUITE_P(Http, ModelConformance,
                         testing::Values(served("chat", "", true), served("chat_plain", "", false),
                                         served("responses", "responses+", true),
                                         served("responses_plain", "responses+", false),
                                         served("anthropic", "anthropic+", true),
                                         served("anthropic_plain", "anthropic+", false)),
                         [](const auto& info) { return info.param.name; });

// ---- trying again

class HttpModelTest : public testing::Test {
 protected:
  Result<Reply> ask(Model& model, std::chrono::milliseconds time_max = 20s) {
    shown.clear();
    DeltaSink sink = [this](const Delta& delta) {
      shown.push_back(delta.kind == Delta::Kind::restart ? "(restart)" : delta.text);
    };
    ModelRequest request{.time_max = time_max};
    request.transcript.add(Message::of(Role::user, "Hello?"));
    return block_on(*loop, model.reply(std::move(request), sink));
  }
  Result<Reply> ask_after(Fault fault, std::chrono::milliseconds time_max = 20s) {
    stub.fault({fault});
    auto model = open(stub, *loop);
    return ask(*model, time_max);
  }

  std::unique_ptr<Loop> loop = make_loop();
  StubModel stub{*loop, {.reply = {.text = "Hello there."}}};
  std::vector<std::string> shown;
};

TEST_F(HttpModelTest, WhatMayWorkAgainIsTriedAgain) {
  Result<Reply> reply = ask_after({.kind = FaultKind::status, .status = 503, .times = 2});
  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_EQ(reply->text, "Hello there.");
  EXPECT_EQ(stub.count(), 3U);
}

TEST_F(HttpModelTest, AtMostThreeTimes) {
  Result<Reply> reply = ask_after({.kind = FaultKind::status, .status = 500, .times = 9});
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().kind, ErrorKind::unavailable);
  EXPECT_THAT(reply.error().message, HasSubstr("(tried 3 times)"));
  EXPECT_EQ(stub.count(), 3U);
}

TEST_F(HttpModelTest, AReplyThatBreaksOffBeginsAgain) {
  Result<Reply> reply =
      ask_after({.kind = FaultKind::truncated, .at = 400, .cut = stub::Cut::clean, .times = 1});
  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_EQ(reply->text, "Hello there.");
  std::string all;
  for (const std::string& each : shown) all += each;
  EXPECT_EQ(all, "Hello there.(restart)Hello there.");
}

TEST_F(HttpModelTest, ARefusedKeyIsNotTriedAgain) {
  stub.fault({{.kind = FaultKind::status, .status = 401, .times = 9}});
  auto models = source(true, {{"OPENAI_BASE_URL", stub.url()}, {"OPENAI_API_KEY", "sk-wrong"}});
  auto model = models("openai/gpt-4o", *loop);
  ASSERT_TRUE(model) << model.error().message;
  Result<Reply> reply = ask(**model);
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().kind, ErrorKind::rejected);
  EXPECT_THAT(reply.error().message, HasSubstr("openai/gpt-4o"));
  EXPECT_THAT(reply.error().message, HasSubstr("401"));
  EXPECT_THAT(reply.error().message, HasSubstr("OPENAI_API_KEY"));
  EXPECT_THAT(reply.error().message, Not(HasSubstr("sk-wrong")));
  EXPECT_EQ(stub.count(), 1U);
}

TEST_F(HttpModelTest, AKeyIsNeverSaid) {
  stub.fault({{.kind = FaultKind::status, .status = 400, .error = stub::ErrorBody::provider}});
  auto models = source(true, {{"OPENAI_BASE_URL", stub.url()}, {"OPENAI_API_KEY", "understood"}});
  auto model = models("openai/gpt-4o", *loop);  // a key that stands in the endpoint's words
  ASSERT_TRUE(model) << model.error().message;
  Result<Reply> reply = ask(**model);
  ASSERT_FALSE(reply);
  EXPECT_THAT(reply.error().message, HasSubstr("The request is not (key)."));
}

TEST_F(HttpModelTest, AKeyMayBeAnyWord) {
  for (const char* key : {"key", "(", "k"}) {  // of what is written in its place, too
    stub.fault({{.kind = FaultKind::status, .status = 401}});
    auto models = source(true, {{"OPENAI_BASE_URL", stub.url()}, {"OPENAI_API_KEY", key}});
    auto model = models("openai/gpt-4o", *loop);
    ASSERT_TRUE(model) << model.error().message;
    Result<Reply> reply = ask(**model);
    ASSERT_FALSE(reply);
    EXPECT_EQ(reply.error().kind, ErrorKind::rejected);
    EXPECT_THAT(reply.error().message, HasSubstr("(key)"));
  }
}

TEST_F(HttpModelTest, AnUnknownNameIsSaidWithItsNearMiss) {
  StubModel other(*loop, {.faults = {{.kind = FaultKind::status, .status = 404, .times = 1}},
                          .models = {"gpt-4o", "o3"}});
  auto model = open(other, *loop, "", true, "gpt-4p");
  Result<Reply> reply = ask(*model);
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().kind, ErrorKind::not_found);
  EXPECT_THAT(reply.error().message, HasSubstr("did you mean gpt-4o?"));
}

TEST_F(HttpModelTest, TheDeadlineEndsIt) {
  auto began = std::chrono::steady_clock::now();
  Result<Reply> reply = ask_after({.kind = FaultKind::stalled, .at = 60, .times = 9}, 300ms);
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().kind, ErrorKind::timeout) << reply.error().message;
  EXPECT_LT(std::chrono::steady_clock::now() - began, 3s);
}

TEST_F(HttpModelTest, NobodyWaitsLongerThanTheDeadlineForRetryAfter) {
  Result<Reply> reply = ask_after({.kind = FaultKind::status,
                                   .status = 429,
                                   .retry = stub::RetryForm::seconds,
                                   .retry_after = 30s,
                                   .times = 9},
                                  5s);
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().kind, ErrorKind::unavailable);
  EXPECT_EQ(reply.error().retry_after, 30s);
  EXPECT_EQ(stub.count(), 1U);
}

TEST_F(HttpModelTest, ATimeToHedgeAfterThatIsNoneIsSaid) {
  for (const char* time : {"2", "soon", "-1s"}) {
    auto model = source(true, {{"RAGENT_HEDGE_AFTER", time}})(stub.url() + "#stub", *loop);
    ASSERT_FALSE(model) << time;
    EXPECT_THAT(model.error().message, HasSubstr("RAGENT_HEDGE_AFTER is `"));
  }
  EXPECT_TRUE(source(true, {{"RAGENT_HEDGE_AFTER", ""}})(stub.url() + "#stub", *loop));
}

TEST_F(HttpModelTest, ASilentRequestIsHedged) {
  stub.fault({{.kind = FaultKind::silent, .times = 1}});
  auto model = source(true, {{"RAGENT_HEDGE_AFTER", "50ms"}})(stub.url() + "#stub", *loop);
  ASSERT_TRUE(model) << model.error().message;
  auto began = std::chrono::steady_clock::now();
  Result<Reply> reply = ask(**model);
  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_EQ(reply->text, "Hello there.");
  EXPECT_LT(std::chrono::steady_clock::now() - began, 5s);
  EXPECT_EQ(stub.count(), 2U);
  EXPECT_EQ(ask(**model)->text, "Hello there.");  // a quick one is asked once
  EXPECT_EQ(stub.count(), 3U);
}

TEST_F(HttpModelTest, AReplySaysWhatItCostWhereTheModelHasAPrice) {
  TestHome home;
  ASSERT_TRUE(make_directories(home.path()));
  std::string file = home.path() + "/prices.json";
  auto say = [&](const std::string& price) {
    std::string text = fmt::format(R"({{"{}#stub": {}}})", stub.url(), price);
    ASSERT_TRUE(write_file_atomic(file, text));
  };
  auto open_priced = [&](const std::string& name) {
    return source(true, {{"RAGENT_PRICES", file}})(stub.url() + "#" + name, *loop);
  };
  stub.answer(
      {.text = "Hi.", .usage = {.tokens_input = 30, .tokens_cached = 10, .tokens_output = 4}});
  say(R"({"input": 2, "cached": 0.5, "output": 8})");
  auto model = open_priced("stub");
  ASSERT_TRUE(model) << model.error().message;
  EXPECT_EQ(ask(**model)->usage.cost_nanodollars, 20 * 2'000 + 10 * 500 + 4 * 8'000);
  stub.answer({.text = "Hi.", .usage = {}});  // not counted, so not free
  Usage uncounted = ask(**model)->usage;
  EXPECT_FALSE(uncounted.cost_nanodollars);
  EXPECT_TRUE(uncounted.cost_partial);
  stub.answer({.text = "Hi."});
  auto other = open_priced("other");
  ASSERT_TRUE(other) << other.error().message;
  EXPECT_FALSE(ask(**other)->usage.cost_nanodollars);

  say(R"({"input": 2})");
  auto wrong = open_priced("stub");
  ASSERT_FALSE(wrong);
  EXPECT_THAT(wrong.error().message, HasSubstr("output is missing"));
}

TEST_F(HttpModelTest, WhenBothOfAHedgeFailTheCallIsTriedAgain) {
  stub.fault({{.kind = FaultKind::slow, .delay = 100ms, .times = 1},
              {.kind = FaultKind::status, .status = 503, .times = 1}});
  auto model = source(true, {{"RAGENT_HEDGE_AFTER", "20ms"}})(stub.url() + "#stub", *loop);
  Result<Reply> reply = ask(**model);
  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_EQ(reply->text, "Hello there.");
}

TEST_F(HttpModelTest, ManyCallsInAnOutageAreHardlyMoreRequests) {
  stub.down(stub::Down::status);
  auto model = open(stub, *loop);
  DeltaSink none;
  constexpr int kCalls = 300;
  int failed = 0;
  Scope scope(*loop);
  for (int i = 0; i < kCalls; ++i) {
    scope.spawn([](Model& to, DeltaSink& sink, int& count) -> Task<void> {
      ModelRequest request{.time_max = 20s};
      request.transcript.add(Message::of(Role::user, "Hello?"));
      Result<Reply> reply = co_await to.reply(std::move(request), sink).result();
      if (!reply) ++count;
    }(*model, none, failed));
  }
  ASSERT_TRUE(block_on(*loop, scope.join()));
  EXPECT_EQ(failed, kCalls);
  EXPECT_LE(stub.count(), static_cast<std::uint64_t>(kCalls * 1.1));
  stub.up();
  Result<Reply> reply = ask(*model);
  ASSERT_TRUE(reply) << reply.error().message;  // the probe
}

}  // namespace
}  // namespace ragent
