// HttpServer: HTTP/1.1 on one loop: TCP or a Unix socket, TLS, keep-alive, chunked and streamed
// replies. llhttp parses, strictly; every limit is checked before memory is taken.
//
//   auto server = HttpServer::listen(loop, {.address = "127.0.0.1:0"}, [](HttpExchange& exchange) {
//     return exchange.respond({.status = 200, .body = "hello"});
//   });
//   std::uint16_t port = (*server)->port();
//
// The loop's thread. A handler is a coroutine of the exchange's connection; it is destroyed when
// the peer goes away (closes its side) or the server is destroyed. Of a peer that has sent more
// ahead than limits::kPipelinedBytesMax only the next write tells that it went. A handler that ends
// without a reply gives 500; one that fails after begin() ends the connection before the end of the
// body, so that the peer can tell (of HTTP/1.0 by a reset). What is refused before a handler (400,
// 408, 413, 431, 503, …) has a body of problem+json and closes the connection.
#pragma once

#include <net/http.h>
#include <ragent/limits.h>
#include <ragent/task.h>

#include <chrono>
#include <functional>
#include <memory>

namespace ragent {

class Loop;

struct HttpServerOptions {
  std::string address = "127.0.0.1:0";  // host:port (0: any free one), or unix:/path/of.sock
  // A socket's file gets the mode 0600; one that nobody listens on any more is replaced. Beside it
  // lies a file PATH.lock, held while the server listens, and left.
  std::string certificate = {};  // PEM files: TLS when both are given
  std::string key = {};
  // More are refused with 503. Never more than the process may have files (RLIMIT_NOFILE when it
  // listens), less limits::kServerFilesReserve.
  std::size_t connections_max = limits::kServerConnectionsMax;
  std::size_t head_max = limits::kRequestHeadBytesMax;
  std::size_t body_max = limits::kRequestBodyBytesMax;
  // Of all requests' bodies that are in memory; one that would pass it is refused with 503.
  std::size_t bodies_max = limits::kServerBodiesBytesMax;
  // Without a byte read or written; also for all of a request's head. How long a peer may let a
  // body or a reply wait in all: each byte of it wins back its part of a second
  // (limits::kPeerBytesPerSecondMin).
  std::chrono::milliseconds idle_max = limits::kIdleTimeDefault;
};

class HttpExchange {
 public:
  virtual ~HttpExchange() = default;
  virtual const HttpRequest& request() const = 0;
  virtual Task<void> respond(HttpResponse response) = 0;  // whole; once
  // The head may not say content-length, transfer-encoding or connection: the server does.
  // A streamed reply: begin, then write, until the handler ends. Each waits while the peer reads
  // too slowly. An Error{unavailable} from write: the peer is gone. One write at a time (else
  // Error{misuse}); one that is cancelled is the end of the reply, and later ones are misuse too.
  virtual Task<void> begin(HttpResponse head) = 0;
  virtual Task<void> write(std::string_view bytes) = 0;
};
using HttpHandler = std::function<Task<void>(HttpExchange&)>;

// A problem+json response (RFC 9457).
HttpResponse problem(int status, std::string_view detail);

class HttpServer {
 public:
  // Error{invalid}: the address or the PEM files; conflict: the address is in use.
  static Result<std::unique_ptr<HttpServer>> listen(Loop& loop, HttpServerOptions options,
                                                    HttpHandler handler);
  virtual ~HttpServer() = default;  // at once, not from a handler: none gets another turn
  virtual std::uint16_t port() const = 0;  // of TCP
  // Stops listening and ends kept connections; answers when the exchanges at work have ended.
  // Not from a handler.
  virtual Task<void> drain() = 0;
};

}  // namespace ragent
