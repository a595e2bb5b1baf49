// The local model: llama.cpp in this process, on a thread of its own. Owned by the engine; called
// on the shard whose loop it was given. Requests queue; destroying a reply's Task cancels it.
//
//   Result<std::unique_ptr<Model>> model = open_llama_model(loop, {.model = "local/small"});
//   Reply reply = co_await (*model)->reply(request, deltas);
//
// Opening looks for the file only; the weights are mapped by the first request.
#pragma once

#include <ragent/limits.h>
#include <ragent/model.h>

namespace ragent {

struct LlamaOptions {
  std::string model = "local/default";  // a local name, or the path of a GGUF file
  std::string models_dir = {};  // empty: $RAGENT_CACHE/models, else ~/.cache/ragent/models
  std::string cache_dir = {};  // of saved prompt prefixes; empty: none are saved
  std::uint32_t threads = 0;  // 0: $RAGENT_LLAMA_THREADS, else all cores
  std::uint32_t context_tokens = limits::kContextTokensDefault;
};

// "default", "small" and "tiny" become "local/default", …; those and paths of files stay as
// they are; empty: a name this model does not know.
std::string local_model_name(std::string_view name);

// Error{not_found}: no such file, with the command that fetches it and what is there instead.
Result<std::unique_ptr<Model>> open_llama_model(Loop& loop, LlamaOptions options);

}  // namespace ragent
