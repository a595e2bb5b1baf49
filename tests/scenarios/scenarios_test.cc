// Every tests/scenarios/**/*.case as a test of its own, named FOLDER.FILE. With
// RAGENT_UPDATE_CASES=1 a file's `expect` block becomes what came.
#include <scenarios/player.h>

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

namespace ragent::scenarios {
namespace {

constexpr const char* kFolder = "tests/scenarios";

class ScenarioTest : public ::testing::Test {
 public:
  explicit ScenarioTest(std::string path) : path_(std::move(path)) {}

  void TestBody() override {
    Result<Case> scene = load_case(path_);
    ASSERT_TRUE(scene) << scene.error().message;
    std::vector<std::string> actual = play(*scene);
    if (same(scene->expected, actual)) return;
    if (std::getenv("RAGENT_UPDATE_CASES")) {
      Result<void> written = rewrite_expected(*scene, merged(scene->expected, actual));
      ASSERT_TRUE(written) << written.error().message;
      return;
    }
    ADD_FAILURE() << path_ << ":" << scene->expect_line
                  << ": what came differs (- expected, + came; RAGENT_UPDATE_CASES=1 rewrites it)\n"
                  << difference(scene->expected, actual);
  }

 private:
  std::string path_;
};

std::vector<std::filesystem::path> case_files() {
  std::vector<std::filesystem::path> out;
  std::error_code none;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(kFolder, none)) {
    if (entry.path().extension() == ".case") out.push_back(entry.path());
  }
  std::ranges::sort(out);
  return out;
}

// GoogleTest learns of the files before main(), as it does of TEST().
const std::size_t kRegistered = [] {
  ::setenv("RAGENT_LOG", "off", 0);  // the deaths of scenarios are no news
  std::vector<std::filesystem::path> files = case_files();
  for (const std::filesystem::path& path : files) {
    std::string folder = path.parent_path().filename().string();
    ::testing::RegisterTest(folder.c_str(), path.stem().c_str(), nullptr, nullptr, __FILE__,
                            __LINE__, [path] { return new ScenarioTest(path.string()); });
  }
  return files.size();
}();

TEST(ScenarioFiles, AreFound) {
  EXPECT_GE(kRegistered, 30U) << "run from the root of the repository: " << kFolder;
}

std::string error_of(const std::string& text) {
  std::string path = ::testing::TempDir() + "/scenario.case";
  std::FILE* file = std::fopen(path.c_str(), "w");
  std::fputs(text.c_str(), file);
  std::fclose(file);
  Result<Case> scene = load_case(path);
  std::filesystem::remove(path);
  if (scene) return "none";
  return scene.error().message.substr(path.size());
}

TEST(ScenarioFiles, NameTheLineOfAMistake) {
  EXPECT_EQ(error_of("do\n  start \"go\"\n"), "none");
  EXPECT_EQ(
      error_of("do\n  strat \"go\"\n"),
      ":2: expected start, fork, wait, sleep, until, crash, answer, resolve, cancel or permit, got "
      "\"strat \"go\"\"");
  EXPECT_EQ(error_of("tool look read\n  does {\"a\": }\n").substr(0, 32),
            ":2: expected the tool's result a");
  EXPECT_EQ(error_of("agent\n  budget steps few\n"), ":2: expected steps (a number), got \"few\"");
  EXPECT_EQ(error_of("do\n  crash after act outcome\n").substr(0, 20), ":2: expected a step ");
  EXPECT_EQ(error_of("\nmodel\n  {\"answr\": 1}\n").substr(0, 10), ": line 3: ");
  EXPECT_EQ(error_of("expect\nagent\n"), ":2: expected nothing after expect, got \"agent\"");
}

TEST(ScenarioFiles, CompareWithGaps) {
  EXPECT_TRUE(fits("0:1  think …", "0:1 think \"a b\""));
  EXPECT_TRUE(fits("a … c", "a b c"));
  EXPECT_TRUE(fits("a … b … c", "a b b c"));
  EXPECT_FALSE(fits("a … c", "b c"));
  EXPECT_FALSE(fits("a …c", "a b"));
  EXPECT_FALSE(fits("a", "a b"));
  EXPECT_EQ(difference({"a", "b", "c"}, {"a", "x", "c"}), "  a\n+ x\n- b\n  c\n");
  EXPECT_EQ(merged({"a …", "b"}, {"a 1", "c", "b"}), (std::vector<std::string>{"a …", "c", "b"}));
}

}  // namespace
}  // namespace ragent::scenarios
