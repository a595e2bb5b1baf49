// JournalWriter: group commit. Shards hand over what a turn brought; whatever is there when the
// last commit ends goes into the next one. Owned by the engine; submit() from any shard's thread.
//
//   writer.submit(std::move(group), loop, [](std::uint64_t lsn) { … });   // when durable
//
// A full disk: rolled back, tried again with back-off for EngineOptions::full_disk_wait. Longer
// than that, or any other failure, stops the engine: what was acknowledged is durable, and after
// another failure than a full disk what was written last is not known, so nothing more may be.
#pragma once

#include <base/pool.h>
#include <runtime/patience.h>
#include <runtime/wake.h>
#include <store/store.h>

#include <mutex>

namespace ragent {

class JournalWriter {
 public:
  // `committed` runs on the submitter's loop with the lsn of its first record; or it is dropped
  // there, when the engine stops.
  using Committed = std::move_only_function<void(std::uint64_t lsn)>;

  struct Parts {
    Journal& journal;
    Pool& pool;
    Loop& retry_loop;  // waits between attempts on a full disk
    Logger log;
    std::chrono::milliseconds full_disk_wait;
    std::move_only_function<void(Error)> failed;  // called once, on that loop's thread
  };
  explicit JournalWriter(Parts parts);
  JournalWriter(const JournalWriter&) = delete;
  JournalWriter& operator=(const JournalWriter&) = delete;

  void submit(Group group, Loop& loop, Committed committed);
  // `told` gets the runs whose `final` became durable, in order of lsn; on the pool. Once, before
  // the first submit().
  void on_final(std::function<void(RunId)> told) { on_final_ = std::move(told); }
  bool idle() const;  // nothing waits to be written

 private:
  struct Item {
    Group group;
    Loop* loop;
    Committed committed;
  };
  struct Taken {
    std::size_t records;
    Loop* loop;
    Committed committed;
  };
  bool take();
  void start_pump();  // later, when the pool takes nothing
  void pump();  // on the pool: one commit after another until nothing waits
  void retry(Error error);  // the same group again, later
  void stop(Error error);

  Parts parts_;
  std::function<void(RunId)> on_final_ = [](RunId) {};
  mutable std::mutex mutex_;
  std::vector<Item> waiting_;  // guarded by mutex_
  bool busy_ = false;  // guarded by mutex_
  bool broken_ = false;  // guarded by mutex_
  Group group_;  // of the commit under way; the pump's
  std::vector<Taken> taken_;  // whose records these are
  Patience patience_;  // the pump's, and of the retry between two of them
  Root retrying_ = {};  // on the retry loop
};

}  // namespace ragent
