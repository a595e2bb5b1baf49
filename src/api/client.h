// Client: asks the owner of a home over its socket (server.h lists what).
//
//   Client client(loop, ".ragent");
//   Owner owner = co_await client.owner(2s);
//   Client::Said said = co_await client.ask({.path = "/v1/asks"});
//   if (said.lost) …                          // the owner went away: nobody knows what it did
//
// One owner, the loop's thread; it outlives its calls.
#pragma once

#include <api/home_socket.h>
#include <api/wire.h>
#include <net/http_client.h>
#include <net/sse.h>

#include <optional>

namespace ragent::api {

class Client {
 public:
  struct Asking {
    std::string method = "GET";
    std::string path = {};
    std::string body = {};
    std::string type = "application/json";
  };
  struct Said {
    bool lost = false;  // nobody answered, or not to the end
    Result<Json> json = Json();  // the Error that the owner had
  };

  Client(Loop& loop, std::string home) : loop_(loop), home_(std::move(home)) {}

  // Error{unavailable}: nobody listens; timeout: who listens does not answer; conflict: it speaks
  // another version of the API.
  Task<Owner> owner(std::chrono::milliseconds time_max);
  Task<Said> ask(Asking asking);
  // Hands out each event as it comes; an Error of `on_event` is the result. Lost: the stream ended
  // without one. It ends as soon as something comes and it is not `wanted`.
  Task<Said> stream(Asking asking, SseReader::OnEvent on_event, std::function<bool()> wanted);

 private:
  Result<HttpClient*> http();
  HttpCall call_of(Asking asking) const;

  Loop& loop_;
  std::string home_;
  std::optional<HomeSocket> socket_ = {};
  std::unique_ptr<HttpClient> http_ = {};
};

}  // namespace ragent::api
