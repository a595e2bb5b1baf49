// HttpClient: requests to other machines, on one loop. The real one is libcurl's multi interface on
// the loop's sockets and timers (TLS with the system's certificates, HTTP/2 where offered, proxies
// from the environment, kept connections); the simulator brings its own.
//
//   std::unique_ptr<HttpClient> client = make_http_client(loop);
//   HttpResponse response = co_await client->send({.request = {.url = "https://example.org/"}});
//
// Destroying the Task of a call ends its transfer at once. Any status is a response, not an Error:
// a redirection too, so that no credentials follow one. A request that finds its kept connection
// closed before any byte came is sent again on a new one. It may not say content-length,
// transfer-encoding, connection, proxy-connection, upgrade or expect, nor host twice: libcurl says
// them. A peer that leaves raises no SIGPIPE.
// Errors: invalid (the URL, such a header, or more than body_max came), unavailable (no such host,
// refused, reset, TLS, ended early: what was promised by length or chunks did not come), timeout
// (which of the times, and how far it came). The loop's thread; the client outlives its calls.
#pragma once

#include <net/http.h>
#include <ragent/limits.h>
#include <ragent/task.h>

#include <chrono>
#include <functional>
#include <memory>

namespace ragent {

class Loop;

struct HttpCall {
  HttpRequest request = {};
  // Gets the body as it comes, after the whole head; an Error ends the call with it. Runs in the
  // call's coroutine: it may destroy other calls, never its own. Empty: the body is gathered in
  // the response.
  std::function<Result<void>(const HttpResponse& head, std::string_view bytes)> on_body = {};
  std::chrono::milliseconds connect_max = limits::kConnectTimeDefault;
  std::chrono::milliseconds silence_max =
      limits::kSilenceTimeDefault;  // without a byte, from sending on
  std::chrono::milliseconds time_max = {};  // for all of it; 0: none
  std::size_t body_max = limits::kResponseBytesMax;
};

class HttpClient {
 public:
  virtual ~HttpClient() = default;
  virtual Task<HttpResponse> send(HttpCall call) = 0;
};

struct HttpClientOptions {
  std::string ca_file = {};  // instead of the system's certificates
  std::string unix_socket = {};  // every call goes there, whatever its URL's host
  std::size_t connections_max = limits::kClientConnectionsMax;  // more calls wait for a free one
};
std::unique_ptr<HttpClient> make_http_client(Loop& loop, HttpClientOptions options = {});

}  // namespace ragent
