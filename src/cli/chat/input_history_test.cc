#include <cli/chat/input_history.h>

#include <base/file.h>
#include <ragent/limits.h>
#include <store/test_home.h>

#include <gmock/gmock.h>
#include <sys/stat.h>

namespace ragent::cli {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(InputHistoryTest, KeepsWhatWasTyped) {
  TestHome home;
  std::string file = home.folder() + "/chat_history";
  EXPECT_THAT(InputHistory(file).load(), IsEmpty());
  InputHistory history(file);
  EXPECT_TRUE(history.add("one"));
  EXPECT_TRUE(history.add("two\nlines \\n and a \\"));
  EXPECT_THAT(InputHistory(file).load(), ElementsAre("one", "two\nlines \\n and a \\"));
  struct stat status = {};
  ASSERT_EQ(::stat(file.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
}

TEST(InputHistoryTest, IsBounded) {
  TestHome home;
  std::string file = home.folder() + "/chat_history";
  std::string text;
  for (std::size_t i = 0; i <= 2 * limits::kChatHistoryMax; ++i) text += std::to_string(i) + "\n";
  ASSERT_TRUE(write_file_atomic(file, text, 0600));
  std::vector<std::string> loaded = InputHistory(file).load();
  ASSERT_EQ(loaded.size(), limits::kChatHistoryMax);
  EXPECT_EQ(loaded.back(), std::to_string(2 * limits::kChatHistoryMax));
  Result<std::string> cut = read_file(file, text.size());
  ASSERT_TRUE(cut);
  EXPECT_TRUE(cut->starts_with(loaded.front() + "\n"));
  InputHistory history(file);
  EXPECT_TRUE(history.add(std::string(limits::kChatHistoryEntryBytesMax, 'x')));
  EXPECT_EQ(InputHistory(file).load().back(), loaded.back());
}

TEST(InputHistoryTest, AFileThatCannotBeWrittenIsSaid) {
  TestHome home;
  Result<void> added = InputHistory(home.folder() + "/none/chat_history").add("one");
  ASSERT_FALSE(added);
  EXPECT_NE(added.error().message.find("chat_history"), std::string::npos);
}

TEST(InputHistoryTest, AFileThatIsNotAsItWasMadeIsMendedOrLeft) {
  TestHome home;
  std::string file = home.folder() + "/chat_history";
  ASSERT_TRUE(write_file_atomic(file, "open to all\nhalf of a li", 0644));
  ASSERT_TRUE(InputHistory(file).add("next"));
  EXPECT_THAT(InputHistory(file).load(), ElementsAre("open to all", "half of a li", "next"));
  struct stat status = {};
  ASSERT_EQ(::stat(file.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);

  ASSERT_EQ(::unlink(file.c_str()), 0);
  ASSERT_EQ(::mkfifo(file.c_str(), 0600), 0);
  EXPECT_FALSE(InputHistory(file).add("one"));  // at once
  EXPECT_THAT(InputHistory(file).load(), ElementsAre());
}

}  // namespace
}  // namespace ragent::cli
