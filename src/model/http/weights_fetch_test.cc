#include <model/http/weights_fetch.h>

#include <base/file.h>
#include <base/hash.h>
#include <base/scope.h>
#include <model/http/weights_part.h>
#include <net/http_server.h>

#include <fcntl.h>
#include <filesystem>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <sys/file.h>
#include <unistd.h>

namespace ragent {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

// A host of one file, with every slip that hosts make.
struct Host {
  std::string file = {};
  std::string etag = {};
  bool ranges = true;
  std::size_t breaks_at = 0;  // bytes of the body, then the connection ends; 0: never
  int breaks = 0;             // how often
  int status = 0;             // instead of the file
  std::string location = {};  // of "/moved.gguf"
  Loop* endless = nullptr;    // that reply has a body without an end
  std::vector<std::string> asked = {};  // "TARGET RANGE IF-RANGE"
};

std::string header(const HttpRequest& request, std::string_view name) {
  const std::string* found = request.headers.find(name);
  return found ? " " + *found : "";
}

Task<void> give(HttpExchange& exchange, Host& host) {
  const HttpRequest& request = exchange.request();
  host.asked.push_back(request.url + header(request, "range") + header(request, "if-range"));
  if (request.url == "/moved.gguf" && host.endless) {
    co_await exchange.begin({.status = 302, .headers = {{"location", host.location}}});
    co_await exchange.write("moved");
    co_await host.endless->sleep(std::chrono::hours(1));
  }
  if (request.url == "/moved.gguf") {
    co_await exchange.respond({.status = 302, .headers = {{"location", host.location}}});
    co_return;
  }
  if (host.status != 0) {
    co_await exchange.respond({.status = host.status, .body = "no"});
    co_return;
  }
  HttpResponse head;
  if (!host.etag.empty()) head.headers.add("etag", host.etag);
  std::size_t begin = 0;
  const std::string* condition = request.headers.find("if-range");
  if (const std::string* range = request.headers.find("range");
      range && host.ranges && (!condition || *condition == host.etag)) {
    begin = std::stoul(range->substr(std::string("bytes=").size()));
    head.status = begin < host.file.size() ? 206 : 416;
    head.headers.add("content-range", head.status == 206
                                          ? fmt::format("bytes {}-{}/{}", begin,
                                                        host.file.size() - 1, host.file.size())
                                          : fmt::format("bytes */{}", host.file.size()));
  }
  std::string body = head.status == 416 ? "" : host.file.substr(begin);
  if (host.breaks > 0 && body.size() > host.breaks_at) {
    --host.breaks;
    co_await exchange.begin(std::move(head));
    co_await exchange.write(body.substr(0, host.breaks_at));
    co_await fail(ErrorKind::unavailable, "broke off");
    co_return;
  }
  head.body = std::move(body);
  co_await exchange.respond(std::move(head));
}

class WeightsFetchTest : public testing::Test {
 protected:
  WeightsFetchTest() {
    for (const char* name : {"http_proxy", "all_proxy", "ALL_PROXY"}) ::unsetenv(name);
    host.file = "GGUF" + std::string(5000, 'x') + "end";
    server = *HttpServer::listen(*loop, {},
                                 [this](HttpExchange& exchange) { return give(exchange, host); });
  }
  ~WeightsFetchTest() override { fs::remove_all(folder); }

  std::string url(std::string_view path) const {
    return fmt::format("http://127.0.0.1:{}{}", server->port(), path);
  }
  Result<std::string> fetch(std::string_view path = "/x.gguf") {
    WeightsUrl weights{.name = "n", .url = url(path), .sha256 = sha256};
    part = weights_file(folder, weights) + ".part";
    return block_on(*loop, fetch_weights(*loop, *client,
                                         {.weights = weights,
                                          .folder = folder,
                                          .news = [this](const FetchNews& one) { news = one; }}));
  }
  std::string message(std::string_view path = "/x.gguf") {
    Result<std::string> file = fetch(path);
    return file ? "fine" : file.error().message;
  }
  std::string content(const Result<std::string>& file) {
    if (!file) return file.error().message;
    return read_file(*file, 1u << 20).value_or("unreadable");
  }
  // As if an earlier try had been stopped.
  void leave(std::string_view bytes, std::string_view etag = "") {
    std::string name = folder + "/sha256-" + sha256 + ".gguf.part";
    ASSERT_TRUE(make_directories(folder));
    ASSERT_TRUE(write_file_atomic(name, bytes));
    if (!etag.empty()) ASSERT_TRUE(write_file_atomic(name + ".etag", etag));
  }
  std::size_t files() const {
    return static_cast<std::size_t>(std::distance(fs::directory_iterator(folder), {}));
  }

  Host host;
  std::string folder = fs::temp_directory_path() / fmt::format("weights_fetch.{}", ::getpid());
  std::string sha256 = sha256_hex("GGUF" + std::string(5000, 'x') + "end");
  std::string part = {};
  FetchNews news = {};
  std::unique_ptr<Loop> loop = make_loop(Logger(LogLevel::off));
  std::unique_ptr<HttpServer> server = {};
  std::unique_ptr<HttpClient> client = make_http_client(*loop);
};

TEST_F(WeightsFetchTest, FetchesOnce) {
  Result<std::string> file = fetch();
  EXPECT_EQ(content(file), host.file);
  EXPECT_EQ(fs::path(*file).filename(), "sha256-" + sha256 + ".gguf");
  EXPECT_EQ(files(), 1U);
  EXPECT_EQ(news.bytes, host.file.size());
  EXPECT_EQ(news.total, host.file.size());
  EXPECT_EQ(content(fetch()), host.file);
  EXPECT_THAT(host.asked, ElementsAre("/x.gguf"));
}

TEST_F(WeightsFetchTest, GoesOnWhereTheConnectionBroke) {
  host.breaks_at = 2000;
  host.breaks = 2;
  host.etag = "\"v1\"";
  EXPECT_EQ(content(fetch()), host.file);
  EXPECT_THAT(host.asked,
              ElementsAre("/x.gguf", "/x.gguf bytes=2000- \"v1\"", "/x.gguf bytes=4000- \"v1\""));
  EXPECT_EQ(files(), 1U);
}

TEST_F(WeightsFetchTest, GoesOnWhereAnEarlierTryStopped) {
  leave(host.file.substr(0, 1000));
  EXPECT_EQ(content(fetch()), host.file);
  EXPECT_THAT(host.asked, ElementsAre("/x.gguf bytes=1000-"));
  EXPECT_EQ(news.before, 1000U);
}

TEST_F(WeightsFetchTest, AFileThatCameWholeIsOnlyChecked) {
  leave(host.file);
  EXPECT_EQ(content(fetch()), host.file);
  EXPECT_THAT(host.asked, ElementsAre(fmt::format("/x.gguf bytes={}-", host.file.size())));
}

TEST_F(WeightsFetchTest, WhereTheServerKnowsNoRangesItBeginsAnew) {
  host.ranges = false;
  leave(host.file.substr(0, 1000));
  EXPECT_EQ(content(fetch()), host.file);
  EXPECT_EQ(news.before, 0U);
}

TEST_F(WeightsFetchTest, AnotherVersionBeginsAnew) {
  host.etag = "\"v2\"";
  leave("GGUFold", "\"v1\"");  // the condition fails
  EXPECT_EQ(content(fetch()), host.file);
  EXPECT_THAT(host.asked, ElementsAre("/x.gguf bytes=7- \"v1\""));
}

TEST_F(WeightsFetchTest, WhatWasLeftOfAnotherFileIsFetchedAgain) {
  leave("GGUFother");  // nothing tells, but the hash
  EXPECT_EQ(content(fetch()), host.file);
  EXPECT_THAT(host.asked, ElementsAre("/x.gguf bytes=9-", "/x.gguf"));
  fs::remove_all(folder);
  leave(host.file + "longer");
  EXPECT_EQ(content(fetch()), host.file);
}

TEST_F(WeightsFetchTest, AnotherHashIsRemovedAndSaid) {
  std::string right = sha256;
  sha256 = std::string(64, '0');
  EXPECT_THAT(message(), AllOf(HasSubstr("expected sha256 " + sha256), HasSubstr("got " + right),
                               HasSubstr("was removed"), HasSubstr("/x.gguf")));
  EXPECT_EQ(files(), 0U);
}

TEST_F(WeightsFetchTest, FollowsRedirects) {
  host.location = "/x.gguf?signed=1";
  EXPECT_EQ(content(fetch("/moved.gguf")), host.file);
  EXPECT_THAT(host.asked, ElementsAre("/moved.gguf", "/x.gguf?signed=1"));
  fs::remove_all(folder);
  host.location = "x.gguf";
  EXPECT_EQ(content(fetch("/moved.gguf")), host.file);
}

TEST_F(WeightsFetchTest, ARedirectIsFollowedBeforeItsBodyEnds) {
  host.location = "/x.gguf";
  host.endless = loop.get();
  EXPECT_EQ(content(fetch("/moved.gguf")), host.file);
}

TEST_F(WeightsFetchTest, RefusesRedirectsThatLeaveSafetyOrNeverEnd) {
  host.location = "http://example.org/x.gguf?secret=1";
  EXPECT_THAT(message("/moved.gguf"),
              AllOf(HasSubstr("http://example.org/x.gguf"), HasSubstr("expected https"),
                    testing::Not(HasSubstr("secret"))));
  host.location = "file:///etc/passwd";
  EXPECT_THAT(message("/moved.gguf"), HasSubstr("redirects to file:///etc/passwd"));
  host.location = "/moved.gguf";
  host.asked.clear();
  EXPECT_THAT(message("/moved.gguf"), HasSubstr("more than 5 times"));
  EXPECT_EQ(host.asked.size(), 6U);
}

TEST_F(WeightsFetchTest, WhatIsNoGgufIsToldByItsFirstBytes) {
  host.file = "<!DOCTYPE html><p>Sign in";
  EXPECT_THAT(message(), AllOf(HasSubstr("no GGUF file"), HasSubstr("<!DOCTYPE html>")));
  EXPECT_EQ(files(), 0U);
  host.file = "";
  EXPECT_THAT(message(), HasSubstr("is empty"));
  EXPECT_EQ(files(), 0U);
}

TEST_F(WeightsFetchTest, StatusesAreSaidWithWhatToDo) {
  leave("GGUF");
  host.status = 404;
  EXPECT_THAT(message(),
              AllOf(HasSubstr("nothing lies there (404)"), HasSubstr("4 bytes are kept")));
  host.status = 403;
  EXPECT_THAT(message(), HasSubstr("download it by hand"));
  host.status = 503;
  EXPECT_THAT(message(), HasSubstr("it answered 503: try again later"));
  EXPECT_EQ(host.asked.size(), 3U);  // what brings nothing is not tried again
  host.status = 0;
  EXPECT_EQ(content(fetch()), host.file);
}

TEST_F(WeightsFetchTest, WithoutANetworkItSaysSo) {
  std::string at = url("/x.gguf");
  server.reset();
  WeightsUrl weights{.name = "n", .url = at, .sha256 = sha256};
  auto file =
      block_on(*loop, fetch_weights(*loop, *client, {.weights = weights, .folder = folder}));
  ASSERT_FALSE(file);
  EXPECT_EQ(file.error().kind, ErrorKind::unavailable);
  EXPECT_THAT(file.error().message, HasSubstr("is the network there?"));
  EXPECT_EQ(files(), 0U);
}

TEST_F(WeightsFetchTest, AFullDiskIsToldBeforeItIsFull) {
  // A host that promises more than any disk has.
  server = *HttpServer::listen(*loop, {}, [](HttpExchange& exchange) {
    return exchange.respond(
        {.status = 206,
         .headers = {{"content-range", "bytes 4-4611686018427387902/4611686018427387903"}},
         .body = "x"});
  });
  leave("GGUF");
  EXPECT_THAT(message(), AllOf(HasSubstr("no room"), HasSubstr("RAGENT_CACHE")));
  EXPECT_TRUE(fs::exists(part));
}

TEST_F(WeightsFetchTest, OneProcessAtATime) {
  leave("GGUF");
  int held = ::open((folder + "/sha256-" + sha256 + ".gguf.part").c_str(), O_RDWR | O_CLOEXEC);
  ASSERT_EQ(::flock(held, LOCK_EX | LOCK_NB), 0);
  Result<std::string> file = fetch();
  ASSERT_FALSE(file);
  EXPECT_EQ(file.error().kind, ErrorKind::conflict);
  EXPECT_THAT(file.error().message, HasSubstr("another process"));
  ::close(held);
  EXPECT_EQ(content(fetch()), host.file);
}

TEST_F(WeightsFetchTest, GoesOnBehindAFewBytes) {
  leave("GG");
  EXPECT_EQ(content(fetch()), host.file);
}

TEST_F(WeightsFetchTest, WhatSomebodyElseBeganAnewIsLeftToThem) {
  ASSERT_TRUE(make_directories(folder));
  std::string name = folder + "/x.gguf";
  Result<WeightsPart> mine = WeightsPart::open(name);
  ASSERT_TRUE(mine && mine->add(host.file));
  fs::remove(name + ".part");
  Result<WeightsPart> theirs = WeightsPart::open(name);
  ASSERT_TRUE(theirs && theirs->add("GGUF"));
  Result<void> kept = mine->keep(sha256);
  ASSERT_FALSE(kept);
  EXPECT_EQ(kept.error().kind, ErrorKind::conflict);
  EXPECT_FALSE(fs::exists(name));
  mine->remove();
  EXPECT_EQ(read_file(name + ".part", 1u << 20), "GGUF");
  EXPECT_TRUE(theirs->add(host.file.substr(4)) && theirs->keep(sha256));
  EXPECT_EQ(read_file(name, 1u << 20), host.file);
}

}  // namespace
}  // namespace ragent
