// LlamaWorker: the thread of one local model, and the requests on their way to it. Shared by the
// models that the shards of a process opened from one file; jobs come from any of them.
//
//   auto job = std::make_shared<LlamaJob>(std::move(request), loop, deltas);
//   LlamaJob::Caller caller(job);             // in the frame that waits: destroying it cancels
//   if (worker->enqueue(job)) co_await job->done;
//   Result<Reply> reply = std::move(*job->result);
//
// Weights are loaded by the first request. Up to kModelBatchMax requests are answered at once, in
// the order they came; the others wait.
#pragma once

#include <base/loop.h>
#include <base/pool.h>
#include <base/scope.h>
#include <model/llama/session.h>

#include <condition_variable>
#include <deque>
#include <list>
#include <mutex>
#include <thread>

namespace ragent {

// One request on its way: between the coroutine on the shard and the thread of the model.
struct LlamaJob {
  LlamaJob(ModelRequest request, Loop& loop, DeltaSink& deltas)
      : request(std::move(request)), deltas(&deltas), done(loop), loop(&loop) {}
  ModelRequest request;
  Stop cancelled = false;
  // Of the shard:
  DeltaSink* deltas;  // null: nobody listens any more
  Signal done;
  std::optional<Result<Reply>> result = {};
  // Of both:
  std::mutex mutex = {};
  Loop* loop;  // null: its coroutine is gone, nothing may be posted
  std::string streamed = {};  // not yet given to `deltas`

  class Caller {
   public:
    explicit Caller(std::shared_ptr<LlamaJob> job) : job_(std::move(job)) {}
    Caller(const Caller&) = delete;
    Caller& operator=(const Caller&) = delete;
    ~Caller();

   private:
    std::shared_ptr<LlamaJob> job_;
  };
};
using LlamaJobPtr = std::shared_ptr<LlamaJob>;  // by the coroutine, the thread, posted functions

class LlamaWorker {
 public:
  struct Options {
    std::string path = {};
    std::string cache_dir = {};
    LlamaContext::Options context = {};
  };
  explicit LlamaWorker(Options options);
  LlamaWorker(const LlamaWorker&) = delete;
  LlamaWorker& operator=(const LlamaWorker&) = delete;
  ~LlamaWorker();
  // Any thread. False: kModelQueueMax requests are waiting.
  bool enqueue(const LlamaJobPtr& job);
  // How many tokens each text is. Called on the worker's own thread: offload(loop, thread(), …).
  Result<std::vector<std::int64_t>> count(const std::vector<std::string>& texts);
  Pool& thread() { return errands_; }

 private:
  // What is done between two turns.
  class Errands : public Pool {
   public:
    explicit Errands(LlamaWorker& worker) : worker_(worker) {}
    Result<void> run(Function function) override;

   private:
    LlamaWorker& worker_;
  };
  struct Running {
    LlamaJobPtr job;
    LlamaSession::OnText on_text = {};
    bool ended = false;
    detail::Root root = {};
  };
  void work();
  std::vector<LlamaJobPtr> next();  // blocks while there is nothing to do
  Result<void> load();
  void start(const LlamaJobPtr& job);
  static detail::Root serve(LlamaSession& session, Running& running);

  Options options_;
  std::optional<LlamaSession> session_ = {};  // of the thread
  std::list<Running> running_ = {};           // of the thread; goes before the session
  Stop closing_ = false;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<LlamaJobPtr> queue_;  // guarded by mutex_
  std::vector<Function> functions_;  // guarded by mutex_
  Errands errands_{*this};
  std::thread thread_;
};

}  // namespace ragent
