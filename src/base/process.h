// Process: one program, started, bounded and reaped. A tool of kind `exec` is one.
//
//   ProcessResult ran = co_await run_process(loop, {.argv = {"/bin/sh", "-c", "cat"},
//                                                   .input = "hello", .time_max = 5s});
//   if (ran.exit_status == 0) use(ran.out);
//
// Its process group is its own: destroying the task, a time-out and too much output kill the whole
// group with SIGKILL and reap it, and so does the end of the program itself, so that forks left
// behind neither run on nor hold us up. It dies with the thread that started it. Loop thread.
#pragma once

#include <base/loop.h>
#include <base/posix.h>
#include <ragent/limits.h>

#include <string>
#include <vector>

namespace ragent {

struct ProcessOptions {
  std::vector<std::string> argv = {};  // argv[0] without a slash is looked up in our PATH
  std::optional<std::vector<std::string>> env = {};  // "NAME=value", all of it; none: ours
  std::string directory = {};  // working directory; empty: ours. argv[0] is relative to it
  std::string input = {};  // all of its stdin
  std::size_t output_max = limits::kToolOutputBytesMax;  // bytes of stdout and stderr together
  std::chrono::milliseconds time_max = limits::kToolTimeDefault;
  std::function<void(pid_t)> on_start = {};
};

struct ProcessResult {
  std::optional<int> exit_status = {};  // it ended by itself
  int signal = 0;  // else: what killed it, perhaps we
  bool timed_out = false;
  bool output_over = false;  // `out` and `err` hold what came before
  std::string out = {};
  std::string err = {};
  bool ok() const { return exit_status == 0 && !timed_out && !output_over; }
};

// "exit status 3", "killed by signal 9 (Killed)", "no end within 5000 ms", "more than N bytes of
// output": for messages.
std::string describe(const ProcessResult& result, const ProcessOptions& options);

// A running child and our ends of its pipes.
class Process {
 public:
  // Error{not_found, io}: it could not be started; nothing ran.
  static Result<Process> start(const ProcessOptions& options);
  Process(Process&& other) noexcept;
  Process& operator=(Process&&) = delete;
  ~Process();  // kills the group and reaps

  pid_t pid() const { return pid_; }
  int out() const { return out_.get(); }
  int err() const { return err_.get(); }
  int exited() const { return exited_.get(); }  // readable once it has ended
  // Kills what is left of the group, reaps, and fills exit_status or signal. Once.
  void finish(ProcessResult& result);

 private:
  Process() = default;

  pid_t pid_ = 0;  // 0: reaped
  FileDescriptor out_;
  FileDescriptor err_;
  FileDescriptor exited_;
};

Task<ProcessResult> run_process(Loop& loop, ProcessOptions options);

// Whether a process is stopped, by Ctrl-Z for one. Any thread.
bool is_stopped(std::int64_t process);

}  // namespace ragent
