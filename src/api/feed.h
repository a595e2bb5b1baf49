// Feed: the events of one run from a record on: first those that the store has, then live ones,
// each record once. What a stream of the API sends, and what goes on with a handle when its home
// was taken over.
//
//   std::unique_ptr<Feed> feed = co_await Feed::attach(parts, run, after);
//   while (std::optional<Feed::News> news = co_await feed->next(loop.now() + 1s)) …
//
// One owner, the loop's thread; the engine outlives it. Deltas, states and notes have no number:
// they begin with the attaching.
#pragma once

#include <base/loop.h>
#include <base/pool.h>
#include <runtime/handle.h>

#include <deque>
#include <set>
#include <tuple>

namespace ragent::api {

struct FeedParts {
  Loop& loop;
  Pool& pool;  // for what blocks
  Engine& engine;
  std::string home;
};

class Feed {
 public:
  using News = RunHandle::State::News;

  // Loads a parked run, which goes on. One that has ended has its records and its end. Errors of
  // Engine::attach.
  static Task<std::unique_ptr<Feed>> attach(FeedParts parts, std::string run, std::uint64_t after);
  // Of a run that was just started, or joined by its key: all of its records. One that was steered:
  // those from now on.
  static Task<std::unique_ptr<Feed>> of(FeedParts parts, RunHandle handle, OnBusy on_busy);
  Feed(FeedParts parts, std::string run, std::uint64_t after);
  Feed(const Feed&) = delete;
  Feed& operator=(const Feed&) = delete;
  ~Feed();

  const std::string& run() const { return run_; }
  const std::string& session() const { return session_; }
  // Nothing: the time has passed, or interrupt() was called. After News::result nothing comes.
  Task<std::optional<News>> next(TimePoint until);
  void interrupt();  // next() answers, now and always
  bool interrupted() const { return interrupted_; }

 private:
  Task<void> open();
  Task<void> read(std::uint64_t before);  // records that the store has, up to that number
  bool fresh(const Event& event);  // not told by a record that was read
  std::optional<News> ready();
  Task<bool> wait(TimePoint until);

  FeedParts parts_;
  std::string run_;
  std::string session_ = {};
  std::uint64_t last_;  // number of the last record that was handed out, or is in the backlog
  std::deque<Event> backlog_ = {};
  // What the records that were read brought to an end, until a live record comes: the deltas
  // before their ends are older.
  std::set<std::tuple<std::string, std::uint32_t, std::int32_t>> told_ = {};
  std::optional<Result<Answer>> ended_ = {};  // before anybody could attach
  std::optional<RunHandle> handle_ = {};
  std::optional<News> first_ = {};  // that the handle told
  bool from_now_ = false;  // whatever number the first live record has
  bool interrupted_ = false;
  Signal signal_;
  std::unique_ptr<Watch> watch_ = {};
};

}  // namespace ragent::api
