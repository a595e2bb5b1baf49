#include <ragent/json.h>

#include <base/json_members.h>
#include <base/text.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

namespace ragent {

namespace {

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
  return std::ranges::equal(members_by_key(a), members_by_key(b),
                            [](auto* x, auto* y) { return *x == *y; });
}

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

}  // namespace ragent
