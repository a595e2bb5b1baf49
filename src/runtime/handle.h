// RunHandle::State: where a run on its shard and a caller on any thread meet. Shared by both; every
// method may be called from any thread, but name() comes before the caller has the handle.
#pragma once

#include <base/loop.h>
#include <ragent/engine.h>
#include <runtime/places.h>

#include <condition_variable>
#include <deque>
#include <mutex>

namespace ragent {

class EngineCore;

struct RunHandle::State {
  State(std::shared_ptr<EngineCore> engine, Tenant tenant);
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State();

  // From the shard.
  void name(std::string run, std::string session);
  void push(Event event);
  void finish(Result<Answer> result);
  void stand(std::string why);  // it waits for a person, or cannot go on
  void work();  // it goes on again

  // `then` runs once, where finish() is called; at once when it has been.
  void when_finished(Function then);

  // From the caller.
  std::optional<Event> pop(std::chrono::milliseconds timeout);
  int fd();
  Result<Answer> wait();
  Result<Answer> result();  // after finish()

  std::shared_ptr<EngineCore> engine;  // shared with the Engine: it drives the shard when
      // the engine has no threads
  const Tenant tenant;  // whose run it is
  std::string run = {};
  std::string session = {};
  Places::Hold place = {};  // of a start with a key; in the engine above

 private:
  void signal();
  bool news() const { return !events_.empty() || result_ || stopped_; }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Event> events_;
  std::size_t deltas_ = 0;  // among them
  std::optional<Result<Answer>> result_;
  std::string standing_;
  bool stopped_ = false;  // it stands still, and pop() has not said so
  Function then_;
  int fd_ = -1;  // opened when asked for
};

Event event_of(const struct Record& record);

}  // namespace ragent
