#include <cli/chat/terminal.h>

#include <base/file.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

namespace ragent::cli {
namespace {

constexpr std::size_t kReadBytes = 4096;
constexpr std::string_view kPasteOn = "\x1b[?2004h";
// Pasted text plain again, colours off.
constexpr std::string_view kPasteOff = "\x1b[?2004l\x1b[0m";

constexpr std::array kAsking = {SIGWINCH, SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGCONT};
constexpr std::array kCrashing = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};

// A signal handler has no other way to speak.
termios g_before = {};
std::atomic<bool> g_raw = false;
std::atomic<int> g_pipe = -1;
std::atomic<int> g_stderr = -1;  // as it was
std::atomic<int> g_noise = -1;   // what stands in it was not shown yet
struct sigaction g_crash_before[NSIG] = {};

void write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    ssize_t count = ::write(fd, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return;
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
}

void on_asking(int signal) {
  int saved = errno;
  auto byte = static_cast<char>(signal);
  (void)!::write(g_pipe.load(), &byte, 1);
  errno = saved;
}

// Gives the terminal back, shows what was not shown, then crashes as it would have.
void on_crash(int signal) {
  if (g_raw.exchange(false)) {
    write_all(STDOUT_FILENO, kPasteOff);
    write_all(STDOUT_FILENO, "\r\n");
    ::tcsetattr(STDIN_FILENO, TCSANOW, &g_before);
  }
  if (int kept = g_stderr.load(); kept >= 0) {
    std::array<char, 512> bytes = {};
    for (;;) {
      ssize_t count = ::read(g_noise.load(), bytes.data(), bytes.size());
      if (count <= 0) break;
      write_all(kept, {bytes.data(), static_cast<std::size_t>(count)});
    }
    ::dup2(kept, STDERR_FILENO);
  }
  ::sigaction(signal, &g_crash_before[signal], nullptr);
  ::raise(signal);
}

}  // namespace

int Terminal::input() const { return STDIN_FILENO; }

void Terminal::raw() const {
  termios now = g_before;
  now.c_iflag &= ~static_cast<tcflag_t>(BRKINT | ICRNL | INPCK | ISTRIP | IXON | INLCR | IGNCR);
  now.c_lflag &= ~static_cast<tcflag_t>(ECHO | ICANON | IEXTEN | ISIG);
  now.c_cc[VMIN] = 1;
  now.c_cc[VTIME] = 0;
  ::tcsetattr(STDIN_FILENO, TCSADRAIN, &now);
  g_raw = true;
  write_all(STDOUT_FILENO, kPasteOn);
}

void Terminal::leave() const {
  if (!g_raw.exchange(false)) return;
  write_all(STDOUT_FILENO, kPasteOff);
  ::tcsetattr(STDIN_FILENO, TCSADRAIN, &g_before);
}

// Libraries and the log write there when they like: it must not break what is drawn.
void Terminal::take_stderr() {
  if (::isatty(STDERR_FILENO) != 1) return;
  std::array<int, 2> ends = {-1, -1};
  if (::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK) != 0) return;
  noise_.reset(ends[0]);
  stderr_.reset(::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3));
  ::dup2(ends[1], STDERR_FILENO);
  ::close(ends[1]);
  g_noise = noise_.get();
  g_stderr = stderr_.get();
}

Result<void> Terminal::enter() {
  std::array<int, 2> ends = {-1, -1};
  if (::tcgetattr(STDIN_FILENO, &g_before) != 0) {
    return fail(system_error("read the settings of", "the terminal", errno));
  }
  if (::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK) != 0) {
    return fail(system_error("open", "a pipe", errno));
  }
  signals_.reset(ends[0]);
  g_pipe = ends[1];
  struct sigaction action = {};
  action.sa_handler = on_asking;
  action.sa_flags = SA_RESTART;
  for (int signal : kAsking) ::sigaction(signal, &action, nullptr);
  action.sa_handler = on_crash;
  action.sa_flags = 0;
  for (int signal : kCrashing) ::sigaction(signal, &action, &g_crash_before[signal]);
  // A tool that dies while it is written to must not take the engine along.
  std::signal(SIGPIPE, SIG_IGN);
  entered_ = true;
  take_stderr();
  raw();
  return {};
}

Terminal::~Terminal() {
  if (!entered_) return;
  leave();
  if (stderr_) {
    ::dup2(stderr_.get(), STDERR_FILENO);
    std::string rest = read_noise();
    write_all(STDERR_FILENO, rest);
    g_stderr = g_noise = -1;
  }
  for (int signal : kCrashing) ::sigaction(signal, &g_crash_before[signal], nullptr);
  for (int signal : kAsking) std::signal(signal, SIG_DFL);
  ::close(g_pipe.exchange(-1));
}

void Terminal::write(std::string_view bytes) { write_all(STDOUT_FILENO, bytes); }

std::optional<std::string> Terminal::read() {
  std::string out(kReadBytes, '\0');
  ssize_t count = ::read(STDIN_FILENO, out.data(), out.size());
  if (count < 0 && (errno == EINTR || errno == EAGAIN)) return "";
  if (count <= 0) return std::nullopt;
  out.resize(static_cast<std::size_t>(count));
  return out;
}

std::string Terminal::read_noise() {
  std::string out(kReadBytes, '\0');
  ssize_t count = ::read(noise_.get(), out.data(), out.size());
  out.resize(count > 0 ? static_cast<std::size_t>(count) : 0);
  return out;
}

WindowSize Terminal::size() const {
  winsize size = {};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return {};
  return {.width = size.ws_col, .height = size.ws_row > 0 ? size.ws_row : WindowSize().height};
}

Terminal::Heard Terminal::heard() {
  Heard out;
  std::array<char, 64> bytes = {};
  for (;;) {
    ssize_t count = ::read(signals_.get(), bytes.data(), bytes.size());
    if (count <= 0) return out;
    for (ssize_t i = 0; i < count; ++i) {
      int signal = static_cast<unsigned char>(bytes[static_cast<std::size_t>(i)]);
      switch (signal) {
        case SIGWINCH: out.resized = true; break;
        case SIGINT: out.interrupted = true; break;
        case SIGTSTP: out.suspended = true; break;
        case SIGCONT: out.resumed = true; break;
        default: out.ended_by = signal;
      }
    }
  }
}

void Terminal::suspend() {
  leave();
  struct sigaction stop = {};
  struct sigaction before = {};
  stop.sa_handler = SIG_DFL;
  ::sigaction(SIGTSTP, &stop, &before);
  ::kill(0, SIGTSTP);  // the whole group, as the terminal would
  ::sigaction(SIGTSTP, &before, nullptr);
  raw();
}

void Terminal::resume() { raw(); }

}  // namespace ragent::cli
