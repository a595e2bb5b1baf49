// The local models: llama.cpp in this process, each on a thread of its own. LocalModels belongs to
// whoever opens models and may be used on any thread; a model is called on the shard whose loop it
// was given. Requests are answered together; destroying a reply's Task cancels it.
//
//   LocalModels models;
//   Result<std::unique_ptr<Model>> model = models.open(loop, {.model = "local/small"});
//   Reply reply = co_await (*model)->reply(request, deltas);
//
// Opening looks at the file only; its weights are mapped by the first request, once for all shards.
#pragma once

#include <ragent/limits.h>
#include <ragent/model.h>

#include <model/embedder.h>

#include <map>
#include <mutex>

namespace ragent {

class LlamaEmbedding;
class LlamaWorker;

struct LlamaOptions {
  std::string model = "local/default";  // a local name, or the path of a GGUF file
  std::string name = {};  // what it is called; empty: as `model` says
  std::string models_dir = {};  // empty: $RAGENT_CACHE/models, else ~/.cache/ragent/models
  std::string cache_dir = {};  // of saved prompt prefixes; empty: none are saved
  std::uint32_t threads = 0;  // 0: $RAGENT_LLAMA_THREADS, else all cores
  std::uint32_t context_tokens = limits::kContextTokensDefault;
};

// The models that have a name, wherever their files are.
struct LocalModel {
  std::string name = {};
  std::string path = {};  // where it is, or would be
  std::string size = {};  // of what is fetched, and what is special about it
  std::string fetch = {};  // the command
  bool present = false;
};
std::vector<LocalModel> local_models();

// "default", "small", "tiny" and "embed" become "local/default", …; those and paths of files stay
// as they are; empty: a name this model does not know.
std::string local_model_name(std::string_view name);

class LocalModels {
 public:
  // Error{not_found}: no such file, with the command that fetches it, the near miss, and what is
  // there instead.
  // Error{invalid}: a file that holds no such model.
  Result<std::unique_ptr<Model>> open(Loop& loop, const LlamaOptions& options);

  // Likewise, of a model that embeds: "local/embed" is one. Its threads and model are options' own.
  Result<std::unique_ptr<Embedder>> open_embedder(Loop& loop, const LlamaOptions& options);

 private:
  std::mutex mutex_;
  std::map<std::string, std::weak_ptr<LlamaWorker>> workers_;  // of the open models, by file
  std::map<std::string, std::weak_ptr<LlamaEmbedding>> embeddings_;
};

// One that shares nothing with others.
Result<std::unique_ptr<Model>> open_llama_model(Loop& loop, const LlamaOptions& options);

}  // namespace ragent
