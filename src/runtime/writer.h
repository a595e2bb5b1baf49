// JournalWriter: group commit. Shards hand over what a turn brought; whatever is there when the
// last commit ends goes into the next one. Owned by the engine; submit() from any shard's thread.
//
//   writer.submit(std::move(group), loop, [](Result<std::uint64_t> lsn) { … });   // when durable
//
// A full disk: rolled back, tried again with back-off. Any other failure ends the engine: what was
// written is not known, so nothing more may be.
#pragma once

#include <base/pool.h>
#include <runtime/wake.h>
#include <store/store.h>

#include <mutex>

namespace ragent {

class JournalWriter {
 public:
  // `committed` runs on the submitter's loop with the lsn of its first record.
  using Committed = std::move_only_function<void(std::uint64_t lsn)>;

  // `retry_loop` waits between attempts on a full disk; `failed` is called once, on its thread.
  JournalWriter(Journal& journal, Pool& pool, Loop& retry_loop,
                std::move_only_function<void(Error)> failed);
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
  void pump();  // on the pool: one commit after another until nothing waits
  void retry();  // the same group again, later
  void stop(Error error);

  Journal& journal_;
  Pool& pool_;
  Loop& retry_loop_;
  std::move_only_function<void(Error)> failed_;
  std::function<void(RunId)> on_final_ = [](RunId) {};
  mutable std::mutex mutex_;
  std::vector<Item> waiting_;  // guarded by mutex_
  bool busy_ = false;  // guarded by mutex_
  bool broken_ = false;  // guarded by mutex_
  Group group_;  // of the commit under way; the pump's
  std::vector<Taken> taken_;  // whose records these are
  std::chrono::milliseconds back_off_ = {};
  Root retrying_ = {};  // on retry_loop_
};

}  // namespace ragent
