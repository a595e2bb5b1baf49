// ServerSocket: one accepted connection, plain or TLS, that never blocks. Beside the loop's watches
// it does nothing by itself.
//
//   int got = socket.read(buffer);     // bytes; 0: nothing now; -1: the peer is gone
//   socket.when_readable([&] { … });   // once
//
// One owner, the loop's thread.
#pragma once

#include <base/loop.h>
#include <base/posix.h>

#include <memory>
#include <span>
#include <string>
#include <string_view>

struct bio_method_st;  // of OpenSSL
struct ssl_ctx_st;
struct ssl_st;

namespace ragent {

// Certificate and key of a server.
class TlsContext {
 public:
  static Result<std::unique_ptr<TlsContext>> open(const std::string& certificate,
                                                  const std::string& key);
  struct Close {
    void operator()(ssl_ctx_st* context) const;
    void operator()(ssl_st* ssl) const;
    void operator()(bio_method_st* method) const;
  };
  std::unique_ptr<ssl_st, Close> connection(int fd) const;  // null: out of memory

 private:
  std::unique_ptr<ssl_ctx_st, Close> context_ = {};
  std::unique_ptr<bio_method_st, Close> method_ = {};
};

class ServerSocket {
 public:
  ServerSocket(Loop& loop, FileDescriptor fd, const TlsContext* tls);

  bool secure() const { return ssl_ != nullptr; }
  enum class Handshake : std::uint8_t { done, read, write, failed };
  Handshake shake();
  int read(std::span<char> buffer);
  int write(std::string_view bytes, bool more = false);  // more: follows at once
  void end_writing();  // the peer reads the end; reading goes on
  void reset_when_closed();  // the peer gets an error instead of the end
  void when_readable(Function function);
  void when_writable(Function function);

 private:
  int outcome(int result);

  Loop& loop_;
  FileDescriptor fd_;  // before what watches it
  std::unique_ptr<ssl_st, TlsContext::Close> ssl_ = {};
  std::unique_ptr<Watch> readable_ = {};
  std::unique_ptr<Watch> writable_ = {};
};

}  // namespace ragent
