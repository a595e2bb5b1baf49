// For the tests of this folder: raw sockets, bytes as they are in coroutines of the tested loop,
// and a count of what lives.
//
//   RawSocket peer = RawSocket::connect(loop, port);
//   std::string reply = co_await peer.read_all();     // until the other side closes
//
// One owner, the loop's thread.
#pragma once

#include <base/loop.h>
#include <base/posix.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <string>
#include <string_view>

namespace ragent {

struct Counted {
  explicit Counted(int& count) : alive(count) { ++alive; }
  Counted(const Counted&) = delete;
  Counted& operator=(const Counted&) = delete;
  ~Counted() { --alive; }
  int& alive;
};

class RawSocket {
 public:
  RawSocket(Loop& loop, int fd) : loop_(&loop), fd_(fd) { RAGENT_ASSERT(fd >= 0); }

  static RawSocket listen(Loop& loop) {
    RawSocket made(loop, ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    sockaddr_in address = loopback(0);
    RAGENT_ASSERT(::bind(made.fd(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    RAGENT_ASSERT(::listen(made.fd(), 64) == 0);
    return made;
  }
  static RawSocket connect(Loop& loop, std::uint16_t port) {
    RawSocket made(loop, ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address = loopback(port);
    RAGENT_ASSERT(::connect(made.fd(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    return made;
  }
  std::uint16_t port() const {
    sockaddr_in address = {};
    socklen_t size = sizeof address;
    ::getsockname(fd(), reinterpret_cast<sockaddr*>(&address), &size);
    return ntohs(address.sin_port);
  }
  int fd() const { return fd_.get(); }

  Task<RawSocket> accept() {
    co_await ready(Readiness::readable);
    co_return RawSocket(*loop_, ::accept4(fd(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
  }
  Task<void> write(std::string bytes) {
    std::string_view left = bytes;
    while (!left.empty()) {
      co_await ready(Readiness::writable);
      const auto sent = ::send(fd(), left.data(), left.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
      if (sent < 0 && errno != EAGAIN) co_return;
      if (sent > 0) left.remove_prefix(static_cast<std::size_t>(sent));
    }
  }
  Task<std::string> read_all() { co_return co_await read_until("\x01 never"); }
  Task<std::string> read_until(std::string end) {  // or until the other side closes
    std::string got;
    std::array<char, 4096> buffer;
    while (!got.ends_with(end)) {
      co_await ready(Readiness::readable);
      const auto size = ::recv(fd(), buffer.data(), buffer.size(), MSG_DONTWAIT);
      was_reset_ = size < 0 && errno == ECONNRESET;
      if (size == 0 || (size < 0 && errno != EAGAIN)) break;
      if (size > 0) got.append(buffer.data(), static_cast<std::size_t>(size));
    }
    co_return got;
  }
  bool was_reset() const { return was_reset_; }  // what ended the last reading
  void reset() {  // closes as if the machine had died
    const linger now{.l_onoff = 1, .l_linger = 0};
    ::setsockopt(fd(), SOL_SOCKET, SO_LINGER, &now, sizeof now);
    fd_.reset();
  }

 private:
  static sockaddr_in loopback(std::uint16_t port) {
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(port);
    return address;
  }
  Task<void> ready(Readiness readiness) {
    Signal signal(*loop_);
    const auto watch = loop_->watch(fd(), readiness, [&signal] { signal.set(); });
    co_await signal;
  }

  Loop* loop_;
  FileDescriptor fd_;
  bool was_reset_ = false;
};

}  // namespace ragent
