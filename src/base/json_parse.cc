// parse_json: from text to the value, by descent.
#include <base/json_members.h>
#include <base/text.h>
#include <base/written_json.h>

#include <charconv>
#include <cmath>
#include <limits>

namespace ragent {

namespace {

constexpr std::size_t kWrittenDepthMax = 512;  // what is around it, many times
constexpr std::size_t kShownBytesMax = 40;  // of what came, in an error
constexpr std::size_t kFewMembers = 8;

// A key that comes twice keeps its first place and its last value.
void drop_repeated_keys(Json::Object& object) {
  if (object.size() <= kFewMembers) {
    bool repeated = false;
    for (auto member = object.begin(); member != object.end() && !repeated; ++member) {
      repeated = std::find_if(object.begin(), member, [&](const Json::Member& before) {
                   return before.key == member->key;
                 }) != member;
    }
    if (!repeated) return;
  }
  const std::vector<const Json::Member*> members = members_by_key(object);
  const auto same_key = [](auto* a, auto* b) { return a->key == b->key; };
  if (std::ranges::adjacent_find(members, same_key) == members.end()) return;
  std::vector<bool> dropped(object.size());
  for (std::size_t i = 0; i + 1 < members.size();) {
    std::size_t end = i + 1;
    while (end < members.size() && same_key(members[i], members[end])) ++end;
    const auto place = [&](std::size_t m) {
      return static_cast<std::size_t>(members[m] - object.data());
    };
    if (end > i + 1) object[place(i)].value = std::move(object[place(end - 1)].value);
    for (std::size_t m = i + 1; m < end; ++m) dropped[place(m)] = true;
    i = end;
  }
  std::size_t index = 0;
  std::erase_if(object, [&](const Json::Member&) { return dropped[index++]; });
}

// Where the byte at `index` is, for people: "JSON, line 2, column 7: ".
std::string place(std::string_view text, std::size_t index) {
  const std::string_view before = text.substr(0, index);
  const auto lines = std::ranges::count(before, '\n');
  const std::size_t begin = before.rfind('\n') + 1;  // npos + 1 is 0
  return "JSON, line " + std::to_string(lines + 1) + ", column " +
         std::to_string(before.size() - begin + 1) + ": ";
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Of a number that no double holds: whether it is too large, else it is next to nothing.
bool is_large(std::string_view digits) {
  const std::size_t mark = std::min(digits.find_first_of("eE"), digits.size());
  const std::string_view mantissa = digits.substr(0, mark);
  const std::size_t point = std::min(mantissa.find('.'), mantissa.size());
  const std::size_t first = mantissa.find_first_of("123456789");
  std::string_view power = digits.substr(std::min(mark + 1, digits.size()));
  if (power.starts_with('+')) power.remove_prefix(1);
  std::int64_t exponent = 0;
  if (std::from_chars(power.data(), power.data() + power.size(), exponent).ec ==
      std::errc::result_out_of_range) {
    return power.front() != '-';
  }
  return exponent + static_cast<std::int64_t>(point) - static_cast<std::int64_t>(first) > 0;
}

void append_utf8(std::string& out, std::uint32_t code) {
  const auto tail = [&](int shift) { out += static_cast<char>(0x80 | ((code >> shift) & 0x3F)); };
  if (code < 0x80) {
    out += static_cast<char>(code);
    return;
  }
  if (code < 0x800) {
    out += static_cast<char>(0xC0 | (code >> 6));
  } else if (code < 0x10000) {
    out += static_cast<char>(0xE0 | (code >> 12));
    tail(6);
  } else {
    out += static_cast<char>(0xF0 | (code >> 18));
    tail(12);
    tail(6);
  }
  tail(0);
}

// By recursion, as deep as the limit says. The first error stops it: every step answers false then.
class Parser {
 public:
  Parser(std::string_view text, JsonLimits limits) : text_(text), limits_(limits) {}

  Result<Json> parse() {
    Json out;
    if (text_.starts_with("\xef\xbb\xbf")) at_ = 3;  // a byte order mark
    if (!value(out)) return fail(ErrorKind::invalid, std::move(error_));
    skip_space();
    if (at_ < text_.size()) {
      static_cast<void>(expected("the end"));
      return fail(ErrorKind::invalid, std::move(error_));
    }
    return out;
  }

 private:
  char next() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  void skip_space() {
    while (next() == ' ' || next() == '\n' || next() == '\r' || next() == '\t') ++at_;
  }
  bool take(char c) {
    skip_space();
    if (next() != c) return false;
    ++at_;
    return true;
  }
  bool wrong(const std::string& why) {
    error_ = place(text_, at_) + why;
    return false;
  }
  bool expected(std::string_view what) {
    const std::size_t end = text_.find_first_of(" \t\r\n,:]}", std::min(at_ + 1, text_.size()));
    const std::string_view came = text_.substr(at_, end - at_);
    return wrong("expected " + std::string(what) + ", got " +
                 (came.empty() ? "the end" : printable(came, kShownBytesMax)));
  }

  bool value(Json& out) {
    skip_space();
    switch (next()) {
      case '{': return object(out);
      case '[': return array(out);
      case '"': {
        std::string text;
        if (!string(text)) return false;
        out = std::move(text);
        return true;
      }
      case 't': return word("true", true, out);
      case 'f': return word("false", false, out);
      case 'n': return word("null", nullptr, out);
      default: return next() == '-' || is_digit(next()) ? number(out) : expected("a value");
    }
  }

  bool word(std::string_view spelled, Json meant, Json& out) {
    if (!text_.substr(at_).starts_with(spelled)) return expected("a value");
    at_ += spelled.size();
    out = std::move(meant);
    return true;
  }

  bool begin() {
    if (depth_ == limits_.depth_max) {
      error_ = "JSON: it is nested deeper than the limit of " + std::to_string(limits_.depth_max);
      return false;
    }
    ++depth_;
    ++at_;
    return true;
  }

  bool array(Json& out) {
    if (!begin()) return false;
    Json::Array items;
    if (!take(']')) {
      do {
        if (!value(items.emplace_back())) return false;
      } while (take(','));
      if (!take(']')) return expected("',' or ']'");
    }
    --depth_;
    out = std::move(items);
    return true;
  }

  bool object(Json& out) {
    if (!begin()) return false;
    Json::Object members;
    if (!take('}')) {
      members.reserve(kFewMembers / 2);  // most have about as many
      do {
        Json::Member& member = members.emplace_back();
        skip_space();
        if (next() != '"') return expected(members.size() == 1 ? "a key or '}'" : "a key");
        if (!string(member.key)) return false;
        if (!take(':')) return expected("':' behind a key");
        if (!value(member.value)) return false;
      } while (take(','));
      if (!take('}')) return expected("',' or '}'");
      drop_repeated_keys(members);
    }
    --depth_;
    out = std::move(members);
    return true;
  }

  bool string(std::string& out) {
    for (++at_;;) {
      const std::size_t begin = at_;
      while (is_plain(next())) ++at_;
      out.append(text_, begin, at_ - begin);
      if (next() == '"') {
        ++at_;
        return true;
      }
      if (next() == '\\') {
        if (!escape(out)) return false;
      } else if (const std::size_t length = utf8_length(text_.substr(at_)); length > 1) {
        out.append(text_, at_, length);
        at_ += length;
      } else if (at_ == text_.size()) {
        return expected("the '\"' that ends a string");
      } else {
        return expected(length == 0 ? "UTF-8" : "a control character as an escape (\\u0000)");
      }
    }
  }
  static bool is_plain(char c) { return c >= ' ' && c != '"' && c != '\\'; }  // of ASCII

  bool escape(std::string& out) {
    constexpr std::string_view kNames = "\"\\/bfnrt";
    ++at_;
    if (const auto named = kNames.find(next()); next() != '\0' && named != kNames.npos) {
      out += "\"\\/\b\f\n\r\t"[named];
      ++at_;
      return true;
    }
    std::uint32_t code = 0;
    if (next() != 'u') return expected("an escape, one of " + std::string(kNames) + "u");
    if (!unit(code)) return false;
    if (code >= 0xD800 && code < 0xE000) {  // one half of a character
      std::uint32_t low = 0;
      const bool high = code < 0xDC00 && text_.substr(at_).starts_with("\\u");
      if (high) ++at_;
      if (!high || !unit(low) || low < 0xDC00 || low >= 0xE000) {
        return error_.empty() ? wrong("half of a surrogate pair") : false;
      }
      code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
    }
    append_utf8(out, code);
    return true;
  }

  // The four digits of \uXXXX, from the u on.
  bool unit(std::uint32_t& code) {
    ++at_;
    const std::string_view digits = text_.substr(at_, 4);
    const char* end = digits.data() + digits.size();
    const auto read = std::from_chars(digits.data(), end, code, 16);
    if (digits.size() < 4 || read.ptr != end) return expected("four hexadecimal digits");
    at_ += 4;
    return true;
  }

  bool digits() {
    if (!is_digit(next())) return expected("a digit");
    while (is_digit(next())) ++at_;
    return true;
  }

  bool number(Json& out) {
    const std::size_t begin = at_;
    if (next() == '-') ++at_;
    if (next() == '0') {
      ++at_;
    } else if (!digits()) {
      return false;
    }
    bool whole = true;
    if (next() == '.') {
      whole = false;
      ++at_;
      if (!digits()) return false;
    }
    if (next() == 'e' || next() == 'E') {
      whole = false;
      ++at_;
      if (next() == '+' || next() == '-') ++at_;
      if (!digits()) return false;
    }
    const std::string_view said = text_.substr(begin, at_ - begin);
    const char* end = said.data() + said.size();
    std::int64_t integer = 0;
    if (whole && std::from_chars(said.data(), end, integer).ec == std::errc()) {
      out = integer;
      return true;
    }
    double number = 0;
    const bool held = std::from_chars(said.data(), end, number).ec == std::errc();
    if (!held || !std::isfinite(number)) {
      at_ = begin;
      if (is_large(said)) return wrong("a number too large for a double, " + shown(said));
      at_ += said.size();
      number = said.starts_with('-') ? -0.0 : 0.0;
    }
    out = number;
    return true;
  }
  static std::string shown(std::string_view text) { return printable(text, kShownBytesMax); }

  std::string_view text_;
  JsonLimits limits_;
  std::size_t at_ = 0;
  std::size_t depth_ = 0;
  std::string error_ = {};
};

}  // namespace

Result<Json> parse_json(std::string_view text, JsonLimits limits) {
  if (text.size() > limits.bytes_max) {
    return fail(ErrorKind::invalid, "JSON: it has " + std::to_string(text.size()) +
                                        " bytes, the limit is " + std::to_string(limits.bytes_max));
  }
  return Parser(text, limits).parse();
}

Result<Json> parse_written_json(std::string_view text) {
  return parse_json(
      text, {.bytes_max = std::numeric_limits<std::size_t>::max(), .depth_max = kWrittenDepthMax});
}

}  // namespace ragent
