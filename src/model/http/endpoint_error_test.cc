#include <model/http/endpoint_error.h>

#include <gmock/gmock.h>

namespace ragent::wire {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;

Error error_of_body(int status, std::string body) {
  return error_of(HttpResponse{.status = status, .body = std::move(body)}, "api.example.org");
}

TEST(WireErrors, TheStatusSaysWhetherAnotherTryHelps) {
  struct Case {
    int status;
    ErrorKind kind;
    std::string_view todo;
  };
  for (const Case& one :
       {Case{301, ErrorKind::unavailable, "redirects are not followed"},
        Case{400, ErrorKind::invalid, "change it"}, Case{401, ErrorKind::rejected, "check the key"},
        Case{402, ErrorKind::rejected, "nothing left to spend"},
        Case{403, ErrorKind::rejected, "may not do this"},
        Case{404, ErrorKind::not_found, "check the model's name and the URL"},
        Case{405, ErrorKind::invalid, "change it"},
        Case{408, ErrorKind::unavailable, "try again later"},
        Case{409, ErrorKind::unavailable, "try again later"},
        Case{413, ErrorKind::invalid, "begin a new session"},
        Case{415, ErrorKind::invalid, "change it"}, Case{422, ErrorKind::invalid, "change it"},
        Case{425, ErrorKind::unavailable, "try again later"},
        Case{429, ErrorKind::unavailable, "try again later"},
        Case{500, ErrorKind::unavailable, "try again later"},
        Case{503, ErrorKind::unavailable, "try again later"},
        Case{529, ErrorKind::unavailable, "try again later"}}) {
    const Error error = error_of_body(one.status, "");
    EXPECT_EQ(error.kind, one.kind) << one.status;
    EXPECT_THAT(error.message, HasSubstr(one.todo));
    EXPECT_THAT(error.message,
                testing::StartsWith("api.example.org answered " + std::to_string(one.status)));
  }
}

TEST(WireErrors, TheEndpointsWordsInEveryShape) {
  EXPECT_EQ(error_of_body(401,
                          R"({"error": {"message": "Incorrect API key provided", "param": null,
                              "type": "invalid_request_error", "code": "invalid_api_key"}})")
                .message,
            "api.example.org answered 401: Incorrect API key provided (invalid_api_key); check the "
            "key");
  EXPECT_EQ(error_of_body(500, "").message,
            "api.example.org answered 500 without a word; try again later");
  struct Case {
    std::string_view body;
    std::string_view words;
  };
  for (const Case& one : {
           Case{R"({"error": "model \"x\" not found"})", ": model \"x\" not found;"},
           Case{R"({"message": "over", "request_id": "1"})", ": over;"},
           Case{R"({"detail": "Not Found"})", ": Not Found;"},
           Case{R"({"detail": [{"loc": ["body"], "msg": "missing"}]})", R"("msg":"missing")"},
           Case{R"([{"error": {"code": 400, "message": "no key", "status": "X"}}])", ": no key;"},
           Case{R"({"object": "error", "message": "too many", "code": 400})", ": too many;"},
           Case{R"({"unknown": "shape"})", R"(: {"unknown":"shape"};)"},
           Case{"  upstream connect error\n", ": upstream connect error;"},
           Case{"a\x1b[31mb", ": a\\x1b[31mb;"},
           Case{"\xff\xfe", ": \\xff\\xfe;"},
           Case{"<!DOCTYPE html><html><head><title> 502 Bad Gateway\n</title></head>",
                ": a web page, \"502 Bad Gateway\";"},
           Case{"<html><body>x</body></html>", ": a web page;"},
           Case{"{}", "without a word"},
           Case{"null", "without a word"},
       }) {
    EXPECT_THAT(error_of_body(500, std::string(one.body)).message, HasSubstr(one.words));
  }
  const Error large = error_of_body(500, std::string(100'000, 'x'));
  EXPECT_LT(large.message.size(), limits::kEndpointWordsMax + 100);
}

TEST(WireErrors, ANameIsMoreExactThanTheStatus) {
  const auto kind = [](int status, std::string_view code) {
    return error_of_body(status, R"({"error": {"message": "m", "type": "invalid_request_error",
                                     "code": ")" +
                                     std::string(code) + R"("}})")
        .kind;
  };
  EXPECT_EQ(kind(429, "insufficient_quota"), ErrorKind::rejected);
  EXPECT_EQ(kind(429, "rate_limit_exceeded"), ErrorKind::unavailable);
  EXPECT_EQ(kind(400, "tool_use_failed"), ErrorKind::unavailable);
  EXPECT_EQ(kind(400, "model_not_found"), ErrorKind::not_found);
  EXPECT_EQ(kind(404, ""), ErrorKind::not_found);
  EXPECT_THAT(error_of_body(400, R"({"error": {"message": "m",
                                     "code": "context_length_exceeded"}})")
                  .message,
              HasSubstr("begin a new session"));
}

TEST(WireErrors, WhenToTryAgainIsSaidAsTheEndpointSaysIt) {
  const auto message = [](int status, const char* wait) {
    return error_of({.status = status, .headers = {{"retry-after", wait}}}, "e").message;
  };
  EXPECT_THAT(message(429, "3600"), HasSubstr("; try again in 3600 s"));
  EXPECT_THAT(message(503, "1.2"), HasSubstr("; try again in 2 s"));
  EXPECT_THAT(message(429, "0"), HasSubstr("; try again later"));
  EXPECT_THAT(message(401, "3600"), HasSubstr("; check the key"));
}

TEST(WireErrors, ACompressedBodyThatIsNoReplyIsNamed) {
  const Error why{.kind = ErrorKind::unavailable, .message = "no JSON"};
  EXPECT_EQ(not_readable({.headers = {{"content-type", "application/json"}}}, why).message,
            "no JSON");
  EXPECT_EQ(not_readable({.headers = {{"content-encoding", "identity"}}}, why).message, "no JSON");
  const Error error = not_readable({.headers = {{"Content-Encoding", "br"}}}, why);
  EXPECT_EQ(error.kind, ErrorKind::unavailable);
  EXPECT_THAT(error.message, HasSubstr("no JSON; it came with content-encoding br,"));
}

TEST(WireErrors, InsideAResponseTheNameDecides) {
  const auto kind = [](std::string_view json) { return error_of(*parse_json(json), "e").kind; };
  EXPECT_EQ(kind(R"({"type": "overloaded_error", "message": "Overloaded"})"),
            ErrorKind::unavailable);
  EXPECT_EQ(kind(R"({"type": "rate_limit_error"})"), ErrorKind::unavailable);
  EXPECT_EQ(kind(R"({"type": "authentication_error"})"), ErrorKind::rejected);
  EXPECT_EQ(kind(R"({"type": "invalid_request_error"})"), ErrorKind::invalid);
  EXPECT_EQ(kind(R"({"type": "server_error", "code": null})"), ErrorKind::unavailable);
  EXPECT_EQ(kind(R"({"code": 502, "message": "Provider returned error"})"), ErrorKind::unavailable);
  EXPECT_EQ(kind(R"({"code": 404, "message": "no such model"})"), ErrorKind::not_found);
  EXPECT_EQ(kind(R"({"error": {"code": 401}})"), ErrorKind::rejected);
  EXPECT_EQ(kind(R"("words alone")"), ErrorKind::unavailable);
  EXPECT_EQ(
      error_of(*parse_json(R"({"type": "overloaded_error", "message": "Overloaded"})"), "").message,
      "the endpoint reported an error: Overloaded (overloaded_error); try again later");
}

std::optional<milliseconds> after(std::string value, std::string date = "", WallPoint now = {}) {
  Headers headers{{"Retry-After", std::move(value)}};
  if (!date.empty()) headers.add("date", std::move(date));
  return retry_after(headers, now);
}

TEST(WireRetryAfter, EveryForm) {
  EXPECT_EQ(retry_after({}), std::nullopt);
  EXPECT_EQ(after("2"), milliseconds(2000));
  EXPECT_EQ(after(" 0 "), milliseconds(0));
  EXPECT_EQ(after("0.25"), milliseconds(250));
  EXPECT_EQ(retry_after({{"retry-after-ms", "1500"}, {"retry-after", "9"}}), milliseconds(1500));
  EXPECT_EQ(retry_after({{"retry-after-ms", "soon"}, {"retry-after", "9"}}), milliseconds(9000));
  EXPECT_EQ(after("99999999999999999999999"), limits::kWaitMax);
  const std::string sent = "Sun, 06 Nov 1994 08:49:30 GMT";
  EXPECT_EQ(after("Sun, 06 Nov 1994 08:49:37 GMT", sent), milliseconds(7000));
  EXPECT_EQ(after("Sunday, 06-Nov-94 08:49:37 GMT", sent), milliseconds(7000));
  EXPECT_EQ(after("Sun Nov  6 08:49:37 1994", sent), milliseconds(7000));
  EXPECT_EQ(after("Sun, 06 Nov 1994 08:49:29 GMT", sent), milliseconds(0));  // it has passed
  EXPECT_EQ(after("Fri, 31 Dec 9999 23:59:59 GMT", sent), limits::kWaitMax);
  const WallPoint now = std::chrono::sys_days(std::chrono::year(2030) / 1 / 1);
  EXPECT_EQ(after("Tue, 01 Jan 2030 00:01:00 GMT", "", now), milliseconds(60'000));
  EXPECT_EQ(after("Tuesday, 01-Jan-30 00:01:00 GMT", "", now), milliseconds(60'000));
  EXPECT_EQ(after("Tue, 01 Jan 2030 00:01:00 GMT"), std::nullopt);  // nobody knows the time
}

TEST(WireRetryAfter, WhatIsNotWellFormedSaysNothing) {
  const std::string sent = "Sun, 06 Nov 1994 08:49:30 GMT";
  for (const char* bad : {"",
                          "-1",
                          "+1",
                          "1s",
                          "1e3",
                          "inf",
                          "nan",
                          "0x10",
                          "1 2",
                          "soon",
                          ".",
                          "-0",
                          "Sun, 31 Feb 1994 08:49:37 GMT",
                          "Sun, 06 Nov 1994 24:49:37 GMT",
                          "Sun, 06 Nov 1994 08:49 GMT",
                          "Sun, 06 nov 1994 08:49:37 GMT",
                          "Sun, 06 ovD 1994 08:49:37 GMT",
                          "Sun, 06 Nov 1994 08:49:37 CET",
                          "Sun, 06 Nov 19940 08:49:37 GMT",
                          "Sun, xx Nov 1994 08:49:37 GMT",
                          "Sun, 06-Nov-94 GMT",
                          "Sunday, 06-Nov 08:49:37 GMT",
                          "Sun Nov  6 08:49:37 -994"}) {
    EXPECT_EQ(after(bad, sent), std::nullopt) << bad;
  }
  const HttpResponse response{.status = 429, .headers = {{"retry-after", "3"}}};
  EXPECT_EQ(error_of(response, "e").retry_after, milliseconds(3000));
}

TEST(WireHeads, ContentTypes) {
  const auto head = [](const char* type) {
    return HttpResponse{.headers = {{"Content-Type", type}}};
  };
  EXPECT_TRUE(is_event_stream(head("text/event-stream")));
  EXPECT_TRUE(is_event_stream(head("Text/Event-Stream ; charset=utf-8")));
  EXPECT_FALSE(is_event_stream(head("text/event-streams")));
  EXPECT_TRUE(is_json(head("application/json;charset=UTF-8")));
  EXPECT_TRUE(is_json(head("application/problem+json")));
  EXPECT_FALSE(is_json(head("text/html")));
  EXPECT_FALSE(is_json(HttpResponse{}));
  EXPECT_EQ(not_an_endpoint(head("text/html; x"), "a chat endpoint").message,
            "expected a chat endpoint to answer with text/event-stream or application/json, got "
            "text/html: something else stands at this URL, check it");
  EXPECT_THAT(not_an_endpoint(HttpResponse{}, "x").message, HasSubstr("got no content type"));
}

}  // namespace
}  // namespace ragent::wire
