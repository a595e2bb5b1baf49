#include <base/file.h>

#include <base/posix.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstdlib>
#include <cstring>

namespace ragent {

constexpr int kLinksMax = 40;  // one after the other, as Linux itself follows

Error system_error(std::string_view doing, std::string_view path, int error_number) {
  ErrorKind kind = ErrorKind::io;
  if (error_number == ENOENT || error_number == ENOTDIR) kind = ErrorKind::not_found;
  if (error_number == ENOSPC || error_number == EDQUOT) kind = ErrorKind::unavailable;
  if (error_number == EISDIR) kind = ErrorKind::invalid;
  char text[256] = {};
  std::string message = "cannot " + std::string(doing) + " " + std::string(path) + ": ";
  message += strerror_r(error_number, text, sizeof text);  // the GNU one
  return {.kind = kind, .message = std::move(message)};
}

namespace {

std::string_view kind_of(mode_t mode) {
  if (S_ISDIR(mode)) return "a folder";
  if (S_ISFIFO(mode)) return "a FIFO";
  if (S_ISSOCK(mode)) return "a socket";
  return "a device";
}

// Of another kind reading may wait for ever, or never come to an end.
Result<void> check_regular(const std::string& path, const struct stat& found) {
  if (S_ISREG(found.st_mode)) return {};
  return fail(ErrorKind::invalid, "cannot read " + path + ": expected a regular file, it is " +
                                      std::string(kind_of(found.st_mode)));
}

}  // namespace

Result<std::string> read_file(const std::string& path, std::size_t bytes_max) {
  struct stat found = {};
  // Looked at first, as opening alone can do something to a device; and again, as it was opened.
  if (::stat(path.c_str(), &found) != 0) return fail(system_error("open", path, errno));
  if (Result<void> regular = check_regular(path, found); !regular) return fail(regular.error());
  const FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!file) return fail(system_error("open", path, errno));
  if (::fstat(file.get(), &found) != 0) return fail(system_error("open", path, errno));
  if (Result<void> regular = check_regular(path, found); !regular) return fail(regular.error());
  std::string text;
  for (;;) {
    const std::size_t before = text.size();
    text.resize(before + (before < 4096 ? 4096 : before));
    const ssize_t got = ::read(file.get(), text.data() + before, text.size() - before);
    const int error_number = errno;
    text.resize(before + static_cast<std::size_t>(got > 0 ? got : 0));
    if (got == 0) return text;
    if (got < 0 && error_number != EINTR) return fail(system_error("read", path, error_number));
    if (text.size() > bytes_max) {
      return fail(ErrorKind::invalid, "cannot read " + path + ": it is longer than the limit of " +
                                          std::to_string(bytes_max) + " bytes");
    }
  }
}

namespace {

Result<void> write_all(const FileDescriptor& file, const std::string& path,
                       std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t put = ::write(file.get(), bytes.data(), bytes.size());
    if (put < 0 && errno != EINTR) return fail(system_error("write", path, errno));
    if (put > 0) bytes.remove_prefix(static_cast<std::size_t>(put));
  }
  return {};
}

// Synced and closed; on failure the caller removes it.
Result<void> fill(FileDescriptor file, const std::string& path, std::string_view bytes,
                  unsigned mode) {
  if (::fchmod(file.get(), mode) != 0) return fail(system_error("set the mode of", path, errno));
  if (Result<void> written = write_all(file, path, bytes); !written) return written;
  if (::fsync(file.get()) != 0) return fail(system_error("sync", path, errno));
  if (::close(file.release()) != 0) return fail(system_error("close", path, errno));
  return {};
}

}  // namespace

Result<void> write_file_atomic(const std::string& path, std::string_view bytes, unsigned mode) {
  struct stat existing = {};
  if (::stat(path.c_str(), &existing) == 0) {
    if (S_ISDIR(existing.st_mode)) return fail(system_error("write", path, EISDIR));
    mode = existing.st_mode & 07777;
  }
  std::string temporary = path + ".XXXXXX";
  FileDescriptor file(::mkostemp(temporary.data(), O_CLOEXEC));
  if (!file) return fail(system_error("make a file beside", path, errno));
  Result<void> filled = fill(std::move(file), path, bytes, mode);
  if (filled && ::rename(temporary.c_str(), path.c_str()) != 0) {
    filled = fail(system_error("replace", path, errno));
  }
  if (!filled) {
    ::unlink(temporary.c_str());
    return filled;
  }
  const std::size_t slash = path.rfind('/');
  const std::string directory = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  const FileDescriptor opened(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!opened || ::fsync(opened.get()) != 0) return fail(system_error("sync", directory, errno));
  return {};
}

namespace {

// What the links of `path` end at, there or not.
Result<std::string> end_of_links(const std::string& path) {
  std::string end = path;
  for (int links = 0;; ++links) {
    std::string target(PATH_MAX, '\0');
    const ssize_t size = ::readlink(end.c_str(), target.data(), target.size());
    if (size < 0) return end;  // no link: a file, or nothing yet
    if (links == kLinksMax) return fail(system_error("write", path, ELOOP));
    target.resize(static_cast<std::size_t>(size));
    const std::size_t slash = end.rfind('/');
    const bool relative = !target.starts_with('/') && slash != std::string::npos;
    end = relative ? end.substr(0, slash + 1) + target : target;
  }
}

}  // namespace

Result<void> write_output(const std::string& path, std::string_view bytes) {
  struct stat existing = {};
  const bool exists = ::stat(path.c_str(), &existing) == 0;
  if (!exists || S_ISREG(existing.st_mode)) {
    const Result<std::string> end = end_of_links(path);
    if (!end) return fail(end.error());
    return write_file_atomic(*end, bytes);
  }
  if (S_ISDIR(existing.st_mode)) return fail(system_error("write", path, EISDIR));
  // By its own name: what /dev/stdout leads to may have no other ("pipe:[7]").
  FileDescriptor file(::open(path.c_str(), O_WRONLY | O_CLOEXEC | O_NOCTTY));
  if (!file) return fail(system_error("open", path, errno));
  if (Result<void> written = write_all(file, path, bytes); !written) return written;
  if (::close(file.release()) != 0) return fail(system_error("close", path, errno));
  return {};
}

Result<void> make_directories(const std::string& path, unsigned mode) {
  for (std::size_t end = 0; end != std::string::npos;) {
    end = path.find('/', end + 1);
    const std::string part = path.substr(0, end);
    if (part.empty() || ::mkdir(part.c_str(), mode) == 0) continue;
    const int error_number = errno;
    struct stat existing = {};
    if (::stat(part.c_str(), &existing) == 0 && S_ISDIR(existing.st_mode)) continue;
    return fail(system_error("make the directory", part, error_number));
  }
  return {};
}

}  // namespace ragent
