// Programs of whole runs: what they leave running, and files of calls side by side.
#include <runtime/test_engine.h>

#include <action/declared.h>
#include <base/file.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

#include <sys/stat.h>

namespace ragent {
namespace {

using namespace std::chrono_literals;
using testing::options;
namespace fs = std::filesystem;

class ProgramCallTest : public ::testing::Test {
 protected:
  ProgramCallTest() {
    std::string pattern = (fs::temp_directory_path() / "program_call_XXXXXX").string();
    EXPECT_NE(mkdtemp(pattern.data()), nullptr);
    root_ = pattern;
  }
  ~ProgramCallTest() override { fs::remove_all(root_); }

  Tool program(const std::string& name, std::string_view body, ToolSpec spec = {}) {
    std::string path = root_ + "/" + name;
    std::ofstream(path) << "#!/bin/sh\n" << body << "\n";
    ::chmod(path.c_str(), 0755);
    spec.name = name;
    spec.parameters = Json::object({});
    spec.kind = ToolSpec::Kind::exec;
    spec.source = "./" + name;
    Result<Tool> tool = bind_tool(std::move(spec), root_);
    EXPECT_TRUE(tool) << tool.error().message;
    return std::move(*tool);
  }
  // Leaves a process of its own session whose id it writes down, and does not end.
  Tool leaver(std::chrono::milliseconds timeout) {
    return program("leaver",
                   "setsid sleep 300 > /dev/null 2>&1 &\n"
                   "echo $! > \"$RAGENT_AGENT_DIR/new\"; mv \"$RAGENT_AGENT_DIR/new\" "
                   "\"$RAGENT_AGENT_DIR/pid\"\nsleep 300",
                   {.effect = Effect::read, .timeout = timeout});
  }
  // The model calls the tools of one step after the other.
  EngineOptions with(std::vector<std::vector<std::string>> steps) {
    EngineOptions out = options(make_memory_store(), [steps](const ModelRequest& request) {
      std::size_t replies = request.transcript.replies();
      if (replies >= steps.size()) return Result<Reply>(Reply{.text = "done"});
      Reply reply{.finish = Finish::calls};
      for (const std::string& name : steps[replies]) {
        reply.calls.push_back({.id = name, .tool = name, .arguments = Json::object({})});
      }
      return Result<Reply>(std::move(reply));
    });
    out.home = root_ + "/home";
    out.threads = 1;
    out.check_replay = false;
    return out;
  }
  static Agent agent(std::vector<Tool> tools) {
    return {.profile = {.name = "clerk"}, .model = "test", .tools = std::move(tools)};
  }
  static bool becomes_true(const std::function<bool()>& done) {
    auto until = std::chrono::steady_clock::now() + 20s;
    while (!done() && std::chrono::steady_clock::now() < until) std::this_thread::sleep_for(5ms);
    return done();
  }
  bool is_there() const { return fs::exists(root_ + "/pid"); }
  // Whether the process that was left has ended; nobody may have collected it yet.
  bool has_ended() const {
    std::string pid = read_file(root_ + "/pid", 100).value_or("");
    std::string stat =
        read_file("/proc/" + std::to_string(std::atoi(pid.c_str())) + "/stat", 4096).value_or("");
    return stat.empty() || stat.find(") Z ") != std::string::npos;
  }

  std::string root_;
};

TEST_F(ProgramCallTest, ATimeOutEndsAlsoWhatLeftTheProcessGroup) {
  Engine engine(with({{"leaver"}}));
  Result<Answer> answer = engine.run(agent({leaver(1s)}), "go");
  ASSERT_TRUE(answer) << answer.error().message;
  ASSERT_TRUE(is_there());
  EXPECT_TRUE(has_ended());
}

TEST_F(ProgramCallTest, ACancelledCallDoesToo) {
  Engine engine(with({{"leaver"}}));
  Result<RunHandle> handle = engine.start(agent({leaver(5min)}), "go");
  ASSERT_TRUE(handle) << handle.error().message;
  ASSERT_TRUE(becomes_true([&] { return is_there(); }));
  EXPECT_FALSE(has_ended());
  ASSERT_TRUE(handle->cancel("enough"));
  EXPECT_TRUE(becomes_true([&] { return has_ended(); }));
}

TEST_F(ProgramCallTest, SoDoesTheEndOfTheEngine) {
  {
    Engine engine(with({{"leaver"}}));
    Result<RunHandle> handle = engine.start(agent({leaver(5min)}), "go");
    ASSERT_TRUE(handle) << handle.error().message;
    ASSERT_TRUE(becomes_true([&] { return is_there(); }));
    EXPECT_FALSE(has_ended());
  }
  EXPECT_TRUE(has_ended());
}

TEST_F(ProgramCallTest, AtTheEndOfTheEngineAlsoWhatACallThatEndedWellHasLeft) {
  Tool daemon = program("daemon",
                        "setsid sleep 300 > /dev/null 2>&1 &\necho $! > \"$RAGENT_AGENT_DIR/pid\"\n"
                        "sleep 0.2; echo 1",
                        {.effect = Effect::read});
  {
    EngineOptions own = with({{"daemon"}});
    own.store = nullptr;
    Engine engine(std::move(own));
    Result<Answer> answer = engine.run(agent({daemon}), "go");
    ASSERT_TRUE(answer) << answer.error().message;
    EXPECT_FALSE(has_ended());
  }
  EXPECT_TRUE(has_ended());
}

// They share the folder: nobody can tell whose a file is.
TEST_F(ProgramCallTest, AFileOfCallsSideBySideHasTheLabelsOfAll) {
  Tool secret =
      program("secret", "echo s > s; touch there; while [ ! -e seen ]; do :; done; echo 1",
              {.effect = Effect::read, .label = {.confidential = true}});
  Tool open = program("open", "while [ ! -e there ]; do :; done; touch seen; echo 1",
                      {.effect = Effect::read, .label = {.trusted = false}});
  Tool later = program("later", "echo 1 > l; echo 1", {.effect = Effect::read});
  Engine engine(with({{"secret", "open"}, {"later"}}));
  Result<RunHandle> handle = engine.start(agent({secret, open, later}), "go");
  ASSERT_TRUE(handle) << handle.error().message;
  int calls = 0;
  while (std::optional<Event> event = handle->next_event(20s)) {
    const Json* seen = event->body.find("observation");
    if (!seen) continue;
    ++calls;
    const Json* label = seen->find("label");
    if (event->body.text("tool") == "later") {
      EXPECT_EQ(label, nullptr) << seen->dump();
    } else {
      ASSERT_NE(label, nullptr) << seen->dump();
      EXPECT_TRUE(label->flag("confidential"));
      EXPECT_FALSE(label->flag("trusted", true));
    }
  }
  EXPECT_EQ(calls, 3);
}

}  // namespace
}  // namespace ragent
