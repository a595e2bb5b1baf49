#include <net/socket.h>

#include <base/text.h>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <climits>

namespace ragent {

namespace {

// OpenSSL's own socket BIO writes without MSG_NOSIGNAL: a peer that left would be a SIGPIPE.
int fd_of(BIO* bio) { return static_cast<int>(reinterpret_cast<std::intptr_t>(BIO_get_data(bio))); }

bool again(int error) { return error == EAGAIN || error == EWOULDBLOCK || error == EINTR; }

int bio_read(BIO* bio, char* bytes, int size) {
  BIO_clear_retry_flags(bio);
  const auto got = ::recv(fd_of(bio), bytes, static_cast<std::size_t>(size), 0);
  if (got < 0 && again(errno)) BIO_set_retry_read(bio);
  return static_cast<int>(got);
}

int bio_write(BIO* bio, const char* bytes, int size) {
  BIO_clear_retry_flags(bio);
  const auto sent = ::send(fd_of(bio), bytes, static_cast<std::size_t>(size), MSG_NOSIGNAL);
  if (sent < 0 && again(errno)) BIO_set_retry_write(bio);
  return static_cast<int>(sent);
}

long bio_control(BIO*, int command, long, void*) { return command == BIO_CTRL_FLUSH ? 1 : 0; }

std::string last_error() {
  char text[256] = {};
  ERR_error_string_n(ERR_get_error(), text, sizeof text);
  ERR_clear_error();
  return printable(text, 200);
}

}  // namespace

void TlsContext::Close::operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
void TlsContext::Close::operator()(SSL* ssl) const { SSL_free(ssl); }
void TlsContext::Close::operator()(BIO_METHOD* method) const { BIO_meth_free(method); }

Result<std::unique_ptr<TlsContext>> TlsContext::open(const std::string& certificate,
                                                     const std::string& key) {
  auto tls = std::make_unique<TlsContext>();
  tls->context_.reset(SSL_CTX_new(TLS_server_method()));
  tls->method_.reset(BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "ragent socket"));
  SSL_CTX* context = tls->context_.get();
  if (!context || !tls->method_) return fail(ErrorKind::unavailable, "TLS: " + last_error());
  BIO_meth_set_read(tls->method_.get(), &bio_read);
  BIO_meth_set_write(tls->method_.get(), &bio_write);
  BIO_meth_set_ctrl(tls->method_.get(), &bio_control);
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION);
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                SSL_MODE_RELEASE_BUFFERS);
  // Else one read would go on for as long as a peer sends records without data.
  SSL_CTX_clear_mode(context, SSL_MODE_AUTO_RETRY);
  if (SSL_CTX_use_certificate_chain_file(context, certificate.c_str()) != 1) {
    return fail(ErrorKind::invalid,
                "expected a PEM certificate in " + certificate + " (" + last_error() + ")");
  }
  if (SSL_CTX_use_PrivateKey_file(context, key.c_str(), SSL_FILETYPE_PEM) != 1 ||
      SSL_CTX_check_private_key(context) != 1) {
    return fail(ErrorKind::invalid, "expected the PEM key of the certificate " + certificate +
                                        " in " + key + " (" + last_error() + ")");
  }
  return tls;
}

std::unique_ptr<SSL, TlsContext::Close> TlsContext::connection(int fd) const {
  std::unique_ptr<SSL, Close> ssl(SSL_new(context_.get()));
  BIO* bio = ssl ? BIO_new(method_.get()) : nullptr;
  if (!bio) return nullptr;
  BIO_set_data(bio, reinterpret_cast<void*>(static_cast<std::intptr_t>(fd)));
  BIO_set_init(bio, 1);
  SSL_set_bio(ssl.get(), bio, bio);
  SSL_set_accept_state(ssl.get());
  return ssl;
}

ServerSocket::ServerSocket(Loop& loop, FileDescriptor fd, const TlsContext* tls)
    : loop_(loop), fd_(std::move(fd)) {
  if (!tls) return;
  ssl_ = tls->connection(fd_.get());
  if (!ssl_) throw std::bad_alloc();
}

ServerSocket::Handshake ServerSocket::shake() {
  ERR_clear_error();
  const int result = SSL_do_handshake(ssl_.get());
  if (result == 1) return Handshake::done;
  switch (SSL_get_error(ssl_.get(), result)) {
    case SSL_ERROR_WANT_READ: return Handshake::read;
    case SSL_ERROR_WANT_WRITE: return Handshake::write;
    default: ERR_clear_error(); return Handshake::failed;
  }
}

// Reading waits for reading, and writing for writing. There is no renegotiation; of TLS 1.3 a read
// may have to answer a key update: what does not go out at once goes with the next write.
int ServerSocket::outcome(int result) {
  const int code = SSL_get_error(ssl_.get(), result);
  ERR_clear_error();
  return code == SSL_ERROR_WANT_READ || code == SSL_ERROR_WANT_WRITE ? 0 : -1;
}

int ServerSocket::read(std::span<char> buffer) {
  const std::size_t size = std::min<std::size_t>(buffer.size(), INT_MAX);
  if (ssl_) {
    ERR_clear_error();
    const int got = SSL_read(ssl_.get(), buffer.data(), static_cast<int>(size));
    return got > 0 ? got : outcome(got);
  }
  const auto got = ::recv(fd_.get(), buffer.data(), size, 0);
  if (got > 0) return static_cast<int>(got);
  return got < 0 && again(errno) ? 0 : -1;
}

int ServerSocket::write(std::string_view bytes, bool more) {
  const std::size_t size = std::min<std::size_t>(bytes.size(), INT_MAX);
  if (ssl_) {
    ERR_clear_error();
    const int sent = SSL_write(ssl_.get(), bytes.data(), static_cast<int>(size));
    return sent > 0 ? sent : outcome(sent);
  }
  const auto sent = ::send(fd_.get(), bytes.data(), size, MSG_NOSIGNAL | (more ? MSG_MORE : 0));
  if (sent >= 0) return static_cast<int>(sent);
  return again(errno) ? 0 : -1;
}

void ServerSocket::end_writing() {
  if (ssl_ && SSL_is_init_finished(ssl_.get())) {
    ERR_clear_error();
    SSL_shutdown(ssl_.get());
    ERR_clear_error();
  }
  ::shutdown(fd_.get(), SHUT_WR);
}

void ServerSocket::reset_when_closed() {
  const linger now{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(fd_.get(), SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

// One watch at a time: the old one is spent. It goes after the new one came, so that the reactor
// keeps the descriptor.
void ServerSocket::when_readable(Function function) {
  readable_ = loop_.watch(fd_.get(), Readiness::readable, std::move(function));
}
void ServerSocket::when_writable(Function function) {
  writable_ = loop_.watch(fd_.get(), Readiness::writable, std::move(function));
}

}  // namespace ragent
