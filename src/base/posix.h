// FileDescriptor: closes a descriptor of the operating system. One owner; any thread.
//
//   FileDescriptor file(::open(path, O_RDONLY | O_CLOEXEC));
//   if (!file) return fail(system_error("open", path, errno));
//   ::read(file.get(), …);
#pragma once

#include <unistd.h>

#include <utility>

namespace ragent {

class FileDescriptor {
 public:
  FileDescriptor() = default;
  explicit FileDescriptor(int fd) : fd_(fd) {}
  FileDescriptor(FileDescriptor&& other) noexcept : fd_(other.release()) {}
  FileDescriptor& operator=(FileDescriptor&& other) noexcept {
    reset(other.release());
    return *this;
  }
  ~FileDescriptor() { reset(); }

  explicit operator bool() const { return fd_ >= 0; }
  int get() const { return fd_; }
  int release() { return std::exchange(fd_, -1); }
  void reset(int fd = -1) {
    if (fd_ >= 0) ::close(fd_);
    fd_ = fd;
  }

 private:
  int fd_ = -1;
};

}  // namespace ragent
