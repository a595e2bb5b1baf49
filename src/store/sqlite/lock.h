// HomeLock: the flock on a home's `lock` file. One process owns a home and writes to it; the file
// holds its pid for the others to name. The kernel lets go when the process ends, however it ends.
//
//   Result<HomeLock> lock = HomeLock::take(".ragent");
//   if (!lock) return fail(lock.error());  // conflict: "… is in use by process 4711 …"
//
// Owned by the store; any thread.
#pragma once

#include <ragent/result.h>

#include <base/posix.h>

namespace ragent {

class HomeLock {
 public:
  static Result<HomeLock> take(const std::string& home);

 private:
  explicit HomeLock(FileDescriptor file) : file_(std::move(file)) {}
  FileDescriptor file_;
};

}  // namespace ragent
