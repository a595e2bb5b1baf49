#include <base/process.h>

#include <base/file.h>
#include <base/scope.h>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/wait.h>

#include <csignal>
#include <cstdlib>
#include <thread>

namespace ragent {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

class ProcessTest : public testing::Test {
 protected:
  Result<ProcessResult> run(ProcessOptions options) {
    return block_on(*loop_, run_process(*loop_, std::move(options)));
  }
  Result<ProcessResult> shell(std::string script) {
    return run({.argv = {"/bin/sh", "-c", std::move(script)}});
  }
  // Gone, or a zombie that its new parent has yet to reap.
  static bool ends(pid_t pid) {
    for (int i = 0; i < 500; ++i) {
      const Result<std::string> stat = read_file("/proc/" + std::to_string(pid) + "/stat", 4096);
      if (!stat || stat->find(") Z ") != std::string::npos) return true;
      std::this_thread::sleep_for(10ms);
    }
    return false;
  }
  const std::unique_ptr<Loop> loop_ = make_loop();
};

TEST_F(ProcessTest, InputOutputAndStatus) {
  const auto ran =
      run({.argv = {"/bin/sh", "-c", "cat; echo problem >&2; exit 3"}, .input = "hello"});
  ASSERT_TRUE(ran);
  EXPECT_EQ(ran->out, "hello");
  EXPECT_EQ(ran->err, "problem\n");
  EXPECT_EQ(ran->exit_status, 3);
  EXPECT_FALSE(ran->ok());
  EXPECT_EQ(describe(*ran, {}), "exit status 3");
}

TEST_F(ProcessTest, InputBiggerThanAPipeBothWays) {
  const std::string input(1 << 20, 'x');
  const auto ran = run({.argv = {"cat"}, .input = input});
  ASSERT_TRUE(ran);
  EXPECT_TRUE(ran->ok());
  EXPECT_EQ(ran->out, input);
}

TEST_F(ProcessTest, InputThatNobodyReads) {
  const auto ran = run({.argv = {"true"}, .input = std::string(1 << 20, 'x')});
  ASSERT_TRUE(ran);
  EXPECT_TRUE(ran->ok());
}

TEST_F(ProcessTest, EnvironmentAndDirectory) {
  const auto ran = run({.argv = {"/bin/sh", "-c", "echo $KEY $HOME; pwd"},
                        .env = std::vector<std::string>{"KEY=abc"},
                        .directory = "/usr"});
  ASSERT_TRUE(ran);
  EXPECT_EQ(ran->out, "abc\n/usr\n");
  ASSERT_EQ(::setenv("RAGENT_PROCESS_TEST", "inherited", 1), 0);
  EXPECT_EQ(shell("echo $RAGENT_PROCESS_TEST")->out, "inherited\n");
}

TEST_F(ProcessTest, WhatCannotStartSaysWhy) {
  const auto missing = run({.argv = {"/no/such/program"}});
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().kind, ErrorKind::not_found);
  EXPECT_EQ(missing.error().message, "cannot start /no/such/program: No such file or directory");
  EXPECT_THAT(run({.argv = {"/etc/passwd"}}).error().message, HasSubstr("Permission denied"));
  const auto nowhere = run({.argv = {"true"}, .directory = "/no/such/place"});
  EXPECT_THAT(nowhere.error().message, HasSubstr("/no/such/place: No such file"));
  EXPECT_EQ(run({}).error().kind, ErrorKind::invalid);
}

TEST_F(ProcessTest, DeathBySignal) {
  const auto ran = shell("kill -SEGV $$");
  ASSERT_TRUE(ran);
  EXPECT_FALSE(ran->exit_status);
  EXPECT_EQ(ran->signal, SIGSEGV);
  EXPECT_THAT(describe(*ran, {}), HasSubstr("signal 11 (Segmentation fault)"));
}

TEST_F(ProcessTest, AHangEndsAtItsTimeWithAllItsGroup) {
  ProcessOptions options{.argv = {"/bin/sh", "-c", "trap '' TERM; sleep 1000 & echo $!; wait"},
                         .time_max = 700ms};
  const TimePoint begin = loop_->now();
  const auto ran = run(options);
  ASSERT_TRUE(ran);
  EXPECT_TRUE(ran->timed_out);
  EXPECT_FALSE(ran->ok());
  EXPECT_EQ(ran->signal, SIGKILL);
  EXPECT_EQ(describe(*ran, options), "no end within 700 ms");
  EXPECT_LT(loop_->now() - begin, 100s);
  const pid_t child = std::atoi(ran->out.c_str());
  ASSERT_GT(child, 0);
  EXPECT_TRUE(ends(child));
}

TEST_F(ProcessTest, AFloodIsCutAndKilled) {
  const ProcessOptions options{.argv = {"/bin/sh", "-c", "yes; echo never"}, .output_max = 10'000};
  const auto ran = run(options);
  ASSERT_TRUE(ran);
  EXPECT_TRUE(ran->output_over);
  EXPECT_FALSE(ran->ok());
  EXPECT_EQ(ran->out.size(), 10'000u);
  EXPECT_THAT(describe(*ran, options), HasSubstr("10000 bytes"));
  const auto on_err = run({.argv = {"/bin/sh", "-c", "yes >&2"}, .output_max = 10'000});
  EXPECT_EQ(on_err->err.size(), 10'000u);
  const auto exact = run({.argv = {"/bin/sh", "-c", "printf 12345"}, .output_max = 5});
  EXPECT_TRUE(exact->ok());
  EXPECT_FALSE(run({.argv = {"/bin/sh", "-c", "printf 123456"}, .output_max = 5})->ok());
}

TEST_F(ProcessTest, AForkThatKeepsThePipesDoesNotHoldUsUp) {
  const TimePoint begin = loop_->now();
  const auto in_group = shell("sleep 1000 & echo $!");
  ASSERT_TRUE(in_group);
  EXPECT_TRUE(in_group->ok());
  EXPECT_TRUE(ends(std::atoi(in_group->out.c_str())));
  const auto escaped = shell("setsid sleep 1000 & sleep 0.1; echo $!");  // even out of the group
  ASSERT_TRUE(escaped);
  EXPECT_TRUE(escaped->ok());
  EXPECT_LT(loop_->now() - begin, 20s);
  ::kill(std::atoi(escaped->out.c_str()), SIGKILL);
}

TEST_F(ProcessTest, DestroyingTheTaskKillsTheGroupAndReaps) {
  pid_t pid = 0;
  std::string out;
  {
    Scope scope(*loop_);
    struct Body {
      static Task<void> run(Loop& loop, pid_t& pid) {
        co_await run_process(loop, {.argv = {"/bin/sh", "-c", "sleep 1000 & wait"},
                                    .on_start = [&pid](pid_t started) { pid = started; }});
      }
    };
    scope.spawn(Body::run(*loop_, pid));
    EXPECT_TRUE(loop_->run([&] { return pid != 0; }));
    EXPECT_EQ(::getpgid(pid), pid);
    scope.cancel();
  }
  EXPECT_EQ(::waitpid(pid, nullptr, WNOHANG), -1);  // reaped already
  EXPECT_EQ(errno, ECHILD);
  for (int i = 0; i < 500 && ::kill(-pid, 0) == 0; ++i) std::this_thread::sleep_for(10ms);
  EXPECT_NE(::kill(-pid, 0), 0);  // nobody of the group is left
}

TEST_F(ProcessTest, NoDescriptorOfOursLeaksIntoTheChild) {
  const int leaked = ::dup(2);  // without O_CLOEXEC, as a careless library would
  ASSERT_GE(leaked, 3);
  // Three of its own and the one that lists the folder.
  const auto ran = run({.argv = {"/bin/ls", "/proc/self/fd"}});
  EXPECT_EQ(ran->out, "0\n1\n2\n3\n");
  ::close(leaked);
}

TEST_F(ProcessTest, WorksWhereOurOwnStdinIsClosed) {
  const FileDescriptor saved(::fcntl(0, F_DUPFD_CLOEXEC, 3));
  ::close(0);
  const auto ran = run({.argv = {"/bin/sh", "-c", "cat; echo e >&2"}, .input = "in"});
  if (saved) ::dup2(saved.get(), 0);
  ASSERT_TRUE(ran) << ran.error().message;
  EXPECT_EQ(ran->out, "in");
  EXPECT_EQ(ran->err, "e\n");
}

TEST_F(ProcessTest, ManyAtOnce) {
  std::vector<Task<ProcessResult>> tasks;
  for (int i = 0; i < 20; ++i) {
    tasks.push_back(run_process(
        *loop_, {.argv = {"/bin/sh", "-c", "cat; exit " + std::to_string(i)}, .input = "in"}));
  }
  const auto results = block_on(*loop_, when_all(*loop_, std::move(tasks)));
  ASSERT_TRUE(results);
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ((*results)[static_cast<std::size_t>(i)]->exit_status, i);
    EXPECT_EQ((*results)[static_cast<std::size_t>(i)]->out, "in");
  }
}

TEST_F(ProcessTest, ItDiesWithTheThreadThatStartedIt) {
  std::optional<Result<Process>> started;
  std::thread([&] { started.emplace(Process::start({.argv = {"sleep", "1000"}})); }).join();
  Result<Process>& process = *started;
  ASSERT_TRUE(process);
  EXPECT_TRUE(ends(process->pid()));  // although nobody destroyed it
  ProcessResult result;
  process->finish(result);
  EXPECT_EQ(result.signal, SIGKILL);
}

TEST_F(ProcessTest, WhoIsStoppedIsKnown) {
  const auto started = Process::start({.argv = {"/bin/sleep", "60"}});
  ASSERT_TRUE(started) << started.error().message;
  EXPECT_FALSE(is_stopped(started->pid()));
  ::kill(started->pid(), SIGSTOP);
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (!is_stopped(started->pid()) && std::chrono::steady_clock::now() < end) ::usleep(1000);
  EXPECT_TRUE(is_stopped(started->pid()));
  EXPECT_FALSE(is_stopped(::getpid()));
  EXPECT_FALSE(is_stopped(0));
}

}  // namespace
}  // namespace ragent
