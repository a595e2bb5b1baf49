// Embedder: texts as vectors, for finding what is alike. Owned by whoever opened it and called on
// the shard whose loop it was given; several calls may be under way.
//
//   std::unique_ptr<Embedder> embedder = …;            // LocalModels::open_embedder
//   std::vector<std::vector<float>> vectors = co_await embedder->embed({"a train", "a railway"});
//   // each of embedder->dims() numbers and length 1: their dot product is the cosine
#pragma once

#include <ragent/task.h>

#include <string>
#include <vector>

namespace ragent {

// Destroying the Task of a call cancels it. The vectors come in the order of the texts, and a text
// has the same one whatever it came with, to a cosine of 0.999. Errors: unavailable, invalid.
class Embedder {
 public:
  virtual ~Embedder() = default;
  virtual const std::string& name() const = 0;
  virtual std::size_t dims() const = 0;
  virtual Task<std::vector<std::vector<float>>> embed(std::vector<std::string> texts) = 0;
};

}  // namespace ragent
