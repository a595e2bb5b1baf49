#include <model/llama/worker.h>

#include <ragent/limits.h>

#include <algorithm>

namespace ragent {
namespace {

// On the shard.
void deliver(const LlamaJobPtr& job) {
  std::string text;
  {
    std::lock_guard lock(job->mutex);
    text.swap(job->streamed);
  }
  bool wanted = !text.empty() && job->deltas && *job->deltas;
  if (wanted) (*job->deltas)({.text = std::move(text)});
}

void stream(const LlamaJobPtr& job, std::string_view text) {
  std::lock_guard lock(job->mutex);
  bool first = job->streamed.empty();
  job->streamed += text;
  if (first && job->loop) job->loop->post([job] { deliver(job); });
}

void finish(const LlamaJobPtr& job, Result<Reply> result) {
  std::lock_guard lock(job->mutex);
  if (!job->loop) return;
  job->loop->post([job, result = std::move(result)]() mutable {
    deliver(job);
    job->result.emplace(std::move(result));
    job->done.set();
  });
}

}  // namespace

LlamaJob::Caller::~Caller() {
  std::lock_guard lock(job_->mutex);
  job_->cancelled = true;
  job_->deltas = nullptr;
  job_->loop = nullptr;
}

LlamaWorker::LlamaWorker(Options options) : options_(std::move(options)) {
  thread_ = std::thread([this] { work(); });
}

LlamaWorker::~LlamaWorker() {
  {
    std::lock_guard lock(mutex_);
    closing_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

bool LlamaWorker::enqueue(const LlamaJobPtr& job) {
  {
    std::lock_guard lock(mutex_);
    if (queue_.size() >= limits::kModelQueueMax) {
      std::erase_if(queue_, [](const LlamaJobPtr& each) { return each->cancelled.load(); });
    }
    if (queue_.size() >= limits::kModelQueueMax) return false;
    queue_.push_back(job);
  }
  changed_.notify_one();
  return true;
}

std::vector<LlamaJobPtr> LlamaWorker::next() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] {
    return closing_ || !queue_.empty() || !functions_.empty() || !running_.empty();
  });
  std::vector<Function> functions = std::exchange(functions_, {});
  if (!functions.empty()) {
    lock.unlock();
    for (Function& function : functions) function();
    lock.lock();
  }
  std::vector<LlamaJobPtr> jobs;
  while (!queue_.empty() && running_.size() + jobs.size() < limits::kModelBatchMax) {
    if (!queue_.front()->cancelled) jobs.push_back(std::move(queue_.front()));
    queue_.pop_front();
  }
  return jobs;
}

void LlamaWorker::work() {
  for (;;) {
    std::vector<LlamaJobPtr> jobs = next();
    if (closing_) break;
    for (const LlamaJobPtr& job : jobs) start(job);
    running_.remove_if([](const Running& each) { return each.ended || each.job->cancelled; });
    if (running_.empty()) continue;
    bool goes_on = session_->batch().turn();
    RAGENT_ASSERT(goes_on);  // whoever is not at an end waits for a turn
  }
  running_.clear();
  session_.reset();
}

Result<void> LlamaWorker::Errands::run(Function function) {
  {
    std::lock_guard lock(worker_.mutex_);
    if (worker_.functions_.size() >= limits::kModelQueueMax) {
      return fail(ErrorKind::unavailable, "the thread of the model has too much to do");
    }
    worker_.functions_.push_back(std::move(function));
  }
  worker_.changed_.notify_one();
  return {};
}

Result<std::vector<std::int64_t>> LlamaWorker::count(const std::vector<std::string>& texts) {
  if (Result<void> loaded = load(); !loaded) return fail(std::move(loaded.error()));
  std::vector<std::int64_t> out;
  for (const std::string& text : texts) {
    out.push_back(static_cast<std::int64_t>(session_->batch().weights().tokenize(text).size()));
  }
  return out;
}

Result<void> LlamaWorker::load() {
  if (session_) return {};
  Result<WeightsPtr> weights = Weights::load(options_.path, Weights::Purpose::chat, closing_);
  if (!weights) return fail(std::move(weights.error()));
  Result<std::unique_ptr<LlamaContext>> context =
      LlamaContext::open(std::move(*weights), options_.context);
  if (!context) return fail(std::move(context.error()));
  session_.emplace(std::move(*context), options_.cache_dir);
  return {};
}

void LlamaWorker::start(const LlamaJobPtr& job) {
  if (Result<void> loaded = load(); !loaded) {
    finish(job, fail(std::move(loaded.error())));
    return;
  }
  Running& running = running_.emplace_back(job);
  running.on_text = [job](std::string_view text) { stream(job, text); };
  running.root = serve(*session_, running);
}

detail::Root LlamaWorker::serve(LlamaSession& session, Running& running) {
  LlamaJob& job = *running.job;
  finish(running.job, co_await session.reply(job.request, job.cancelled, running.on_text).result());
  running.ended = true;
}

}  // namespace ragent
