// Filer: what happens to a run after its `final` is durable. Its turn and usage are applied to the
// tenant file in order of lsn (what comes out of order would be taken for applied); then finished
// runs move there in batches and leave the journal. Owned by the engine; lives on the engine's
// first loop, works on the store pool.
//
// Nothing acknowledged hangs on it: the journal holds the records, whoever waits for a run was told
// its outcome, and the next opening of the home does what is left. A full disk: tried again with
// back-off for EngineOptions::full_disk_wait. Longer than that, or any other failure, stops the
// engine: a later turn must not be applied before one that was not.
//
//   filer.expect(run);                                        // its final is durable
//   filer.finished(tenant, item, run, loop, [] { start_next_run_of_the_session(); });
#pragma once

#include <base/scope.h>
#include <runtime/writer.h>

#include <deque>
#include <map>

namespace ragent {

class Filer {
 public:
  struct Parts {
    Loop& loop;
    Pool& pool;
    Store& store;
    JournalWriter& writer;
    Logger log;
    std::chrono::milliseconds full_disk_wait;
    std::function<void(Error)> failed;  // called once, on that loop's thread
  };
  explicit Filer(Parts parts);

  // On its loop, in order of lsn: each run that will be finished().
  void expect(RunId run);
  // From any shard's thread; `done` runs on `shard_loop` once the turn can be read.
  void finished(Tenant tenant, Applied item, RunId run, Loop& shard_loop, Function done);
  bool idle() const { return expected_.empty() && !working_; }

 private:
  struct Item {
    Tenant tenant;
    Applied applied;
    RunId run;
    Loop* loop;
    Function done;
  };
  std::vector<Item> take();  // the next ones in order that are there
  Task<void> work();
  Task<void> work_on(std::vector<Item> batch);
  // On the pool, again while the disk is full.
  Task<void> write(std::function<Result<void>(Tenants&)> call);
  void start();

  Parts parts_;
  std::deque<RunId> expected_ = {};
  std::map<RunId, Item> there_ = {};
  bool working_ = false;
  Scope scope_;
};

}  // namespace ragent
