#include <base/file.h>

#include <ragent/json.h>

#include <base/log.h>
#include <base/posix.h>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/stat.h>

#include <filesystem>

namespace ragent {
namespace {

using testing::HasSubstr;
namespace fs = std::filesystem;

class FileTest : public testing::Test {
 protected:
  FileTest() {
    std::string name = testing::TempDir() + "/ragent_file_XXXXXX";
    RAGENT_ASSERT(mkdtemp(name.data()));
    directory_ = name;
  }
  ~FileTest() override { fs::remove_all(directory_); }
  std::size_t files() const {
    return static_cast<std::size_t>(std::distance(fs::directory_iterator(directory_), {}));
  }
  std::string directory_;
};

TEST_F(FileTest, WritesAndReadsBack) {
  const std::string path = directory_ + "/a";
  for (const std::string& bytes :
       {std::string(), std::string("x\0y", 3), std::string(100'000, 'z')}) {
    ASSERT_TRUE(write_file_atomic(path, bytes));
    EXPECT_EQ(read_file(path, 1 << 20), bytes);
    EXPECT_EQ(files(), 1u);  // no temporary file is left
  }
}

TEST_F(FileTest, ABoundIsABound) {
  const std::string path = directory_ + "/a";
  ASSERT_TRUE(write_file_atomic(path, std::string(100, 'x')));
  EXPECT_TRUE(read_file(path, 100));
  const Result<std::string> over = read_file(path, 99);
  ASSERT_FALSE(over);
  EXPECT_EQ(over.error().kind, ErrorKind::invalid);
  EXPECT_THAT(over.error().message, HasSubstr("99 bytes"));
  EXPECT_FALSE(read_file("/dev/zero", 1 << 20));  // has no end
}

TEST_F(FileTest, WhatIsNoRegularFileIsRefusedAtOnce) {
  const std::string fifo = directory_ + "/fifo";
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  EXPECT_THAT(read_file(fifo, 100).error().message, HasSubstr("expected a regular file"));
  EXPECT_THAT(read_file(fifo, 100).error().message, HasSubstr("it is a FIFO"));
  EXPECT_THAT(read_file(directory_, 100).error().message, HasSubstr("it is a folder"));
  EXPECT_THAT(read_file("/dev/zero", 100).error().message, HasSubstr("it is a device"));
}

TEST_F(FileTest, AnOutputFollowsLinks) {
  ASSERT_TRUE(make_directories(directory_ + "/far"));
  fs::create_symlink("far/page", directory_ + "/link");
  fs::create_symlink("link", directory_ + "/again");
  for (const std::string text : {"new", "old"}) {
    ASSERT_TRUE(write_output(directory_ + "/again", text));
    EXPECT_EQ(read_file(directory_ + "/far/page", 100), text);
    EXPECT_TRUE(fs::is_symlink(directory_ + "/link"));
    EXPECT_TRUE(fs::is_symlink(directory_ + "/again"));
  }
  fs::create_symlink("circle", directory_ + "/circle");
  EXPECT_THAT(write_output(directory_ + "/circle", "x").error().message, HasSubstr("/circle: "));
  EXPECT_TRUE(fs::is_symlink(directory_ + "/circle"));
  EXPECT_EQ(write_output(directory_ + "/far", "x").error().kind, ErrorKind::invalid);
}

TEST_F(FileTest, AnOutputGoesIntoAFifoThatStaysOne) {
  const std::string fifo = directory_ + "/fifo";
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  const FileDescriptor reading(::open(fifo.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  ASSERT_TRUE(write_output(fifo, "page"));
  char text[16] = {};
  EXPECT_EQ(::read(reading.get(), text, sizeof text), 4);
  EXPECT_TRUE(fs::is_fifo(fifo));
}

// As /dev/stdout does: a link to one of /proc/self/fd, which is one to a pipe without a path.
TEST_F(FileTest, AnOutputGoesIntoAPipeThatHasNoNameButItsDescriptor) {
  int ends[2] = {};
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  const FileDescriptor reading(ends[0]);
  const FileDescriptor writing(ends[1]);
  const std::string named = "/proc/self/fd/" + std::to_string(writing.get());
  fs::create_symlink(named, directory_ + "/stdout");
  for (const std::string& path : {named, directory_ + "/stdout"}) {
    const Result<void> written = write_output(path, "page");
    ASSERT_TRUE(written) << written.error().message;
    char text[16] = {};
    EXPECT_EQ(::read(reading.get(), text, sizeof text), 4);
  }
  EXPECT_TRUE(fs::is_symlink(directory_ + "/stdout"));
}

TEST_F(FileTest, KeepsTheModeOfAnExistingFile) {
  const std::string path = directory_ + "/key";
  ASSERT_TRUE(write_file_atomic(path, "1", 0600));
  ASSERT_TRUE(write_file_atomic(path, "2"));
  struct stat found = {};
  ASSERT_EQ(::stat(path.c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 0777, 0600u);
}

TEST_F(FileTest, ErrorsNamePathAndReason) {
  const Result<std::string> missing = read_file(directory_ + "/none", 10);
  EXPECT_EQ(missing.error().kind, ErrorKind::not_found);
  EXPECT_EQ(missing.error().message,
            "cannot open " + directory_ + "/none: No such file or directory");
  EXPECT_EQ(read_file(directory_, 10).error().kind, ErrorKind::invalid);
  EXPECT_EQ(write_file_atomic(directory_, "x").error().kind, ErrorKind::invalid);
  EXPECT_EQ(write_file_atomic(directory_ + "/no/file", "x").error().kind, ErrorKind::not_found);
}

TEST_F(FileTest, WhereNothingCanBeMadeTheErrorNamesTheFile) {
  EXPECT_EQ(system_error("write", "x", ENOSPC).kind, ErrorKind::unavailable);
  const Result<void> result = write_file_atomic("/proc/self/status", "x");
  ASSERT_FALSE(result);
  EXPECT_THAT(result.error().message, HasSubstr("/proc/self/status"));
}

TEST_F(FileTest, MakesDirectories) {
  EXPECT_TRUE(make_directories(directory_ + "/a/b/c"));
  EXPECT_TRUE(make_directories(directory_ + "/a/b/c"));
  EXPECT_TRUE(make_directories(directory_ + "/a//d/"));
  EXPECT_TRUE(fs::is_directory(directory_ + "/a/d"));
  ASSERT_TRUE(write_file_atomic(directory_ + "/file", "x"));
  EXPECT_THAT(make_directories(directory_ + "/file/x").error().message, HasSubstr("/file"));
}

TEST(Log, IsOneJsonObjectALine) {
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  const FileDescriptor reading(ends[0]);
  const FileDescriptor writing(ends[1]);
  const Logger log = Logger(LogLevel::info, writing.get()).with({{"run", "01\n\"x"}});
  log.debug("not shown");
  log.error("it broke", {{"code", 3}});
  char text[1024] = {};
  const ssize_t got = ::read(reading.get(), text, sizeof text);
  ASSERT_GT(got, 0);
  const std::string_view line(text, static_cast<std::size_t>(got));
  EXPECT_EQ(std::ranges::count(line, '\n'), 1);
  const Result<Json> parsed = parse_json(line);
  ASSERT_TRUE(parsed) << line;
  EXPECT_EQ(parsed->text("level"), "error");
  EXPECT_EQ(parsed->text("message"), "it broke");
  EXPECT_EQ(parsed->text("run"), "01\n\"x");
  EXPECT_EQ(parsed->integer("code"), 3);
  EXPECT_EQ(parsed->text("at").size(), 24u);
}

TEST(Log, TheEnvironmentSetsTheLevel) {
  ASSERT_EQ(::setenv("RAGENT_LOG", "debug", 1), 0);
  EXPECT_TRUE(Logger::from_environment().enabled(LogLevel::debug));
  ASSERT_EQ(::setenv("RAGENT_LOG", "off", 1), 0);
  EXPECT_FALSE(Logger::from_environment().enabled(LogLevel::error));
  ASSERT_EQ(::setenv("RAGENT_LOG", "loud", 1), 0);
  EXPECT_TRUE(Logger::from_environment().enabled(LogLevel::warn));
  EXPECT_FALSE(Logger::from_environment().enabled(LogLevel::info));
  ::unsetenv("RAGENT_LOG");
}

}  // namespace
}  // namespace ragent
