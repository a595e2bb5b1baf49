#include <stub_model/stub_model.h>

#include <net/http_client.h>
#include <net/raw_socket.h>
#include <net/sse.h>

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <map>

namespace ragent::stub {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

constexpr std::string_view kStream = R"({"stream":true})";
constexpr std::string_view kPlain = R"({"stream":false})";

StubReply full_reply() {
  return {.text = "Let me \"look\".",
          .calls = {{.id = "call_1", .tool = "lookup", .arguments = R"({"city":"Prague"})"},
                    {.id = "call_2", .tool = "book", .arguments = "{}"}},
          .reasoning = "Hm."};
}

class StubModelTest : public testing::Test {
 protected:
  StubModelTest() {
    for (const char* name : {"http_proxy", "all_proxy"}) ::unsetenv(name);
  }
  HttpCall call(const StubModel& stub, Api api, std::string_view body) {
    return {.request = {.method = "POST",
                        .url = fmt::format("http://127.0.0.1:{}{}", stub.port(), path_of(api)),
                        .headers = {{"content-type", "application/json"}},
                        .body = std::string(body)},
            .silence_max = silence_max};
  }
  Result<HttpResponse> ask(const StubModel& stub, Api api = Api::chat,
                           std::string_view body = kStream) {
    return block_on(*loop, client->send(call(stub, api, body)));
  }
  // All bytes of the answer, until the stub closes.
  static Task<std::string> talk_on(RawSocket& socket, std::string bytes) {
    co_await socket.write(std::move(bytes));
    co_return co_await socket.read_all();
  }
  std::string talk(const StubModel& stub, Api api, std::string_view body) {
    RawSocket socket = RawSocket::connect(*loop, stub.port());
    return *block_on(
        *loop, talk_on(socket, fmt::format("POST {} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n"
                                           "Content-Length: {}\r\n\r\n{}",
                                           path_of(api), body.size(), body)));
  }
  static Task<void> ask_in(HttpClient& client, HttpCall call, std::map<int, int>& statuses) {
    const HttpResponse response = co_await client.send(std::move(call));
    ++statuses[response.status];
  }

  std::chrono::milliseconds silence_max = 30s;
  std::unique_ptr<Loop> loop = make_loop(Logger(LogLevel::off));
  std::unique_ptr<HttpClient> client = make_http_client(*loop);
};

TEST_F(StubModelTest, ChatToTheByte) {
  StubModel stub(*loop, {.reply = {.text = "Hi."}});
  const std::string head =
      R"(data: {"id":"chatcmpl-stub","object":"chat.completion.chunk","created":1700000000,)"
      R"("model":"stub","choices":)";
  const std::string events[] = {
      head + R"([{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]})",
      head + R"([{"index":0,"delta":{"content":"Hi."},"finish_reason":null}]})",
      head + R"([{"index":0,"delta":{},"finish_reason":"stop"}]})",
      head + R"([],"usage":{"prompt_tokens":11,"completion_tokens":7,"total_tokens":18,)"
             R"("prompt_tokens_details":{"cached_tokens":0}}})",
      "data: [DONE]"};
  std::string expected =
      "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
  for (const std::string& event : events) {
    expected += fmt::format("{:x}\r\n{}\n\n\r\n", event.size() + 2, event);
  }
  EXPECT_EQ(talk(stub, Api::chat, kStream), expected + "0\r\n\r\n");
  EXPECT_EQ(talk(stub, Api::chat, kPlain),
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 292\r\n\r\n"
            R"({"id":"chatcmpl-stub","object":"chat.completion","created":1700000000,)"
            R"("model":"stub","choices":[{"index":0,"message":{"role":"assistant",)"
            R"("content":"Hi."},"finish_reason":"stop"}],"usage":{"prompt_tokens":11,)"
            R"("completion_tokens":7,"total_tokens":18,)"
            R"("prompt_tokens_details":{"cached_tokens":0}}})");
}

TEST_F(StubModelTest, ResponsesToTheByte) {
  StubModel stub(*loop, {.reply = {.calls = {{.tool = "add", .arguments = R"({"a":1})"}}}});
  EXPECT_EQ(ask(stub, Api::responses, kPlain)->body,
            R"({"id":"resp_stub","object":"response","created_at":1700000000,"status":"completed",)"
            R"("error":null,"incomplete_details":null,"model":"stub","output":[)"
            R"({"type":"function_call","call_id":"call_1","id":"fc_0","name":"add",)"
            R"("arguments":"{\"a\":1}","status":"completed"}],"usage":{"input_tokens":11,)"
            R"("input_tokens_details":{"cached_tokens":0},"output_tokens":7,)"
            R"("output_tokens_details":{"reasoning_tokens":0},"total_tokens":18}})");
  const std::string begun =
      R"(,"response":{"id":"resp_stub","object":"response","created_at":1700000000,)"
      R"("status":"in_progress","error":null,"incomplete_details":null,"model":"stub",)"
      R"("output":[],"usage":null}})";
  const std::string done = R"({"type":"function_call","call_id":"call_1","id":"fc_0","name":"add",)"
                           R"("arguments":"{\"a\":1}","status":"completed"})";
  const auto event = [](std::string_view type, int number, std::string_view rest) {
    return fmt::format("event: {0}\ndata: {{\"type\":\"{0}\",\"sequence_number\":{1}{2}\n\n", type,
                       number, rest);
  };
  EXPECT_EQ(ask(stub, Api::responses)->body,
            event("response.created", 0, begun) + event("response.in_progress", 1, begun) +
                event("response.output_item.added", 2,
                      R"(,"output_index":0,"item":{"type":"function_call","call_id":"call_1",)"
                      R"("id":"fc_0","name":"add","arguments":"","status":"in_progress"}})") +
                event("response.function_call_arguments.delta", 3,
                      R"(,"item_id":"fc_0","output_index":0,"delta":"{\"a\":1}"})") +
                event("response.function_call_arguments.done", 4,
                      R"(,"item_id":"fc_0","output_index":0,"arguments":"{\"a\":1}"})") +
                event("response.output_item.done", 5, R"(,"output_index":0,"item":)" + done + "}") +
                event("response.completed", 6,
                      R"(,"response":)" + ask(stub, Api::responses, kPlain)->body + "}"));
}

TEST_F(StubModelTest, MessagesToTheByte) {
  StubModel stub(*loop, {.reply = full_reply()});
  const auto event = [](std::string_view type, std::string_view rest) {
    return fmt::format("event: {0}\ndata: {{\"type\":\"{0}\"{1}}}\n\n", type, rest);
  };
  const auto delta = [&](int index, std::string_view rest) {
    return event("content_block_delta", fmt::format(R"(,"index":{},"delta":{})", index, rest));
  };
  const auto begin = [&](int index, std::string_view block) {
    return event("content_block_start",
                 fmt::format(R"(,"index":{},"content_block":{})", index, block));
  };
  const auto stop = [&](int index) {
    return event("content_block_stop", fmt::format(R"(,"index":{})", index));
  };
  EXPECT_EQ(
      ask(stub, Api::messages)->body,
      event("message_start",
            R"(,"message":{"id":"msg_stub","type":"message","role":"assistant","model":"stub",)"
            R"("content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":11,)"
            R"("cache_creation_input_tokens":0,"cache_read_input_tokens":0,)"
            R"("output_tokens":1}})") +
          begin(0, R"({"type":"thinking","thinking":"","signature":""})") + event("ping", "") +
          delta(0, R"({"type":"thinking_delta","thinking":"Hm."})") +
          delta(0, R"({"type":"signature_delta","signature":"stub"})") + stop(0) +
          begin(1, R"({"type":"text","text":""})") +
          delta(1, R"({"type":"text_delta","text":"Let me \"look\"."})") + stop(1) +
          begin(2, R"({"type":"tool_use","id":"call_1","name":"lookup","input":{}})") +
          delta(2, R"({"type":"input_json_delta","partial_json":"{\"city\":\"Prague\""})") +
          delta(2, R"({"type":"input_json_delta","partial_json":"}"})") + stop(2) +
          begin(3, R"({"type":"tool_use","id":"call_2","name":"book","input":{}})") +
          delta(3, R"({"type":"input_json_delta","partial_json":"{}"})") + stop(3) +
          event("message_delta", R"(,"delta":{"stop_reason":"tool_use","stop_sequence":null},)"
                                 R"("usage":{"output_tokens":7})") +
          event("message_stop", ""));
  EXPECT_EQ(ask(stub, Api::messages, kPlain)->body,
            R"({"id":"msg_stub","type":"message","role":"assistant","model":"stub","content":[)"
            R"({"type":"thinking","thinking":"Hm.","signature":"stub"},)"
            R"({"type":"text","text":"Let me \"look\"."},)"
            R"({"type":"tool_use","id":"call_1","name":"lookup","input":{"city":"Prague"}},)"
            R"({"type":"tool_use","id":"call_2","name":"book","input":{}}],)"
            R"("stop_reason":"tool_use","stop_sequence":null,"usage":{"input_tokens":11,)"
            R"("cache_creation_input_tokens":0,"cache_read_input_tokens":0,"output_tokens":7}})");
}

TEST_F(StubModelTest, EverythingItSaysWellIsJsonInEventsThatEnd) {
  for (const Api api : kApis) {
    EXPECT_TRUE(parse_json(plain_of(api, full_reply()))) << name_of(api);
    for (const Event& event : events_of(api, full_reply())) {
      if (event.data != "[DONE]") EXPECT_TRUE(parse_json(event.data)) << event.data;
    }
  }
}

TEST_F(StubModelTest, SeesWhetherTheStreamWasAskedFor) {
  EXPECT_TRUE(asks_for_stream(R"({"model":"m", "stream" : true})"));
  EXPECT_TRUE(asks_for_stream(R"({"stream":true,"x":{"stream":false}})"));
  EXPECT_FALSE(asks_for_stream(R"({"x":{"stream":true},"y":[{"stream":true}]})"));
  EXPECT_FALSE(asks_for_stream(R"({"x":"\"stream\":true","stream":false})"));
  EXPECT_FALSE(asks_for_stream(R"({"x":"stream","y":true})"));
  EXPECT_FALSE(asks_for_stream(R"({"stream")"));
  EXPECT_FALSE(asks_for_stream(""));
}

TEST_F(StubModelTest, KeepsTheLatestRequestsAndListsItsModels) {
  StubModel stub(*loop, {.models = {"small", "large"}, .requests_kept = 2});
  for (const std::string_view body : {"{\"n\":1}", "{\"n\":2}", "{\"n\":3}"}) {
    ASSERT_TRUE(ask(stub, Api::messages, body));
  }
  EXPECT_EQ(stub.count(), 3u);
  EXPECT_EQ(stub.connections(), 1u);
  ASSERT_EQ(stub.requests().size(), 2u);
  EXPECT_EQ(stub.requests().back().path, "/v1/messages");
  EXPECT_EQ(*stub.requests().back().headers.find("content-type"), "application/json");
  EXPECT_EQ(stub.requests().front().json()->integer("n"), 2);
  const auto got = block_on(*loop, client->send({.request = {.url = stub.url("/models")}}));
  EXPECT_EQ((*parse_json(got->body).value().find("data")->array())[1].text("id"), "large");
  EXPECT_EQ(block_on(*loop, client->send({.request = {.url = stub.url("/no")}}))->status, 404);
}

TEST_F(StubModelTest, AScriptAnswersEachRequest) {
  StubModel stub(*loop, {.script = [](const StubRequest& request) {
    return StubReply{.text = request.json()->text("say")};
  }});
  EXPECT_THAT(ask(stub, Api::chat, R"({"say":"one"})")->body, HasSubstr(R"("content":"one")"));
  EXPECT_THAT(ask(stub, Api::chat, R"({"say":"two"})")->body, HasSubstr(R"("content":"two")"));
}

// However it ends, what came before the cut is what a well reply begins with, and no byte more.
TEST_F(StubModelTest, CutsTheBodyAtTheByte) {
  StubModel stub(*loop, {.reply = full_reply()});
  for (const Api api : kApis) {
    for (const bool stream : {true, false}) {
      const std::string whole = body_of({.api = api, .stream = stream}, full_reply());
      EXPECT_EQ(ask(stub, api, stream ? kStream : kPlain)->body, whole);
      for (const Cut cut : {Cut::eof, Cut::clean, Cut::short_length, Cut::open_chunk,
                            Cut::no_last_chunk, Cut::reset}) {
        for (const std::size_t at : {std::size_t{0}, std::size_t{1}, whole.size() - 1}) {
          SCOPED_TRACE(fmt::format("{} {} cut {} at {}", name_of(api), stream, int(cut), at));
          stub.fault({{.kind = FaultKind::truncated, .at = at, .cut = cut, .times = 1}});
          std::string got;
          HttpCall asked = call(stub, api, stream ? kStream : kPlain);
          asked.on_body = [&](const HttpResponse&, std::string_view bytes) {
            got += bytes;
            return Result<void>();
          };
          const auto ended = block_on(*loop, client->send(std::move(asked)));
          EXPECT_EQ(ended.has_value(), cut == Cut::eof || cut == Cut::clean);
          EXPECT_EQ(got, whole.substr(0, at));
        }
      }
      EXPECT_EQ(ask(stub, api, stream ? kStream : kPlain)->body, whole);  // well again
    }
  }
}

// Each case differs from the well answer, or its name promises what is not there.
TEST_F(StubModelTest, EveryFaultIsAFault) {
  const std::vector<FaultCase> cases = fault_cases();
  EXPECT_GE(cases.size(), 45u);
  std::set<std::string> names;
  StubModel stub(*loop, {.reply = full_reply()});
  for (const FaultCase& one : cases) {
    EXPECT_TRUE(names.insert(one.name).second) << one.name;
    for (const Api api : kApis) {
      for (const bool stream : {true, false}) {
        if (one.stream_only && !stream) continue;
        SCOPED_TRACE(fmt::format("{} {} {}", one.name, name_of(api), stream));
        const Asked asked{.api = api, .stream = stream};
        const Wire well = wire_of(asked, full_reply());
        StubReply reply = full_reply();
        reply.fault = one.fault;
        const Wire wire = wire_of(asked, reply);
        EXPECT_TRUE(wire.head != well.head || wire.steps != well.steps || wire.end != well.end ||
                    wire.delay != well.delay);
        // A transfer that HTTP finds whole ends, whatever it carries.
        Fault fault = one.fault;
        if (fault.kind == FaultKind::huge_line) fault.at = 1u << 20;  // for the time it takes
        stub.fault({fault});
        silence_max = one.hangs ? 50ms : 30s;
        HttpCall call = this->call(stub, api, stream ? kStream : kPlain);
        call.body_max = 4u << 20;
        const auto ended = block_on(*loop, client->send(std::move(call)));
        if (one.hangs) EXPECT_FALSE(ended);
        const bool replies = (stream ? one.streamed : one.plain) == Outcome::reply;
        if (replies) EXPECT_EQ(ended ? ended->body : ended.error().message, body_of(asked, reply));
      }
    }
  }
}

TEST_F(StubModelTest, SaysWhenToComeBackInEachForm) {
  const WallPoint now = WallPoint(1'700'000'000'500ms);
  const auto header = [&](RetryForm form) { return retry_header(form, 1500ms, now); };
  EXPECT_EQ(header(RetryForm::none), "");
  EXPECT_EQ(header(RetryForm::seconds), "retry-after: 2\r\n");
  EXPECT_EQ(header(RetryForm::date), "retry-after: Tue, 14 Nov 2023 22:13:22 GMT\r\n");
  EXPECT_EQ(header(RetryForm::past), "retry-after: Tue, 14 Nov 2023 21:13:20 GMT\r\n");
  EXPECT_EQ(header(RetryForm::milliseconds), "retry-after-ms: 1500\r\n");
  StubModel stub(*loop, {.faults = {{.kind = FaultKind::status,
                                     .status = 429,
                                     .retry = RetryForm::milliseconds,
                                     .retry_after = 70ms,
                                     .times = 2}}});
  for (int i = 0; i < 2; ++i) {
    const auto refused = ask(stub, Api::messages);
    EXPECT_EQ(refused->status, 429);
    EXPECT_EQ(*refused->headers.find("retry-after-ms"), "70");
    EXPECT_EQ(refused->body, R"({"type":"error","error":{"type":"rate_limit_error",)"
                             R"("message":"Too many requests at once."},)"
                             R"("request_id":"req_stub"})");
  }
  EXPECT_EQ(ask(stub, Api::messages)->status, 200);
}

TEST_F(StubModelTest, RefusesWhatIsBeyondItsCapacity) {
  StubModel stub(*loop, {.latency = Latency{.first_min = 400ms},
                         .capacity = {.at_once = 3, .retry_after = 4s}});
  std::map<int, int> statuses;
  Scope scope(*loop);
  for (int i = 0; i < 8; ++i) {
    scope.spawn(ask_in(*client, call(stub, Api::chat, kStream), statuses));
  }
  ASSERT_TRUE(block_on(*loop, scope.join()));
  EXPECT_EQ(statuses, (std::map<int, int>{{200, 3}, {429, 5}}));
  EXPECT_EQ(stub.refused(), 5u);
  EXPECT_EQ(stub.at_work_max(), 3u);
  EXPECT_EQ(stub.at_work(), 0u);
  const auto next = ask(stub);
  EXPECT_EQ(next->status, 200);
  EXPECT_EQ(*next->headers.find("x-ratelimit-remaining-requests"), "2");
  EXPECT_EQ(*next->headers.find("anthropic-ratelimit-requests-limit"), "3");
}

TEST_F(StubModelTest, ACallThatIsGivenUpFreesItsPlace) {
  StubModel stub(*loop, {.faults = {{.kind = FaultKind::silent}}, .capacity = {.at_once = 1}});
  silence_max = 50ms;
  EXPECT_EQ(ask(stub).error().kind, ErrorKind::timeout);
  EXPECT_TRUE(loop->run([&] { return stub.at_work() == 0; }, loop->now() + 5s));
}

TEST_F(StubModelTest, IsDownAndUpAgainOnTheSamePort) {
  StubModel stub(*loop);
  EXPECT_EQ(ask(stub)->status, 200);
  for (const Down kind : {Down::refused, Down::reset}) {
    stub.down(kind);
    EXPECT_EQ(ask(stub).error().kind, ErrorKind::unavailable);
    stub.up();
    EXPECT_EQ(ask(stub)->status, 200);
  }
  stub.down(Down::status);
  EXPECT_EQ(ask(stub)->status, 503);
  stub.up();
  EXPECT_EQ(ask(stub)->status, 200);
}

TEST_F(StubModelTest, CallsAtWorkEndWithAServerThatDies) {
  StubModel stub(*loop, {.faults = {{.kind = FaultKind::stalled, .at = 10}}});
  for (const Down kind : {Down::refused, Down::reset}) {
    std::map<int, int> statuses;
    int failed = 0;
    Scope scope(*loop, [&](const Error&) { ++failed; });
    scope.spawn(ask_in(*client, call(stub, Api::messages, kStream), statuses));
    ASSERT_TRUE(loop->run([&] { return stub.at_work() == 1; }, loop->now() + 30s));
    stub.down(kind);
    ASSERT_TRUE(block_on(*loop, scope.join()));
    EXPECT_EQ(failed, 1);
    EXPECT_EQ(stub.at_work(), 0u);
    stub.up();
  }
}

TEST_F(StubModelTest, AskedWithTlsItIsNoServer) {
  StubModel stub(*loop);
  HttpCall asked = call(stub, Api::chat, kStream);
  asked.request.url = "https" + asked.request.url.substr(4);
  EXPECT_EQ(block_on(*loop, client->send(std::move(asked))).error().kind, ErrorKind::unavailable);
  EXPECT_EQ(stub.count(), 0u);
}

TEST_F(StubModelTest, AnOutageHasItsTimes) {
  StubModel stub(*loop, {.outages = {{.from = 0ms, .until = 400ms, .kind = Down::refused}}});
  const TimePoint begin = loop->now();
  loop->run([] { return false; }, loop->now() + 1ms);
  EXPECT_EQ(ask(stub).error().kind, ErrorKind::unavailable);
  while (!ask(stub)) ASSERT_LT(loop->now() - begin, 5s);
  EXPECT_GE(loop->now() - begin, 399ms);
}

TEST_F(StubModelTest, WaitsBeforeTheFirstByteAndBetweenEvents) {
  StubModel stub(*loop,
                 {.reply = {.text = "Hi."},
                  .latency = Latency{.first_min = 30ms, .first_max = 40ms, .between_min = 10ms}});
  const TimePoint begin = loop->now();
  TimePoint first = {};
  HttpCall asked = call(stub, Api::chat, kStream);
  asked.on_body = [&](const HttpResponse&, std::string_view) {
    if (first == TimePoint()) first = loop->now();
    return Result<void>();
  };
  ASSERT_TRUE(block_on(*loop, client->send(std::move(asked))));
  EXPECT_GE(first - begin, 30ms);
  EXPECT_GE(loop->now() - first, 40ms);  // five events
}

TEST_F(StubModelTest, HoldsAThousandStreamsAtOnceAndAnswersThem) {
  StubModel stub(*loop, {.faults = {{.kind = FaultKind::stalled, .at = 10, .times = 1000}}});
  std::map<int, int> statuses;
  const auto spawn_all = [&](Scope& scope) {
    for (std::size_t i = 0; i < 1000; ++i) {
      scope.spawn(ask_in(*client, call(stub, kApis[i % kApis.size()], kStream), statuses));
    }
  };
  Scope stalled(*loop);
  spawn_all(stalled);
  EXPECT_TRUE(loop->run([&] { return stub.at_work() == 1000; }, loop->now() + 60s));
  stalled.cancel();
  EXPECT_TRUE(loop->run([&] { return stub.at_work() == 0; }, loop->now() + 60s));
  Scope answered(*loop);
  spawn_all(answered);
  ASSERT_TRUE(block_on(*loop, answered.join()));
  EXPECT_EQ(statuses, (std::map<int, int>{{200, 1000}}));
}

}  // namespace
}  // namespace ragent::stub
