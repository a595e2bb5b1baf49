#include <cli/console.h>

#include <ragent/limits.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <fmt/core.h>
#include <poll.h>
#include <pwd.h>
#include <sys/ioctl.h>
#include <unistd.h>

namespace ragent::cli {
namespace {

using std::chrono::milliseconds;

constexpr std::size_t kWidthDefault = 80;
constexpr std::size_t kWidthPiped = 100;
constexpr std::size_t kWidthMin = 40;
constexpr std::size_t kPieceBytes = 64u << 10;  // read at once
constexpr milliseconds kSilence{1000};  // shorter work draws nothing
constexpr milliseconds kFrame{100};

std::atomic<int> g_interrupts = 0;  // a signal handler has no other way to speak
static_assert(std::atomic<int>::is_always_lock_free);

void on_interrupt(int) {
  if (g_interrupts.fetch_add(1) == 0) return;
  static constexpr std::string_view kBye = "\nleft; `ragent resume` carries on\n";
  [[maybe_unused]] ssize_t written = ::write(STDERR_FILENO, kBye.data(), kBye.size());
  ::_exit(kExitInterrupted);
}

std::string_view variable(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

bool utf8_locale() {
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    std::string_view value = variable(name);
    if (value.empty()) continue;
    return value.find("UTF-8") != value.npos || value.find("utf8") != value.npos;
  }
  return false;
}

Look look_of(int fd) {
  bool terminal = ::isatty(fd) == 1;
  Look look{.color = terminal && variable("NO_COLOR").empty() && variable("TERM") != "dumb",
            // What is read by a program or written to a file is UTF-8.
            .unicode = !terminal || utf8_locale(),
            .width = terminal ? kWidthDefault : kWidthPiped};
  winsize size = {};
  if (terminal && ::ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
    look.width = std::max<std::size_t>(size.ws_col, kWidthMin);
  }
  return look;
}

}  // namespace

Console::Console()
    : out(look_of(STDOUT_FILENO)),
      err(look_of(STDERR_FILENO)),
      drawing(::isatty(STDERR_FILENO) == 1 && variable("TERM") != "dumb"),
      interactive(::isatty(STDIN_FILENO) == 1 && ::isatty(STDERR_FILENO) == 1) {}

Exit Console::report(const Error& error) const {
  note(error_text(err, error));
  return kExitError;
}

std::optional<std::string> Console::ask(const std::string& prompt) const {
  std::fflush(stdout);
  std::fputs(prompt.c_str(), stderr);
  std::fflush(stderr);
  std::optional<std::string> line = read_line();
  if (!line) std::fputs("\n", stderr);
  return line;
}

std::optional<std::string> read_line() {
  std::string line;
  char byte = 0;
  ssize_t count = 0;
  // Not stdio: Ctrl-C has to end the wait.
  while ((count = ::read(STDIN_FILENO, &byte, 1)) == 1 && byte != '\n') {
    if (line.size() <= limits::kInputBytesMax) line += byte;
  }
  bool whole = count == 1 || (count == 0 && !line.empty());  // the last line may have no end
  return whole ? std::optional(std::move(line)) : std::nullopt;
}

Result<std::string> read_input(std::string_view what) {
  std::string text;
  std::string piece(kPieceBytes, '\0');
  for (;;) {
    ssize_t got = ::read(STDIN_FILENO, piece.data(), piece.size());
    if (got < 0 && errno == EINTR && interrupts() == 0) continue;
    if (got < 0) {
      return fail(ErrorKind::io, fmt::format("{} could not be read from standard input", what));
    }
    if (got == 0) return text;
    text.append(piece, 0, static_cast<std::size_t>(got));
    if (text.size() > limits::kInputBytesMax) {
      return fail(ErrorKind::invalid,
                  fmt::format("{} on standard input is longer than {} bytes: "
                              "put what is long into a file that a tool of the agent reads",
                              what, limits::kInputBytesMax));
    }
  }
}

bool reader_left() {
  pollfd out = {.fd = STDOUT_FILENO, .events = 0, .revents = 0};
  return ::poll(&out, 1, 0) == 1 && (out.revents & (POLLERR | POLLHUP)) != 0;
}

void print(std::string_view text) { std::fwrite(text.data(), 1, text.size(), stdout); }
void note(std::string_view text) { std::fwrite(text.data(), 1, text.size(), stderr); }

Progress::Progress(const Console& console) : console_(console) {
  if (console_.drawing) thread_ = std::thread([this] { work(); });
}

Progress::~Progress() {
  {
    std::lock_guard lock(mutex_);
    over_ = true;
    wipe();
  }
  changed_.notify_one();
  if (thread_.joinable()) thread_.join();
}

void Progress::say(std::string what) {
  std::lock_guard lock(mutex_);
  if (what == what_) return;
  if (what.empty()) wipe();
  what_ = std::move(what);
  since_ = std::chrono::steady_clock::now();
  changed_.notify_one();
}

void Progress::detail(std::string what) {
  std::lock_guard lock(mutex_);
  what_ = std::move(what);
}

void Progress::print(std::FILE* to, std::string_view text) {
  if (text.empty()) return;
  std::lock_guard lock(mutex_);
  wipe();
  std::fwrite(text.data(), 1, text.size(), to);
  std::fflush(to);
}

void Progress::wipe() {
  if (!std::exchange(drawn_, false)) return;
  std::fputs("\r\x1b[K", stderr);
  std::fflush(stderr);
}

void Progress::work() {
  std::unique_lock lock(mutex_);
  for (std::size_t frame = 0; !over_; ++frame) {
    if (what_.empty()) {
      changed_.wait(lock);
      continue;
    }
    changed_.wait_for(lock, kFrame);
    auto lasted = std::chrono::steady_clock::now() - since_;
    if (over_ || what_.empty() || lasted < kSilence) continue;
    auto seconds = std::chrono::duration_cast<std::chrono::seconds>(lasted).count();
    std::string line = fmt::format("{} {} {} s", spinner(console_.err, frame), what_, seconds);
    line = fit(console_.err, line, console_.err.width - 1);
    std::fprintf(stderr, "\r%s\x1b[K", dim(console_.err, line).c_str());
    std::fflush(stderr);
    drawn_ = true;
  }
}

void catch_interrupts() {
  struct sigaction action = {};
  action.sa_handler = on_interrupt;  // without SA_RESTART: it ends a prompt
  ::sigaction(SIGINT, &action, nullptr);
  // A tool that dies while it is written to must not take the engine along.
  std::signal(SIGPIPE, SIG_IGN);
}

int interrupts() { return g_interrupts.load(); }

std::string user_name() {
  const passwd* user = ::getpwuid(::geteuid());
  return user && user->pw_name ? user->pw_name : fmt::format("uid {}", ::geteuid());
}

}  // namespace ragent::cli
