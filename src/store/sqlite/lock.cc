#include <store/sqlite/lock.h>

#include <base/file.h>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <fstream>

#include <fmt/core.h>

namespace ragent {
namespace {

constexpr std::string_view kJournal = "journal\n";  // the note that there is one

std::string text_of(int file) {
  std::array<char, 64> bytes = {};
  const ssize_t size = ::pread(file, bytes.data(), bytes.size(), 0);
  return {bytes.data(), size > 0 ? static_cast<std::size_t>(size) : 0};
}

// The pid in the file, or "?" while its owner has not written it yet.
std::string owner_of(int file) {
  const std::string text = text_of(file);
  const std::string digits = text.substr(0, text.find_first_not_of("0123456789"));
  return digits.empty() ? "?" : digits;
}

// Written over what stands there: at no moment is the note missing, though the rest of an older
// line may follow it.
void write_owner(int file, bool journal) {
  const std::string text = fmt::format("{}\n{}", ::getpid(), journal ? kJournal : "");
  const auto size = static_cast<ssize_t>(text.size());
  if (::pwrite(file, text.data(), text.size(), 0) != size || ::ftruncate(file, size) != 0) {
    // A full disk must not keep the owner out. It has no number then, and a new home no note.
  }
}

}  // namespace

Result<HomeLock> HomeLock::take(const std::string& home) {
  const std::string path = home + "/lock";
  // No link: what is written there must not go into a file that somebody else's home names.
  FileDescriptor file(::open(path.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!file) {
    Error error = system_error("write", path, errno);
    error.message += "; make the home writable or choose another one";
    return fail(std::move(error));
  }
  if (::flock(file.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return fail(system_error("lock", path, errno));
    return fail(ErrorKind::conflict,
                fmt::format("the home {} is in use by process {}: wait until it ends, end it, or "
                            "choose another home",
                            home, owner_of(file.get())));
  }
  write_owner(file.get(), text_of(file.get()).contains(kJournal));
  return HomeLock(std::move(file));
}

bool HomeLock::had_journal(const std::string& home) {
  const FileDescriptor file(::open((home + "/lock").c_str(), O_RDONLY | O_CLOEXEC));
  return file && text_of(file.get()).contains(kJournal);
}

bool HomeLock::held(const std::string& home) {
  struct stat file = {};
  if (::stat((home + "/lock").c_str(), &file) != 0) return false;
  // "1: FLOCK  ADVISORY  WRITE 4711 fe:00:131090 0 EOF"
  const std::string place =
      fmt::format(" {:02x}:{:02x}:{} ", major(file.st_dev), minor(file.st_dev), file.st_ino);
  std::ifstream locks("/proc/locks");
  for (std::string line; std::getline(locks, line);) {
    if (line.contains("FLOCK") && line.contains(place)) return true;
  }
  return false;
}

void HomeLock::note_journal() const {
  if (!text_of(file_.get()).ends_with(kJournal)) write_owner(file_.get(), true);
}

}  // namespace ragent
