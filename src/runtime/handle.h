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

// Whom a handle asks: the engine of this process, or the way to the one of another (src/api).
class HandleOwner {
 public:
  virtual ~HandleOwner() = default;
  // Waits until `ready` (asked under `mutex`) or the time has passed; an engine without threads
  // works meanwhile.
  virtual void wait(std::mutex& mutex, std::condition_variable& changed,
                    const std::function<bool()>& ready,
                    std::optional<std::chrono::milliseconds> timeout) = 0;
  virtual Result<void> cancel(const Tenant& tenant, const std::string& run, std::string reason) = 0;
};

struct RunHandle::State {
  State(std::shared_ptr<HandleOwner> owner, Tenant tenant);
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State();

  // From the shard.
  void name(std::string run, std::string session);
  void push(Event event);
  void finish(Result<Answer> result);
  void stand(std::string why);  // it waits for a person, or cannot go on
  std::string work();  // it goes on again; answers what it stood at

  // `then` runs once, where finish() is called; at once when it has been.
  void when_finished(Function then);

  // From the caller.
  std::optional<Event> pop(std::chrono::milliseconds timeout);
  int fd();
  Result<Answer> wait();
  Result<Answer> result();  // after finish()
  // What pop() would answer now, and why it would answer nothing; for those who wait by fd().
  struct News {
    std::optional<Event> event = {};
    std::optional<Result<Answer>> result = {};  // the end: no event comes any more
    std::string standing = {};  // what it waits for; said once each time
    bool any() const { return event || result || !standing.empty(); }
  };
  News take();

  std::shared_ptr<HandleOwner> owner;  // shared with the Engine, or the Host
  const Tenant tenant;  // whose run it is
  std::string run = {};
  std::string session = {};
  Places::Hold place = {};  // of a start with a key; in the owner above

 private:
  void signal();
  std::optional<Event> front();
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
