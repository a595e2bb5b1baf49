#include <net/http_server.h>

#include <base/scope.h>
#include <net/raw_socket.h>

#include <fcntl.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <sys/resource.h>

#include <algorithm>
#include <array>

namespace ragent {
namespace {

using namespace std::chrono_literals;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

Task<void> echo(HttpExchange& exchange) {
  const HttpRequest& request = exchange.request();
  return exchange.respond({.body = request.method + " " + request.url + " " + request.body});
}

class HttpServerTest : public testing::Test {
 protected:
  void serve(HttpHandler handler, HttpServerOptions options = {}) {
    auto made = HttpServer::listen(*loop, std::move(options), std::move(handler));
    ASSERT_TRUE(made) << made.error().message;
    server = std::move(*made);
  }
  RawSocket peer() { return RawSocket::connect(*loop, server->port()); }
  // Sends all of it and reads until the server closes.
  std::string talk(std::string bytes) {
    RawSocket socket = peer();
    return *block_on(*loop, talk_on(socket, std::move(bytes)));
  }
  static Task<std::string> talk_on(RawSocket& socket, std::string bytes) {
    co_await socket.write(std::move(bytes));
    co_return co_await socket.read_all();
  }
  static Task<void> talk_in(RawSocket& socket, std::string bytes, std::string& reply) {
    reply = co_await talk_on(socket, std::move(bytes));
  }
  static Task<std::string> ask_on(RawSocket& socket, std::string bytes, std::string end) {
    co_await socket.write(std::move(bytes));
    co_return co_await socket.read_until(std::move(end));
  }
  std::string ask(RawSocket& socket, std::string bytes, std::string end) {
    return *block_on(*loop, ask_on(socket, std::move(bytes), std::move(end)));
  }

  int alive = 0;  // handlers; they end with the server
  std::unique_ptr<Loop> loop = make_loop();
  std::unique_ptr<HttpServer> server;
};

constexpr const char* kGet = "GET /a HTTP/1.1\r\nHost: h\r\n\r\n";
constexpr const char* kLast = "GET /last HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";

TEST_F(HttpServerTest, AnswersPipelinedRequestsInOrderAndClosesWhenAsked) {
  serve(echo);
  EXPECT_EQ(talk(kGet + std::string("POST /b HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nhi") +
                 kLast),
            "HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\nGET /a "
            "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nPOST /b hi"
            "HTTP/1.1 200 OK\r\ncontent-length: 10\r\nconnection: close\r\n\r\nGET /last ");
}

TEST_F(HttpServerTest, KeepsAConnection) {
  serve(echo);
  RawSocket socket = peer();
  for (int i = 0; i < 3; ++i) EXPECT_THAT(ask(socket, kGet, "GET /a "), EndsWith("GET /a "));
}

TEST_F(HttpServerTest, AHeadHasNoBodyAndOldClientsAreClosed) {
  serve(echo);
  EXPECT_EQ(talk("HEAD /a HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"),
            "HTTP/1.1 200 OK\r\ncontent-length: 8\r\nconnection: close\r\n\r\n");
  EXPECT_EQ(talk("GET /a HTTP/1.0\r\n\r\n"),
            "HTTP/1.1 200 OK\r\ncontent-length: 7\r\nconnection: close\r\n\r\nGET /a ");
}

TEST_F(HttpServerTest, SaysContinueBeforeABodyThatWaits) {
  serve(echo);
  RawSocket socket = peer();
  EXPECT_EQ(
      ask(socket, "POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n",
          "\r\n\r\n"),
      "HTTP/1.1 100 Continue\r\n\r\n");
  EXPECT_THAT(ask(socket, "hi", "POST / hi"), EndsWith("POST / hi"));
}

Task<void> stream(HttpExchange& exchange) {
  co_await exchange.begin(
      {.headers = {{"content-type", "text/event-stream"}, {"Content-Length", "7"}}});
  co_await exchange.write("one");
  co_await exchange.write("");
  co_await exchange.write("two!");
}

TEST_F(HttpServerTest, StreamsInChunksAndToOldClientsUntilTheEnd) {
  serve(stream);
  EXPECT_EQ(talk(kLast),
            "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
            "transfer-encoding: chunked\r\nconnection: close\r\n\r\n"
            "3\r\none\r\n4\r\ntwo!\r\n0\r\n\r\n");
  EXPECT_EQ(talk("GET / HTTP/1.0\r\n\r\n"),
            "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
            "connection: close\r\n\r\nonetwo!");
  EXPECT_EQ(talk("HEAD / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"),
            "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n");
}

Task<void> fail_late(HttpExchange& exchange) {
  co_await exchange.begin({});
  co_await exchange.write("half");
  co_await fail(ErrorKind::internal, "a bug");
}
Task<void> nothing(HttpExchange&) { co_return; }
Task<void> twice(HttpExchange& exchange) {
  co_await exchange.respond({.status = 204});
  EXPECT_EQ((co_await exchange.respond({}).result()).error().kind, ErrorKind::misuse);
  EXPECT_EQ((co_await exchange.begin({}).result()).error().kind, ErrorKind::misuse);
}
Task<void> inject(HttpExchange& exchange) {
  return exchange.respond({.headers = {{"x", "a\r\nset-cookie: b"}}});
}

TEST_F(HttpServerTest, AHandlerThatFailsIsNeverTakenForAWholeReply) {
  loop = make_loop(Logger(LogLevel::off));
  serve(fail_late);
  EXPECT_THAT(talk(kGet), EndsWith("4\r\nhalf\r\n"));
  RawSocket old = peer();
  EXPECT_THAT(*block_on(*loop, talk_on(old, "GET / HTTP/1.0\r\n\r\n")), EndsWith("\r\n\r\nhalf"));
  EXPECT_TRUE(old.was_reset());
  serve(nothing);
  EXPECT_THAT(talk(kLast), StartsWith("HTTP/1.1 500 "));
  serve([](HttpExchange&) -> Task<void> { throw std::runtime_error("thrown"); });
  EXPECT_THAT(talk(kLast), StartsWith("HTTP/1.1 500 "));
  serve(inject);
  EXPECT_THAT(talk(kLast), testing::AllOf(StartsWith("HTTP/1.1 500 "), Not(HasSubstr("cookie"))));
  serve(twice);
  EXPECT_EQ(talk(kLast), "HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n");
}

TEST_F(HttpServerTest, RefusesWithAProblemAndCloses) {
  serve(echo, {.head_max = 1000, .body_max = 10});
  EXPECT_THAT(talk(std::string(kGet) + "nonsense\r\n\r\n"),
              testing::AllOf(HasSubstr("GET /a HTTP/1.1 400 Bad Request\r\n"),
                             HasSubstr("content-type: application/problem+json\r\n"),
                             HasSubstr("connection: close\r\n"), HasSubstr("\"status\":400")));
  EXPECT_THAT(talk("GET / HTTP/1.1\r\nHost: h\r\nX: " + std::string(2000, 'x') + "\r\n\r\n"),
              StartsWith("HTTP/1.1 431 "));
  // Neither continues, though the peer asks, nor reads the body.
  EXPECT_THAT(talk("POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\n"
                   "Content-Length: 11\r\n\r\n"),
              StartsWith("HTTP/1.1 413 "));
  // The reply arrives although the peer goes on sending.
  EXPECT_THAT(talk("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\n" +
                   std::string(1'000'000, 'x')),
              StartsWith("HTTP/1.1 413 "));
}

TEST_F(HttpServerTest, APeerThatIsSlowIsRefusedOneThatSaysNothingIsClosed) {
  serve(echo, {.idle_max = 30ms});
  EXPECT_EQ(talk(""), "");
  EXPECT_THAT(talk("GET / HT"), StartsWith("HTTP/1.1 408 "));
  EXPECT_THAT(talk("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhi"),
              StartsWith("HTTP/1.1 408 "));
  EXPECT_THAT(talk(kGet), EndsWith("GET /a "));
}

Task<void> trickle(Loop& loop, RawSocket& socket, std::string& reply) {
  co_await socket.write("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10000\r\n\r\n");
  const auto reading = loop.watch(socket.fd(), Readiness::readable, [] {});
  for (char got = 0; ::recv(socket.fd(), &got, 1, MSG_PEEK | MSG_DONTWAIT) < 0;) {
    co_await socket.write("x");
    co_await loop.sleep(10ms);
  }
  reply = co_await socket.read_all();
}

TEST_F(HttpServerTest, ABodyThatTricklesIsRefused) {
  serve(echo, {.idle_max = 200ms});
  RawSocket socket = peer();
  Scope scope(*loop);
  std::string reply;
  scope.spawn(trickle(*loop, socket, reply));
  EXPECT_TRUE(loop->run([&] { return !reply.empty(); }, loop->now() + 10s));
  EXPECT_THAT(reply, StartsWith("HTTP/1.1 408 "));
}

TEST_F(HttpServerTest, AReplyArrivesWholeThoughThePeerSentMore) {
  serve([](HttpExchange& exchange) {
    return exchange.respond({.body = std::string(3u << 20, 'y')});
  });
  RawSocket socket = peer();
  ASSERT_TRUE(block_on(*loop, socket.write(kLast + std::string(300'000, 'x'))));
  loop->run([] { return false; }, loop->now() + 20ms);
  const std::string reply = *block_on(*loop, socket.read_all());
  EXPECT_GT(reply.size(), 3u << 20);
  EXPECT_FALSE(socket.was_reset());
}

Task<void> write_cut(Loop& loop, HttpExchange& exchange, int& refused) {
  co_await exchange.begin({});
  const std::string much(64u << 20, 'x');
  {
    Scope scope(loop);
    scope.spawn(exchange.write(much));
    co_await loop.sleep(5ms);
    const Result<void> second = co_await exchange.write("two at once").result();
    if (!second && second.error().kind == ErrorKind::misuse) ++refused;
  }
  const Result<void> later = co_await exchange.write("within a chunk").result();
  if (!later && later.error().kind == ErrorKind::misuse) ++refused;
}

TEST_F(HttpServerTest, AWriteThatIsCancelledIsTheEndOfItsReply) {
  int refused = 0;
  serve([&](HttpExchange& exchange) { return write_cut(*loop, exchange, refused); });
  RawSocket socket = peer();
  ASSERT_TRUE(block_on(*loop, socket.write(kGet)));
  EXPECT_TRUE(loop->run([&] { return refused == 2; }, loop->now() + 10s));
  const std::string reply = *block_on(*loop, socket.read_all());
  EXPECT_EQ(reply.substr(reply.size() - 3), "xxx");
}

Task<void> hold(Loop& loop, HttpExchange& exchange, int& alive) {
  const Counted held(alive);
  co_await exchange.begin({});
  co_await loop.sleep(1h);
}

TEST_F(HttpServerTest, AHandlerEndsWhenItsPeerGoesOrTheServer) {
  serve([&](HttpExchange& exchange) { return hold(*loop, exchange, alive); });
  {
    RawSocket closed = peer(), reset = peer(), kept = peer();
    for (RawSocket* socket : {&closed, &reset, &kept}) ask(*socket, kGet, "\r\n\r\n");
    EXPECT_EQ(alive, 3);
    closed = RawSocket(*loop, ::dup(0));
    reset.reset();
    EXPECT_TRUE(loop->run([&] { return alive == 1; }, loop->now() + 5s));
    server.reset();
    EXPECT_EQ(alive, 0);
    EXPECT_EQ(*block_on(*loop, kept.read_all()), "");
  }
}

TEST_F(HttpServerTest, MoreConnectionsThanTheLimitAreTold) {
  serve([&](HttpExchange& exchange) { return hold(*loop, exchange, alive); },
        {.connections_max = 2});
  RawSocket one = peer(), two = peer();
  ask(one, kGet, "\r\n\r\n");
  ask(two, kGet, "\r\n\r\n");
  EXPECT_THAT(talk(kGet), StartsWith("HTTP/1.1 503 "));
  one.reset();
  EXPECT_TRUE(loop->run([&] { return alive == 1; }, loop->now() + 5s));
  RawSocket three = peer();
  EXPECT_THAT(ask(three, kGet, "\r\n\r\n"), StartsWith("HTTP/1.1 200 "));
}

TEST_F(HttpServerTest, ABodyWaitsInMemoryOnlyWhileThereIsRoom) {
  serve(echo, {.bodies_max = 1000});
  const std::string post = "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 700\r\n";
  const std::string body(700, 'x'), end = "\r\n\r\nPOST / " + body;
  RawSocket kept = peer(), half = peer();
  EXPECT_THAT(ask(kept, post + "\r\n" + body, end), EndsWith(end));
  EXPECT_THAT(ask(kept, kGet, "GET /a "), EndsWith("GET /a "));  // its body is no longer there
  ASSERT_TRUE(block_on(*loop, half.write(post + "\r\n" + body.substr(1))));
  loop->run([] { return false; }, loop->now() + 20ms);
  EXPECT_THAT(talk(post + "Connection: close\r\n\r\n" + body), StartsWith("HTTP/1.1 503 "));
  EXPECT_THAT(ask(half, "x", end), EndsWith(end));
}

TEST_F(HttpServerTest, LeavesFilesForTheRestOfTheProgram) {
  rlimit before = {};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  const rlimit few{.rlim_cur = limits::kServerFilesReserve + 1, .rlim_max = before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &few), 0);
  serve(echo);
  RawSocket one = peer();
  EXPECT_THAT(ask(one, kGet, "GET /a "), EndsWith("GET /a "));
  EXPECT_THAT(talk(kGet), StartsWith("HTTP/1.1 503 "));
  ::setrlimit(RLIMIT_NOFILE, &before);
}

TEST_F(HttpServerTest, SaysOnceThatFilesAreMissing) {
  int said[2] = {};
  ASSERT_EQ(::pipe2(said, O_CLOEXEC | O_NONBLOCK), 0);
  const FileDescriptor to_read(said[0]), to_write(said[1]);
  loop = make_loop(Logger(LogLevel::warn, said[1]));
  serve(echo);
  loop->run([] { return false; }, loop->now() + 1ms);  // it opens its own at the first wait
  RawSocket one = peer(), two = peer();
  rlimit before = {};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  const rlimit none{.rlim_cur = 0, .rlim_max = before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  loop->run([] { return false; }, loop->now() + 450ms);
  ::setrlimit(RLIMIT_NOFILE, &before);
  EXPECT_THAT(ask(two, kGet, "GET /a "), EndsWith("GET /a "));
  std::array<char, 4096> lines = {};
  const auto size = ::read(said[0], lines.data(), lines.size());
  ASSERT_GT(size, 0);
  const std::string_view text(lines.data(), static_cast<std::size_t>(size));
  EXPECT_THAT(text, HasSubstr("cannot accept connections"));
  EXPECT_EQ(std::ranges::count(text, '\n'), 1);
}

constexpr std::size_t kFlood = 64u << 20;
Task<void> flood(HttpExchange& exchange, std::size_t& written, bool& ended) {
  co_await exchange.begin({});
  const std::string piece(64u << 10, 'x');
  while (written < kFlood) {
    const Result<void> sent = co_await exchange.write(piece).result();
    ended = !sent || written + piece.size() == kFlood;
    if (!sent) {
      EXPECT_EQ(sent.error().kind, ErrorKind::unavailable);
      co_return;
    }
    written += piece.size();
  }
}

TEST_F(HttpServerTest, ASlowReaderMakesTheHandlerWaitAndIsClosedWhenItStands) {
  std::size_t written = 0;
  bool ended = false;
  serve([&](HttpExchange& exchange) { return flood(exchange, written, ended); },
        {.idle_max = 50ms});
  RawSocket socket = peer();
  ASSERT_TRUE(block_on(*loop, socket.write(kGet)));
  EXPECT_TRUE(loop->run([&] { return ended; }, loop->now() + 5s));
  EXPECT_LT(written, 48u << 20);  // what the kernel keeps
  const std::string got = *block_on(*loop, socket.read_all());
  EXPECT_FALSE(got.ends_with("0\r\n\r\n"));
}

TEST_F(HttpServerTest, WaitsForASlowReaderAndGoesOn) {
  std::size_t written = 0;
  bool ended = false;
  serve([&](HttpExchange& exchange) { return flood(exchange, written, ended); });
  const std::string got = talk(kLast);
  EXPECT_EQ(written, kFlood);
  EXPECT_GT(got.size(), kFlood);
  EXPECT_TRUE(got.ends_with("0\r\n\r\n"));
}

TEST_F(HttpServerTest, APeerThatIsAlwaysReadyLetsOthersHaveTheirTurn) {
  constexpr std::size_t kSize = 2u << 20;
  int turns = 0, asked_at = 0;
  serve([&](HttpExchange& exchange) {
    asked_at = turns;
    return exchange.respond({.body = exchange.request().body});
  });
  RawSocket socket = peer();
  Scope scope(*loop);
  std::string reply;
  const std::string head = "POST / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n";
  scope.spawn(talk_in(
      socket, fmt::format("{}Content-Length: {}\r\n\r\n", head, kSize) + std::string(kSize, 'x'),
      reply));
  ASSERT_TRUE(loop->run([&] { return ++turns, !reply.empty(); }, loop->now() + 30s));
  EXPECT_THAT(reply, EndsWith("xxx"));
  // Two pieces at most are moved in a turn: the first may be just below the share.
  EXPECT_GE(asked_at, static_cast<int>(kSize / (2 * limits::kTurnBytesMax)));
}

TEST_F(HttpServerTest, AFastReaderLetsOthersHaveTheirTurn) {
  std::size_t written = 0, before = 0, most = 0;
  bool ended = false;
  serve([&](HttpExchange& exchange) { return flood(exchange, written, ended); });
  RawSocket socket = peer();
  Scope scope(*loop);
  std::string reply;
  scope.spawn(talk_in(socket, kLast, reply));
  const auto look = [&] {
    most = std::max(most, written - std::exchange(before, written));
    return ended;
  };
  ASSERT_TRUE(loop->run(look, loop->now() + 30s));
  EXPECT_LE(most, 2 * limits::kTurnBytesMax);
}

Task<void> send_for_ever(Loop& loop, RawSocket& to, bool& ended, std::size_t& sent) {
  co_await to.write("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\n");
  const std::string piece(16u << 10, 'x');
  for (;; co_await loop.yield()) {
    const auto size = ::send(to.fd(), piece.data(), piece.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (size < 0 && errno != EAGAIN) break;
    if (size > 0) sent += static_cast<std::size_t>(size);
  }
  ended = true;
}

TEST_F(HttpServerTest, ARefusedPeerThatGoesOnSendingIsCutOff) {
  serve(echo, {.body_max = 10});
  RawSocket socket = peer();
  Scope scope(*loop);
  bool ended = false;
  std::size_t sent = 0;
  scope.spawn(send_for_ever(*loop, socket, ended, sent));
  ASSERT_TRUE(loop->run([&] { return ended; }, loop->now() + 30s));
  EXPECT_GE(sent, limits::kLingerBytesMax);
  EXPECT_LT(sent, limits::kLingerBytesMax + (16u << 20));  // and what the kernel keeps
}

TEST_F(HttpServerTest, DrainingLetsTheExchangesAtWorkEnd) {
  Signal go(*loop);
  bool begun = false;
  struct Work {
    static Task<void> run(bool& begun, Signal& go, HttpExchange& exchange) {
      begun = true;
      co_await go;
      co_await exchange.respond({.body = "done"});
    }
    static Task<void> then(Task<void> drain, bool& drained) {
      co_await drain;
      drained = true;
    }
  };
  serve([&](HttpExchange& exchange) { return Work::run(begun, go, exchange); });
  RawSocket idle = peer(), busy = peer();
  Scope scope(*loop);
  std::string reply;
  scope.spawn(talk_in(busy, kGet, reply));
  ASSERT_TRUE(loop->run([&] { return begun; }, loop->now() + 5s));
  bool drained = false;
  scope.spawn(Work::then(server->drain(), drained));
  EXPECT_EQ(*block_on(*loop, idle.read_all()), "");
  EXPECT_FALSE(drained);
  go.set();
  EXPECT_TRUE(loop->run([&] { return drained; }, loop->now() + 5s));
  loop->run([&] { return !reply.empty(); }, loop->now() + 5s);
  EXPECT_EQ(reply, "HTTP/1.1 200 OK\r\ncontent-length: 4\r\nconnection: close\r\n\r\ndone");
}

TEST_F(HttpServerTest, SaysWhyItCannotListen) {
  serve(echo);
  const auto listen = [&](HttpServerOptions options) {
    auto made = HttpServer::listen(*loop, std::move(options), echo);
    return made ? Error{.message = "made"} : made.error();
  };
  EXPECT_EQ(listen({.address = fmt::format("127.0.0.1:{}", server->port())}).kind,
            ErrorKind::conflict);
  EXPECT_EQ(listen({.address = "localhost"}).kind, ErrorKind::invalid);
  EXPECT_EQ(listen({.address = "127.0.0.1:x"}).kind, ErrorKind::invalid);
  EXPECT_EQ(listen({.address = "unix:" + std::string(200, 'x')}).kind, ErrorKind::invalid);
  EXPECT_EQ(listen({.certificate = "/none.pem", .key = "/none.pem"}).kind, ErrorKind::invalid);
  EXPECT_EQ(listen({.certificate = "/none.pem"}).kind, ErrorKind::invalid);
}

}  // namespace
}  // namespace ragent
