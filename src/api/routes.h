// Routes: what the API answers, request by request (server.h lists it).
//
//   Routes routes({loop, pool, engine, home});
//   HttpServer::listen(loop, options, [&](HttpExchange& one) { return routes.answer(one); });
//   routes.stop();                            // streams end
//
// One owner, the loop's thread. It outlives the exchanges at work.
#pragma once

#include <api/feed.h>
#include <api/wire.h>
#include <net/http_server.h>

#include <set>
#include <span>

namespace ragent::api {

class Routes {
 public:
  explicit Routes(FeedParts parts) : parts_(std::move(parts)) {}
  Routes(const Routes&) = delete;
  Routes& operator=(const Routes&) = delete;

  Task<void> answer(HttpExchange& exchange);
  void stop();

 private:
  struct Asked;  // a request on its way
  struct Route;
  using Answer = Task<void> (Routes::*)(Asked&);
  static std::span<const Route> all();
  static Result<const Route*> find(Asked& asked);

  Task<void> owner(Asked& asked);
  Task<void> start(Asked& asked);
  Task<void> runs(Asked& asked);
  Task<void> run(Asked& asked);
  Task<void> events(Asked& asked);
  Task<void> fork(Asked& asked);
  Task<void> cancel(Asked& asked);
  Task<void> resolve(Asked& asked);
  Task<void> asks(Asked& asked);
  Task<void> decide(Asked& asked);
  Task<void> sessions(Asked& asked);
  Task<void> session(Asked& asked);
  Task<void> artifact(Asked& asked);

  Task<void> stream(Asked& asked, std::unique_ptr<Feed> feed);
  // Reads the home beside the engine, on the pool.
  Task<Json> read(std::function<Result<Json>(Store&)> body);
  template <class F>
  auto blocking(F function) {
    return offload(parts_.loop, parts_.pool, std::move(function));
  }

  FeedParts parts_;
  bool stopped_ = false;
  std::set<Feed*> feeds_ = {};  // of the streams at work
};

}  // namespace ragent::api
