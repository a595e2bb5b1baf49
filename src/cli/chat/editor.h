// Editor: the input that is being typed, its cursor and the inputs before it. A pure core: keys in,
// text out; the terminal is elsewhere. Owned by the chat; one thread.
//
//   Editor editor;
//   if (editor.on(key) == Editor::Does::submit) send(editor.take());
//   InputRows shown = input_rows(editor, "> ", 60, 10);
#pragma once

#include <cli/chat/keys.h>

#include <cstddef>

namespace ragent::cli {

class Editor {
 public:
  enum class Does : std::uint8_t {
    nothing,
    changed,  // text or cursor: draw it again
    full,  // changed, and what limits::kInputBytesMax has no room for is left out
    submit,  // Enter at the end of an input
    complete,  // Tab
    interrupt,  // Ctrl-C
    leave,  // Ctrl-D where nothing stands
    suspend,
    redraw,
  };
  Does on(const Key& key);

  const std::string& text() const { return text_; }
  std::size_t cursor() const { return cursor_; }  // a byte of the text, at a character's beginning
  void set(std::string text);  // the cursor stands at its end
  std::string take();  // and the input is empty
  // Inputs that the arrows bring back, oldest first; bounded by limits::kChatHistoryMax.
  void remember(std::string entry);

 private:
  Does insert(std::string_view text);
  void cut(std::size_t begin, std::size_t end);  // into the yank buffer
  void erase(std::size_t begin, std::size_t end);
  bool enter();  // false: it goes on in the next line
  bool vertical(bool up);
  void recall(std::size_t at);
  std::size_t next(std::size_t at) const;
  std::size_t previous(std::size_t at) const;
  std::size_t line_begin(std::size_t at) const;
  std::size_t line_end(std::size_t at) const;
  std::size_t word_begin(std::size_t at) const;
  std::size_t word_end(std::size_t at) const;

  std::string text_ = {};
  std::size_t cursor_ = 0;
  std::string yanked_ = {};
  std::vector<std::string> history_ = {};
  std::size_t at_ = 0;  // in history_; its size: the draft
  std::string draft_ = {};  // while an older input is shown
};

// An input as rows of at most `width` columns: the prompt before the first, as much indent before
// the others. More than `rows_max` scroll with the cursor.
struct InputRows {
  std::vector<std::string> rows = {};
  std::size_t cursor_row = 0;
  std::size_t cursor_column = 0;
};
InputRows input_rows(const Editor& editor, std::string_view prompt, std::size_t width,
                     std::size_t rows_max);

}  // namespace ragent::cli
