// HTTP/2 where a server offers it: one that speaks just enough of it (RFC 9113) to answer, to reset
// a stream before its reply or within it, and to go away.
#include <base/scope.h>
#include <net/http_client.h>
#include <net/raw_socket.h>
#include <net/test_certificate.h>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <openssl/ssl.h>
#include <poll.h>

#include <array>
#include <atomic>
#include <csignal>
#include <filesystem>
#include <thread>

namespace ragent {
namespace {

using testing::HasSubstr;

enum class Says : std::uint8_t { reply, reset, half, goes };

enum Frame : char { kData = 0, kHeaders = 1, kReset = 3, kSettings = 4, kGoAway = 7 };
constexpr char kEnds = 0x01;  // the stream; of settings: seen
constexpr char kHeadWhole = 0x04;
constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
constexpr std::string_view kStatus200 = "\x88";  // HPACK, of the static table
constexpr int kWaitMs = 10'000;

std::string frame(Frame type, char flags, std::uint32_t stream, std::string_view payload) {
  std::string out = {0, 0, static_cast<char>(payload.size()), type, flags};
  for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(stream >> shift);
  return out.append(payload);
}

int choose_h2(SSL*, const unsigned char** chosen, unsigned char* size, const unsigned char* offered,
              unsigned offered_size, void*) {
  static constexpr std::array<unsigned char, 3> kOurs = {2, 'h', '2'};
  unsigned char* found = nullptr;
  const int result =
      SSL_select_next_proto(&found, size, kOurs.data(), kOurs.size(), offered, offered_size);
  *chosen = found;
  return result == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

// One connection, each stream answered as the next word says; on a thread of its own.
class Http2Server {
 public:
  Http2Server(Loop& loop, const std::string& certificate, const std::string& key,
              std::vector<Says> words)
      : listening_(RawSocket::listen(loop)),
        url_(fmt::format("https://localhost:{}/", listening_.port())),
        words_(std::move(words)) {
    context_ = SSL_CTX_new(TLS_server_method());
    SSL_CTX_use_certificate_chain_file(context_, certificate.c_str());
    SSL_CTX_use_PrivateKey_file(context_, key.c_str(), SSL_FILETYPE_PEM);
    SSL_CTX_set_alpn_select_cb(context_, choose_h2, nullptr);
    thread_ = std::thread([this] { serve(); });
  }
  Http2Server(const Http2Server&) = delete;
  Http2Server& operator=(const Http2Server&) = delete;
  ~Http2Server() {
    thread_.join();
    SSL_CTX_free(context_);
  }
  const std::string& url() const { return url_; }
  std::size_t answered() const { return next_; }

 private:
  void serve() {
    pollfd readable{.fd = listening_.fd(), .events = POLLIN, .revents = 0};
    if (::poll(&readable, 1, kWaitMs) != 1) return;
    const FileDescriptor fd(::accept4(listening_.fd(), nullptr, nullptr, SOCK_CLOEXEC));
    listening_.reset();  // whoever comes again is refused
    SSL* ssl = SSL_new(context_);
    SSL_set_fd(ssl, fd.get());
    if (SSL_accept(ssl) == 1) speak(ssl);
    SSL_free(ssl);
  }
  void speak(SSL* ssl) {
    std::string came;
    std::array<char, 4096> bytes = {};
    bool begun = false;
    for (;;) {
      const int got = SSL_read(ssl, bytes.data(), bytes.size());
      if (got <= 0) return;
      came.append(bytes.data(), static_cast<std::size_t>(got));
      if (!begun && came.size() < kPreface.size()) continue;
      if (!std::exchange(begun, true)) {
        if (!came.starts_with(kPreface)) return;
        came.erase(0, kPreface.size());
        write(ssl, frame(kSettings, 0, 0, "") + frame(kSettings, kEnds, 0, ""));
      }
      if (!take_frames(ssl, came)) return;
    }
  }
  bool take_frames(SSL* ssl, std::string& came) {
    constexpr std::size_t kHead = 9;
    while (came.size() >= kHead) {
      const auto byte = [&](std::size_t at) { return static_cast<unsigned char>(came[at]); };
      const std::size_t size = kHead + (byte(0) << 16 | byte(1) << 8 | byte(2));
      if (came.size() < size) break;
      const std::uint32_t stream = byte(5) << 24u | byte(6) << 16 | byte(7) << 8 | byte(8);
      if (came[3] == kHeaders && !answer(ssl, stream)) return false;
      came.erase(0, size);
    }
    return true;
  }
  bool answer(SSL* ssl, std::uint32_t stream) {
    if (next_ == words_.size()) return false;
    const Says says = words_[next_++];
    const std::string head = frame(kHeaders, kHeadWhole, stream, kStatus200);
    const std::string reset = frame(kReset, 0, stream, std::string_view("\0\0\0\2", 4));
    switch (says) {
      case Says::reply: write(ssl, head + frame(kData, kEnds, stream, "hello")); return true;
      case Says::reset: write(ssl, reset); return true;
      case Says::half: write(ssl, head + frame(kData, 0, stream, "hel") + reset); return true;
      case Says::goes: break;
    }
    write(ssl, frame(kGoAway, 0, 0, std::string(8, '\0')));  // it has taken no stream
    return false;
  }
  static void write(SSL* ssl, const std::string& bytes) {
    static_cast<void>(SSL_write(ssl, bytes.data(), static_cast<int>(bytes.size())));
  }

  RawSocket listening_;
  std::string url_;
  std::vector<Says> words_;
  std::atomic<std::size_t> next_ = 0;
  SSL_CTX* context_ = nullptr;
  std::thread thread_;
};

class Http2Test : public testing::Test {
 protected:
  Http2Test() : pipe_(std::signal(SIGPIPE, SIG_IGN)) {  // of the server's own writes
    for (const char* name : {"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"}) {
      ::unsetenv(name);
    }
    std::filesystem::create_directories(folder_);
    make_certificate(certificate_, key_);
  }
  ~Http2Test() override {
    std::filesystem::remove_all(folder_);
    std::signal(SIGPIPE, pipe_);
  }
  // One call after the other.
  std::vector<Result<HttpResponse>> ask(std::vector<Says> words) {
    const std::size_t count = words.size();
    Http2Server server(*loop_, certificate_, key_, std::move(words));
    std::vector<Result<HttpResponse>> out;
    {
      const auto client = make_http_client(*loop_, {.ca_file = certificate_});
      for (std::size_t i = 0; i < count; ++i) {
        out.push_back(block_on(*loop_, client->send({.request = {.url = server.url()}})));
      }
    }
    EXPECT_EQ(server.answered(), count);  // on one connection
    return out;
  }

  std::unique_ptr<Loop> loop_ = make_loop(Logger(LogLevel::off));
  std::filesystem::path folder_ =
      std::filesystem::temp_directory_path() / fmt::format("http2_test.{}", ::getpid());
  std::string certificate_ = folder_ / "cert.pem";
  std::string key_ = folder_ / "key.pem";
  void (*pipe_)(int);
};

TEST_F(Http2Test, IsSpokenWhereItIsOffered) {
  for (const auto& got : ask({Says::reply, Says::reply, Says::reply})) {
    ASSERT_TRUE(got) << got.error().message;
    EXPECT_EQ(got->status, 200);
    EXPECT_EQ(got->body, "hello");
  }
}

TEST_F(Http2Test, AStreamThatIsResetIsNoReplyAndTheConnectionServesTheNext) {
  const auto got = ask({Says::reset, Says::half, Says::reply});
  for (std::size_t i = 0; i < 2; ++i) {
    ASSERT_FALSE(got[i]) << i;
    EXPECT_EQ(got[i].error().kind, ErrorKind::unavailable);
    EXPECT_THAT(got[i].error().message, HasSubstr("localhost"));
  }
  ASSERT_TRUE(got[2]) << got[2].error().message;
  EXPECT_EQ(got[2]->body, "hello");
}

TEST_F(Http2Test, AServerThatGoesAwayIsNotAvailable) {
  const auto got = ask({Says::reply, Says::goes});
  ASSERT_TRUE(got[0]) << got[0].error().message;
  ASSERT_FALSE(got[1]);
  EXPECT_EQ(got[1].error().kind, ErrorKind::unavailable);
}

}  // namespace
}  // namespace ragent
