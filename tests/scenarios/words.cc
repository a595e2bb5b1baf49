#include <scenarios/words.h>

#include <base/text.h>

#include <charconv>

namespace ragent::scenarios {
namespace {

// Where the JSON value at the beginning of `text` ends: at its closing bracket or quote.
std::size_t json_length(std::string_view text) {
  std::size_t depth = 0;
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (quoted) {
      if (c == '\\') ++i;
      if (c == '"') quoted = false;
    } else if (c == '"') {
      quoted = true;
    } else if (c == '{' || c == '[') {
      ++depth;
    } else if (c == '}' || c == ']') {
      if (depth > 0) --depth;
    } else if (depth == 0 && (c == ' ' || c == ',')) {
      return i;
    }
    if (depth == 0 && !quoted && (c == '}' || c == ']' || c == '"')) return i + 1;
  }
  return text.size();
}

}  // namespace

Words::Words(std::string_view line) : rest_(trim(line)) {}

std::string_view Words::take(std::size_t length) {
  std::string_view taken = rest_.substr(0, length);
  rest_ = trim(rest_.substr(taken.size()));
  return taken;
}

void Words::wrong(std::string_view what) {
  if (!error_.empty()) return;
  error_ = "expected " + std::string(what) + ", got " +
           (rest_.empty() ? "the end of the line" : "\"" + std::string(rest_) + "\"");
}

bool Words::is(std::string_view word) {
  if (!error_.empty() || rest_.substr(0, rest_.find(' ')) != word) return false;
  take(word.size());
  return true;
}

std::string Words::word(std::string_view what) {
  if (rest_.empty()) wrong(what);
  return error_.empty() ? std::string(take(rest_.find(' '))) : "";
}

std::string Words::text(std::string_view what) {
  if (!rest_.starts_with('"')) return word(what);
  Json value = json(what);
  return value.string() ? *value.string() : "";
}

Json Words::json(std::string_view what) {
  std::size_t length = json_length(rest_);
  Result<Json> value = parse_json(rest_.substr(0, length));
  if (!value) {
    wrong(std::string(what) + " as JSON (" + value.error().message + ")");
    return {};
  }
  take(length);
  return error_.empty() ? std::move(*value) : Json();
}

std::int64_t Words::number(std::string_view what) {
  std::string_view digits = rest_.substr(0, rest_.find(' '));
  std::int64_t value = 0;
  auto [end, code] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (code != std::errc() || end != digits.data() + digits.size()) {
    wrong(std::string(what) + " (a number)");
    return 0;
  }
  take(digits.size());
  return value;
}

std::chrono::milliseconds Words::time(std::string_view what) {
  std::string_view whole = rest_.substr(0, rest_.find(' '));
  std::int64_t value = 0;
  auto [end, code] = std::from_chars(whole.data(), whole.data() + whole.size(), value);
  std::string_view unit = whole.substr(static_cast<std::size_t>(end - whole.data()));
  std::int64_t factor = unit == "ms" ? 1 : unit == "s" ? 1000 : unit == "h" ? 3'600'000 : 0;
  if (code != std::errc() || factor == 0) {
    wrong(std::string(what) + " (as 500ms, 2s or 1h)");
    return {};
  }
  take(whole.size());
  return std::chrono::milliseconds(value * factor);
}

std::string Words::rest() { return std::string(take(rest_.size())); }

void Words::end() {
  if (!rest_.empty()) wrong("the end of the line");
}

}  // namespace ragent::scenarios
