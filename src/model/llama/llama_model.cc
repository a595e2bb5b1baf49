#include <model/llama/llama_model.h>

#include <base/deadline.h>
#include <base/file.h>
#include <base/text.h>
#include <model/llama/session.h>

#include <algorithm>
#include <charconv>
#include <condition_variable>
#include <cstdlib>
#include <deque>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <thread>

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
};

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

fs::path models_folder(const LlamaOptions& options) {
  if (!options.models_dir.empty()) return options.models_dir;
  std::string cache = environment("RAGENT_CACHE");
  if (!cache.empty()) return fs::path(cache) / "models";
  return fs::path(environment("HOME")) / ".cache" / "ragent" / "models";
}

Result<std::string> file_of(const LlamaOptions& options) {
  std::string name = local_model_name(options.model);
  fs::path folder = models_folder(options);
  const auto* known = std::ranges::find(kKnown, name, &Known::name);
  bool listed = known != std::end(kKnown);
  fs::path path = listed ? folder / known->file : fs::path(name);
  std::error_code ignored;
  if (!name.empty() && fs::is_regular_file(path, ignored)) return path.string();
  std::string message;
  if (listed) {
    message = "the model " + name + " is not there (" + path.string() + "): fetch it with " +
              "`scripts/setup --models " + name.substr(name.find('/') + 1) + "` (" +
              std::string(known->size) + ")";
  } else {
    message = "there is no model and no file \"" + options.model +
              "\": expected local/default, local/small, local/tiny or the path of a GGUF file";
  }
  for (const Known& other : kKnown) {
    if (other.name == name || !fs::is_regular_file(folder / other.file, ignored)) continue;
    message += "; present: --model " + std::string(other.name);
  }
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

std::uint32_t threads_of(const LlamaOptions& options) {
  if (options.threads > 0) return options.threads;
  std::string text = environment("RAGENT_LLAMA_THREADS");
  std::uint32_t given = 0;
  std::from_chars(text.data(), text.data() + text.size(), given);
  if (given > 0) return given;
  return std::max(1U, std::thread::hardware_concurrency());
}

// One request on its way: between the coroutine on the shard and the thread of the model.
struct Job {
  Job(ModelRequest request, Loop& loop, DeltaSink& deltas)
      : request(std::move(request)), deltas(&deltas), done(loop) {}
  ModelRequest request;
  Stop cancelled = false;
  // Of the shard:
  DeltaSink* deltas;  // null: nobody listens any more
  Signal done;
  std::optional<Result<Reply>> result = {};
  // Of both:
  std::mutex mutex = {};
  std::string streamed = {};  // not yet given to `deltas`
};
using JobPtr = std::shared_ptr<Job>;  // shared by the coroutine, the thread and posted functions

void deliver(const JobPtr& job) {
  std::string text;
  {
    std::lock_guard lock(job->mutex);
    text.swap(job->streamed);
  }
  bool wanted = !text.empty() && job->deltas && *job->deltas;
  if (wanted) (*job->deltas)({.text = std::move(text)});
}

Task<void> wait(JobPtr job) { co_await job->done; }

// The frame of reply(): what it leaves behind when it is destroyed early.
struct CancelAtEnd {
  JobPtr job;
  ~CancelAtEnd() {
    job->cancelled = true;
    job->deltas = nullptr;
  }
};

class LlamaModel : public Model {
 public:
  LlamaModel(Loop& loop, LlamaContext::Options options, std::string name, std::string cache_dir)
      : loop_(loop), options_(std::move(options)), cache_dir_(std::move(cache_dir)) {
    info_.name = std::move(name);
    info_.context_tokens = options_.context_tokens;
    thread_ = std::thread([this] { work(); });
  }
  ~LlamaModel() override {
    {
      std::lock_guard lock(mutex_);
      closing_ = true;
      if (current_) current_->cancelled = true;
    }
    changed_.notify_one();
    thread_.join();
  }

  const ModelInfo& info() const override { return info_; }

  Task<Reply> reply(ModelRequest request, DeltaSink& deltas) override {
    auto job = std::make_shared<Job>(std::move(request), loop_, deltas);
    CancelAtEnd guard{job};
    if (!enqueue(job)) {
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

 private:
  bool enqueue(const JobPtr& job) {
    {
      std::lock_guard lock(mutex_);
      if (queue_.size() >= limits::kModelQueueMax) return false;
      queue_.push_back(job);
    }
    changed_.notify_one();
    return true;
  }

  JobPtr next() {
    std::unique_lock lock(mutex_);
    current_ = nullptr;
    changed_.wait(lock, [&] { return closing_ || !queue_.empty(); });
    if (closing_) return nullptr;
    current_ = std::move(queue_.front());
    queue_.pop_front();
    return current_;
  }

  void work() {
    while (JobPtr job = next()) {
      if (job->cancelled) continue;
      Result<Reply> result = answer(job);
      loop_.post([job, result = std::move(result)]() mutable {
        deliver(job);
        job->result.emplace(std::move(result));
        job->done.set();
      });
    }
  }

  Result<Reply> answer(const JobPtr& job) {
    const Stop& stop = job->cancelled;
    if (!session_) {
      Result<std::unique_ptr<LlamaContext>> context = LlamaContext::load(options_, stop);
      if (!context) return fail(std::move(context.error()));
      session_.emplace(std::move(*context), cache_dir_);
    }
    return session_->reply(job->request, stop, [&](std::string_view text) {
      bool first;
      {
        std::lock_guard lock(job->mutex);
        first = job->streamed.empty();
        job->streamed += text;
      }
      if (first) loop_.post([job] { deliver(job); });
    });
  }

  Loop& loop_;
  LlamaContext::Options options_;
  std::string cache_dir_;
  ModelInfo info_ = {};
  std::optional<LlamaSession> session_ = {};  // of the thread
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<JobPtr> queue_;
  JobPtr current_ = {};
  bool closing_ = false;
  std::thread thread_;
};

}  // namespace

std::string local_model_name(std::string_view name) {
  for (const Known& known : kKnown) {
    std::string_view shortened = known.name.substr(known.name.find('/') + 1);
    if (name == known.name || name == shortened) return std::string(known.name);
  }
  std::error_code ignored;
  bool file = name.ends_with(".gguf") || fs::is_regular_file(name, ignored);
  return file ? std::string(name) : std::string();
}

Result<std::unique_ptr<Model>> open_llama_model(Loop& loop, LlamaOptions options) {
  Result<std::string> file = file_of(options);
  if (!file) return fail(std::move(file.error()));
  if (Result<void> weights = check_weights(*file); !weights) {
    return fail(std::move(weights.error()));
  }
  LlamaContext::Options opened{.path = std::move(*file),
                               .threads = threads_of(options),
                               .context_tokens = options.context_tokens};
  return std::make_unique<LlamaModel>(loop, std::move(opened), local_model_name(options.model),
                                      std::move(options.cache_dir));
}

}  // namespace ragent
