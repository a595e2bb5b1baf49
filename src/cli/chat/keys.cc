#include <cli/chat/keys.h>

#include <base/text.h>
#include <ragent/limits.h>

#include <algorithm>
#include <iterator>

namespace ragent::cli {
namespace {

constexpr char kEscape = '\x1b';
constexpr std::string_view kPasteBegins = "\x1b[200~";
constexpr std::string_view kPasteEnds = "\x1b[201~";
constexpr std::size_t kSequenceBytesMax = 32;  // a longer one is none

struct Named {
  std::string_view bytes;
  Key::Kind kind;
};

// After the Esc.
constexpr Named kSequences[] = {
    {"[A", Key::Kind::up},           {"[B", Key::Kind::down},
    {"[C", Key::Kind::right},        {"[D", Key::Kind::left},
    {"[H", Key::Kind::home},         {"[F", Key::Kind::end},
    {"OA", Key::Kind::up},           {"OB", Key::Kind::down},
    {"OC", Key::Kind::right},        {"OD", Key::Kind::left},
    {"OH", Key::Kind::home},         {"OF", Key::Kind::end},
    {"[1~", Key::Kind::home},        {"[7~", Key::Kind::home},
    {"[4~", Key::Kind::end},         {"[8~", Key::Kind::end},
    {"[3~", Key::Kind::erase},       {"[1;5C", Key::Kind::word_right},
    {"[1;5D", Key::Kind::word_left}, {"[1;3C", Key::Kind::word_right},
    {"[1;3D", Key::Kind::word_left}, {"b", Key::Kind::word_left},
    {"f", Key::Kind::word_right},    {"\r", Key::Kind::newline},
    {"\n", Key::Kind::newline},      {"\x7f", Key::Kind::cut_word},
};

constexpr Named kControls[] = {
    {"\x01", Key::Kind::home},      {"\x02", Key::Kind::left},   {"\x03", Key::Kind::interrupt},
    {"\x04", Key::Kind::leave},     {"\x05", Key::Kind::end},    {"\x06", Key::Kind::right},
    {"\x08", Key::Kind::backspace}, {"\t", Key::Kind::tab},      {"\n", Key::Kind::enter},
    {"\x0b", Key::Kind::cut_end},   {"\x0c", Key::Kind::redraw}, {"\r", Key::Kind::enter},
    {"\x0e", Key::Kind::down},      {"\x10", Key::Kind::up},     {"\x15", Key::Kind::cut_begin},
    {"\x17", Key::Kind::cut_word},  {"\x19", Key::Kind::yank},   {"\x1a", Key::Kind::suspend},
    {"\x7f", Key::Kind::backspace},
};

bool plain(char byte) {
  auto code = static_cast<unsigned char>(byte);
  return code >= 0x20 && code != 0x7f;
}

// Bytes that a character takes whose first byte this is; 1 for what begins none.
std::size_t expected_length(char byte) {
  auto code = static_cast<unsigned char>(byte);
  if (code >= 0xf0 && code <= 0xf4) return 4;
  if (code >= 0xe0 && code < 0xf0) return 3;
  if (code >= 0xc2 && code < 0xe0) return 2;
  return 1;
}

// The length of the sequence after the Esc; 0: it is not complete.
std::size_t sequence_length(std::string_view rest) {
  if (rest.empty()) return 0;
  if (rest[0] == 'O') return rest.size() < 2 ? 0 : 2;
  if (rest[0] != '[') return 1;
  for (std::size_t i = 1; i < rest.size(); ++i) {
    if (rest[i] >= '@' && rest[i] <= '~') return i + 1;
    if (!plain(rest[i])) return i;  // broken off by something else
  }
  return rest.size() < kSequenceBytesMax ? 0 : rest.size();
}

}  // namespace

std::string input_text(std::string_view bytes) {
  std::string out;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    char byte = bytes[i];
    if (byte == '\r') {
      if (i + 1 < bytes.size() && bytes[i + 1] == '\n') continue;
      byte = '\n';
    }
    if (plain(byte) || byte == '\n' || byte == '\t') out += byte;
  }
  return to_utf8(out);
}

std::vector<Key> KeyReader::feed(std::string_view bytes) {
  held_ += bytes;
  std::vector<Key> out;
  while (!held_.empty() && step(out)) {
  }
  return out;
}

std::vector<Key> KeyReader::flush() {
  std::vector<Key> out;
  if (!pending()) return out;
  if (held_ == "\x1b") out.push_back({.kind = Key::Kind::escape});
  held_.clear();
  return out;
}

bool KeyReader::step(std::vector<Key>& out) {
  if (pasting_) return paste(out);
  if (held_[0] == kEscape) return escape(out);
  if (!plain(held_[0])) {
    control(held_[0], out);
    held_.erase(0, 1);
    return true;
  }
  std::size_t end = 0;
  while (end < held_.size() && plain(held_[end])) {
    std::size_t length = expected_length(held_[end]);
    if (end + length > held_.size()) break;  // the rest of the character is to come
    end += length;
  }
  if (end == 0) return false;
  out.push_back({.kind = Key::Kind::text, .text = input_text(held_.substr(0, end))});
  held_.erase(0, end);
  return true;
}

bool KeyReader::paste(std::vector<Key>& out) {
  std::size_t end = held_.find(kPasteEnds);
  // The last bytes may be the beginning of the mark.
  std::size_t sure = end != held_.npos                  ? end
                     : held_.size() < kPasteEnds.size() ? 0
                                                        : held_.size() - kPasteEnds.size() + 1;
  // A byte more than an input may have, so that the editor sees that it is too long.
  std::size_t room =
      limits::kInputBytesMax + 1 - std::min(pasted_.size(), limits::kInputBytesMax + 1);
  pasted_ += std::string_view(held_).substr(0, std::min(sure, room));
  held_.erase(0, sure);
  if (end == held_.npos) return false;
  held_.erase(0, kPasteEnds.size());
  pasting_ = false;
  out.push_back({.kind = Key::Kind::paste, .text = input_text(pasted_)});
  pasted_.clear();
  return true;
}

bool KeyReader::escape(std::vector<Key>& out) {
  std::string_view rest = std::string_view(held_).substr(1);
  std::size_t length = sequence_length(rest);
  if (length == 0) return false;
  std::string_view sequence = rest.substr(0, length);
  if (held_.starts_with(kPasteBegins)) {
    pasting_ = true;
  } else if (sequence[0] == kEscape) {  // Esc, then the next sequence
    out.push_back({.kind = Key::Kind::escape});
    length = 0;
  } else if (auto found = std::ranges::find(kSequences, sequence, &Named::bytes);
             found != std::end(kSequences)) {
    out.push_back({.kind = found->kind});
  }
  held_.erase(0, 1 + length);
  return true;
}

void KeyReader::control(char byte, std::vector<Key>& out) {
  auto found = std::ranges::find(kControls, std::string_view(&byte, 1), &Named::bytes);
  if (found != std::end(kControls)) out.push_back({.kind = found->kind});
}

}  // namespace ragent::cli
