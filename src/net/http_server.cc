#include <net/http_server.h>

#include <base/text.h>
#include <net/connection.h>

#include <fmt/format.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cerrno>
#include <cstring>
#include <set>

namespace ragent {

namespace {

using namespace std::chrono_literals;

constexpr std::string_view kUnix = "unix:";
constexpr int kBacklog = 1024;
constexpr std::size_t kScratchBytes = 64u << 10;
constexpr std::size_t kRefusedAtOnceMax = 64;  // get their 503; more are closed
constexpr int kAcceptedPerTurn = 64;

struct Listener {
  FileDescriptor lock = {};  // of a Unix socket, until its file is gone
  FileDescriptor fd = {};
  std::uint16_t port = 0;
  std::string path = {};  // of a Unix socket
  struct stat file = {};  // which one it made there

  void close() {
    struct stat found = {};
    if (fd && !path.empty() && ::lstat(path.c_str(), &found) == 0 && found.st_dev == file.st_dev &&
        found.st_ino == file.st_ino) {
      ::unlink(path.c_str());
    }
    fd.reset();
    lock.reset();
  }
};

std::unexpected<Error> cannot(std::string_view what, const std::string& address, int error) {
  const ErrorKind kind = error == EADDRINUSE ? ErrorKind::conflict : ErrorKind::invalid;
  return fail(kind, fmt::format("cannot {} {}: {}", what, address, std::strerror(error)));
}

// The lock of a Unix socket's path: of two that start at once one alone looks for what a killed
// process left, and replaces it.
Result<FileDescriptor> lock_of(const std::string& path) {
  FileDescriptor lock(
      ::open((path + ".lock").c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!lock) return cannot("lock", path + ".lock", errno);
  if (::fchmod(lock.get(), 0600) != 0) return cannot("lock", path + ".lock", errno);
  if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
    return cannot("listen on", path, errno == EWOULDBLOCK ? EADDRINUSE : errno);
  }
  return lock;
}

// A file without a listener is what a killed process left.
bool listens(const sockaddr_un& address) {
  const FileDescriptor probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const auto* generic = reinterpret_cast<const sockaddr*>(&address);
  return !(::connect(probe.get(), generic, sizeof address) != 0 && errno == ECONNREFUSED);
}

Result<Listener> listen_unix(const std::string& path) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof address.sun_path || path.contains('\0')) {
    return fail(ErrorKind::invalid,
                fmt::format("expected a path of 1 to {} bytes, got {}: {}",
                            sizeof address.sun_path - 1, path.size(), printable(path, 200)));
  }
  path.copy(address.sun_path, path.size());
  Result<FileDescriptor> lock = lock_of(path);
  if (!lock) return fail(std::move(lock.error()));
  Listener listener{
      .lock = std::move(*lock),
      .fd = FileDescriptor(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0))};
  if (!listener.fd) return cannot("listen on", path, errno);
  struct stat found = {};
  if (::lstat(path.c_str(), &found) == 0 && S_ISSOCK(found.st_mode) && !listens(address)) {
    ::unlink(path.c_str());
  }
  // Linux makes the file with the mode of the unbound socket, less the umask: it is never open to
  // others; and all of its mode is there before anybody can connect.
  const auto* generic = reinterpret_cast<const sockaddr*>(&address);
  if (::fchmod(listener.fd.get(), 0600) != 0 ||
      ::bind(listener.fd.get(), generic, sizeof address) != 0) {
    return cannot("listen on", path, errno);
  }
  listener.path = path;
  if (::lstat(path.c_str(), &listener.file) != 0 || ::chmod(path.c_str(), 0600) != 0 ||
      ::listen(listener.fd.get(), kBacklog) != 0) {
    const int error = errno;
    listener.close();
    return cannot("listen on", path, error);
  }
  return listener;
}

Result<Listener> listen_tcp(const std::string& address) {
  const std::size_t colon = address.rfind(':');
  const std::string port = colon == std::string::npos ? "" : address.substr(colon + 1);
  std::string host = address.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  addrinfo hints = {};
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (host.empty() || port.empty() ||
      ::getaddrinfo(host.c_str(), port.c_str(), &hints, &found) != 0) {
    return fail(ErrorKind::invalid, fmt::format("expected an address of this machine as host:port "
                                                "or unix:/path, got \"{}\"",
                                                printable(address, 200)));
  }
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owned(found, &::freeaddrinfo);
  Listener listener{.fd = FileDescriptor(
                        ::socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0))};
  const int on = 1;
  if (!listener.fd) return cannot("listen on", address, errno);
  ::setsockopt(listener.fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (::bind(listener.fd.get(), found->ai_addr, found->ai_addrlen) != 0 ||
      ::listen(listener.fd.get(), kBacklog) != 0) {
    return cannot("listen on", address, errno);
  }
  sockaddr_storage bound = {};
  socklen_t size = sizeof bound;
  ::getsockname(listener.fd.get(), reinterpret_cast<sockaddr*>(&bound), &size);
  listener.port =
      ntohs(bound.ss_family == AF_INET6 ? reinterpret_cast<const sockaddr_in6&>(bound).sin6_port
                                        : reinterpret_cast<const sockaddr_in&>(bound).sin_port);
  return listener;
}

class Server final : public HttpServer {
 public:
  Server(ServerShared shared, Listener listener)
      : shared_(std::move(shared)),
        listener_(std::move(listener)),
        acceptable_(shared_.loop),
        connections_(shared_.loop,
                     [this](const Error& error) {
                       shared_.loop.log().debug("an HTTP connection ended",
                                                {{"error", error.message}});
                     }),
        accepting_(shared_.loop) {
    shared_.scratch.resize(kScratchBytes);
    accepting_.spawn(accept_all());
  }
  ~Server() override { stop_listening(); }

  std::uint16_t port() const override { return listener_.port; }

  Task<void> drain() override {
    shared_.draining = true;
    accepting_.cancel();
    co_await accepting_.join();
    stop_listening();
    for (Connection* connection : open_) connection->wake();
    co_await connections_.join();
  }

 private:
  void stop_listening() {
    watch_.reset();
    listener_.close();
  }

  Task<void> accept_all() {
    bool starved = false;  // said once, until nobody waits any more
    for (int accepted = 1;; ++accepted) {
      if (accepted % kAcceptedPerTurn == 0) co_await shared_.loop.yield();
      FileDescriptor fd(
          ::accept4(listener_.fd.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
      if (fd) {
        admit(std::move(fd));
      } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
        starved = false;
        acceptable_.reset();
        watch_ = shared_.loop.watch(listener_.fd.get(), Readiness::readable,
                                    [this] { acceptable_.set(); });
        co_await acceptable_;
      } else if (errno != EINTR && errno != ECONNABORTED) {
        if (!std::exchange(starved, true)) {
          shared_.loop.log().warn("cannot accept connections", {{"error", std::strerror(errno)}});
        }
        co_await shared_.loop.sleep(100ms);  // no descriptors or memory: some may come free
      }
    }
  }

  void admit(FileDescriptor fd) {
    const std::size_t open = connections_.size();
    if (open >= shared_.options.connections_max + kRefusedAtOnceMax) return;
    const int on = 1;
    if (listener_.path.empty()) ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    connections_.spawn(serve(std::move(fd), open >= shared_.options.connections_max));
  }

  Task<void> serve(FileDescriptor fd, bool full) {
    Connection connection(shared_, std::move(fd));
    const Listed listed(open_, connection);
    if (full) {
      // Within TLS it could not be read; a handshake is what a full server has no time for.
      if (!shared_.tls) {
        co_await connection.refuse(503, "the server has as many connections as it takes").result();
      }
    } else {
      co_await connection.serve().result();  // an Error: the peer is gone
    }
  }

  struct Listed {
    Listed(std::set<Connection*>& all, Connection& one) : open(all), connection(&one) {
      open.insert(connection);
    }
    Listed(const Listed&) = delete;
    Listed& operator=(const Listed&) = delete;
    ~Listed() { open.erase(connection); }
    std::set<Connection*>& open;
    Connection* connection;
  };

  ServerShared shared_;
  Listener listener_;
  std::unique_ptr<Watch> watch_ = {};
  Signal acceptable_;
  std::set<Connection*> open_;
  Scope connections_;
  Scope accepting_;
};

}  // namespace

Result<std::unique_ptr<HttpServer>> HttpServer::listen(Loop& loop, HttpServerOptions options,
                                                       HttpHandler handler) {
  ServerShared shared{.loop = loop, .handler = std::move(handler)};
  if (options.certificate.empty() != options.key.empty()) {
    return fail(ErrorKind::invalid, "TLS needs both files: the certificate and its key");
  }
  if (!options.certificate.empty()) {
    Result<std::unique_ptr<TlsContext>> tls = TlsContext::open(options.certificate, options.key);
    if (!tls) return fail(std::move(tls.error()));
    shared.tls = std::move(*tls);
  }
  Result<Listener> listener = options.address.starts_with(kUnix)
                                  ? listen_unix(options.address.substr(kUnix.size()))
                                  : listen_tcp(options.address);
  if (!listener) return fail(std::move(listener.error()));
  rlimit files = {};
  if (::getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur != RLIM_INFINITY) {
    const std::size_t most =
        files.rlim_cur - std::min<rlim_t>(files.rlim_cur, limits::kServerFilesReserve);
    options.connections_max = std::min(options.connections_max, std::max<std::size_t>(most, 1));
  }
  shared.bodies.max = options.bodies_max;
  shared.options = std::move(options);
  return std::make_unique<Server>(std::move(shared), std::move(*listener));
}

}  // namespace ragent
