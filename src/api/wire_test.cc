#include <api/wire.h>

#include <gmock/gmock.h>

namespace ragent::api {
namespace {

using testing::AllOf;
using testing::HasSubstr;

std::string refusal(std::string_view text) {
  Result<StartRequest> read = read_start(*parse_json(text));
  EXPECT_FALSE(read) << text;
  if (read) return "";
  EXPECT_EQ(read.error().kind, ErrorKind::invalid);
  return read.error().message;
}

TEST(Wire, AStartComesBackAsItWas) {
  StartRequest start{.agent = "/agents/travel", .input = "Find a flight"};
  start.input.parts = {Media{.artifact = "abc", .mime = "image/png"}};
  start.input.schema = Json::object({{"type", "object"}});
  start.options = {.session = "s1",
                   .key = "k1",
                   .on_busy = OnBusy::steer,
                   .model = "local/small",
                   .planner = "react@1",
                   .budget = Budget{.steps = 3, .tokens = 4, .time = std::chrono::seconds(5)},
                   .deadline = std::chrono::seconds(6),
                   .seed = 0xfedcba9876543210u};
  Result<StartRequest> read = read_start(to_json(start));
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->agent, start.agent);
  EXPECT_EQ(read->input.text, start.input.text);
  EXPECT_EQ(read->input.parts, start.input.parts);
  EXPECT_EQ(read->input.schema, start.input.schema);
  EXPECT_EQ(read->options.session, "s1");
  EXPECT_EQ(read->options.key, "k1");
  EXPECT_EQ(read->options.on_busy, OnBusy::steer);
  EXPECT_EQ(read->options.model, "local/small");
  EXPECT_EQ(read->options.planner, "react@1");
  EXPECT_EQ(read->options.budget, start.options.budget);
  EXPECT_EQ(read->options.deadline, start.options.deadline);
  EXPECT_EQ(read->options.seed, start.options.seed);
}

TEST(Wire, AnInputMayBeText) {
  Result<StartRequest> read = read_start(*parse_json(R"({"agent": "/a", "input": "hello"})"));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->input.text, "hello");
  EXPECT_FALSE(read->options.budget);
  EXPECT_EQ(read->options.on_busy, OnBusy::enqueue);
}

TEST(Wire, WhatIsNotUnderstoodIsNamed) {
  EXPECT_THAT(refusal("[]"), HasSubstr("expected object, got array"));
  EXPECT_THAT(refusal(R"({"input": "x"})"), HasSubstr("agent: is required and missing"));
  EXPECT_THAT(refusal(R"({"agent": "/a", "input": "x", "sesion": "s"})"),
              AllOf(HasSubstr("sesion: is not"), HasSubstr("did you mean \"session\"?")));
  EXPECT_THAT(refusal(R"({"agent": 7, "input": "x"})"),
              HasSubstr("agent: expected string, got integer"));
  EXPECT_THAT(refusal(R"({"agent": "/a", "input": "x", "on_busy": "queue"})"),
              AllOf(HasSubstr("enqueue"), HasSubstr("queue")));
  EXPECT_THAT(refusal(R"({"agent": "/a", "input": {"txt": "x"}})"),
              AllOf(HasSubstr("input"), HasSubstr("did you mean \"text\"?")));
  EXPECT_THAT(refusal(R"({"agent": "/a", "input": {"parts": [{"video": "x"}]}})"),
              HasSubstr("parts"));
  EXPECT_THAT(refusal(R"({"agent": "/a", "input": "x", "budget": {"step": 1}})"),
              HasSubstr("did you mean \"steps\"?"));
  EXPECT_FALSE(read_decision(*parse_json(R"({"who": "me"})")));
  EXPECT_FALSE(read_resolve(*parse_json(R"({"step": "0:1.0", "verdict": "perhaps"})")));
  EXPECT_FALSE(read_reason(*parse_json(R"({"reason": 5})")));
  EXPECT_FALSE(read_owner(*parse_json(R"({"pid": "x"})")));
  EXPECT_FALSE(read_event(*parse_json(R"({"kind": "party"})")));
}

TEST(Wire, AnEventComesBackAsItWas) {
  const Event event{.kind = Event::Kind::step,
                    .id = 7,
                    .path = "0.4.1",
                    .step = 0xffffffff,
                    .call = 2,
                    .attempt = 3,
                    .record = "act",
                    .intent = true,
                    .body = Json::object({{"tool", "book"}})};
  Result<Event> read = read_event(to_json(event));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->kind, event.kind);
  EXPECT_EQ(read->id, event.id);
  EXPECT_EQ(read->path, event.path);
  EXPECT_EQ(read->step, event.step);
  EXPECT_EQ(read->call, event.call);
  EXPECT_EQ(read->attempt, event.attempt);
  EXPECT_EQ(read->record, event.record);
  EXPECT_EQ(read->intent, event.intent);
  EXPECT_EQ(read->body, event.body);
  for (const auto kind : {Event::Kind::state, Event::Kind::delta, Event::Kind::attempt_started,
                          Event::Kind::progress, Event::Kind::ended}) {
    EXPECT_EQ(read_event(to_json(Event{.kind = kind}))->kind, kind);
  }
}

TEST(Wire, AForkComesBackAsItWas) {
  const ForkOptions said{.at = "0.4.1:3", .edit = Json(), .model = "test", .who = "me", .key = "k"};
  Result<ForkOptions> read = read_fork(to_json(said));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->at, said.at);
  EXPECT_EQ(read->edit, said.edit);
  EXPECT_EQ(read->model, said.model);
  EXPECT_EQ(read->who, said.who);
  EXPECT_EQ(read->key, said.key);
  EXPECT_FALSE(read_fork(*parse_json(R"({"at": "0:1"})"))->edit);
  EXPECT_FALSE(read_fork(*parse_json(R"({"edit": "x"})")));
}

TEST(Wire, AResolutionComesBackAsItWas) {
  const Resolution said{.verdict = Resolution::Verdict::did_not_happen,
                        .result = Json(5),
                        .who = "me",
                        .evidence = "the ledger"};
  Result<Resolve> read = read_resolve(resolve_body("0:3.1", said));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->step, "0:3.1");
  EXPECT_EQ(read->resolution.verdict, said.verdict);
  EXPECT_EQ(read->resolution.result, said.result);
  EXPECT_EQ(read->resolution.who, said.who);
  EXPECT_EQ(read->resolution.evidence, said.evidence);
}

TEST(Wire, EveryErrorComesBackAsItWas) {
  for (int kind = 0; kind <= static_cast<int>(ErrorKind::internal); ++kind) {
    const Error error{.kind = static_cast<ErrorKind>(kind),
                      .message = "why\nand what",
                      .retry_after = std::chrono::milliseconds(1500)};
    const HttpResponse response = problem_of(error);
    EXPECT_GE(response.status, 400);
    EXPECT_EQ(*response.headers.find("content-type"), "application/problem+json");
    EXPECT_EQ(read_problem(*parse_json(response.body), response.status), error);
  }
  // From the server's own limits: without a kind.
  EXPECT_EQ(read_problem(*parse_json(R"({"detail": "too much"})"), 413).kind, ErrorKind::invalid);
  EXPECT_EQ(read_problem(Json(), 503).kind, ErrorKind::unavailable);
  EXPECT_EQ(read_problem(Json(), 500).kind, ErrorKind::internal);
  EXPECT_THAT(read_problem(Json(), 500).message, HasSubstr("500"));
}

TEST(Wire, SegmentsOfAPath) {
  const std::string ask = "01run/0.4:3.1 %\xff";
  EXPECT_EQ(encoded("a-b_c.d~e"), "a-b_c.d~e");
  EXPECT_EQ(encoded(ask).find('/'), std::string::npos);
  EXPECT_EQ(*decoded(encoded(ask)), ask);
  for (const std::string_view bad : {"%", "%1", "%zz", "a%2"}) EXPECT_FALSE(decoded(bad)) << bad;
}

}  // namespace
}  // namespace ragent::api
