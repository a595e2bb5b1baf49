// A run that is resumed is bound to its agent's files again: it waits for them, its shard does not.
#include <runtime/test_engine.h>

#include <store/memory/memory_store.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
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

TEST_F(RebindTest, OthersGoOnWhileItsFilesAreRead) {
  const std::vector<std::string> runs = leave(3);
  // Reading it waits until somebody writes.
  std::filesystem::remove(file());
  ASSERT_EQ(::mkfifo(file().c_str(), 0600), 0);
  EngineOptions with = options(make_memory_store(disk_), [](const ModelRequest&) -> Result<Reply> {
    return Reply{.text = "here"};
  });
  with.threads = 1;
  Engine engine(std::move(with));
  ASSERT_TRUE(engine.open());

  std::atomic<bool> answered = false;
  std::atomic<bool> too_late = false;
  std::atomic<bool> again = false;
  std::jthread writer([&](const std::stop_token& stop) {
    auto fed = [&] {  // when somebody reads
      const int fifo = ::open(file().c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC);
      if (fifo < 0) return false;
      const bool whole = ::write(fifo, kAgent.data(), kAgent.size()) == std::ssize(kAgent);
      return ::close(fifo) == 0 && whole;
    };
    auto wait_for = [&](const std::function<bool()>& what) {
      const auto patience = std::chrono::steady_clock::now() + 10s;
      while (!stop.stop_requested() && std::chrono::steady_clock::now() < patience) {
        if (what()) return true;
        std::this_thread::sleep_for(1ms);
      }
      return false;
    };
    too_late = !wait_for([&] { return answered.load(); });
    wait_for(fed);
    wait_for([] { return false; });
    again = !stop.stop_requested() && fed();  // so that the test ends
  });
  Result<Answer> other =
      engine.run({.profile = {.name = "other"}, .model = "test", .planner = "direct"}, "go");
  answered = true;
  ASSERT_TRUE(other) << other.error().message;
  EXPECT_FALSE(too_late) << "the shard waited for the files of an agent";
  for (const std::string& run : runs) {
    Result<RunHandle> handle = engine.attach(run);
    if (!handle) continue;  // it has ended meanwhile
    Result<Answer> answer = handle->wait();
    ASSERT_TRUE(answer) << answer.error().message;
    EXPECT_EQ(answer->text, "here");
  }
  EXPECT_FALSE(again) << "three runs of one agent read its files more than once";
}

}  // namespace
}  // namespace ragent
