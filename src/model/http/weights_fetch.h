// Fetches the weights of a model from a URL into the cache of models: what came is kept beside it
// (FILE.part), and the next try goes on from there; the file gets its name once its hash is the one
// that was asked for. One process at a time fetches a file.
//
//   WeightsFetch fetch{.weights = **weights_url(name), .folder = models_folder()};
//   Result<std::string> file = block_on(*loop, fetch_weights(*loop, *client, std::move(fetch)));
//
// Destroying the Task stops it, and keeps what came. It writes files on the loop's thread: for a
// command, not for a shard.
#pragma once

#include <model/weights_url.h>
#include <net/http_client.h>

namespace ragent {

struct FetchNews {
  std::uint64_t bytes = 0;  // of the file that are here
  std::uint64_t total = 0;  // 0: not known yet
  std::uint64_t before = 0;  // of `bytes`, those of an earlier try
};

struct WeightsFetch {
  WeightsUrl weights = {};
  std::string folder = {};  // made when it is not there
  std::function<void(const FetchNews&)> news = {};  // as bytes come
};

// The path of the file; at once when it is there. Errors: invalid (another hash: what came is
// removed; not a GGUF file), not_found (404), rejected (401, 403), unavailable (no network, no
// room, a server that fails), timeout, conflict (another process fetches it), io.
Task<std::string> fetch_weights(Loop& loop, HttpClient& client, WeightsFetch what);

}  // namespace ragent
