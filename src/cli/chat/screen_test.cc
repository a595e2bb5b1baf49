#include <cli/chat/editor.h>
#include <cli/chat/fake_terminal.h>
#include <cli/chat/screen.h>

#include <gmock/gmock.h>
#include <random>

namespace ragent::cli {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(FlowTest, WrapsAtWords) {
  Flow flow(10);
  EXPECT_THAT(flow.add("one two"), IsEmpty());
  EXPECT_THAT(flow.add(" three four"), ElementsAre("one two"));
  EXPECT_EQ(flow.open(), "three four");
  EXPECT_THAT(flow.add("  five"), ElementsAre("three four"));
  EXPECT_EQ(flow.open(), "five");
}

TEST(FlowTest, PiecesMakeNoDifference) {
  std::string text =
      "A word, anotherverylongwordthatcannotfit and 漢字漢字漢字 then\n"
      "  indented \x1b[2mdim text that is long\x1b[0m\tend\n\nlast ";
  Flow whole(17);
  std::vector<std::string> expected = whole.add(text);
  for (const std::string& row : expected) EXPECT_LE(width_of(row), 17u) << row;
  for (std::size_t cut = 1; cut < text.size(); ++cut) {
    bool inside = (static_cast<unsigned char>(text[cut]) & 0xc0) == 0x80;
    std::size_t escape = text.rfind('\x1b', cut - 1);
    if (inside || (escape != text.npos && text.find('m', escape) >= cut)) continue;
    Flow flow(17);
    std::vector<std::string> rows = flow.add(text.substr(0, cut));
    for (std::string& row : flow.add(text.substr(cut))) rows.push_back(std::move(row));
    EXPECT_EQ(rows, expected) << cut;
    EXPECT_EQ(flow.open(), whole.open());
  }
}

TEST(FlowTest, ColoursGoOnInTheNextRow) {
  Flow flow(8);
  EXPECT_THAT(flow.add("\x1b[2mdim words here\x1b[0m\n"),
              ElementsAre("\x1b[2mdim\x1b[0m", "\x1b[2mwords\x1b[0m", "\x1b[2mhere\x1b[0m"));
}

Screen::Block prompt(std::string row) {
  std::size_t column = width_of(row);
  return {.rows = {std::move(row)}, .cursor_column = column};
}

TEST(ScreenTest, TheBlockStaysBelowWhatStreams) {
  FakeTerminal terminal({.width = 20, .height = 4});
  Screen screen({.width = 20, .height = 4});
  screen.block(prompt("> "));
  terminal.feed(screen.paint());
  screen.write("Hel");
  terminal.feed(screen.paint());
  EXPECT_EQ(terminal.text(), "Hel\n>");
  screen.write("lo you");
  screen.block(prompt("> hi"));
  terminal.feed(screen.paint());
  EXPECT_EQ(terminal.text(), "Hello you\n> hi");
  EXPECT_EQ(terminal.column(), 4u);
  screen.write(".\n\nNext line\n");
  terminal.feed(screen.paint());
  EXPECT_EQ(terminal.text(), "Hello you.\n\nNext line\n> hi");
  EXPECT_EQ(screen.paint(), "");  // nothing new
  terminal.feed(screen.wiped());
  EXPECT_EQ(terminal.text(), "Hello you.\n\nNext line");
  screen.block(prompt("> x"));
  terminal.feed(screen.paint());
  screen.clear();
  terminal.feed(screen.paint());
  EXPECT_EQ(terminal.text(), "> x");
}

// Whatever comes in whatever pieces, the window shows the text wrapped and the block below it.
TEST(ScreenTest, EndsAsIfItWereDrawnOnce) {
  static const std::vector<std::string> kPieces = {
      "a ", "word ", "漢字", "\n", "longer-than-the-window-is ", "\x1b[2mdim\x1b[0m ", "\t", "  x"};
  for (unsigned seed = 1; seed <= 60; ++seed) {
    std::mt19937 random(seed);
    WindowSize size{.width = 12 + random() % 30, .height = 4 + random() % 8};
    FakeTerminal terminal(size);
    Screen screen(size);
    Flow flow(size.width - 1);
    std::string expected;
    Editor editor;
    for (int i = 0; i < 60; ++i) {
      const std::string& piece = kPieces[random() % kPieces.size()];
      screen.write(piece);
      for (const std::string& row : flow.add(piece)) expected += row + "\n";
      if (random() % 3 == 0) editor.on({.kind = Key::Kind::text, .text = "k漢"});
      if (random() % 9 == 0) editor.on({.kind = Key::Kind::cut_begin});
      InputRows input = input_rows(editor, "> ", screen.width(), 2);
      screen.block({.rows = input.rows,
                    .cursor_row = input.cursor_row,
                    .cursor_column = input.cursor_column});
      if (random() % 2 == 0) terminal.feed(screen.paint());
    }
    terminal.feed(screen.paint());
    if (!flow.empty()) expected += flow.open() + "\n";
    InputRows input = input_rows(editor, "> ", screen.width(), 2);
    for (const std::string& row : input.rows) expected += row + "\n";
    EXPECT_EQ(terminal.strange(), "");
    EXPECT_FALSE(terminal.wrapped()) << "seed " << seed;
    FakeTerminal drawn({.width = size.width, .height = 1000});
    std::string lines;
    for (char c : expected) lines += c == '\n' ? "\r\n" : std::string(1, c);
    drawn.feed(lines);
    EXPECT_EQ(terminal.text(), drawn.text()) << "seed " << seed;
    EXPECT_EQ(terminal.column(), input.cursor_column) << "seed " << seed;
  }
}

// A terminal that wraps anew what it shows: rows of the block become several.
TEST(ScreenTest, ANarrowerWindowFindsTheTopOfItsBlock) {
  Screen screen({.width = 40, .height = 10});
  screen.block(
      {.rows = {"above " + std::string(30, 'x'), "> hello"}, .cursor_row = 1, .cursor_column = 7});
  screen.paint();
  screen.resize({.width = 20, .height = 10});
  screen.block(prompt("> hello"));
  // 36 columns stand on two rows now, the cursor on the third.
  EXPECT_TRUE(screen.paint().starts_with("\x1b[2A\r\x1b[J"));
}

}  // namespace
}  // namespace ragent::cli
