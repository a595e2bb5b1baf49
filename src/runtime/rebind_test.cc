// A run that is resumed is bound to its agent's files again: it waits for them, its shard does not.
#include <runtime/test_engine.h>

#include <store/memory/memory_store.h>
#include <runtime/world.h>

#include <filesystem>
#include <fstream>
#include <mutex>
#include <thread>

namespace ragent {
namespace {

using testing::options;
using namespace std::chrono_literals;

constexpr std::string_view kAgent = "model = \"test\"\n[profile]\nname = \"filed\"\n";

class RebindTest : public ::testing::Test {
 protected:
  RebindTest() {
    std::string pattern = (std::filesystem::temp_directory_path() / "rebind_XXXXXX").string();
    RAGENT_ASSERT(mkdtemp(pattern.data()) != nullptr);
    folder_ = pattern;
  }
  ~RebindTest() override { std::filesystem::remove_all(folder_); }
  std::string file() const { return folder_ + "/agent.toml"; }

  // Leaves runs of the agent in the journal, unfinished.
  std::vector<std::string> leave(int count) {
    std::ofstream(file()) << kAgent;
    Result<Agent> agent = load_agent(folder_);
    EXPECT_TRUE(agent) << agent.error().message;
    EngineOptions with = options(make_memory_store(disk_), {});
    with.models = {testing::scripted(
        [](const ModelRequest&) -> Result<Reply> { return Reply{.text = "late"}; }, 1h)};
    Engine engine(std::move(with));
    std::vector<std::string> runs;
    for (int i = 0; i < count; ++i) runs.push_back(engine.start(*agent, "go").value().id());
    return runs;
  }

  std::shared_ptr<MemoryDisk> disk_ = std::make_shared<MemoryDisk>();
  std::string folder_;
};

// The pool of what blocks, held up until somebody lets it go.
struct Held {
  std::mutex mutex;
  std::vector<Function> jobs;  // guarded by mutex
  std::size_t count() {
    std::lock_guard lock(mutex);
    return jobs.size();
  }
};
class HeldPool : public Pool {
 public:
  explicit HeldPool(std::shared_ptr<Held> held) : held_(std::move(held)) {}
  Result<void> run(Function function) override {
    std::lock_guard lock(held_->mutex);
    held_->jobs.push_back(std::move(function));
    return {};
  }

 private:
  std::shared_ptr<Held> held_;  // shared with the test
};

TEST_F(RebindTest, OthersGoOnWhileItsFilesAreRead) {
  const std::vector<std::string> runs = leave(3);
  EngineOptions with = options(make_memory_store(disk_), [](const ModelRequest&) -> Result<Reply> {
    return Reply{.text = "here"};
  });
  with.threads = 1;
  auto held = std::make_shared<Held>();
  with.world = std::make_unique<World>(real_world());
  with.world->pool = [held](Loop&, std::size_t threads, std::size_t queue) {
    bool blocking = threads == limits::kBlockingThreads;
    return blocking ? std::make_unique<HeldPool>(held) : make_pool(threads, queue);
  };
  Engine engine(std::move(with));
  ASSERT_TRUE(engine.open());
  Result<Answer> other =
      engine.run({.profile = {.name = "other"}, .model = "test", .planner = "direct"}, "go");
  ASSERT_TRUE(other) << other.error().message;
  while (held->count() == 0) std::this_thread::sleep_for(1ms);
  std::vector<Function> reads = std::exchange(held->jobs, {});
  EXPECT_EQ(reads.size(), 1U) << "three runs of one agent read its files once";
  for (Function& read : reads) read();
  for (const std::string& run : runs) {
    Result<RunHandle> handle = engine.attach(run);
    if (!handle) continue;  // it has ended meanwhile
    Result<Answer> answer = handle->wait();
    ASSERT_TRUE(answer) << answer.error().message;
    EXPECT_EQ(answer->text, "here");
  }
  EXPECT_EQ(held->count(), 0U);
}

TEST_F(RebindTest, NothingIsAllowedWhenThePermissionsCannotBeRead) {
  const std::vector<std::string> runs = leave(1);
  std::ofstream(file()) << "[permissions\n";
  EngineOptions with = options(make_memory_store(disk_), [](const ModelRequest&) -> Result<Reply> {
    return Reply{.text = "here"};
  });
  with.threads = 1;
  Engine engine(std::move(with));
  Result<RunHandle> run = engine.attach(runs[0]);
  ASSERT_TRUE(run) << run.error().message;
  Result<Answer> answer = run->wait();
  ASSERT_FALSE(answer);
  EXPECT_NE(answer.error().message.find("is unbound: its permissions: "), std::string::npos)
      << answer.error().message;
}

}  // namespace
}  // namespace ragent
