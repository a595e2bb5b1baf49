#include <runtime/tape.h>

#include <gtest/gtest.h>

namespace ragent {
namespace {

Record record(std::uint32_t n, RecordKind kind, std::string path, std::uint32_t step,
              std::string body = "{}") {
  return {.n = n, .path = std::move(path), .step = step, .kind = kind, .body = std::move(body)};
}

TEST(TapeTest, ACancelCutsTheChildAndItsDescendants) {
  Result<Tape> tape =
      Tape::of({record(1, RecordKind::start, "0", kNoStep), record(2, RecordKind::fork, "0", 4),
                record(3, RecordKind::cancel, "0", 5, R"({"children": ["0.4.1"]})")});
  ASSERT_TRUE(tape) << tape.error().message;
  EXPECT_EQ(tape->cut("0"), kNever);
  EXPECT_EQ(tape->cut("0.4.0"), kNever);
  EXPECT_EQ(tape->cut("0.4.1"), 3u);
  EXPECT_EQ(tape->cut("0.4.1.2.0"), 3u);
  EXPECT_EQ(tape->cut("0.4.1.2.0.11.12"), 3u);
  EXPECT_EQ(tape->cut("0.4.11"), kNever);
}

TEST(TapeTest, TheLowestCutCounts) {
  Result<Tape> tape =
      Tape::of({record(1, RecordKind::start, "0", kNoStep),
                record(2, RecordKind::cancel, "0.4.1", 5, R"({"children": ["0.4.1.2.0"]})"),
                record(3, RecordKind::cancel, "0", 5, R"({"children": ["0.4.1"]})"),
                record(4, RecordKind::stop, "0", kNoStep)});
  ASSERT_TRUE(tape) << tape.error().message;
  EXPECT_EQ(tape->cut("0.4.1.2.0"), 2u);
  EXPECT_EQ(tape->cut("0.4.1.2.1"), 3u);
  EXPECT_EQ(tape->cut("0.4.0"), 4u);
  EXPECT_EQ(tape->cut("0"), 4u);
}

TEST(TapeTest, AJournalWithAHoleIsNotReplayed) {
  Result<Tape> tape =
      Tape::of({record(1, RecordKind::start, "0", kNoStep), record(3, RecordKind::think, "0", 0)});
  ASSERT_FALSE(tape);
  EXPECT_EQ(tape.error().kind, ErrorKind::diverged);
  EXPECT_NE(tape.error().message.find("record 2 is missing"), std::string::npos)
      << tape.error().message;
}

}  // namespace
}  // namespace ragent
