// MemoryDisk: what a memory store writes to, and its faults. It outlives the store, as files do.
//
//   auto disk = std::make_shared<MemoryDisk>();
//   engine.reset();                          // a crash: whatever was committed is on the disk
//   disk->power_cut();                       // a harder one: what was not synced is lost
//   options.store = make_memory_store(disk);
//
// Any thread; one store at a time.
#pragma once

#include <store/store.h>

namespace ragent {

class MemoryDisk {
 public:
  MemoryDisk();
  ~MemoryDisk();
  // The next commit answers `error`. An io error may come after the group was `written`: its
  // caller cannot tell. As with files, the store then takes no further commit; a new one does.
  void fail_next_commit(Error error, bool written = false);
  // Turns that were applied, but not yet synced by filing a run, are lost. The journal is not:
  // a commit is durable when it returns.
  void power_cut();

 private:
  friend class MemoryStore;
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace ragent
