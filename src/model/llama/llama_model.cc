#include <model/llama/llama_model.h>

#include <base/deadline.h>
#include <base/file.h>
#include <base/text.h>
#include <model/llama/embed.h>
#include <model/llama/worker.h>
#include <model/weights_url.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace ragent {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;

struct Known {
  std::string_view name;
  std::string_view file;
  std::string_view size;
};
constexpr Known kKnown[] = {
    {"local/default", "qwen25-coder-1.5b.gguf", "1.1 GB"},
    {"local/small", "qwen25-coder-0.5b.gguf", "0.5 GB"},
    {"local/tiny", "smollm2-135m.gguf", "0.1 GB; for tests, it understands nothing"},
    {"local/embed", "all-minilm-l6-v2.gguf", "0.1 GB to fetch, 25 MB kept; it embeds texts"},
};

constexpr std::string_view kEmbed = "local/embed";

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

fs::path folder_of(const LlamaOptions& options) {
  return options.models_dir.empty() ? models_folder() : options.models_dir;
}

std::string fetch_command(std::string_view name) {
  return "scripts/setup --models " + std::string(name.substr(name.find('/') + 1));
}

// "; did you mean local/small?", or nothing.
std::string near_local(std::string_view model) {
  std::vector<std::string> names;
  for (const Known& known : kKnown) {
    if (known.name == kEmbed) continue;
    names.emplace_back(known.name);
    names.emplace_back(known.name.substr(known.name.find('/') + 1));
  }
  std::optional<std::string> near = nearest(model, names);
  return near ? ", did you mean " + local_model_name(*near) + "?" : "";
}

Result<std::string> file_of(const LlamaOptions& options) {
  std::string name = local_model_name(options.model);
  fs::path folder = folder_of(options);
  const auto* known = std::ranges::find(kKnown, name, &Known::name);
  bool listed = known != std::end(kKnown);
  fs::path path = listed ? folder / known->file : fs::path(name);
  std::error_code ignored;
  if (!name.empty() && fs::is_regular_file(path, ignored)) return path.string();
  std::string message;
  if (listed) {
    message = "the model " + name + " is not there (" + path.string() + "): fetch it with `" +
              fetch_command(name) + "` (" + std::string(known->size) + ")";
  } else {
    message = "there is no model and no file \"" + options.model + "\"" +
              near_local(options.model) +
              ": expected local/default, local/small, local/tiny, the path of a GGUF file, or an "
              "endpoint's openai/NAME, anthropic/NAME or URL#NAME; `ragent models` lists them";
  }
  std::vector<std::string> present;
  for (const Known& other : kKnown) {
    bool useful = other.name != name && other.name != kEmbed;
    if (useful && fs::is_regular_file(folder / other.file, ignored)) {
      present.emplace_back(other.name);
    }
  }
  if (!present.empty()) message += "; present: " + join(present, ", ");
  return fail(ErrorKind::not_found, message);
}

// The whole is read when the first reply is asked for; what is no model at all is told at once.
Result<void> check_weights(const std::string& path) {
  constexpr std::string_view kMagic = "GGUF";
  std::string begin(kMagic.size(), '\0');
  std::ifstream file(path, std::ios::binary);
  if (!file) return fail(system_error("open", path, errno));
  file.read(begin.data(), static_cast<std::streamsize>(begin.size()));
  begin.resize(static_cast<std::size_t>(file.gcount()));
  if (begin == kMagic) return {};
  return fail(
      ErrorKind::invalid,
      path + ": expected the weights of a language model, a file that begins with GGUF; " +
          (begin.empty() ? "it is empty" : "it begins with \"" + printable(begin, 16) + "\""));
}

// The same for all names of a file.
std::string key_of(const std::string& path) {
  std::error_code ignored;
  return fs::weakly_canonical(path, ignored).string();
}

std::uint32_t threads_of(const LlamaOptions& options) {
  if (options.threads > 0) return options.threads;
  std::string text = environment("RAGENT_LLAMA_THREADS");
  std::uint32_t given = 0;
  std::from_chars(text.data(), text.data() + text.size(), given);
  if (given > 0) return given;
  return std::max(1U, std::thread::hardware_concurrency());
}

Task<void> wait(LlamaJobPtr job) { co_await job->done; }

class LlamaModel : public Model {
 public:
  LlamaModel(Loop& loop, std::shared_ptr<LlamaWorker> worker, ModelInfo info)
      : loop_(loop), worker_(std::move(worker)), info_(std::move(info)) {}

  const ModelInfo& info() const override { return info_; }

  Task<Reply> reply(ModelRequest request, DeltaSink& deltas) override {
    auto job = std::make_shared<LlamaJob>(std::move(request), loop_, deltas);
    LlamaJob::Caller caller(job);
    if (!worker_->enqueue(job)) {
      co_return Error{.kind = ErrorKind::unavailable,
                      .message = info_.name + " has " + std::to_string(limits::kModelQueueMax) +
                                 " requests waiting",
                      .retry_after = std::chrono::seconds(5)};
    }
    milliseconds time_max = job->request.time_max;
    if (time_max.count() == 0) {
      co_await job->done;
    } else if (!co_await with_deadline(loop_, wait(job), loop_.now() + time_max).result()) {
      co_return fail(ErrorKind::timeout, info_.name + " did not answer within " +
                                             std::to_string(time_max.count()) + " ms");
    }
    co_return std::move(*job->result);
  }

  Task<std::vector<std::int64_t>> tokens(std::vector<std::string> texts) override {
    return offload(loop_, worker_->thread(), [worker = worker_.get(), texts = std::move(texts)] {
      return worker->count(texts);
    });
  }

 private:
  Loop& loop_;
  std::shared_ptr<LlamaWorker> worker_;  // by the models of other shards
  ModelInfo info_;
};

}  // namespace

std::vector<LocalModel> local_models() {
  std::vector<LocalModel> out;
  for (const Known& known : kKnown) {
    std::error_code ignored;
    fs::path path = fs::path(models_folder()) / known.file;
    out.push_back({.name = std::string(known.name),
                   .path = path.string(),
                   .size = std::string(known.size),
                   .fetch = fetch_command(known.name),
                   .present = fs::is_regular_file(path, ignored)});
  }
  return out;
}

std::string local_model_name(std::string_view name) {
  for (const Known& known : kKnown) {
    std::string_view shortened = known.name.substr(known.name.find('/') + 1);
    if (name == known.name || name == shortened) return std::string(known.name);
  }
  std::error_code ignored;
  bool file = name.ends_with(".gguf") || fs::is_regular_file(name, ignored);
  return file ? std::string(name) : std::string();
}

Result<std::unique_ptr<Model>> LocalModels::open(Loop& loop, const LlamaOptions& options) {
  Result<std::string> file = file_of(options);
  if (!file) return fail(std::move(file.error()));
  if (Result<void> weights = check_weights(*file); !weights) {
    return fail(std::move(weights.error()));
  }
  Result<WeightsHead> head = Weights::read_head(*file, Weights::Purpose::chat);
  if (!head) return fail(std::move(head.error()));
  auto window = std::min(options.context_tokens, static_cast<std::uint32_t>(head->window));
  LlamaWorker::Options opened{.path = std::move(*file),
                              .cache_dir = options.cache_dir,
                              .context = {.threads = threads_of(options), .window = window}};
  std::string key = join(
      std::vector{key_of(opened.path), opened.cache_dir, std::to_string(opened.context.threads),
                  std::to_string(opened.context.window)},
      "\n");
  std::lock_guard lock(mutex_);
  std::weak_ptr<LlamaWorker>& known = workers_[key];
  std::shared_ptr<LlamaWorker> worker = known.lock();
  if (!worker) known = worker = std::make_shared<LlamaWorker>(std::move(opened));
  std::string name = options.name.empty() ? local_model_name(options.model) : options.name;
  ModelInfo info{.name = std::move(name), .context_tokens = window};
  return std::make_unique<LlamaModel>(loop, std::move(worker), std::move(info));
}

Result<std::unique_ptr<Embedder>> LocalModels::open_embedder(Loop& loop,
                                                             const LlamaOptions& options) {
  Result<std::string> file = file_of(options);
  if (!file) return fail(std::move(file.error()));
  if (Result<void> weights = check_weights(*file); !weights) {
    return fail(std::move(weights.error()));
  }
  Result<WeightsHead> head = Weights::read_head(*file, Weights::Purpose::embedding);
  if (!head) return fail(std::move(head.error()));
  std::lock_guard lock(mutex_);
  std::weak_ptr<LlamaEmbedding>& known = embeddings_[key_of(*file)];
  LlamaEmbeddingPtr embedding = known.lock();
  if (!embedding) {
    known = embedding = std::make_shared<LlamaEmbedding>(*file, threads_of(options));
  }
  return make_llama_embedder(loop, std::move(embedding), local_model_name(options.model),
                             head->width);
}

Result<std::unique_ptr<Model>> open_llama_model(Loop& loop, const LlamaOptions& options) {
  return LocalModels().open(loop, options);
}

}  // namespace ragent
