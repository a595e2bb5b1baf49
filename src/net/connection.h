// Connection: one peer of an HttpServer: reads requests one after the other, lets the handler
// answer each, and notices when the peer goes. Also the HttpExchange its handler sees.
//
//   Connection connection(shared, std::move(fd));
//   co_await connection.serve();
//
// Lives in a coroutine of the server's scope; the loop's thread.
#pragma once

#include <base/scope.h>
#include <net/http_server.h>
#include <net/request_parser.h>
#include <net/socket.h>

#include <vector>

namespace ragent {

// What the connections of one server share.
struct ServerShared {
  Loop& loop;
  HttpServerOptions options = {};
  HttpHandler handler = {};
  std::unique_ptr<TlsContext> tls = {};
  BodyRoom bodies = {};
  bool draining = false;
  std::vector<char> scratch = {};  // of a read; used up before anybody else gets a turn
};

class Connection final : public HttpExchange {
 public:
  Connection(ServerShared& shared, FileDescriptor fd)
      : shared_(shared),
        socket_(shared.loop, std::move(fd), shared.tls.get()),
        parser_(shared.options.head_max, shared.options.body_max, shared.bodies),
        event_(shared.loop),
        writable_(shared.loop),
        scope_(shared.loop) {}

  Task<void> serve();
  Task<void> refuse(int status, std::string why);  // and end
  void wake() { event_.set(); }  // to look whether the server drains

  const HttpRequest& request() const override { return request_; }
  Task<void> respond(HttpResponse response) override;
  Task<void> begin(HttpResponse head) override;
  Task<void> write(std::string_view bytes) override;

 private:
  enum class Reply : std::uint8_t { none, streaming, whole, cut };
  enum class Next : std::uint8_t { request, refusal, end };

  Task<bool> shake();  // false: end
  Task<Next> read_request();
  struct Writing;
  Task<int> receive(TimePoint until);  // bytes in scratch; 0: time is up; -1: gone, or drained
  Task<void> handle();  // until the handler has ended or the peer is gone
  Task<void> run_handler();
  Task<void> call_handler();
  Task<void> finish();
  Task<void> write_all(std::string_view bytes, bool more = false);
  Task<void> linger();
  Task<void> take_turns();  // one that moved its share waits for the loop's next turn
  void moved(int bytes);
  Result<std::string> head_text(const HttpResponse& head, std::optional<std::size_t> length);
  void want_reading();
  Task<bool> waited(Signal& signal, TimePoint until);  // false: time is up
  TimePoint idle() const { return shared_.loop.now() + shared_.options.idle_max; }

  ServerShared& shared_;
  ServerSocket socket_;
  RequestParser parser_;
  HttpRequest request_ = {};
  std::string rest_ = {};  // came after the request at work
  Signal event_;           // readable, handler ended, draining
  Signal writable_;
  bool reading_ = false;  // a watch is set
  bool readable_ = false;
  bool running_ = false;  // the handler
  bool between_ = false;  // requests
  bool gone_ = false;
  bool close_ = false;  // after this reply
  bool chunked_ = false;
  Reply reply_ = Reply::none;
  bool writing_ = false;
  std::chrono::nanoseconds patience_ = {};  // with the peer, for a body or a reply
  std::size_t turn_bytes_ = 0;  // moved since it last let others have their turn
  Scope scope_;  // the handler; last: it uses the others
};

}  // namespace ragent
