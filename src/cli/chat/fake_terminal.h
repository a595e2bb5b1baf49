// FakeTerminal: for tests: what a window shows after the bytes of a chat. It wraps, scrolls and
// obeys the sequences that Screen uses; any other byte of control stands in `strange`.
//
//   FakeTerminal terminal({.width = 20, .height = 5});
//   terminal.feed(screen.paint());
//   EXPECT_EQ(terminal.text(), "hello\n> ");
#pragma once

#include <cli/chat/screen.h>

#include <charconv>

namespace ragent::cli {

class FakeTerminal {
 public:
  explicit FakeTerminal(WindowSize size) : size_(size), rows_(1) {}

  void feed(std::string_view bytes) {
    while (!bytes.empty()) {
      std::size_t taken = step(bytes);
      bytes.remove_prefix(taken);
    }
  }
  // All rows, also those that have scrolled out, without spaces at their ends.
  std::string text() const {
    std::string out;
    for (const auto& row : rows_) {
      std::string line;
      for (const std::string& cell : row) line += cell;
      while (line.ends_with(' ')) line.pop_back();
      out += (out.empty() && &row == &rows_.front() ? "" : "\n") + line;
    }
    while (out.ends_with('\n')) out.pop_back();
    return out;
  }
  std::size_t row() const { return row_; }
  std::size_t column() const { return column_; }
  const std::string& strange() const { return strange_; }
  bool wrapped() const { return wrapped_; }  // a row was too long for the window

 private:
  std::size_t step(std::string_view bytes) {
    if (bytes.starts_with("\x1b[")) return sequence(bytes);
    if (bytes[0] == '\r') {
      column_ = 0;
    } else if (bytes[0] == '\n') {
      down();
    } else if (static_cast<unsigned char>(bytes[0]) < 0x20) {
      strange_ += bytes[0];
    } else {
      std::size_t length = std::max<std::size_t>(utf8_length(bytes), 1);
      put(bytes.substr(0, length));
      return length;
    }
    return 1;
  }

  std::size_t sequence(std::string_view bytes) {
    std::size_t end = bytes.find_first_of("ABCDHJKmhl", 2);
    if (end == bytes.npos) {
      strange_ += bytes;
      return bytes.size();
    }
    std::size_t number = 1;
    std::from_chars(bytes.data() + 2, bytes.data() + end, number);
    switch (bytes[end]) {
      case 'A': row_ = std::max(top(), row_ < number ? 0 : row_ - number); break;
      case 'C': column_ = std::min(column_ + number, size_.width - 1); break;
      case 'H': row_ = top(), column_ = 0; break;
      case 'J': erase(number == 2); break;
      case 'm': break;
      default: strange_ += bytes.substr(0, end + 1);
    }
    return end + 1;
  }

  std::size_t top() const { return rows_.size() < size_.height ? 0 : rows_.size() - size_.height; }

  void down() {
    if (++row_ == rows_.size()) rows_.emplace_back();
  }

  void put(std::string_view character) {
    std::size_t width = width_of(character);
    if (width == 0) {
      if (column_ > 0) rows_[row_][column_ - 1] += character;
      return;
    }
    if (column_ + width > size_.width) {
      wrapped_ = true;
      column_ = 0;
      down();
    }
    auto& row = rows_[row_];
    if (row.size() < column_ + width) row.resize(column_ + width, " ");
    row[column_] = character;
    if (width == 2) row[column_ + 1] = "";
    column_ += width;
  }

  void erase(bool all) {
    if (all) {
      for (std::size_t i = top(); i < rows_.size(); ++i) rows_[i].clear();
      return;
    }
    auto& row = rows_[row_];
    row.resize(std::min(row.size(), column_));
    for (std::size_t i = row_ + 1; i < rows_.size(); ++i) rows_[i].clear();
  }

  WindowSize size_;
  std::vector<std::vector<std::string>> rows_;
  std::size_t row_ = 0;
  std::size_t column_ = 0;
  std::string strange_ = {};
  bool wrapped_ = false;
};

}  // namespace ragent::cli
