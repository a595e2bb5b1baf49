// FakeHost: what a tool sees of the runtime, in the tests of this folder. Runs one task at a time
// on a real loop with one blocking thread.
//
//   FakeHost host;
//   Result<Json> sum = host.run(tool.body->call(host.context, arguments));
#pragma once

#include <ragent/tool.h>

#include <base/pool.h>
#include <base/scope.h>

#include <gtest/gtest.h>

namespace ragent {

class FakeHost : public ToolHost {
 public:
  Loop& loop() override { return *loop_; }
  Task<Json> blocking(std::move_only_function<Result<Json>()> work) override {
    ++blocked;
    return offload(*loop_, *pool_, std::move(work));
  }
  void progress(std::string_view note) override { notes.emplace_back(note); }
  Result<std::string> artifact(std::string bytes) override {
    if (full) return fail(ErrorKind::unavailable, "no space left");
    artifacts.push_back(std::move(bytes));
    return "artifact" + std::to_string(artifacts.size());
  }
  Result<std::string> secret(std::string_view name) override {
    return fail(ErrorKind::not_found, "no secret " + std::string(name));
  }

  template <class T>
  Result<T> run(Task<T> task) {
    return block_on(*loop_, std::move(task));
  }
  // Drops the task once `reached` holds, as a cancelled run does.
  template <class T>
  void run_until(Task<T> task, const std::function<bool()>& reached) {
    Scope scope(*loop_);
    scope.spawn(forget(std::move(task)));
    const TimePoint give_up = loop_->now() + std::chrono::seconds(30);
    // In short turns: what is waited for may be a file.
    while (!reached() && loop_->now() < give_up) {
      loop_->run(reached, loop_->now() + std::chrono::milliseconds(5));
    }
    EXPECT_TRUE(reached());
  }
  void drain() { pool_ = nullptr; }  // waits for what is still on the pool

  int blocked = 0;  // calls of blocking()
  std::vector<std::string> notes;
  std::vector<std::string> artifacts;  // what was kept
  bool full = false;                   // nothing can be kept
  ToolContext context{.host = *this, .tenant = "local", .session = "s1", .run = "r1", .key = "KEY"};

 private:
  template <class T>
  static Task<void> forget(Task<T> task) {
    Result<T> result = co_await std::move(task).result();
    ADD_FAILURE() << "the task ended by itself";
  }

  std::unique_ptr<Loop> loop_ = make_loop();
  std::unique_ptr<Pool> pool_ = make_pool(1, 16);
};

}  // namespace ragent
