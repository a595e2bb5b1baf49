#include <cli/console.h>

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
  std::fprintf(stderr, "%s %s\n", red(err, "error:").c_str(), visible(error.message).c_str());
  for (const Error* cause = error.cause.get(); cause; cause = cause->cause.get()) {
    std::fprintf(stderr, "  because %s\n", visible(cause->message).c_str());
  }
  return kExitError;
}

std::optional<std::string> Console::ask(const std::string& prompt) const {
  std::fflush(stdout);
  std::fputs(prompt.c_str(), stderr);
  std::fflush(stderr);
  std::string line;
  for (;;) {
    char byte = 0;
    // Not stdio: Ctrl-C has to end the wait.
    ssize_t count = ::read(STDIN_FILENO, &byte, 1);
    if (count != 1) {
      std::fputs("\n", stderr);
      return std::nullopt;
    }
    if (byte == '\n') return line;
    line += byte;
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
  static constexpr std::array<std::string_view, 4> kAscii = {"-", "\\", "|", "/"};
  static constexpr std::array<std::string_view, 6> kDots = {"⠋", "⠙", "⠸", "⠴", "⠦", "⠇"};
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
    std::string_view turn =
        console_.err.unicode ? kDots[frame % kDots.size()] : kAscii[frame % kAscii.size()];
    std::string line =
        fit(console_.err, fmt::format("{} {} {} s", turn, what_, seconds), console_.err.width - 1);
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
