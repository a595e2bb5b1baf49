#include <action/declared.h>
#include <action/fake_host.h>
#include <action/gate.h>
#include <ragent/limits.h>

#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

namespace ragent {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class WorkspaceTest : public ::testing::Test {
 protected:
  WorkspaceTest() : folder_(fs::temp_directory_path() / fmt::format("ragent_left_{}", ::getpid())) {
    fs::remove_all(folder_);
    fs::create_directories(folder_);
    host_.context.workspace = (folder_ / "work").string();
  }
  ~WorkspaceTest() override { fs::remove_all(folder_); }

  // One call of a program of these lines, through the Gate.
  Observation call(std::string_view body, Label label = {}) {
    std::ofstream(folder_ / "t") << "#!/bin/sh\n" << body << "\n";
    ::chmod((folder_ / "t").c_str(), 0755);
    Result<Tool> tool = bind_tool({.name = "t",
                                   .parameters = Json::object({}),
                                   .kind = ToolSpec::Kind::exec,
                                   .label = label,
                                   .source = "./t"},
                                  folder_.string());
    EXPECT_TRUE(tool) << tool.error().message;
    TimePoint when = host_.loop().now() + std::chrono::seconds(30);
    Result<Observation> seen =
        host_.run(attempt(std::move(*tool), host_.context, Json::object({}), when));
    EXPECT_TRUE(seen) << seen.error().message;
    return seen ? std::move(*seen) : Observation();
  }
  static std::vector<std::string> lines(const Observation& seen) {
    std::vector<std::string> out;
    for (const OutputFile& file : seen.files) {
      out.push_back(fmt::format("{} {} {}", file.name, file.bytes,
                                file.left_out.empty() ? file.artifact : "- " + file.left_out));
    }
    return out;
  }

  fs::path folder_;
  FakeHost host_;
};

TEST_F(WorkspaceTest, WhatACallLeavesIsKeptOnceAndStaysForTheNext) {
  Observation seen =
      call("mkdir -p out; printf hello > out/b.txt; printf '' > a; echo '{\"ok\":true}'",
           {.trusted = false});
  EXPECT_THAT(lines(seen), ElementsAre("a 0 artifact1", "out/b.txt 5 artifact2"));
  EXPECT_THAT(host_.artifacts, ElementsAre("", "hello"));
  EXPECT_FALSE(seen.label.trusted);
  EXPECT_THAT(lines(call("cat a out/b.txt > /dev/null; echo 1")), IsEmpty());
  EXPECT_THAT(lines(call("printf ' you' >> out/b.txt; echo 1")),
              ElementsAre("out/b.txt 9 artifact3"));
  EXPECT_EQ(host_.artifacts.back(), "hello you");
}

TEST_F(WorkspaceTest, AlsoWhenTheCallFailed) {
  Observation failed = call("echo log > log; echo '{\"error\": \"sold out\"}'");
  EXPECT_EQ(failed.status, Observation::Status::failed);
  EXPECT_THAT(lines(failed), ElementsAre("log 4 artifact1"));
  Observation unknown = call("echo again >> log; exit 3");
  EXPECT_EQ(unknown.status, Observation::Status::unknown);
  EXPECT_THAT(lines(unknown), ElementsAre("log 10 artifact2"));
}

TEST_F(WorkspaceTest, OnlyRegularFilesWithHarmlessNames) {
  ASSERT_EQ(::mkdir((folder_ / "outside").c_str(), 0755), 0);
  std::ofstream(folder_ / "outside" / "secret") << "secret";
  Observation seen = call(
      "ln -s ../outside/secret link; ln -s ../outside links; ln -s nowhere lost; mkfifo pipe; "
      "printf x > \"$(printf 'a\\nb\\033[2J\\377')\"; echo 1");
  EXPECT_THAT(lines(seen),
              ElementsAre("a\\x0ab\\x1b[2J\\xff 1 artifact1", "link 0 - it is no regular file",
                          "links 0 - it is no regular file", "lost 0 - it is no regular file",
                          "pipe 0 - it is no regular file"));
  EXPECT_THAT(host_.artifacts, ElementsAre("x"));
  // The folder itself may be swapped too.
  seen = call("cd ..; rm -r work; ln -s outside work; echo 1");
  EXPECT_THAT(lines(seen), ElementsAre("./ 0 - cannot open it: Not a directory"));
  // That it is gone is nothing to name.
  seen = call("cd ..; rm work; echo 1");
  EXPECT_THAT(lines(seen), IsEmpty());
}

TEST_F(WorkspaceTest, WhatWasThereBeforeIsNotNewWhenTheFolderCouldNotBeOpened) {
  Observation seen = call("echo old > a; sleep 0.05; cd ..; mv work away; ln -s away work; echo 1");
  EXPECT_THAT(lines(seen), ElementsAre("./ 0 - cannot open it: Not a directory"));
  seen = call("cd ..; rm work; mv away work; echo new > work/b; echo 1");
  EXPECT_THAT(lines(seen), ElementsAre("b 4 artifact1"));
}

TEST_F(WorkspaceTest, EverythingIsBounded) {
  std::string big = std::to_string(limits::kOutputFileBytesMax + 1);
  Observation seen =
      call("truncate -s " + big +
           " a-big; for i in $(seq 10 49); do echo $i > f$i; done; mkdir -p z/1/2/3/4/5/6/7/8/9; "
           "echo deep > z/1/2/3/4/5/6/7/8/9/f; echo 1");
  std::vector<std::string> said = lines(seen);
  ASSERT_EQ(said.size(), 2 * limits::kOutputFilesMax + 1);
  EXPECT_EQ(said[0], "a-big " + big + " - at most 16777216 bytes");
  EXPECT_EQ(said[16], "f25 3 artifact16");
  EXPECT_EQ(said[17], "f26 3 - at most 16 files");
  EXPECT_EQ(said.back(), "* 0 - 10 more were left out");
  EXPECT_EQ(host_.artifacts.size(), limits::kOutputFilesMax);

  seen = call("rm -r *; for i in 1 2 3 4 5; do truncate -s 16000000 $i; done; echo 1");
  EXPECT_THAT(lines(seen).back(), HasSubstr("5 16000000 - at most 67108864 bytes together"));
  EXPECT_EQ(seen.files[3].bytes, 16'000'000U);

  seen = call("rm -r *; mkdir many; cd many; seq 5000 | xargs touch; echo 1");
  EXPECT_THAT(lines(seen), ::testing::Contains("many/ 0 - only 4096 entries are looked at"));
  seen = call("rm -r many; mkdir -p 1/2/3/4/5/6/7/8/9; echo 1");
  EXPECT_THAT(lines(seen), ElementsAre("1/2/3/4/5/6/7/8/9/ 0 - more than 8 folders deep"));
}

TEST_F(WorkspaceTest, WhatWasThereBeforeIsNotNewWhenTheLookWasCutShort) {
  call("seq 10000 15999 | xargs touch; echo 1");
  // Files come into sight that the look before the call did not get to.
  Observation seen = call("ls -U | head -n 3000 | xargs rm; echo 1 > new; echo 1");
  for (const OutputFile& file : seen.files) EXPECT_EQ(file.name, "new");
  EXPECT_FALSE(seen.files.empty());
}

TEST_F(WorkspaceTest, WhatCannotBeKeptIsNamedAndTheCallIsStillDone) {
  host_.full = true;
  Observation seen = call("echo x > a; echo 1");
  EXPECT_EQ(seen.status, Observation::Status::done);
  EXPECT_THAT(lines(seen), ElementsAre("a 2 - no space left"));
}

TEST_F(WorkspaceTest, AFileThatGoesOnGrowingIsKeptWholeOrNotAtAll) {
  Observation seen =
      call("(while :; do printf x >> a; done) & while [ ! -s a ]; do :; done; echo 1");
  ASSERT_EQ(seen.files.size(), 1U);  // whichever came first: the end of the group, or the look
  const OutputFile& file = seen.files.front();
  if (file.left_out.empty()) {
    EXPECT_EQ(host_.artifacts.at(0).size(), file.bytes);
  } else {
    EXPECT_EQ(file.left_out, "it changed while it was read");
  }
}

}  // namespace
}  // namespace ragent
