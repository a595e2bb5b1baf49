// Json: a JSON value with stable key order (as written), and a parser with limits.
//
//   Result<Json> args = parse_json(R"({"from": "Prague", "seats": 2})");
//   if (const Json* seats = args->find("seats")) book(seats->integer().value_or(1));
//   Json reply = Json::object({{"booked", true}, {"price", 64}});
//
// Value; any thread. Objects are vectors of members: looking up a key is linear, which is fast
// for the small objects of tools and messages.
#pragma once

#include <ragent/limits.h>
#include <ragent/result.h>

#include <concepts>
#include <cstddef>
#include <initializer_list>
#include <limits>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>
#include <vector>

namespace ragent {

class Json {
 public:
  struct Member;
  using Array = std::vector<Json>;
  using Object = std::vector<Member>;

  Json() noexcept;
  Json(const Json& other);
  Json(Json&& other) noexcept;
  Json& operator=(const Json& other);
  Json& operator=(Json&& other) noexcept;
  ~Json();

  Json(std::nullptr_t) noexcept;
  Json(bool value) noexcept;
  Json(std::int64_t value) noexcept;
  template <std::integral I>
    requires(!std::same_as<I, bool> && !std::same_as<I, std::int64_t>)
  Json(I value) noexcept;  // beyond int64: a double
  Json(double value) noexcept;
  Json(const char* value);
  Json(std::string_view value);
  Json(std::string value) noexcept;
  Json(Array value) noexcept;
  Json(Object value) noexcept;
  static Json array(std::initializer_list<Json> items);      // empty: Json::array({})
  static Json object(std::initializer_list<Member> members);  // empty: Json::object({})

  bool is_null() const { return value_.index() == 0; }
  bool is_bool() const { return value_.index() == 1; }
  bool is_integer() const { return value_.index() == 2; }
  bool is_number() const { return value_.index() == 2 || value_.index() == 3; }
  bool is_string() const { return value_.index() == 4; }
  bool is_array() const { return value_.index() == 5; }
  bool is_object() const { return value_.index() == 6; }
  // "null", "boolean", "integer", "number", "string", "array" or "object".
  std::string_view type_name() const;

  // Each answers nothing (nullopt, nullptr) when the value is of another type.
  std::optional<bool> boolean() const;
  std::optional<std::int64_t> integer() const;  // also a number without a fraction, in range
  std::optional<double> number() const;
  const std::string* string() const;
  const Array* array() const;
  const Object* object() const;
  Array* array();
  Object* object();

  // The member of an object, or null.
  const Json* find(std::string_view key) const;
  Json* find(std::string_view key);
  // The text, integer or flag at `key`, or the fallback when it is absent or of another type.
  std::string text(std::string_view key, std::string_view fallback = {}) const;
  std::int64_t integer(std::string_view key, std::int64_t fallback = 0) const;
  bool flag(std::string_view key, bool fallback = false) const;

  // The member of an object, added when absent; a null becomes an object first.
  Json& operator[](std::string_view key);
  // Appends to an array; a null becomes an array first.
  void push_back(Json item);
  std::size_t size() const;  // members or items; 0 for the others

  // One line, no spaces, members in order; doubles in the fewest digits that read back the same
  // (infinities and NaN: null), bytes that are not UTF-8 as U+FFFD.
  std::string dump() const;
  std::string pretty(int indent = 2) const;

  // As JSON Schema compares: numbers by value (1 == 1.0), objects whatever their order.
  friend bool operator==(const Json& a, const Json& b);

 private:
  std::variant<std::monostate, bool, std::int64_t, double, std::string, Array, Object> value_;
};

struct Json::Member {
  std::string key;
  Json value;
  friend bool operator==(const Member&, const Member&) = default;
};

inline Json::Json() noexcept = default;
inline Json::Json(const Json& other) = default;
inline Json::Json(Json&& other) noexcept = default;
inline Json& Json::operator=(const Json& other) = default;
inline Json& Json::operator=(Json&& other) noexcept = default;
inline Json::~Json() = default;
inline Json::Json(std::nullptr_t) noexcept {}
inline Json::Json(bool value) noexcept : value_(value) {}
inline Json::Json(std::int64_t value) noexcept : value_(value) {}
template <std::integral I>
  requires(!std::same_as<I, bool> && !std::same_as<I, std::int64_t>)
Json::Json(I value) noexcept : value_(static_cast<std::int64_t>(value)) {
  if constexpr (std::unsigned_integral<I> && sizeof(I) == sizeof(std::int64_t)) {
    constexpr I kLargest = std::numeric_limits<std::int64_t>::max();
    if (value > kLargest) value_ = static_cast<double>(value);
  }
}
inline Json::Json(double value) noexcept : value_(value) {}
inline Json::Json(const char* value) : value_(std::string(value)) {}
inline Json::Json(std::string_view value) : value_(std::string(value)) {}
inline Json::Json(std::string value) noexcept : value_(std::move(value)) {}
inline Json::Json(Array value) noexcept : value_(std::move(value)) {}
inline Json::Json(Object value) noexcept : value_(std::move(value)) {}

struct JsonLimits {
  std::size_t bytes_max = limits::kJsonBytesMax;
  std::size_t depth_max = limits::kJsonDepthMax;
};

// Strict RFC 8259. Error{invalid} names line, column, what was expected and what came. A repeated
// key keeps its last value; an integer beyond int64 becomes a double.
Result<Json> parse_json(std::string_view text, JsonLimits limits = {});

}  // namespace ragent
