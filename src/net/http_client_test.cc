#include <net/http_client.h>

#include <base/scope.h>
#include <net/http_server.h>
#include <net/raw_socket.h>
#include <net/sse.h>
#include <net/test_certificate.h>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <atomic>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <thread>

namespace ragent {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

std::size_t open_files() {
  return static_cast<std::size_t>(
      std::distance(std::filesystem::directory_iterator("/proc/self/fd"), {}));
}

Task<void> echo(HttpExchange& exchange) {
  const HttpRequest& request = exchange.request();
  HttpResponse response{.body = request.method + " " + request.url + " " + request.body};
  if (const std::string* x = request.headers.find("x-test")) response.headers.add("x-test", *x);
  return exchange.respond(std::move(response));
}

class HttpClientTest : public testing::Test {
 protected:
  HttpClientTest() {
    for (const char* name : {"http_proxy", "https_proxy", "all_proxy", "no_proxy", "HTTPS_PROXY",
                             "ALL_PROXY", "NO_PROXY"}) {
      ::unsetenv(name);
    }
  }
  ~HttpClientTest() override { std::filesystem::remove_all(folder); }

  void serve(HttpHandler handler, HttpServerOptions options = {}) {
    auto made = HttpServer::listen(*loop, std::move(options), std::move(handler));
    ASSERT_TRUE(made) << made.error().message;
    server = std::move(*made);
  }
  std::string url(std::string_view path = "/") const {
    return fmt::format("http://127.0.0.1:{}{}", server->port(), path);
  }
  Result<HttpResponse> send(HttpCall call) {
    return block_on(*loop, client->send(std::move(call)));
  }
  HttpCall to(std::uint16_t port) {
    return {.request = {.url = fmt::format("http://127.0.0.1:{}/secret?key=1", port)}};
  }
  // Answers each connection with these bytes and closes it.
  static Task<void> answer_raw(RawSocket& listening, std::string bytes, bool reset) {
    for (;;) {
      RawSocket socket = co_await listening.accept();
      co_await socket.read_until("\r\n\r\n");
      co_await socket.write(bytes);
      if (reset) socket.reset();
    }
  }
  Result<HttpResponse> ask_raw(std::string bytes, bool reset = false, HttpCall call = {}) {
    RawSocket listening = RawSocket::listen(*loop);
    Scope scope(*loop);
    scope.spawn(answer_raw(listening, std::move(bytes), reset));
    call.request.url = to(listening.port()).request.url;
    return send(std::move(call));
  }

  int alive = 0;  // handlers; they end with the server
  std::unique_ptr<Loop> loop = make_loop(Logger(LogLevel::off));
  std::unique_ptr<HttpServer> server;
  std::unique_ptr<HttpClient> client = make_http_client(*loop);
  std::filesystem::path folder =
      std::filesystem::temp_directory_path() / fmt::format("net_test.{}", ::getpid());
};

TEST_F(HttpClientTest, SendsAndReceives) {
  serve(echo);
  const auto got = send({.request = {.method = "PUT",
                                     .url = url("/a?b=c"),
                                     .headers = {{"x-test", "v"}, {"content-type", "text/plain"}},
                                     .body = "hello"}});
  ASSERT_TRUE(got) << got.error().message;
  EXPECT_EQ(got->status, 200);
  EXPECT_EQ(got->body, "PUT /a?b=c hello");
  EXPECT_EQ(*got->headers.find("X-Test"), "v");
  for (const char* method : {"GET", "DELETE", "POST", "PATCH", "OPTIONS"}) {
    EXPECT_EQ(send({.request = {.method = method, .url = url()}})->body,
              std::string(method) + " / ");
  }
  const auto head = send({.request = {.method = "HEAD", .url = url()}});
  ASSERT_TRUE(head) << head.error().message;
  EXPECT_EQ(*head->headers.find("content-length"), "7");
  EXPECT_EQ(head->body, "");
}

TEST_F(HttpClientTest, SaysNothingOfItsOwn) {
  std::vector<std::string> names;
  serve([&](HttpExchange& exchange) {
    for (const auto& [name, value] : exchange.request().headers.list()) names.push_back(name);
    return exchange.respond({});
  });
  ASSERT_TRUE(send({.request = {.method = "POST", .url = url(), .body = std::string(9999, 'x')}}));
  EXPECT_THAT(names, testing::ElementsAre("Host", "Accept", "Content-Length"));
}

TEST_F(HttpClientTest, KeepsConnections) {
  serve(echo);
  ASSERT_TRUE(send({.request = {.url = url()}}));
  const std::size_t files = open_files();
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(send({.request = {.url = url()}}));
  EXPECT_EQ(open_files(), files);
}

Task<void> redirect(HttpExchange& exchange) {
  return exchange.respond({.status = 302, .headers = {{"location", "/other"}}});
}

TEST_F(HttpClientTest, ARedirectionIsAResponse) {
  serve(redirect);
  const auto got = send({.request = {.url = url()}});
  ASSERT_TRUE(got);
  EXPECT_EQ(got->status, 302);
  EXPECT_EQ(*got->headers.find("location"), "/other");
}

Task<void> stream(HttpExchange& exchange) {
  co_await exchange.begin({.status = 201});
  for (int i = 0; i < 100; ++i) co_await exchange.write(std::string(10'000, 'x'));
}

TEST_F(HttpClientTest, GivesTheBodyAsItComes) {
  serve(stream);
  std::size_t received = 0;
  const auto got = send(
      {.request = {.url = url()}, .on_body = [&](const HttpResponse& head, std::string_view bytes) {
         EXPECT_EQ(head.status, 201);
         received += bytes.size();
         return Result<void>();
       }});
  ASSERT_TRUE(got) << got.error().message;
  EXPECT_EQ(received, 1'000'000u);
  EXPECT_EQ(got->body, "");
  EXPECT_EQ(send({.request = {.url = url()}})->body.size(), 1'000'000u);
  const auto ended = send({.request = {.url = url()},
                           .on_body = [](const HttpResponse&, std::string_view) -> Result<void> {
                             return fail(ErrorKind::rejected, "enough");
                           }});
  EXPECT_EQ(ended.error().message, "enough");
  const auto threw = send({.request = {.url = url()},
                           .on_body = [](const HttpResponse&, std::string_view) -> Result<void> {
                             throw std::runtime_error("thrown");
                           }});
  EXPECT_EQ(threw.error().kind, ErrorKind::internal);
}

TEST_F(HttpClientTest, TakesNoMoreThanItWants) {
  serve(stream);
  const auto much = send({.request = {.url = url()}, .body_max = 999'999});
  ASSERT_FALSE(much);
  EXPECT_EQ(much.error().kind, ErrorKind::invalid);
  EXPECT_THAT(much.error().message, HasSubstr("larger than 999999 bytes"));
  EXPECT_TRUE(send({.request = {.url = url()}, .body_max = 1'000'000}));
  const auto head = ask_raw("HTTP/1.1 200 OK\r\n" + [] {
    std::string many;
    for (std::size_t i = 0; i <= limits::kHeadersMax; ++i) many += "a: b\r\n";
    return many;
  }() + "\r\n");
  ASSERT_FALSE(head);
  EXPECT_EQ(head.error().kind, ErrorKind::invalid);
}

// Answers with 17/16 of what a call keeps unread, and then says nothing.
Task<void> stop_midway(Loop& loop, RawSocket& listening) {
  RawSocket socket = co_await listening.accept();
  co_await socket.read_until("\r\n\r\n");
  co_await loop.sleep(300ms);  // libcurl's timers of connecting have passed: none wakes it
  const std::string head = "HTTP/1.1 200 OK\r\nContent-Length: 9999999\r\n\r\n";
  constexpr std::size_t kRead = 16u << 10;  // libcurl hands on so much at a time
  co_await socket.write(head +
                        std::string(limits::kClientUnreadBytesMax + 2 * kRead - head.size(), 'x'));
  co_await loop.sleep(1h);
}

TEST_F(HttpClientTest, WhatIsTooMuchAfterAPauseEndsTheCallAtOnce) {
  RawSocket listening = RawSocket::listen(*loop);
  Scope scope(*loop);
  scope.spawn(stop_midway(*loop, listening));
  HttpCall call = to(listening.port());
  call.on_body = [](const HttpResponse&, std::string_view) { return Result<void>(); };
  call.time_max = 5s;
  call.body_max = limits::kClientUnreadBytesMax + (16u << 10) - 1;
  const TimePoint end = loop->now() + call.time_max;
  const auto got = send(std::move(call));
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().kind, ErrorKind::invalid) << got.error().message;
  EXPECT_LT(loop->now(), end);
}

TEST_F(HttpClientTest, RefusesWhatItCannotSend) {
  serve(echo);
  for (const HttpRequest& request :
       std::vector<HttpRequest>{{.url = ""},
                                {.url = "/path"},
                                {.url = "ftp://localhost/"},
                                {.url = "file:///etc/passwd"},
                                {.url = "http://"},
                                {.url = std::string("http://a\0b/", 11)},
                                {.method = "GET /x", .url = url()},
                                {.url = url(), .headers = {{"x", "a\r\ny: b"}}},
                                {.url = url(), .headers = {{"x y", "a"}}},
                                {.url = url(), .headers = {{"Content-Length", "1"}}},
                                {.url = url(), .headers = {{"Transfer-Encoding", "chunked"}}},
                                {.url = url(), .headers = {{"connection", "close"}}},
                                {.url = url(), .headers = {{"Expect", "100-continue"}}},
                                {.url = url(), .headers = {{"host", "a"}, {"Host", "b"}}}}) {
    const auto got = send({.request = request});
    ASSERT_FALSE(got) << request.url;
    EXPECT_EQ(got.error().kind, ErrorKind::invalid) << got.error().message;
  }
  EXPECT_TRUE(send({.request = {.url = url(), .headers = {{"host", "a"}}}}));
  const auto shown = send({.request = {.url = "x\x1b[2Jy://a/"}});
  ASSERT_FALSE(shown);
  EXPECT_THAT(shown.error().message, testing::Not(HasSubstr("\x1b")));
}

TEST_F(HttpClientTest, SaysWhatWentWrong) {
  const auto check = [](const Result<HttpResponse>& got, ErrorKind kind, const char* words) {
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().kind, kind);
    EXPECT_THAT(got.error().message, HasSubstr(words));
    EXPECT_THAT(got.error().message, testing::Not(HasSubstr("key=1")));
  };
  const std::uint16_t free_port = RawSocket::listen(*loop).port();
  check(send(to(free_port)), ErrorKind::unavailable, "does not accept connections");
  check(ask_raw("", true), ErrorKind::unavailable, "broke the connection");
  check(ask_raw(""), ErrorKind::unavailable, "closed the connection without a response");
  check(ask_raw("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", true), ErrorKind::unavailable,
        "broke the connection");
  check(ask_raw("not http\r\n\r\n"), ErrorKind::unavailable, "does not speak HTTP");
  check(send({.request = {.url = "http://nobody.invalid/?key=1"}}), ErrorKind::unavailable,
        "has no address");
  RawSocket silent = RawSocket::listen(*loop);
  HttpCall call = to(silent.port());
  call.silence_max = 30ms;
  check(send(call), ErrorKind::timeout, "sent nothing for 30 ms (before");
  call.silence_max = 10s;
  call.time_max = 30ms;
  check(send(call), ErrorKind::timeout, "did not finish within 30 ms");
}

Task<void> asked_of(RawSocket& listening, std::string& request) {
  RawSocket socket = co_await listening.accept();
  request = co_await socket.read_until("\r\n\r\n");
  co_await socket.write("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
}

TEST_F(HttpClientTest, GoesThroughTheProxyOfTheEnvironment) {
  RawSocket proxy = RawSocket::listen(*loop);
  std::string request;
  Scope scope(*loop);
  scope.spawn(asked_of(proxy, request));
  ::setenv("http_proxy", fmt::format("http://127.0.0.1:{}", proxy.port()).c_str(), 1);
  const auto got = send({.request = {.url = "http://models.invalid/v1"}});
  ::unsetenv("http_proxy");
  ASSERT_TRUE(got) << got.error().message;
  EXPECT_THAT(request, testing::StartsWith("GET http://models.invalid/v1 HTTP/1.1\r\n"));
}

Task<void> stall(Loop& loop, HttpExchange& exchange) {
  co_await exchange.begin({});
  for (int i = 0; i < 8; ++i) {
    co_await exchange.write("data");
    co_await loop.sleep(100ms);
  }
  co_await loop.sleep(1h);
}

TEST_F(HttpClientTest, SilenceCountsFromTheLastByte) {
  serve([&](HttpExchange& exchange) { return stall(*loop, exchange); });
  const auto got = send({.request = {.url = url()}, .silence_max = 600ms});
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().kind, ErrorKind::timeout);
  EXPECT_THAT(got.error().message, HasSubstr("for 600 ms (after 32 bytes"));
}

TEST_F(HttpClientTest, AResponseCutAnywhereIsAnError) {
  const std::string length = "HTTP/1.1 200 OK\r\nX: y\r\nContent-Length: 5\r\n\r\nhello";
  const std::string chunked =
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n";
  for (const std::string& whole : {length, chunked}) {
    EXPECT_EQ(ask_raw(whole)->body, "hello");
    // libcurl does not wait for the line feed after the empty chunk: all of the body came.
    const std::size_t needed = whole == chunked ? whole.size() - 1 : whole.size();
    for (std::size_t size = 0; size < needed; ++size) {
      const auto got = ask_raw(whole.substr(0, size));
      ASSERT_FALSE(got) << size << " of " << whole.size();
      EXPECT_EQ(got.error().kind, ErrorKind::unavailable) << got.error().message;
    }
  }
  const auto trailer = ask_raw(chunked.substr(0, chunked.size() - 2) + "HTTP/1.1: 204\r\n\r\n");
  ASSERT_TRUE(trailer) << trailer.error().message;
  EXPECT_EQ(trailer->status, 200);
  EXPECT_EQ(trailer->body, "hello");
  const std::string continued = "HTTP/1.1 100 Continue\r\n\r\n";
  EXPECT_EQ(ask_raw(continued + length)->body, "hello");
  EXPECT_FALSE(ask_raw(continued));
}

Task<void> hold(Loop& loop, HttpExchange& exchange, int& alive) {
  const Counted held(alive);
  co_await exchange.begin({});
  for (;;) {
    co_await exchange.write("x");
    co_await loop.sleep(1ms);
  }
}
Task<void> call(HttpClient& client, HttpCall call) { co_await client.send(std::move(call)); }

TEST_F(HttpClientTest, ACancelledCallLeavesNothing) {
  serve([&](HttpExchange& exchange) { return hold(*loop, exchange, alive); });
  loop->run([] { return false; }, loop->now() + 1ms);  // it opens its own at the first wait
  const std::size_t files = open_files();
  Scope scope(*loop);
  const auto ignore = [](const HttpResponse&, std::string_view) { return Result<void>(); };
  for (int i = 0; i < 10; ++i) {
    scope.spawn(call(*client, {.request = {.url = url()}}));
    scope.spawn(call(*client, {.request = {.url = url()}, .on_body = ignore}));
  }
  ASSERT_TRUE(loop->run([&] { return alive == 20; }, loop->now() + 5s));
  scope.cancel();
  EXPECT_TRUE(loop->run([&] { return alive == 0; }, loop->now() + 5s));
  EXPECT_TRUE(loop->run([&] { return open_files() == files; }, loop->now() + 5s)) << open_files();
  scope.spawn(call(*client, {.request = {.url = "http://nobody.invalid/"}}));
  loop->run([] { return true; }, loop->now() + 1ms);
  scope.cancel();  // while the name is looked up
}

TEST_F(HttpClientTest, SpeaksTls) {
  std::filesystem::create_directories(folder);
  const std::string certificate = folder / "cert.pem", key = folder / "key.pem";
  make_certificate(certificate, key);
  serve(stream, {.certificate = certificate, .key = key});
  const std::string secure = fmt::format("https://localhost:{}/", server->port());
  const auto untrusted = send({.request = {.url = secure}});
  ASSERT_FALSE(untrusted);
  EXPECT_EQ(untrusted.error().kind, ErrorKind::unavailable);
  EXPECT_THAT(untrusted.error().message, HasSubstr("cannot be trusted"));
  const auto plain = send({.request = {.url = url()}});
  ASSERT_FALSE(plain);
  EXPECT_EQ(plain.error().kind, ErrorKind::unavailable) << plain.error().message;
  client = make_http_client(*loop, {.ca_file = certificate});
  for (int i = 0; i < 3; ++i) {
    const auto got = send({.request = {.url = secure}});
    ASSERT_TRUE(got) << got.error().message;
    EXPECT_EQ(got->body.size(), 1'000'000u);
  }
  EXPECT_FALSE(send({.request = {.url = fmt::format("https://127.0.0.1:{}/", server->port())}}));
  serve(echo, {.certificate = certificate, .key = key});
  const std::string body(300'000, 'y');
  const auto posted = send({.request = {.method = "POST",
                                        .url = fmt::format("https://localhost:{}/", server->port()),
                                        .body = body}});
  ASSERT_TRUE(posted) << posted.error().message;
  EXPECT_EQ(posted->body, "POST / " + body);
  RawSocket not_tls = RawSocket::connect(*loop, server->port());
  EXPECT_TRUE(block_on(*loop, not_tls.write("GET / HTTP/1.1\r\n\r\n")));
  // An alert at most: nothing of a reply, and the end.
  EXPECT_THAT(*block_on(*loop, not_tls.read_all()), testing::Not(HasSubstr("HTTP")));
  EXPECT_FALSE(HttpServer::listen(*loop, {.certificate = certificate, .key = certificate}, echo));
}

TEST_F(HttpClientTest, SpeaksThroughAUnixSocketOfItsOwnerOnly) {
  std::filesystem::create_directories(folder);
  const std::string path = folder / "server.sock";
  serve(echo, {.address = "unix:" + path});
  struct stat found = {};
  ASSERT_EQ(::stat(path.c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 0777, 0600u);
  client = make_http_client(*loop, {.unix_socket = path});
  const auto got = send({.request = {.url = "http://ragent/a"}});
  ASSERT_TRUE(got) << got.error().message;
  EXPECT_EQ(got->body, "GET /a ");
  const auto second = HttpServer::listen(*loop, {.address = "unix:" + path}, echo);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().kind, ErrorKind::conflict);
  server.reset();
  EXPECT_FALSE(std::filesystem::exists(path));
  {  // what a killed process leaves is replaced
    const FileDescriptor left(::socket(AF_UNIX, SOCK_STREAM, 0));
    sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = {}};
    path.copy(address.sun_path, path.size());
    ASSERT_EQ(::bind(left.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  }
  serve(echo, {.address = "unix:" + path});
  // Neither does one that starts take over a path that is another's already, nor one that ends take
  // away what came after it.
  server.reset();
  const mode_t mask = ::umask(0777);
  const FileDescriptor starting(::open((path + ".lock").c_str(), O_RDWR | O_CLOEXEC));
  ASSERT_EQ(::flock(starting.get(), LOCK_EX | LOCK_NB), 0);
  const auto refused = HttpServer::listen(*loop, {.address = "unix:" + path}, echo);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::conflict);
  ASSERT_EQ(::flock(starting.get(), LOCK_UN), 0);
  serve(echo, {.address = "unix:" + path});
  ::umask(mask);
  ASSERT_EQ(::stat(path.c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 0777, 0600u);
  std::filesystem::remove(path);
  std::fclose(std::fopen(path.c_str(), "w"));
  server.reset();
  EXPECT_TRUE(std::filesystem::exists(path));
}

// A peer that leaves while much is on its way to it, within TLS too, is no SIGPIPE.
TEST_F(HttpClientTest, APeerThatLeavesIsNoSignal) {
  std::filesystem::create_directories(folder);
  const std::string certificate = folder / "cert.pem", key = folder / "key.pem";
  make_certificate(certificate, key);
  const auto before = std::signal(SIGPIPE, SIG_DFL);
  const std::string body(64u << 20, 'y');
  std::vector<Result<HttpResponse>> got;
  serve(echo, {.body_max = 10});
  got.push_back(send({.request = {.method = "POST", .url = url(), .body = body}}));
  serve(echo, {.certificate = certificate, .key = key, .body_max = 10});
  client = make_http_client(*loop, {.ca_file = certificate});
  got.push_back(send({.request = {.method = "POST",
                                  .url = fmt::format("https://localhost:{}/", server->port()),
                                  .body = body}}));
  std::signal(SIGPIPE, before);
  for (const auto& one : got) {
    EXPECT_TRUE(one ? one->status == 413 : one.error().kind == ErrorKind::unavailable);
  }
}

// A thousand model calls at once: what one costs the client's thread, of processor time.
std::chrono::nanoseconds thread_time() {
  timespec now = {};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
}

constexpr int kCalls = 1000;

Task<void> tell(Loop& loop, HttpExchange& exchange, int& arrived) {
  ++arrived;
  while (arrived < kCalls) co_await loop.sleep(1ms);  // all are under way
  co_await exchange.begin({.headers = {{"content-type", "text/event-stream"}}});
  const int events = std::stoi(*exchange.request().headers.find("x-events"));
  for (int i = 0; i < events; ++i) {
    co_await exchange.write(
        co_await sse_text({.data = R"({"choices":[{"delta":{"content":"word "}}]})"}));
    co_await loop.yield();
  }
}

Task<void> listen_to(HttpClient& client, std::string url, int wanted, int& whole) {
  SseReader reader;
  int events = 0;
  HttpCall call{.request = {.method = "POST",
                            .url = std::move(url),
                            .headers = {{"x-events", std::to_string(wanted)}},
                            .body = std::string(2000, 'x')}};
  call.on_body = [&](const HttpResponse&, std::string_view bytes) {
    return reader.feed(bytes, [&](const SseEvent&) -> Result<void> {
      ++events;
      return {};
    });
  };
  co_await client.send(std::move(call));
  if (events == wanted && reader.between_events()) ++whole;
}

TEST_F(HttpClientTest, AThousandStreamsAtOnce) {
  rlimit files = {};
  ::getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &files);
  ASSERT_GE(files.rlim_cur, 3u * kCalls) << "needs 3000 open files: ulimit -Hn";
  std::atomic<std::uint16_t> port = 0;
  std::atomic<bool> stop = false;
  int arrived = 0;
  std::thread serving([&] {
    const auto own = make_loop();
    const auto made = HttpServer::listen(*own, {.connections_max = kCalls + 1},
                                         [&](HttpExchange& x) { return tell(*own, x, arrived); });
    port = (*made)->port();
    while (!stop) own->run([&] { return stop.load(); }, own->now() + 10ms);
  });
  while (port == 0) std::this_thread::yield();
  const std::string url = fmt::format("http://127.0.0.1:{}/", port.load());
  for (const auto& [state, events] : {std::pair("new", 1), {"kept", 1}, {"kept", 20}}) {
    Scope scope(*loop);
    int whole = 0;
    const auto begin = thread_time();
    for (int i = 0; i < kCalls; ++i) scope.spawn(listen_to(*client, url, events, whole));
    EXPECT_TRUE(loop->run([&] { return scope.size() == 0; }, loop->now() + 60s));
    EXPECT_EQ(whole, kCalls);
    const std::chrono::duration<double, std::micro> each = (thread_time() - begin) / kCalls;
    fmt::print("{} connections: {:.1f} us of the client's thread a call of {} events\n", state,
               each.count(), events);
  }
  stop = true;
  serving.join();
}

}  // namespace
}  // namespace ragent
