#include <ragent/json.h>

#include <base/text.h>
#include <base/written_json.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

namespace ragent {

namespace {

constexpr std::size_t kWrittenDepthMax = 512;  // what is around it, many times
constexpr std::size_t kShownBytesMax = 40;  // of what came, in an error
constexpr std::size_t kFewMembers = 8;

// Members by key: what is compared without regard to order, or searched for repeated keys.
std::vector<const Json::Member*> sorted(const Json::Object& object) {
  std::vector<const Json::Member*> members;
  members.reserve(object.size());
  for (const Json::Member& member : object) members.push_back(&member);
  std::ranges::sort(members, [](auto* a, auto* b) {
    return a->key != b->key ? a->key < b->key : a < b;  // equal ones in their order
  });
  return members;
}

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
  const std::vector<const Json::Member*> members = sorted(object);
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

std::optional<std::int64_t> whole(double value) {
  // 2^63 is a double, the largest int64 is not.
  if (value < -0x1p63 || value >= 0x1p63 || value != std::trunc(value)) return {};
  return static_cast<std::int64_t>(value);
}

bool numbers_equal(const Json& a, const Json& b) {
  if (a.is_integer() || b.is_integer()) return a.integer() == b.integer();
  return a.number() == b.number();
}

bool objects_equal(const Json::Object& a, const Json::Object& b) {
  if (a.size() != b.size()) return false;
  const bool same_order = std::ranges::equal(a, b, {}, &Json::Member::key, &Json::Member::key);
  if (same_order) return std::ranges::equal(a, b);
  return std::ranges::equal(sorted(a), sorted(b), [](auto* x, auto* y) { return *x == *y; });
}

// ---- writing

void write_string(std::string& out, std::string_view text) {
  static constexpr char kHex[] = "0123456789abcdef";
  out += '"';
  while (!text.empty()) {
    const auto byte = static_cast<unsigned char>(text.front());
    const std::size_t length = utf8_length(text);
    if (length != 1) {
      out += length ? text.substr(0, length) : std::string_view("\xef\xbf\xbd");
    } else if (byte == '"' || byte == '\\') {
      out += '\\';
      out += text.front();
    } else if (byte >= 0x20) {
      out += text.front();
    } else if (const auto at = std::string_view("\b\t\n\f\r").find(text.front());
               at != std::string_view::npos) {
      out += '\\';
      out += "btnfr"[at];
    } else {
      out += "\\u00";
      out += kHex[byte >> 4];
      out += kHex[byte & 15];
    }
    text.remove_prefix(std::max<std::size_t>(length, 1));
  }
  out += '"';
}

void write_double(std::string& out, double value) {
  if (!std::isfinite(value)) {  // JSON has no word for it
    out += "null";
    return;
  }
  char text[32];
  const auto end = std::to_chars(text, text + sizeof text, value).ptr;
  const std::string_view digits(text, static_cast<std::size_t>(end - text));
  out += digits;
  if (digits.find_first_of(".e") == std::string_view::npos) out += ".0";  // stays a double
}

struct Writer {
  int indent;  // < 0: one line
  std::string out = {};

  void line(int depth) {
    if (indent < 0) return;
    out += '\n';
    out.append(static_cast<std::size_t>(indent) * static_cast<std::size_t>(depth), ' ');
  }
  template <class Items, class Item>
  void sequence(const Items& items, char open, char close, int depth, Item write_item) {
    out += open;
    for (const auto& item : items) {
      if (&item != items.data()) out += ',';
      line(depth + 1);
      write_item(item);
    }
    if (!items.empty()) line(depth);
    out += close;
  }
  void write(const Json& json, int depth) {
    if (const auto flag = json.boolean()) {
      out += *flag ? "true" : "false";
    } else if (json.is_integer()) {
      out += std::to_string(*json.integer());
    } else if (const auto number = json.number()) {
      write_double(out, *number);
    } else if (const std::string* text = json.string()) {
      write_string(out, *text);
    } else if (const Json::Array* array = json.array()) {
      sequence(*array, '[', ']', depth, [&](const Json& item) { write(item, depth + 1); });
    } else if (const Json::Object* object = json.object()) {
      sequence(*object, '{', '}', depth, [&](const Json::Member& member) {
        write_string(out, member.key);
        out += indent < 0 ? ":" : ": ";
        write(member.value, depth + 1);
      });
    } else {
      out += "null";
    }
  }
};

// ---- reading

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

Json Json::array(std::initializer_list<Json> items) { return Json(Array(items)); }
Json Json::object(std::initializer_list<Member> members) { return Json(Object(members)); }

std::string_view Json::type_name() const {
  static constexpr std::string_view kNames[] = {"null",   "boolean", "integer", "number",
                                                "string", "array",   "object"};
  return kNames[value_.index()];
}

std::optional<bool> Json::boolean() const {
  const bool* value = std::get_if<bool>(&value_);
  return value ? std::optional(*value) : std::nullopt;
}

std::optional<std::int64_t> Json::integer() const {
  if (const auto* value = std::get_if<std::int64_t>(&value_)) return *value;
  if (const auto* value = std::get_if<double>(&value_)) return whole(*value);
  return {};
}

std::optional<double> Json::number() const {
  if (const auto* value = std::get_if<std::int64_t>(&value_)) return static_cast<double>(*value);
  if (const auto* value = std::get_if<double>(&value_)) return *value;
  return {};
}

const std::string* Json::string() const { return std::get_if<std::string>(&value_); }
const Json::Array* Json::array() const { return std::get_if<Array>(&value_); }
const Json::Object* Json::object() const { return std::get_if<Object>(&value_); }
Json::Array* Json::array() { return std::get_if<Array>(&value_); }
Json::Object* Json::object() { return std::get_if<Object>(&value_); }

const Json* Json::find(std::string_view key) const {
  if (const Object* members = object()) {
    for (const Member& member : *members) {
      if (member.key == key) return &member.value;
    }
  }
  return nullptr;
}
Json* Json::find(std::string_view key) { return const_cast<Json*>(std::as_const(*this).find(key)); }

std::string Json::text(std::string_view key, std::string_view fallback) const {
  const Json* value = find(key);
  const std::string* text = value ? value->string() : nullptr;
  return text ? *text : std::string(fallback);
}
std::int64_t Json::integer(std::string_view key, std::int64_t fallback) const {
  const Json* value = find(key);
  return value ? value->integer().value_or(fallback) : fallback;
}
bool Json::flag(std::string_view key, bool fallback) const {
  const Json* value = find(key);
  return value ? value->boolean().value_or(fallback) : fallback;
}

Json& Json::operator[](std::string_view key) {
  if (is_null()) value_ = Object();
  RAGENT_ASSERT(is_object());
  if (Json* value = find(key)) return *value;
  object()->push_back({.key = std::string(key), .value = {}});
  return object()->back().value;
}

void Json::push_back(Json item) {
  if (is_null()) value_ = Array();
  RAGENT_ASSERT(is_array());
  array()->push_back(std::move(item));
}

std::size_t Json::size() const {
  if (const Array* items = array()) return items->size();
  if (const Object* members = object()) return members->size();
  return 0;
}

std::string Json::dump() const {
  Writer writer{.indent = -1};
  writer.write(*this, 0);
  return std::move(writer.out);
}
std::string Json::pretty(int indent) const {
  Writer writer{.indent = indent};
  writer.write(*this, 0);
  return std::move(writer.out);
}

bool operator==(const Json& a, const Json& b) {
  if (a.is_number() && b.is_number()) return numbers_equal(a, b);
  if (a.is_object() && b.is_object()) return objects_equal(*a.object(), *b.object());
  return a.value_ == b.value_;
}

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
