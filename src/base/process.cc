#include <base/process.h>

#include <base/file.h>

#include <fcntl.h>
#include <linux/close_range.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <fstream>

extern char** environ;

namespace ragent {

namespace {

constexpr std::size_t kReadBytes = 64u << 10;

struct Pipe {
  FileDescriptor read;
  FileDescriptor write;
};

// Where our own stdin is closed, new descriptors get the numbers that the child's must have.
FileDescriptor above_stdio(FileDescriptor fd) {
  return fd.get() > 2 ? std::move(fd) : FileDescriptor(::fcntl(fd.get(), F_DUPFD_CLOEXEC, 3));
}

Result<Pipe> make_pipe() {
  int ends[2] = {-1, -1};
  if (::pipe2(ends, O_CLOEXEC) != 0) return fail(system_error("make", "a pipe", errno));
  Pipe pipe{FileDescriptor(ends[0]), above_stdio(FileDescriptor(ends[1]))};
  if (!pipe.write) return fail(system_error("make", "a pipe", errno));
  return pipe;
}

// All input at once, in memory: nothing to feed, no SIGPIPE, and the child may read it or not.
Result<FileDescriptor> make_input(std::string_view bytes) {
  FileDescriptor file(::memfd_create("stdin", MFD_CLOEXEC));
  if (!file) return fail(system_error("make", "a file in memory", errno));
  for (std::string_view left = bytes; !left.empty();) {
    const ssize_t put = ::write(file.get(), left.data(), left.size());
    if (put < 0 && errno != EINTR) return fail(system_error("write", "a file in memory", errno));
    if (put > 0) left.remove_prefix(static_cast<std::size_t>(put));
  }
  ::lseek(file.get(), 0, SEEK_SET);
  return above_stdio(std::move(file));
}

std::vector<char*> pointers(const std::vector<std::string>& texts) {
  std::vector<char*> result;
  for (const std::string& text : texts) result.push_back(const_cast<char*>(text.c_str()));
  result.push_back(nullptr);
  return result;
}

// What the child reports when it cannot exec.
enum class Doing : int { connecting, entering, starting };
struct Failure {
  Doing doing;
  int error_number;
};

Error to_error(const Failure& failure, const ProcessOptions& options) {
  switch (failure.doing) {
    case Doing::connecting:
      return system_error("connect the pipes of", options.argv[0], failure.error_number);
    case Doing::entering:
      return system_error("enter the directory", options.directory, failure.error_number);
    case Doing::starting: break;
  }
  return system_error("start", options.argv[0], failure.error_number);
}

// What the child needs between vfork and exec; made by the parent, as the child may not allocate.
struct Launch {
  std::vector<char*> argv;
  std::vector<char*> env;
  const char* directory;
  int in, out, err;
  pid_t parent;
  int failed;  // takes a Failure; closed by exec
};

[[noreturn]] void child_fails(const Launch& launch, Doing doing) {
  const Failure failure = {.doing = doing, .error_number = errno};
  [[maybe_unused]] const ssize_t written = ::write(launch.failed, &failure, sizeof failure);
  ::_exit(127);
}

// Only async-signal-safe calls: it runs on the parent's memory, the parent being suspended.
[[noreturn]] void run_child(const Launch& launch) {
  ::setpgid(0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != launch.parent) ::_exit(127);  // it died before that
  if (::dup2(launch.in, 0) < 0 || ::dup2(launch.out, 1) < 0 || ::dup2(launch.err, 2) < 0) {
    child_fails(launch, Doing::connecting);
  }
  // Also what a library opened without O_CLOEXEC.
  ::syscall(SYS_close_range, 3u, ~0u, CLOSE_RANGE_CLOEXEC);
  if (*launch.directory && ::chdir(launch.directory) != 0) {
    child_fails(launch, Doing::entering);
  }
  for (int number = 1; number < NSIG; ++number) ::signal(number, SIG_DFL);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::execvpe(launch.argv[0], launch.argv.data(), launch.env.data());
  child_fails(launch, Doing::starting);
}

// vfork: forking a process that holds a model of gigabytes would copy all its page tables.
pid_t launch_child(const Launch& launch) {
  sigset_t all;
  sigset_t ours;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &ours);  // no handler of ours runs in the child
  const pid_t pid = ::vfork();
  if (pid == 0) run_child(launch);
  const int error_number = errno;
  ::pthread_sigmask(SIG_SETMASK, &ours, nullptr);
  errno = error_number;
  return pid;
}

}  // namespace

Result<Process> Process::start(const ProcessOptions& options) {
  if (options.argv.empty() || options.argv[0].empty()) {
    return fail(ErrorKind::invalid, "a program to start was expected, the command is empty");
  }
  Result<Pipe> out = make_pipe();
  if (!out) return fail(out.error());
  Result<Pipe> err = make_pipe();
  if (!err) return fail(err.error());
  Result<Pipe> failed = make_pipe();
  if (!failed) return fail(failed.error());
  const Result<FileDescriptor> in = make_input(options.input);
  if (!in) return fail(in.error());

  Launch launch = {.argv = pointers(options.argv),
                   .env = {},
                   .directory = options.directory.c_str(),
                   .in = in->get(),
                   .out = out->write.get(),
                   .err = err->write.get(),
                   .parent = ::getpid(),
                   .failed = failed->write.get()};
  if (options.env) {
    launch.env = pointers(*options.env);
  } else {
    for (char** entry = environ; *entry; ++entry) launch.env.push_back(*entry);
    launch.env.push_back(nullptr);
  }
  Process process;
  process.pid_ = launch_child(launch);
  if (process.pid_ < 0) {
    process.pid_ = 0;
    return fail(system_error("start", options.argv[0], errno));
  }
  failed->write.reset();
  Failure failure = {};
  ssize_t got = 0;
  do {
    got = ::read(failed->read.get(), &failure, sizeof failure);
  } while (got < 0 && errno == EINTR);
  if (got != 0) return fail(to_error(failure, options));  // the destructor reaps it
  ::fcntl(out->read.get(), F_SETFL, O_NONBLOCK);          // ours; the child's ends block
  ::fcntl(err->read.get(), F_SETFL, O_NONBLOCK);
  process.out_ = std::move(out->read);
  process.err_ = std::move(err->read);
  process.exited_ = FileDescriptor(static_cast<int>(::syscall(SYS_pidfd_open, process.pid_, 0)));
  if (!process.exited_) return fail(system_error("watch", options.argv[0], errno));
  return process;
}

Process::Process(Process&& other) noexcept
    : pid_(std::exchange(other.pid_, 0)),
      out_(std::move(other.out_)),
      err_(std::move(other.err_)),
      exited_(std::move(other.exited_)) {}

Process::~Process() {
  ProcessResult unused;
  if (pid_ != 0) finish(unused);
}

void Process::finish(ProcessResult& result) {
  // Before reaping: until then the number of the group cannot be taken by another.
  ::kill(-pid_, SIGKILL);
  int status = 0;
  pid_t reaped = 0;
  do {
    reaped = ::waitpid(pid_, &status, 0);
  } while (reaped < 0 && errno == EINTR);
  pid_ = 0;
  if (reaped < 0) {
    result.signal = SIGKILL;  // somebody ignores SIGCHLD: how it ended is lost, so not well
  } else if (WIFEXITED(status)) {
    result.exit_status = WEXITSTATUS(status);
  } else {
    result.signal = WTERMSIG(status);
  }
}

std::string describe(const ProcessResult& result, const ProcessOptions& options) {
  if (result.timed_out) return "no end within " + std::to_string(options.time_max.count()) + " ms";
  if (result.output_over) {
    return "more than " + std::to_string(options.output_max) + " bytes of output";
  }
  if (result.exit_status) return "exit status " + std::to_string(*result.exit_status);
  const char* name = ::sigdescr_np(result.signal);
  return "killed by signal " + std::to_string(result.signal) +
         (name ? std::string(" (") + name + ")" : std::string());
}

namespace {

// One of the two pipes, read as it comes.
struct Output {
  int fd;
  std::string& text;
  std::unique_ptr<Watch> watch = {};
  bool ended = false;

  // Takes what is there, at most `left` bytes; answers false when there was more than that.
  bool read(std::size_t& left) {
    while (!ended) {
      char bytes[kReadBytes];
      const ssize_t got = ::read(fd, bytes, sizeof bytes);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0 && errno == EAGAIN) return true;
      if (got <= 0) {
        ended = true;
        return true;
      }
      const std::size_t taken = std::min(left, static_cast<std::size_t>(got));
      text.append(bytes, taken);
      left -= taken;
      if (taken < static_cast<std::size_t>(got)) return false;
    }
    return true;
  }
};

}  // namespace

Task<ProcessResult> run_process(Loop& loop, ProcessOptions options) {
  const TimePoint deadline = loop.now() + options.time_max;
  Process process = co_await Process::start(options);
  if (options.on_start) options.on_start(process.pid());

  ProcessResult result;
  Signal changed(loop);
  Output outputs[] = {{process.out(), result.out}, {process.err(), result.err}};
  bool exited = false;
  std::size_t left = options.output_max;
  const std::unique_ptr<Watch> exit_watch = loop.watch(process.exited(), Readiness::readable, [&] {
    exited = true;
    changed.set();
  });
  while (!exited && !result.timed_out && !result.output_over) {
    for (Output& output : outputs) {
      if (output.ended || output.watch) continue;
      output.watch = loop.watch(output.fd, Readiness::readable, [&] {
        output.watch = nullptr;
        changed.set();
      });
    }
    result.timed_out = !co_await changed.until(deadline);
    changed.reset();
    for (Output& output : outputs) {
      if (!output.watch && !output.read(left)) result.output_over = true;
    }
  }
  process.finish(result);
  // What was written before the end is all there by now; forks that live on elsewhere may hold the
  // pipes open, so nobody waits for their end.
  for (Output& output : outputs) {
    output.watch = nullptr;
    if (!output.read(left)) result.output_over = true;
  }
  co_return result;
}

bool is_stopped(std::int64_t process) {
  std::ifstream file("/proc/" + std::to_string(process) + "/stat");
  std::string line;
  std::getline(file, line);
  // "4711 (its name) T 1 …": the name may hold anything.
  std::string_view rest = std::string_view(line).substr(std::min(line.rfind(')'), line.size()));
  return rest.starts_with(") T");
}

}  // namespace ragent
