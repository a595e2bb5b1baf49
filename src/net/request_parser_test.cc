#include <net/request_parser.h>

#include <ragent/limits.h>

#include <gmock/gmock.h>

namespace ragent {
namespace {

using namespace std::string_literals;

constexpr std::size_t kHead = 1000, kBody = 50;

// The status of its refusal, 0 when it is whole, -1 when more must come.
int outcome(std::string_view text, std::size_t size = std::string_view::npos) {
  BodyRoom room{.max = kBody};
  RequestParser parser(kHead, kBody, room);
  while (!text.empty() && !parser.done() && !parser.refused()) {
    const std::string_view piece = text.substr(0, size);
    parser.feed(piece);
    text.remove_prefix(piece.size());
  }
  return parser.refused() ? parser.refused()->status : parser.done() ? 0 : -1;
}

TEST(RequestParser, ReadsRequestsOneAfterTheOtherAtEveryCut) {
  const std::string all =
      "\r\nPOST /a?b=c HTTP/1.1\r\nHost: h\r\nX-Empty:\r\nX: \t a b \t\r\nTransfer-Encoding: "
      "chunked"
      "\r\n\r\n3;ext=1\r\nabc\r\n2\r\nde\r\n0\r\nTrailer: t\r\n\r\n"
      "GET http://h:1/p HTTP/1.1\r\nhost: h\r\nConnection: close\r\n\r\n"
      "PUT /c HTTP/1.0\r\nContent-Length: 2\r\n\r\nhi";
  for (std::size_t size = 1; size <= all.size(); ++size) {
    BodyRoom room{.max = kBody};
    RequestParser parser(kHead, kBody, room);
    std::vector<std::string> got;
    for (std::size_t at = 0; at < all.size(); at += size) {
      std::string_view piece = std::string_view(all).substr(at, size);
      while (!piece.empty()) {
        piece.remove_prefix(parser.feed(piece));
        ASSERT_FALSE(parser.refused()) << parser.refused()->why;
        if (!parser.done()) continue;
        const HttpRequest& request = parser.request();
        got.push_back(request.method + " " + request.url + " " + request.body +
                      (parser.keep_alive() ? " kept" : ""));
        if (const std::string* x = request.headers.find("x")) got.push_back(*x);
        if (const std::string* x = request.headers.find("x-empty")) got.push_back(*x);
        EXPECT_FALSE(request.headers.find("trailer"));
        parser.next();
      }
    }
    EXPECT_THAT(got,
                testing::ElementsAre("POST /a?b=c abcde kept", "a b", "", "GET /p ", "PUT /c hi"))
        << size;
  }
}

TEST(RequestParser, RefusesWhatCouldBeReadInTwoWays) {
  const std::string post = "POST / HTTP/1.1\r\nHost: a\r\n";
  const std::string chunked = post + "Transfer-Encoding: chunked\r\n\r\n";
  const std::vector<std::string> bad = {
      post + "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
      post + "Transfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n0\r\n\r\n",
      post + "Content-Length: 1\r\nContent-Length: 2\r\n\r\nxy",
      post + "Content-Length: 1\r\nContent-Length: 1\r\n\r\nx",
      post + "Content-Length: 1, 1\r\n\r\nx",
      post + "Content-Length: +1\r\n\r\nx",
      post + "Content-Length: -1\r\n\r\nx",
      post + "Content-Length: 0x1\r\n\r\nx",
      post + "Content-Length: 1 1\r\n\r\nx",
      post + "Content-Length:\r\n\r\n",
      post + "Content-Length : 1\r\n\r\nx",
      post + "Content-Length: 99999999999999999999999\r\n\r\nx",
      post + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
      post + "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
      post + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
      post + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
      post +
          "Transfer-Encoding: \x0b"
          "chunked\r\n\r\n0\r\n\r\n",
      post + "Transfer-Encoding: identity\r\n\r\n",
      "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
      chunked + "1 \r\nx\r\n0\r\n\r\n",
      chunked + "0x1\r\nx\r\n0\r\n\r\n",
      chunked + "-1\r\nx\r\n0\r\n\r\n",
      chunked + "g\r\nx\r\n0\r\n\r\n",
      chunked + "\r\nx\r\n0\r\n\r\n",
      chunked + "1\nx\r\n0\r\n\r\n",
      chunked + "1\r\nxy\r\n0\r\n\r\n",
      chunked + "1\r\nx0\r\n\r\n",
      chunked + "fffffffffffffffff\r\nx\r\n0\r\n\r\n",
      "GET / HTTP/1.1\nHost: a\n\n",
      "GET / HTTP/1.1\r\nHost: a\n\r\n",
      "GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: a\r\n X: folded\r\n\r\n",
      "GET / HTTP/1.1\r\n Host: a\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n\tfolded\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n"s,
      "GET /a\0b HTTP/1.1\r\nHost: a\r\n\r\n"s,
      "GET / HTTP/1.1\r\nHost: a\r\nX\x80: b\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: a\r\n: b\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: a\r\nX b\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
      "GET / HTTP/1.1\r\nX: no host\r\n\r\n",
      "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n",
      "GET /\xC3\xA9 HTTP/1.1\r\nHost: a\r\n\r\n",
      "GET relative HTTP/1.1\r\nHost: a\r\n\r\n",
      "GET * HTTP/1.1\r\nHost: a\r\n\r\n",
      "GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n",
      "GET http:///a HTTP/1.1\r\nHost: a\r\n\r\n",
      "GET http://?a HTTP/1.1\r\nHost: a\r\n\r\n",
      "GET http://a@b/ HTTP/1.1\r\nHost: a\r\n\r\n",
      "GET http://a#/b HTTP/1.1\r\nHost: a\r\n\r\n",
      "GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n",
      "GET / HTTP/9.9\r\nHost: a\r\n\r\n",
      "GET / HTTP/2.0\r\nHost: a\r\n\r\n",
      "GET / HTTP/0.9\r\nHost: a\r\n\r\n",
      "GET /\r\n\r\n",
      "get / HTTP/1.1\r\nHost: a\r\n\r\n",
      "BREW / HTTP/1.1\r\nHost: a\r\n\r\n",
      "CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n",
      "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
      "\x16\x03\x01 a TLS hello",
      post + "Expect: more\r\nContent-Length: 1\r\n\r\nx",
  };
  for (const std::string& text : bad) {
    EXPECT_GE(outcome(text), 400) << text;
    EXPECT_GE(outcome(text, 1), 400) << text;
  }
}

TEST(RequestParser, LimitsHoldAtEveryCut) {
  const std::string get = "GET / HTTP/1.1\r\nHost: a\r\n";
  std::string many = get;
  for (std::size_t i = 0; i <= limits::kHeadersMax; ++i) many += "a:\r\n";
  const std::string chunked = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
  std::string pieces = chunked;
  for (std::size_t i = 0; i <= kBody; ++i) pieces += "1\r\nx\r\n";
  const std::vector<std::pair<std::string, int>> cases = {
      {get + "X: " + std::string(kHead, 'x') + "\r\n\r\n", 431},
      {get + std::string(kHead, 'x'), 431},
      {"GET /" + std::string(kHead, 'x') + " HTTP/1.1\r\nHost: a\r\n\r\n", 431},
      {many + "\r\n", 431},
      {get + "X:" + std::string(kHead + limits::kPipelinedBytesMax, ' '), 431},
      {[] {
         std::string ends;
         for (std::size_t i = 0; i <= kHead + limits::kPipelinedBytesMax; i += 2) ends += "\r\n";
         return ends;
       }(),
       431},
      {chunked + "1;" + std::string(kHead, 'x'), 431},
      {chunked + "0\r\nTrailer: " + std::string(kHead, 'x'), 431},
      {pieces, 413},
      {chunked + std::string(kHead + 2 * (kBody + limits::kPipelinedBytesMax), '0'), 413},
      {chunked + "34\r\n" + std::string(52, 'x'), 413},
      {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 51\r\n\r\n", 413},
      {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 50\r\n\r\n" + std::string(50, 'x'), 0},
  };
  for (const auto& [text, status] : cases) {
    EXPECT_EQ(outcome(text), status) << text.substr(0, 60);
    EXPECT_EQ(outcome(text, 7), status) << text.substr(0, 60);
  }
}

TEST(RequestParser, AnAbsoluteTargetIsAHostAndAPath) {
  for (const auto& [target, host, path] :
       std::vector<std::tuple<std::string, std::string, std::string>>{
           {"http://h/a?b", "h", "/a?b"},
           {"https://h:1", "h:1", "/"},
           {"http://h?x=/admin", "h", "/?x=/admin"}}) {
    BodyRoom room;
    RequestParser parser(kHead, kBody, room);
    parser.feed("GET " + target + " HTTP/1.1\r\nHost: other\r\n\r\n");
    ASSERT_TRUE(parser.done()) << target;
    EXPECT_EQ(parser.request().url, path);
    EXPECT_EQ(*parser.request().headers.find("host"), host);
  }
}

TEST(RequestParser, ParsersShareTheRoomForBodies) {
  const std::string chunked = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
  constexpr std::size_t kMuch = 1000, kAll = 1500;
  BodyRoom room{.max = kAll};
  RequestParser second(kHead, kMuch, room);
  {
    RequestParser first(kHead, kMuch, room);
    first.feed(chunked + "258\r\n" + std::string(600, 'x') + "\r\n");
    EXPECT_EQ(room.used, 600u);
    first.feed("64\r\n" + std::string(100, 'x') + "\r\n");
    EXPECT_EQ(room.used, kMuch);  // not twice 600
    EXPECT_LE(first.request().body.capacity(), kMuch);
    second.feed(chunked + "1f4\r\n" + std::string(500, 'x') + "\r\n");
    ASSERT_FALSE(second.refused());
    second.feed("1\r\nx\r\n");
    ASSERT_TRUE(second.refused());
    EXPECT_EQ(second.refused()->status, 503);
    second.next();
    EXPECT_EQ(room.used, kMuch);
  }
  EXPECT_EQ(room.used, 0u);
}

TEST(RequestParser, ACutRequestIsNeverWhole) {
  const std::string text =
      "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
  EXPECT_EQ(outcome(text), 0);
  for (std::size_t size = 0; size < text.size(); ++size) {
    EXPECT_EQ(outcome(text.substr(0, size)), -1) << size;
  }
}

TEST(RequestParser, AnUpgradeIsAnOrdinaryRequest) {
  EXPECT_EQ(outcome("GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"), 0);
}

}  // namespace
}  // namespace ragent
