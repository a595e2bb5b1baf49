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

#include <openssl/ssl.h>

#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace ragent {

// Certificate and key of a server.
class TlsContext {
 public:
  static Result<std::unique_ptr<TlsContext>> open(const std::string& certificate,
                                                  const std::string& key);
  struct Close {
    void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
    void operator()(SSL* ssl) const { SSL_free(ssl); }
    void operator()(BIO_METHOD* method) const { BIO_meth_free(method); }
  };
  std::unique_ptr<SSL, Close> connection(int fd) const;  // null: out of memory

 private:
  std::unique_ptr<SSL_CTX, Close> context_ = {};
  std::unique_ptr<BIO_METHOD, Close> method_ = {};
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
  std::unique_ptr<SSL, TlsContext::Close> ssl_ = {};
  std::unique_ptr<Watch> readable_ = {};
  std::unique_ptr<Watch> writable_ = {};
};

}  // namespace ragent
