#include <ragent/json.h>

#include <base/text.h>
#include <base/written_json.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

namespace ragent {

namespace {

constexpr std::size_t kWrittenDepthMax = 512;  // what is around it, many times

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

// Builds the value from the events of the parser; answering false stops it.
class Builder : public nlohmann::json_sax<nlohmann::json> {
 public:
  Builder(std::string_view text, JsonLimits limits) : text_(text), limits_(limits) {}

  bool null() override { return add({}); }
  bool boolean(bool value) override { return add(value); }
  bool number_integer(number_integer_t value) override { return add(std::int64_t{value}); }
  bool number_unsigned(number_unsigned_t value) override { return add(std::uint64_t{value}); }
  bool number_float(number_float_t value, const string_t&) override { return add(value); }
  bool string(string_t& value) override { return add(std::move(value)); }
  bool binary(binary_t&) override { return false; }
  bool start_object(std::size_t) override { return open(Json::Object()); }
  bool start_array(std::size_t) override { return open(Json::Array()); }
  bool end_array() override { return close(); }
  bool end_object() override {
    drop_repeated_keys(*open_.back().object());
    return close();
  }
  bool key(string_t& value) override {
    open_.back().object()->push_back({.key = std::move(value), .value = {}});
    return true;
  }
  bool parse_error(std::size_t at, const std::string&,
                   const nlohmann::detail::exception& e) override {
    // "[json.exception…] parse error at line 1, column 5: syntax error while …; expected …" or
    // "[json.exception…] number overflow parsing '1e999'"
    std::string_view what = e.what();
    what.remove_prefix(std::min(what.find("] ") + 2, what.size()));
    if (what.starts_with("parse error")) what.remove_prefix(what.find(": ") + 2);
    if (what.starts_with("syntax error ")) what.remove_prefix(13);
    error_ = place(text_, at > 0 ? at - 1 : 0) + printable(what, 300);  // `at` is behind it
    return false;
  }

  Json take() { return std::move(root_); }
  const std::string& error() const { return error_; }

 private:
  // Containers are built apart and moved into their parent when they end, so that a growing
  // parent never moves what is being built.
  bool add(Json value) {
    if (open_.empty()) {
      root_ = std::move(value);
    } else if (Json::Array* array = open_.back().array()) {
      array->push_back(std::move(value));
    } else {
      open_.back().object()->back().value = std::move(value);
    }
    return true;
  }
  bool open(Json container) {
    if (open_.size() >= limits_.depth_max) {
      error_ = "JSON: it is nested deeper than the limit of " + std::to_string(limits_.depth_max);
      return false;
    }
    open_.push_back(std::move(container));
    return true;
  }
  bool close() {
    Json ended = std::move(open_.back());
    open_.pop_back();
    return add(std::move(ended));
  }

  std::string_view text_;
  JsonLimits limits_;
  Json root_;
  std::vector<Json> open_;
  std::string error_;
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
  // Never allowed, and the parser would take it for the end of the text.
  if (const std::size_t zero = text.find('\0'); zero != std::string_view::npos) {
    return fail(ErrorKind::invalid, place(text, zero) + "a zero byte");
  }
  Builder builder(text, limits);
  if (!nlohmann::json::sax_parse(text, &builder)) return fail(ErrorKind::invalid, builder.error());
  return builder.take();
}

Result<Json> parse_written_json(std::string_view text) {
  return parse_json(
      text, {.bytes_max = std::numeric_limits<std::size_t>::max(), .depth_max = kWrittenDepthMax});
}

}  // namespace ragent
