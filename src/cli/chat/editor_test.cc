#include <cli/chat/editor.h>

#include <cli/text.h>
#include <ragent/limits.h>

#include <gmock/gmock.h>

namespace ragent::cli {
namespace {

using testing::ElementsAre;
using Does = Editor::Does;

Does type(Editor& editor, std::string_view bytes) {
  KeyReader reader;
  Does last = Does::nothing;
  for (const Key& key : reader.feed(bytes)) last = editor.on(key);
  return last;
}

std::string after(std::string_view bytes) {
  Editor editor;
  type(editor, bytes);
  std::string text = editor.text();
  return text.insert(editor.cursor(), "|");
}

TEST(EditorTest, KeysMoveAndCut) {
  EXPECT_EQ(after("hello\x1b[D\x1b[D"), "hel|lo");
  EXPECT_EQ(after("hello\x01x\x05y"), "xhelloy|");
  EXPECT_EQ(after("one two three\x17"), "one two |");
  EXPECT_EQ(after("one two\x1b[D\x1b[D\x0b"), "one t|");
  EXPECT_EQ(after("one two\x1b[D\x1b[D\x15"), "|wo");
  EXPECT_EQ(after("one two\x17\x01\x19-"), "two-|one ");
  EXPECT_EQ(after("ab\x01\x04"), "|b");
  EXPECT_EQ(after("ab\x7f\x7f\x7f"), "|");
  EXPECT_EQ(after("one two\x1b"
                  "b\x1b"
                  "b\x1b[1;5C"),
            "one| two");
}

TEST(EditorTest, CharactersAreWhole) {
  EXPECT_EQ(after("aé漢\x7f"), "aé|");
  EXPECT_EQ(after("a漢\x1b[Dx"), "ax|漢");
  EXPECT_EQ(after("e\xcc\x81\x7f"), "|");  // with its accent
  EXPECT_EQ(after("e\xcc\x81x\x1b[D\x1b[D-"), "-|e\xcc\x81x");
}

TEST(EditorTest, LinesGoOn) {
  Editor editor;
  EXPECT_EQ(type(editor, "first\\\r"), Does::changed);
  EXPECT_EQ(type(editor, "second"), Does::changed);
  EXPECT_EQ(type(editor, "\r"), Does::submit);
  EXPECT_EQ(editor.take(), "first\nsecond");
  EXPECT_EQ(editor.text(), "");
  EXPECT_EQ(type(editor, "\x1b[200~a\rb\x1b[201~"), Does::changed);
  EXPECT_EQ(editor.take(), "a\nb");
  EXPECT_EQ(after("one\x1b\rtwo\x1b[Ax"), "onex|\ntwo");
  EXPECT_EQ(after("one\x1b\rlonger\x1b[A\x1b[B"), "one\nlon|ger");
  EXPECT_EQ(after("漢字\x1b\rlonger\x1b[A"), "漢字|\nlonger");
}

TEST(EditorTest, ArrowsBringOlderInputsBackAndTheDraft) {
  Editor editor;
  editor.remember("one");
  editor.remember("two");
  editor.remember("two");
  type(editor, "draft\x1b[A");
  EXPECT_EQ(editor.text(), "two");
  type(editor, "\x1b[A");
  EXPECT_EQ(editor.text(), "one");
  EXPECT_EQ(type(editor, "\x1b[A"), Does::nothing);
  type(editor, "\x1b[B\x1b[B");
  EXPECT_EQ(editor.text(), "draft");
  EXPECT_EQ(type(editor, "\x1b[B"), Does::nothing);
}

TEST(EditorTest, ControlDLeavesOnlyAnEmptyInput) {
  Editor editor;
  EXPECT_EQ(type(editor, "a\x04"), Does::changed);
  EXPECT_EQ(type(editor, "\x7f\x04"), Does::leave);
  EXPECT_EQ(type(editor, "\x03"), Does::interrupt);
}

InputRows rows(std::string_view bytes, std::size_t width, std::size_t rows_max = 10) {
  Editor editor;
  type(editor, bytes);
  return input_rows(editor, "> ", width, rows_max);
}

TEST(InputRowsTest, FitTheWidth) {
  EXPECT_THAT(rows("abcdef", 6).rows, ElementsAre("> abcd", "  ef"));
  InputRows full = rows("abcd", 6);
  EXPECT_THAT(full.rows, ElementsAre("> abcd", "  "));  // a place for the cursor
  EXPECT_EQ(full.cursor_row, 1u);
  EXPECT_EQ(full.cursor_column, 2u);
  EXPECT_THAT(rows("漢字漢", 7).rows, ElementsAre("> 漢字", "  漢"));
  InputRows middle = rows("abcdef\x1b[D\x1b[D", 6);
  EXPECT_EQ(middle.cursor_row, 1u);
  EXPECT_EQ(middle.cursor_column, 2u);
  EXPECT_THAT(rows("", 6).rows, ElementsAre("> "));
}

TEST(InputRowsTest, ScrollWithTheCursor) {
  InputRows end = rows("\x1b[200~1\r2\r3\r4\r5\x1b[201~", 20, 3);
  EXPECT_THAT(end.rows, ElementsAre("  3", "  4", "  5"));
  EXPECT_EQ(end.cursor_row, 2u);
  InputRows top = rows("\x1b[200~1\r2\r3\r4\r5\x1b[201~\x1b[A\x1b[A\x1b[A\x1b[A", 20, 3);
  EXPECT_THAT(top.rows, ElementsAre("> 1", "  2", "  3"));
  EXPECT_EQ(top.cursor_row, 0u);
}

TEST(InputRowsTest, WhatWouldSpeakToTheTerminalIsShown) {
  EXPECT_THAT(rows("a\xe2\x80\xae"
                   "b",
                   20)
                  .rows,
              ElementsAre("> a\\u202eb"));
}

TEST(EditorTest, WhatHasNoRoomIsLeftOutAndTold) {
  Editor editor;
  std::string all(limits::kInputBytesMax, 'a');
  EXPECT_EQ(type(editor, "\x1b[200~" + all + "\x1b[201~"), Does::changed);
  EXPECT_EQ(type(editor, "b"), Does::full);
  EXPECT_EQ(editor.text(), all);
  EXPECT_EQ(type(editor, "\x7f"), Does::changed);
  EXPECT_EQ(type(editor, "b"), Does::changed);
  editor.take();
  EXPECT_EQ(type(editor, "\x1b[200~" + all + "b\x1b[201~"), Does::full);
  EXPECT_EQ(editor.text(), all);
}

// The rows of a text of a megabyte are those of its end, and cost no more than those of a page.
TEST(EditorTest, ALongInputIsLaidOutNearItsCursor) {
  Editor editor;
  std::string line = "0123456789漢字 ";
  std::string all;
  while (all.size() + line.size() < limits::kInputBytesMax) all += line;
  editor.set(all);
  auto began = std::chrono::steady_clock::now();
  InputRows rows = input_rows(editor, "> ", 20, 10);
  for (int i = 0; i < 100; ++i) rows = input_rows(editor, "> ", 20, 10);
  EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(20));
  ASSERT_EQ(rows.rows.size(), 10u);
  EXPECT_EQ(rows.cursor_row, 9u);
  std::string shown;
  for (const std::string& row : rows.rows) shown += row.substr(2);
  EXPECT_TRUE(all.ends_with(shown)) << shown;
  editor.on({.kind = Key::Kind::home});  // one line: the cursor stands at the very beginning
  rows = input_rows(editor, "> ", 20, 10);
  EXPECT_EQ(rows.rows.front(), "> 0123456789漢字 012");
  EXPECT_EQ(rows.cursor_row, 0u);
  EXPECT_EQ(rows.rows.size(), 10u);
}

// Wherever the cursor stands, it is shown, in rows that hold what is around it.
TEST(EditorTest, TheCursorIsShownWhereverItStandsInALongInput) {
  Editor editor;
  std::string all;
  for (int i = 0; all.size() < 100'000; ++i) all += std::to_string(i) + (i % 7 == 0 ? "\n" : "é");
  editor.set(all);
  for (int i = 0; i < 150; ++i) {
    for (int j = 0; j < 233; ++j) editor.on({.kind = Key::Kind::left});
    InputRows rows = input_rows(editor, "> ", 20, 5);
    ASSERT_LT(rows.cursor_row, rows.rows.size());
    ASSERT_LE(rows.rows.size(), 5u);
    std::size_t cursor = editor.cursor();
    if (cursor == editor.text().size() || editor.text()[cursor] == '\n') continue;
    std::string_view next = std::string_view(editor.text()).substr(cursor, 1);
    std::string row = rows.rows[rows.cursor_row];
    std::size_t column = 0;
    std::size_t at = 0;
    while (column < rows.cursor_column) {
      at += first_character(std::string_view(row).substr(at)).size();
      ++column;
    }
    ASSERT_EQ(row.substr(at, 1), next) << i;
  }
}

}  // namespace
}  // namespace ragent::cli
