// SimulatedClient: the network and a server of a model, drawn from a seed, on a simulated loop: no
// sockets, and hours in a moment. A call waits, is answered in pieces, or meets what networks and
// servers do to calls.
//
//   Weather weather(7);
//   http_models({.client = [&](Loop& loop) { return simulated_client(loop, weather); }, …})
//
// One loop's thread; `weather` outlives the clients.
#pragma once

#include <base/random.h>
#include <net/http_client.h>
#include <stub_model/reply.h>

namespace ragent::providers {

struct Weather {
  explicit Weather(std::uint64_t seed) : random(seed) {}
  SeededRandom random;
  std::uint64_t faults = 0;  // of a hundred calls
  stub::StubReply reply = {.text = "Hello."};
  std::size_t sent = 0;  // calls
  std::size_t at_work = 0;
};

std::unique_ptr<HttpClient> simulated_client(Loop& loop, Weather& weather);

}  // namespace ragent::providers
