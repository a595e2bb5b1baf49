#include <cli/chat/input_history.h>

#include <base/file.h>
#include <base/posix.h>
#include <base/text.h>
#include <ragent/limits.h>

#include <cerrno>
#include <fcntl.h>
#include <sys/stat.h>

namespace ragent::cli {
namespace {

constexpr unsigned kMode = 0600;
constexpr std::size_t kFileBytesMax =
    2 * limits::kChatHistoryMax * limits::kChatHistoryEntryBytesMax;

std::string as_line(std::string_view entry) {
  std::string out;
  for (char c : entry) {
    if (c == '\\')
      out += "\\\\";
    else if (c == '\n')
      out += "\\n";
    else
      out += c;
  }
  return out + "\n";
}

std::string from_line(std::string_view line) {
  std::string out;
  for (std::size_t i = 0; i < line.size(); ++i) {
    if (line[i] != '\\' || i + 1 == line.size()) {
      out += line[i];
      continue;
    }
    ++i;
    out += line[i] == 'n' ? '\n' : line[i];
  }
  return out;
}

}  // namespace

std::vector<std::string> InputHistory::load() {
  Result<std::string> text = read_file(file_, kFileBytesMax);
  if (!text) return {};
  std::vector<std::string> out;
  for (std::string_view line : split(*text, '\n')) {
    if (!line.empty()) out.push_back(to_utf8(from_line(line)));
  }
  if (out.size() <= limits::kChatHistoryMax) return out;
  const bool cut = out.size() > 2 * limits::kChatHistoryMax;
  out.erase(out.begin(), out.end() - static_cast<std::ptrdiff_t>(limits::kChatHistoryMax));
  if (cut) {
    std::string kept;
    for (const std::string& entry : out) kept += as_line(entry);
    (void)write_file_atomic(file_, kept, kMode);  // it is only longer than need be
  }
  return out;
}

Result<void> InputHistory::add(const std::string& entry) {
  std::string line = as_line(entry);
  if (line.size() > limits::kChatHistoryEntryBytesMax) return {};
  constexpr int kFlags = O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;
  FileDescriptor file(::open(file_.c_str(), kFlags, kMode));
  struct stat found = {};
  if (!file || ::fstat(file.get(), &found) != 0) return fail(system_error("open", file_, errno));
  if (!S_ISREG(found.st_mode)) {
    return fail(ErrorKind::invalid, "expected " + file_ + " to be a regular file");
  }
  if ((found.st_mode & 0777) != kMode && ::fchmod(file.get(), kMode) != 0) {
    return fail(system_error("set the mode of", file_, errno));
  }
  char last = '\n';
  if (found.st_size > 0) (void)!::pread(file.get(), &last, 1, found.st_size - 1);
  if (last != '\n') line.insert(0, "\n");  // what the disk had no more room for is not joined
  // One write: lines of two chats do not mix.
  if (::write(file.get(), line.data(), line.size()) != static_cast<ssize_t>(line.size())) {
    return fail(system_error("write", file_, errno));
  }
  return {};
}

}  // namespace ragent::cli
