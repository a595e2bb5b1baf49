// LlamaEmbedding: an embedding model of llama.cpp. Shared by the embedders that the shards of a
// process opened from one file; any thread, one at a time gets through.
//
//   auto shared = std::make_shared<LlamaEmbedding>(file, threads);
//   std::unique_ptr<Embedder> embedder = make_llama_embedder(loop, shared, "local/embed", dims);
//
// The weights are loaded by the first call. An embedder hands a call to its thread in pieces, so
// that others get their turn between them.
#pragma once

#include <base/loop.h>
#include <model/embedder.h>
#include <model/llama/weights.h>

#include <mutex>

struct llama_context;

namespace ragent {

class LlamaEmbedding {
 public:
  using Vectors = std::vector<std::vector<float>>;

  LlamaEmbedding(std::string path, std::uint32_t threads)
      : path_(std::move(path)), threads_(threads) {}
  LlamaEmbedding(const LlamaEmbedding&) = delete;
  LlamaEmbedding& operator=(const LlamaEmbedding&) = delete;
  ~LlamaEmbedding();
  // Blocks until it is done.
  Result<Vectors> embed(const std::vector<std::string>& texts);

 private:
  Result<void> load();
  Result<void> check_pooling();
  Result<void> embed_batch(const std::vector<Tokens>& texts, std::size_t begin, std::size_t end,
                           Vectors& vectors);

  std::string path_;
  std::uint32_t threads_;
  std::mutex mutex_;  // guards what follows
  WeightsPtr weights_ = {};
  llama_context* context_ = nullptr;
};

// Shared by the embedders of other shards.
using LlamaEmbeddingPtr = std::shared_ptr<LlamaEmbedding>;
std::unique_ptr<Embedder> make_llama_embedder(Loop& loop, LlamaEmbeddingPtr embedding,
                                              std::string name, std::size_t dims);

}  // namespace ragent
