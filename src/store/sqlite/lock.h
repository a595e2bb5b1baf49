// HomeLock: the flock on a home's `lock` file. One process owns a home and writes to it; the file
// holds its pid for the others to name. The kernel lets go when the process ends, however it ends.
// A second line says that the home has a journal: without it a lost one would read as a new home.
//
//   Result<HomeLock> lock = HomeLock::take(".ragent");
//   if (!lock) return fail(lock.error());  // conflict: "… is in use by process 4711 …"
//   lock->note_journal();                  // it was made, or opened
//
// Owned by the store; any thread.
#pragma once

#include <ragent/result.h>

#include <base/posix.h>

namespace ragent {

class HomeLock {
 public:
  static Result<HomeLock> take(const std::string& home);
  static bool had_journal(const std::string& home);  // an owner noted one; needs no lock
  // Some process has it now. As the kernel lists it: trying the lock would be in an owner's way.
  static bool held(const std::string& home);
  void note_journal() const;

 private:
  explicit HomeLock(FileDescriptor file) : file_(std::move(file)) {}
  FileDescriptor file_;
};

}  // namespace ragent
