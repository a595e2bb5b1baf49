#include <action/workspace.h>

#include <ragent/limits.h>

#include <base/file.h>
#include <base/posix.h>
#include <base/text.h>

#include <algorithm>
#include <cerrno>
#include <ctime>

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

namespace ragent {
namespace {

constexpr std::size_t kNameShownMax = 120;
constexpr const char* kRootName = "./";

// What a walk meets: the open folder, the name in it, the path from the root.
using Visit = std::function<void(int folder, const std::string& name, const std::string& path,
                                 const struct stat& entry)>;
using Missed = std::function<void(const std::string& path, std::string why)>;

FileDescriptor open_folder(int at, const char* name) {
  return FileDescriptor(::openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
}

std::string why_not(std::string_view doing, int error_number) {
  return system_error(doing, "it", error_number).message;
}

std::int64_t nanoseconds(const timespec& time) {
  return time.tv_sec * 1'000'000'000 + time.tv_nsec;
}

class Walk {
 public:
  Walk(Visit visit, Missed missed) : visit_(std::move(visit)), missed_(std::move(missed)) {}

  // Every entry but folders, in order of name; folders before what follows them.
  void folder(const FileDescriptor& open, const std::string& path, std::size_t depth) {
    for (const std::string& name : names(open, path)) {
      std::string inside = path.empty() ? name : path + "/" + name;
      struct stat entry = {};
      if (::fstatat(open.get(), name.c_str(), &entry, AT_SYMLINK_NOFOLLOW) != 0) continue;
      if (!S_ISDIR(entry.st_mode)) {
        visit_(open.get(), name, inside, entry);
        continue;
      }
      if (depth == limits::kWorkspaceDepthMax) {
        missed_(inside, fmt::format("more than {} folders deep", limits::kWorkspaceDepthMax));
        continue;
      }
      FileDescriptor below = open_folder(open.get(), name.c_str());
      if (below) {
        folder(below, inside, depth + 1);
      } else {
        missed_(inside, why_not("open", errno));
      }
    }
  }

 private:
  std::vector<std::string> names(const FileDescriptor& open, const std::string& path) {
    std::vector<std::string> out;
    FileDescriptor again(::openat(open.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    std::unique_ptr<DIR, int (*)(DIR*)> entries(again ? ::fdopendir(again.get()) : nullptr,
                                                ::closedir);
    if (!entries) {
      missed_(path, why_not("read", errno));
      return out;
    }
    (void)again.release();  // the stream's now
    for (;;) {
      errno = 0;
      const dirent* entry = ::readdir(entries.get());
      if (!entry) break;
      std::string_view name = entry->d_name;
      if (name == "." || name == "..") continue;
      if (left_ == 0) {
        missed_(path, fmt::format("only {} entries are looked at", limits::kWorkspaceEntriesMax));
        errno = 0;
        break;
      }
      --left_;
      out.emplace_back(name);
    }
    if (errno != 0) missed_(path, why_not("read", errno));
    std::ranges::sort(out);
    return out;
  }

  Visit visit_;
  Missed missed_;
  std::size_t left_ = limits::kWorkspaceEntriesMax;
};

// The whole of a regular file that stays as it is meanwhile.
Result<std::string> read_steady(int folder, const std::string& name, const struct stat& entry) {
  // Without waiting: it may have become a pipe.
  FileDescriptor file(
      ::openat(folder, name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  if (!file) return fail(ErrorKind::io, why_not("open", errno));
  auto same = [&](const struct stat& now) {
    return S_ISREG(now.st_mode) && now.st_ino == entry.st_ino && now.st_size == entry.st_size &&
           now.st_ctim.tv_sec == entry.st_ctim.tv_sec &&
           now.st_ctim.tv_nsec == entry.st_ctim.tv_nsec;
  };
  struct stat now = {};
  std::string bytes;
  std::size_t have = 0;
  if (::fstat(file.get(), &now) == 0 && same(now)) {
    bytes.resize(static_cast<std::size_t>(entry.st_size));
    while (have < bytes.size()) {
      const ssize_t got = ::read(file.get(), bytes.data() + have, bytes.size() - have);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return fail(ErrorKind::io, why_not("read", errno));
      if (got == 0) break;
      have += static_cast<std::size_t>(got);
    }
  }
  bool whole = have == bytes.size() && ::fstat(file.get(), &now) == 0 && same(now);
  if (!whole) return fail(ErrorKind::io, "it changed while it was read");
  return bytes;
}

}  // namespace

Workspace::Mark Workspace::mark_of(const struct stat& entry) {
  return {.inode = entry.st_ino, .bytes = entry.st_size, .changed_ns = nanoseconds(entry.st_ctim)};
}

void Workspace::look() {
  timespec now = {};
  // The clock of the files' times of change, which lags behind the others.
  ::clock_gettime(CLOCK_REALTIME_COARSE, &now);
  looked_ns_ = nanoseconds(now);
  FileDescriptor root = open_folder(AT_FDCWD, folder_.c_str());
  if (!root) {
    if (errno != ENOENT) seen_whole_ = false;  // else the first call of this run
    return;
  }
  Walk([&](int, const std::string&, const std::string& path,
           const struct stat& entry) { before_[path] = mark_of(entry); },
       [&](const std::string&, const std::string&) { seen_whole_ = false; })
      .folder(root, "", 0);
}

void Workspace::keep(ToolHost& host) {
  FileDescriptor root = open_folder(AT_FDCWD, folder_.c_str());
  if (!root) {
    // Else nothing was started, or it is gone with all that was in it.
    if (errno != ENOENT) leave_out(kRootName, 0, why_not("open", errno));
    return;
  }
  Walk([&](int folder, const std::string& name, const std::string& path,
           const struct stat& entry) { keep_entry(host, folder, name, path, entry); },
       [&](const std::string& path, std::string why) {
         leave_out(path.empty() ? kRootName : path + "/", 0, std::move(why));
       })
      .folder(root, "", 0);
  if (left_out_ <= limits::kOutputFilesMax) return;
  std::size_t more = left_out_ - limits::kOutputFilesMax;
  files_.push_back({.name = "*", .left_out = fmt::format("{} more were left out", more)});
}

void Workspace::keep_entry(ToolHost& host, int folder, const std::string& name,
                           const std::string& path, const struct stat& entry) {
  auto known = before_.find(path);
  if (known != before_.end() && known->second == mark_of(entry)) return;
  // Where not all was seen before, what is unknown may be old.
  if (known == before_.end() && !seen_whole_ && nanoseconds(entry.st_ctim) < looked_ns_) return;
  auto bytes = static_cast<std::uint64_t>(entry.st_size);
  if (!S_ISREG(entry.st_mode)) return leave_out(path, 0, "it is no regular file");
  if (bytes > limits::kOutputFileBytesMax) {
    return leave_out(path, bytes, fmt::format("at most {} bytes", limits::kOutputFileBytesMax));
  }
  if (kept_ == limits::kOutputFilesMax) {
    return leave_out(path, bytes, fmt::format("at most {} files", limits::kOutputFilesMax));
  }
  if (kept_bytes_ + bytes > limits::kOutputFilesBytesMax) {
    return leave_out(path, bytes,
                     fmt::format("at most {} bytes together", limits::kOutputFilesBytesMax));
  }
  Result<std::string> content = read_steady(folder, name, entry);
  if (!content) return leave_out(path, bytes, std::move(content.error().message));
  Result<std::string> id = host.artifact(std::move(*content));
  if (!id) return leave_out(path, bytes, std::move(id.error().message));
  ++kept_;
  kept_bytes_ += bytes;
  files_.push_back(
      {.name = printable(path, kNameShownMax), .bytes = bytes, .artifact = std::move(*id)});
}

void Workspace::leave_out(const std::string& path, std::uint64_t bytes, std::string why) {
  if (++left_out_ > limits::kOutputFilesMax) return;
  files_.push_back(
      {.name = printable(path, kNameShownMax), .bytes = bytes, .left_out = std::move(why)});
}

}  // namespace ragent
