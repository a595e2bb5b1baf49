#include <cli/chat/editor.h>

#include <cli/text.h>
#include <ragent/limits.h>

#include <algorithm>

namespace ragent::cli {
namespace {

constexpr std::size_t kStep = 4u << 10;
constexpr std::size_t kCharacterBytesMax = 4;

std::string_view character_at(std::string_view text, std::size_t at) {
  return first_character(text.substr(at));
}

// As it is drawn: on one row, without power over the terminal.
std::string drawn(std::string_view character) {
  return character == "\t" ? "  " : visible(character);
}

bool joins_the_one_before(std::string_view character) {
  return character != "\n" && width_of(drawn(character)) == 0;
}

// Where the rows begin that are laid out: of a long text only what is near the cursor, as it is
// drawn again with every key. In steps, so that rows do not move while one types.
std::size_t first_laid_out(const Editor& editor, std::size_t width, std::size_t rows_max) {
  std::size_t near = kStep + rows_max * width * kCharacterBytesMax;
  if (editor.cursor() < near) return 0;
  std::size_t at = (editor.cursor() - near) / kStep * kStep;
  while (at < editor.cursor() && (static_cast<unsigned char>(editor.text()[at]) & 0xc0) == 0x80)
    ++at;
  return at;
}

bool space(char c) { return c == ' ' || c == '\t' || c == '\n'; }

}  // namespace

std::size_t Editor::next(std::size_t at) const {
  if (at >= text_.size()) return text_.size();
  at += character_at(text_, at).size();
  while (at < text_.size() && joins_the_one_before(character_at(text_, at))) {
    at += character_at(text_, at).size();
  }
  return at;
}

std::size_t Editor::previous(std::size_t at) const {
  while (at > 0) {
    --at;
    while (at > 0 && (static_cast<unsigned char>(text_[at]) & 0xc0) == 0x80) --at;
    if (!joins_the_one_before(character_at(text_, at))) break;
  }
  return at;
}

std::size_t Editor::line_begin(std::size_t at) const {
  return at == 0 ? 0 : text_.rfind('\n', at - 1) + 1;  // npos + 1 is 0
}

std::size_t Editor::line_end(std::size_t at) const {
  return std::min(text_.find('\n', at), text_.size());
}

std::size_t Editor::word_begin(std::size_t at) const {
  while (at > 0 && space(text_[at - 1])) --at;
  while (at > 0 && !space(text_[at - 1])) --at;
  return at;
}

std::size_t Editor::word_end(std::size_t at) const {
  while (at < text_.size() && space(text_[at])) ++at;
  while (at < text_.size() && !space(text_[at])) ++at;
  return at;
}

void Editor::set(std::string text) {
  text_ = std::move(text);
  cursor_ = text_.size();
}

std::string Editor::take() {
  cursor_ = 0;
  at_ = history_.size();
  draft_.clear();
  return std::exchange(text_, {});
}

void Editor::remember(std::string entry) {
  bool fresh = at_ == history_.size();
  if (!entry.empty() && (history_.empty() || history_.back() != entry)) {
    history_.push_back(std::move(entry));
  }
  if (history_.size() > limits::kChatHistoryMax) history_.erase(history_.begin());
  if (fresh) at_ = history_.size();
}

Editor::Does Editor::insert(std::string_view text) {
  std::size_t room = limits::kInputBytesMax - std::min(text_.size(), limits::kInputBytesMax);
  std::string fits = utf8_prefix(text, room);
  text_.insert(cursor_, fits);
  cursor_ += fits.size();
  return fits.size() < text.size() ? Does::full : Does::changed;
}

void Editor::erase(std::size_t begin, std::size_t end) {
  text_.erase(begin, end - begin);
  cursor_ = begin;
}

void Editor::cut(std::size_t begin, std::size_t end) {
  if (begin < end) yanked_ = text_.substr(begin, end - begin);
  erase(begin, end);
}

bool Editor::enter() {
  if (cursor_ == 0 || cursor_ != text_.size() || text_.back() != '\\') return true;
  text_.back() = '\n';
  return false;
}

void Editor::recall(std::size_t at) {
  if (at_ == history_.size()) draft_ = text_;
  at_ = at;
  set(at_ == history_.size() ? draft_ : history_[at_]);
}

// To the line above or below; at the first and the last, to an older or newer input.
bool Editor::vertical(bool up) {
  std::size_t begin = line_begin(cursor_);
  std::size_t end = line_end(cursor_);
  if (up ? begin == 0 : end == text_.size()) {
    if (up ? at_ == 0 : at_ == history_.size()) return false;
    recall(up ? at_ - 1 : at_ + 1);
    return true;
  }
  std::size_t column = width_of(std::string_view(text_).substr(begin, cursor_ - begin));
  cursor_ = up ? line_begin(begin - 1) : end + 1;
  std::size_t last = line_end(cursor_);
  for (std::size_t from = cursor_; cursor_ < last; cursor_ = next(cursor_)) {
    if (width_of(std::string_view(text_).substr(from, cursor_ - from)) >= column) break;
  }
  return true;
}

Editor::Does Editor::on(const Key& key) {
  switch (key.kind) {
    case Key::Kind::text:
    case Key::Kind::paste: return insert(key.text);
    case Key::Kind::newline: return insert("\n");
    case Key::Kind::enter: return enter() ? Does::submit : Does::changed;
    case Key::Kind::tab: return Does::complete;
    case Key::Kind::backspace: erase(previous(cursor_), cursor_); break;
    case Key::Kind::leave:
      if (text_.empty()) return Does::leave;
      [[fallthrough]];
    case Key::Kind::erase: {
      std::size_t at = cursor_;
      erase(at, next(at));
      break;
    }
    case Key::Kind::left: cursor_ = previous(cursor_); break;
    case Key::Kind::right: cursor_ = next(cursor_); break;
    case Key::Kind::up:
    case Key::Kind::down:
      return vertical(key.kind == Key::Kind::up) ? Does::changed : Does::nothing;
    case Key::Kind::home: cursor_ = line_begin(cursor_); break;
    case Key::Kind::end: cursor_ = line_end(cursor_); break;
    case Key::Kind::word_left: cursor_ = word_begin(cursor_); break;
    case Key::Kind::word_right: cursor_ = word_end(cursor_); break;
    case Key::Kind::cut_end: cut(cursor_, line_end(cursor_)); break;
    case Key::Kind::cut_begin: cut(line_begin(cursor_), cursor_); break;
    case Key::Kind::cut_word: cut(word_begin(cursor_), cursor_); break;
    case Key::Kind::yank: return insert(yanked_);
    case Key::Kind::interrupt: return Does::interrupt;
    case Key::Kind::suspend: return Does::suspend;
    case Key::Kind::redraw: return Does::redraw;
    case Key::Kind::escape: return Does::nothing;
  }
  return Does::changed;
}

InputRows input_rows(const Editor& editor, std::string_view prompt, std::size_t width,
                     std::size_t rows_max) {
  std::size_t indent = std::min(width_of(prompt), width / 2);
  std::size_t at = first_laid_out(editor, width, rows_max);
  InputRows out{.rows = {at == 0 ? std::string(prompt) : std::string(indent, ' ')}};
  std::size_t used = at == 0 ? width_of(prompt) : indent;
  bool passed = false;  // the cursor
  auto next_row = [&] {
    out.rows.emplace_back(indent, ' ');
    used = indent;
  };
  auto here = [&] {
    out.cursor_row = out.rows.size() - 1;
    out.cursor_column = used;
    passed = true;
  };
  std::string_view text = editor.text();
  while (at < text.size() && (!passed || out.rows.size() <= rows_max + out.cursor_row)) {
    std::string_view character = character_at(text, at);
    std::string shown = drawn(character);
    std::size_t takes = character == "\n" ? 0 : width_of(shown);
    if (used + takes > width && used > indent) next_row();
    if (at == editor.cursor()) here();
    if (character == "\n") {
      next_row();
    } else {
      out.rows.back() += shown;
      used += takes;
    }
    at += character.size();
  }
  if (editor.cursor() == text.size()) {
    if (used >= width && used > indent) next_row();
    here();
  }
  if (out.rows.size() > rows_max) {
    std::size_t above = out.cursor_row < rows_max ? 0 : out.cursor_row - rows_max + 1;
    out.rows.erase(out.rows.begin(), out.rows.begin() + static_cast<std::ptrdiff_t>(above));
    out.rows.resize(rows_max);
    out.cursor_row -= above;
  }
  return out;
}

}  // namespace ragent::cli
