#include <cli/chat/screen.h>

#include <algorithm>
#include <fmt/core.h>

namespace ragent::cli {
namespace {

constexpr std::size_t kWidthMin = 8;
constexpr std::size_t kHeightMin = 3;
constexpr std::size_t kTabColumns = 8;
constexpr std::string_view kPlain = "\x1b[0m";
constexpr std::string_view kEraseBelow = "\x1b[J";
constexpr std::string_view kClear = "\x1b[H\x1b[2J";

WindowSize at_least(WindowSize size) {
  return {.width = std::max(size.width, kWidthMin), .height = std::max(size.height, kHeightMin)};
}

// Bytes of what stands first: a colour sequence or a character.
std::string_view first_of(std::string_view text) {
  if (text.starts_with("\x1b[")) {
    std::size_t end = text.find('m');
    if (end != text.npos) return text.substr(0, end + 1);
  }
  return first_character(text);
}

bool colour(std::string_view character) { return character.size() > 2 && character[0] == '\x1b'; }

}  // namespace

void Flow::finish(std::string row, const std::string& style, std::vector<std::string>& rows) const {
  if (!style.empty()) row += kPlain;
  rows.push_back(std::move(row));
}

// The row is full: its last word goes to the next one, or it is cut where nothing can be moved.
void Flow::wrap(std::vector<std::string>& rows) {
  if (break_at_ > 0) {
    std::string rest = open_.substr(break_at_);
    std::string row = open_.substr(0, break_at_);
    while (row.ends_with(' ')) row.pop_back();
    finish(std::move(row), break_style_, rows);
    open_ = break_style_ + rest;
  } else {
    finish(std::exchange(open_, style_), style_, rows);
  }
  used_ = width_of(open_);
  break_at_ = 0;
  wrapped_ = true;
}

void Flow::add_character(std::string_view character, std::vector<std::string>& rows) {
  if (colour(character)) {
    open_ += character;
    style_ = character == kPlain ? "" : std::string(character);
    return;
  }
  if (character == "\n") {
    finish(std::exchange(open_, style_), style_, rows);
    used_ = 0;
    break_at_ = 0;
    wrapped_ = false;
    return;
  }
  if (character == "\t") {
    std::size_t spaces = kTabColumns - used_ % kTabColumns;
    for (std::size_t i = 0; i < spaces; ++i) add_character(" ", rows);
    return;
  }
  std::size_t takes = width_of(character);
  bool space = character == " ";
  if (space && wrapped_ && used_ == 0) return;  // it stood between the rows
  if (used_ + takes > width_) {
    if (space) break_at_ = 0;  // the row ends with a word
    wrap(rows);
    if (space) return;
    if (used_ + takes > width_) wrap(rows);  // of a word that fills a row by itself
  }
  open_ += character;
  used_ += takes;
  // An indent is no place to break.
  if (space && open_.find_first_not_of(' ') != open_.size() - 1 &&
      open_.find_first_not_of(' ') != open_.npos) {
    break_at_ = open_.size();
    break_style_ = style_;
  }
}

std::vector<std::string> Flow::add(std::string_view text) {
  std::vector<std::string> rows;
  while (!text.empty()) {
    std::string_view character = first_of(text);
    add_character(character, rows);
    text.remove_prefix(character.size());
  }
  return rows;
}

std::vector<std::string> Flow::narrow(std::size_t width) {
  width_ = width;
  std::string open = std::exchange(open_, {});
  used_ = 0;
  break_at_ = 0;
  style_.clear();
  return add(open);
}

Screen::Screen(WindowSize size) : size_(at_least(size)), flow_(size_.width - 1) {}

void Screen::write(std::string_view text) {
  for (std::string& row : flow_.add(text)) over_.push_back(std::move(row));
}

void Screen::resize(WindowSize size) {
  size = at_least(size);
  if (size.width < size_.width) {
    // Terminals wrap what stands there; the cursor stays with its character.
    std::size_t above = 0;
    for (std::size_t i = 0; i < row_ && i < widths_.size(); ++i) {
      above += std::max<std::size_t>((widths_[i] + size.width - 1) / size.width, 1);
    }
    row_ = above + column_ / size.width;
    column_ %= size.width;
  }
  size_ = size;
  for (std::string& row : flow_.narrow(size.width - 1)) over_.push_back(std::move(row));
  stale_ = true;
}

std::string Screen::to_block_top() const {
  if (widths_.empty()) return "";
  return (row_ > 0 ? fmt::format("\x1b[{}A", row_) : "") + "\r" + std::string(kEraseBelow);
}

// The open row of text, then the block; the cursor is left where the block wants it.
std::string Screen::drawn_block() {
  std::vector<std::string> rows;
  if (mid_line()) rows.push_back(flow_.open() + std::string(kPlain));
  std::size_t before = rows.size();
  rows.insert(rows.end(), block_.rows.begin(), block_.rows.end());
  widths_.clear();
  std::string out;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    out += (i == 0 ? "" : "\r\n") + rows[i];
    widths_.push_back(width_of(rows[i]));
  }
  if (rows.empty()) return out;
  bool own = block_.rows.empty();  // the cursor stands behind the text
  row_ = own ? rows.size() - 1 : before + block_.cursor_row;
  column_ = own ? widths_.back() : block_.cursor_column;
  if (std::size_t up = rows.size() - 1 - row_; up > 0) out += fmt::format("\x1b[{}A", up);
  out += "\r";
  if (column_ > 0) out += fmt::format("\x1b[{}C", column_);
  return out;
}

std::string Screen::paint() {
  bool same = !clear_ && over_.empty() && block_ == shown_ && flow_.open() == shown_open_;
  if (same && !std::exchange(stale_, false)) return "";
  stale_ = false;
  std::string out = std::exchange(clear_, false) ? std::string(kClear) : to_block_top();
  for (const std::string& row : over_) out += row + "\r\n";
  over_.clear();
  out += drawn_block();
  shown_ = block_;
  shown_open_ = flow_.open();
  return out;
}

void Screen::forget() {
  stale_ = true;
  widths_.clear();
  row_ = column_ = 0;
}

std::string Screen::wiped() {
  if (mid_line()) write("\n");
  block_ = {};
  std::string out = paint();
  forget();
  return out;
}

}  // namespace ragent::cli
