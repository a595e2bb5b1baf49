// Screen: what a chat draws: text that goes by, and below it a block that is drawn again and again
// (what goes on, the input line). A pure core: it answers the bytes for the terminal. Owned by the
// chat; one thread.
//
//   Screen screen({.width = 60, .height = 24});
//   screen.write("A1 is ");                       // streamed, wrapped at words
//   screen.block({.rows = {"> hello"}, .cursor_column = 7});
//   out += screen.paint();                        // everything since the last time
//
// Rows are one column narrower than the window, so that no terminal breaks them itself. Text may
// hold colour sequences and nothing else of that kind.
#pragma once

#include <cli/text.h>

namespace ragent::cli {

struct WindowSize {
  std::size_t width = 80;
  std::size_t height = 24;
  friend bool operator==(const WindowSize&, const WindowSize&) = default;
};

// Greedy wrapping of text that comes in pieces: a row is over once the next word does not fit.
class Flow {
 public:
  explicit Flow(std::size_t width) : width_(width) {}
  // The rows that are over by now, without line ends.
  std::vector<std::string> add(std::string_view text);
  std::vector<std::string> narrow(std::size_t width);  // what is open is wrapped again
  const std::string& open() const { return open_; }
  bool empty() const { return open_.empty(); }

 private:
  void add_character(std::string_view character, std::vector<std::string>& rows);
  void finish(std::string row, const std::string& style, std::vector<std::string>& rows) const;
  void wrap(std::vector<std::string>& rows);

  std::size_t width_;
  std::string open_ = {};
  std::size_t used_ = 0;        // columns of it
  std::string style_ = {};      // the colour that is on
  std::size_t break_at_ = 0;    // a byte of open_, where it may be broken; 0: nowhere
  std::string break_style_ = {};
  bool wrapped_ = false;        // the row goes on the one above
};

class Screen {
 public:
  struct Block {
    std::vector<std::string> rows = {};
    std::size_t cursor_row = 0;
    std::size_t cursor_column = 0;
    friend bool operator==(const Block&, const Block&) = default;
  };

  explicit Screen(WindowSize size);
  std::size_t width() const { return size_.width - 1; }  // of a row
  std::size_t height() const { return size_.height; }
  void write(std::string_view text);
  bool mid_line() const { return !flow_.empty(); }
  void block(Block block) { block_ = std::move(block); }
  std::string paint();
  // The window changed: it may have wrapped the rows of the block anew.
  void resize(WindowSize size);
  // Somebody else wrote meanwhile: the block is drawn anew where the cursor stands.
  void forget();
  std::string wiped();  // the block is off the screen, what was open is a line of its own
  void clear() { clear_ = true; }  // the next paint begins with an empty window

 private:
  std::string to_block_top() const;
  std::string drawn_block();

  WindowSize size_;
  Flow flow_;
  std::vector<std::string> over_ = {};  // rows to print
  Block block_ = {};
  std::vector<std::size_t> widths_ = {};  // of the rows that stand on the screen
  std::size_t row_ = 0;                   // the cursor, within them
  std::size_t column_ = 0;
  Block shown_ = {};
  std::string shown_open_ = {};
  bool stale_ = true;
  bool clear_ = false;
};

}  // namespace ragent::cli
