#include <store/sqlite/lock.h>

#include <base/file.h>

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include <fmt/core.h>

namespace ragent {
namespace {

// The pid in the file, or "?" while its owner has not written it yet.
std::string owner_of(int file) {
  std::array<char, 32> bytes = {};
  const ssize_t size = ::pread(file, bytes.data(), bytes.size() - 1, 0);
  const std::string text(bytes.data(), size > 0 ? static_cast<std::size_t>(size) : 0);
  const std::string digits = text.substr(0, text.find_first_not_of("0123456789"));
  return digits.empty() ? "?" : digits;
}

}  // namespace

Result<HomeLock> HomeLock::take(const std::string& home) {
  const std::string path = home + "/lock";
  FileDescriptor file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!file) return fail(system_error("write", path, errno));
  if (::flock(file.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return fail(system_error("lock", path, errno));
    return fail(ErrorKind::conflict,
                fmt::format("the home {} is in use by process {}: wait until it ends, end it, or "
                            "choose another home",
                            home, owner_of(file.get())));
  }
  const std::string pid = fmt::format("{}\n", ::getpid());
  if (::ftruncate(file.get(), 0) != 0 ||
      ::pwrite(file.get(), pid.data(), pid.size(), 0) != static_cast<ssize_t>(pid.size())) {
    // Only the message for a second owner suffers: a full disk must not keep the first out.
  }
  return HomeLock(std::move(file));
}

}  // namespace ragent
