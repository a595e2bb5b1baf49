// From the bytes of a terminal to keys. Owned by whoever reads the terminal; one thread.
//
//   KeyReader reader;
//   for (const Key& key : reader.feed(bytes)) editor.on(key);
//   if (reader.pending()) …   // half a sequence: flush() when nothing follows soon
//
// Sequences may come in any pieces. What is not known is dropped, never shown as text.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace ragent::cli {

struct Key {
  enum class Kind : std::uint8_t {
    text,     // characters that were typed: `text`
    paste,    // a pasted block: `text`, its lines ended by \n
    enter,
    newline,  // Alt-Enter: the next line of the same input
    tab,
    backspace,
    erase,
    left,
    right,
    up,
    down,
    home,
    end,
    word_left,
    word_right,
    cut_end,
    cut_begin,
    cut_word,
    yank,
    interrupt,
    leave,    // Ctrl-D
    suspend,
    redraw,
    escape,
  };
  Kind kind = Kind::text;
  std::string text = {};
  friend bool operator==(const Key&, const Key&) = default;
};

class KeyReader {
 public:
  std::vector<Key> feed(std::string_view bytes);
  // A sequence has begun whose rest is not here: a lone Esc, or half a character.
  bool pending() const { return !held_.empty() && !pasting_; }
  std::vector<Key> flush();  // takes it for what it is

 private:
  // One key from the beginning of held_; false: it is not complete.
  bool step(std::vector<Key>& out);
  bool paste(std::vector<Key>& out);
  bool escape(std::vector<Key>& out);
  void control(char byte, std::vector<Key>& out);

  std::string held_ = {};
  std::string pasted_ = {};
  bool pasting_ = false;
};

// What may stand in an input: valid UTF-8, line ends as \n, of control characters only \n and tab.
std::string input_text(std::string_view bytes);

}  // namespace ragent::cli
