// Filer: what happens to a run after its `final` is durable. Its turn and usage are applied to the
// tenant file in order of lsn (what comes out of order would be taken for applied); then finished
// runs move there in batches and leave the journal. Owned by the engine; lives on the engine's
// first loop, works on the store pool.
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
  // `failed` is called once, when a tenant file cannot be written for another reason than a full
  // disk: nothing may be applied after what was not.
  Filer(Loop& loop, Pool& pool, Store& store, JournalWriter& writer, Logger log,
        std::function<void(Error)> failed);

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
  // Tried again while the disk is full.
  Task<void> apply(Tenant tenant, std::vector<Applied> items);
  void start();

  Loop& loop_;
  Pool& pool_;
  Store& store_;
  JournalWriter& writer_;
  Logger log_;
  std::function<void(Error)> failed_;
  std::deque<RunId> expected_ = {};
  std::map<RunId, Item> there_ = {};
  bool working_ = false;
  Scope scope_;
};

}  // namespace ragent
