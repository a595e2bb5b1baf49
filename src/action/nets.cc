#include <action/nets.h>

#include <ragent/limits.h>

#include <base/text.h>

#include <algorithm>
#include <array>

namespace ragent {
namespace {

void collect(const Json& value, std::string_view key, std::vector<std::string>& out);

void collect_value(const Json& value, std::vector<std::string>& out) {
  if (out.size() >= limits::kSeenValuesMax) return;
  if (!value.string() && !value.is_number()) return;
  std::string text = value.string() ? *value.string() : value.dump();
  if (std::ranges::find(out, text) == out.end()) out.push_back(std::move(text));
}

void collect(const Json& value, std::string_view key, std::vector<std::string>& out) {
  if (value.array()) {
    for (const Json& item : *value.array()) collect(item, key, out);
  }
  if (!value.object()) return;
  for (const Json::Member& entry : *value.object()) {
    if (entry.key == key) {
      collect_value(entry.value, out);
      if (entry.value.array()) {
        for (const Json& item : *entry.value.array()) collect_value(item, out);
      }
    }
    collect(entry.value, key, out);
  }
}

char32_t decode(std::string_view bytes) {
  auto byte = [&](std::size_t i) { return static_cast<unsigned char>(bytes[i]); };
  if (bytes.size() == 1) return byte(0);
  char32_t point = byte(0) & (0x7FU >> bytes.size());
  for (std::size_t i = 1; i < bytes.size(); ++i) point = point << 6 | (byte(i) & 0x3FU);
  return point;
}

bool is_letter(char32_t point) {
  if (point < 0x80) {
    return (point >= 'a' && point <= 'z') || (point >= 'A' && point <= 'Z') ||
           (point >= '0' && point <= '9');
  }
  bool latin_sign = point < 0xC0 || point == 0xD7 || point == 0xF7;
  bool punctuation = (point >= 0x2000 && point <= 0x206F) || (point >= 0x3000 && point <= 0x303F) ||
                     (point >= 0xFF00 && point <= 0xFF0F);
  return !latin_sign && !punctuation;
}

constexpr char32_t kFirstWithoutSpaces = 0x2E80;  // from here on: Chinese, Japanese and kin

constexpr std::string_view kClauseEnds = ".,;:!?\n";

bool begins_with_letter(std::string_view text) {
  std::size_t length = utf8_length(text);
  return length > 0 && is_letter(decode(text.substr(0, length)));
}

// Words in small letters; an empty one where a clause ends, which no mark inside a word does.
std::vector<std::string> tokens(std::string_view text) {
  std::vector<std::string> out;
  bool inside = false;
  while (!text.empty()) {
    bool letter = begins_with_letter(text);
    std::string_view character = text.substr(0, std::max<std::size_t>(1, utf8_length(text)));
    text.remove_prefix(character.size());
    if (!letter) {
      inside = false;
      bool mark = kClauseEnds.contains(character);
      bool end = mark && (character == "\n" || !begins_with_letter(text));
      if (end && !out.empty() && !out.back().empty()) out.emplace_back();
      continue;
    }
    if (!inside) out.emplace_back();
    inside = true;
    out.back() += to_lower(character);
  }
  return out;
}

bool is_inflected(std::string_view token, std::string_view word) {
  if (token == word) return true;
  if (word.size() < 2) return false;
  auto ends = [&](std::string_view stem, std::initializer_list<std::string_view> endings) {
    return token.starts_with(stem) &&
           std::ranges::find(endings, token.substr(stem.size())) != endings.end();
  };
  if (ends(word, {"s", "es", "ed", "ing"})) return true;
  std::string_view shorter = word.substr(0, word.size() - 1);
  if (word.ends_with('e')) return ends(shorter, {"ed", "ing"});
  if (word.ends_with('y') && ends(shorter, {"ies", "ied"})) return true;
  std::string doubled = std::string(word) + word.back();
  return ends(doubled, {"ed", "ing"});
}

constexpr std::ptrdiff_t kNegationReach = 4;  // "don't want you to book" is negated

// Whether the word at `at` comes soon after a "not" of the same clause. "t" is that of "don't".
bool is_negated(const std::vector<std::string>& said, std::vector<std::string>::const_iterator at) {
  constexpr std::array<std::string_view, 7> kNegations = {"not",     "t",      "no",  "never",
                                                          "without", "cannot", "dont"};
  for (std::ptrdiff_t back = 0; back < kNegationReach && at != said.begin(); ++back) {
    --at;
    if (at->empty() || *at == "but") return false;
    if (std::ranges::find(kNegations, *at) != kNegations.end()) return true;
  }
  return false;
}

bool says(const std::vector<std::string>& said, const std::vector<std::string>& phrase) {
  for (auto from = said.begin();; ++from) {
    from = std::search(from, said.end(), phrase.begin(), phrase.end(), is_inflected);
    if (from == said.end()) return false;
    if (!is_negated(said, from)) return true;
  }
}

bool has_no_spaces(std::string_view word) {
  std::size_t length = utf8_length(word);
  return length > 0 && decode(word.substr(0, length)) >= kFirstWithoutSpaces;
}

}  // namespace

std::vector<std::string> seen_values(const Json& observation, std::string_view key) {
  std::vector<std::string> out;
  collect(observation, key, out);
  return out;
}

bool says_any(std::string_view user_text, const std::vector<std::string>& words) {
  std::vector<std::string> said = tokens(user_text);
  for (const std::string& word : words) {
    if (has_no_spaces(word) && user_text.find(word) != user_text.npos) return true;
    std::vector<std::string> phrase = tokens(word);
    if (!phrase.empty() && phrase.back().empty()) phrase.pop_back();
    if (!phrase.empty() && says(said, phrase)) return true;
  }
  return false;
}

}  // namespace ragent
