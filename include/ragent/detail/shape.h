// Shape: what a C++ type looks like, as a constant table. Only typed.h includes this.
//
//   detail::kShape<Trip>.names[0] == "to"
//   detail::schema_of(detail::kShape<Trip>)
//
// Constants; any thread.
#pragma once

#include <ragent/detail/fields.h>
#include <ragent/json.h>

#include <map>
#include <span>
#include <vector>

namespace ragent {

// The description of a Doc as a template argument.
template <std::size_t N>
struct DocText {
  char characters[N] = {};
  // Implicit, so that a plain string can stand as a template argument: Doc<int, "How many">.
  consteval DocText(const char (&text)[N]) {
    for (std::size_t i = 0; i < N; ++i) characters[i] = text[i];
  }
  constexpr std::string_view view() const { return {characters, N - 1}; }
};

// Used like T; its schema carries a description.
template <class T, DocText kDescription>
struct Doc {
  T value = {};
  Doc() = default;
  Doc(T v) : value(std::move(v)) {}
  template <class U>
    requires(std::is_convertible_v<U, T> && !std::is_same_v<std::remove_cvref_t<U>, Doc> &&
             !std::is_same_v<std::remove_cvref_t<U>, detail::AnyField>)
  Doc(U&& u) : value(std::forward<U>(u)) {}
  operator const T&() const { return value; }
  operator T&() { return value; }
  const T& operator*() const { return value; }
  T& operator*() { return value; }
  const T* operator->() const { return &value; }
};

namespace detail {

// What a type looks like, as a constant that typed.cc turns into schema, parsing and printing: so
// a typed tool costs its user's compiler a table and no code.
struct Shape {
  enum class Kind : std::uint8_t {
    boolean,
    integer,
    number,
    string,
    json,
    choice,
    optional,
    list,
    map,
    object,
  };
  using Visit = void (*)(void* context, std::string_view key, const void* value);

  Kind kind = Kind::json;
  bool is_signed = false;                      // integer, choice
  std::uint8_t size = 0;                       // integer, number, choice: in bytes
  std::string_view description = {};
  const Shape* inner = nullptr;                // optional, list, map
  std::span<const std::string_view> names = {};  // object: fields; choice: by value, "" for none
  std::span<const Shape* const> fields = {};     // object
  void (*addresses)(void* object, void** fields) = nullptr;
  void (*with_default)(Visit visit, void* context) = nullptr;  // object: shows a T{}
  // optional (of at most one), list and map:
  void (*clear)(void* value) = nullptr;
  void* (*add)(void* value, std::string key) = nullptr;
  void (*each)(const void* value, Visit visit, void* context) = nullptr;
};

Json schema_of(const Shape& shape);
Json to_json(const Shape& shape, const void* value);
// `value` must be as its type makes it by default: that tells which fields are required.
Result<void> from_json(const Shape& shape, const Json& json, void* value);

template <auto kValue>
consteval std::string_view choice_name() {
  std::string_view text = __PRETTY_FUNCTION__;
  text = text.substr(text.find("kValue = ") + 9);
  text = text.substr(0, text.find_first_of(";]"));
  // A value without a name is printed as a cast or a number.
  if (text.find('(') != text.npos && text.find("::") == text.npos) return {};
  text = text.substr(text.find_last_of(":)") + 1);
  return text.empty() || text[0] == '-' || (text[0] >= '0' && text[0] <= '9') ? "" : text;
}
template <class E>
inline constexpr auto kChoiceNames = []<std::size_t... I>(std::index_sequence<I...>) {
  return std::array<std::string_view, sizeof...(I)>{choice_name<static_cast<E>(I)>()...};
}(std::make_index_sequence<32>());

template <class C>
void clear(void* value) {
  static_cast<C*>(value)->~C();
  new (value) C();
}
template <class T>
void* add_optional(void* value, std::string) {
  return &static_cast<std::optional<T>*>(value)->emplace();
}
template <class T>
void each_optional(const void* value, Shape::Visit visit, void* context) {
  const auto& optional = *static_cast<const std::optional<T>*>(value);
  if (optional) visit(context, {}, &*optional);
}
template <class T>
void* add_list(void* value, std::string) {
  return &static_cast<std::vector<T>*>(value)->emplace_back();
}
template <class T>
void each_list(const void* value, Shape::Visit visit, void* context) {
  for (const T& item : *static_cast<const std::vector<T>*>(value)) visit(context, {}, &item);
}
template <class T>
void* add_map(void* value, std::string key) {
  return &(*static_cast<std::map<std::string, T>*>(value))[std::move(key)];
}
template <class T>
void each_map(const void* value, Shape::Visit visit, void* context) {
  for (const auto& [key, item] : *static_cast<const std::map<std::string, T>*>(value)) {
    visit(context, key, &item);
  }
}
template <class T>
void addresses(void* object, void** out) {
  visit_fields(*static_cast<T*>(object), [&](auto&... fields) { ((*out++ = &fields), ...); });
}
template <class T>
void with_default(Shape::Visit visit, void* context) {
  T value = {};
  visit(context, {}, &value);
}

template <class T>
struct ShapeOf;
template <class T>
inline constexpr Shape kShape = ShapeOf<T>::make();
template <class T>
inline constexpr auto kFieldShapes = visit_fields(kGhost<T>.value, []<class... F>(F&...) {
  return std::array<const Shape*, sizeof...(F)>{&kShape<std::remove_const_t<F>>...};
});

// Scalars and structs.
template <class T>
struct ShapeOf {
  static constexpr Shape make() {
    using Kind = Shape::Kind;
    if constexpr (std::is_same_v<T, bool>) {
      return {.kind = Kind::boolean};
    } else if constexpr (std::is_integral_v<T>) {
      return {.kind = Kind::integer, .is_signed = std::is_signed_v<T>, .size = sizeof(T)};
    } else if constexpr (std::is_same_v<T, double> || std::is_same_v<T, float>) {
      return {.kind = Kind::number, .size = sizeof(T)};
    } else if constexpr (std::is_enum_v<T>) {
      return {.kind = Kind::choice,
              .is_signed = std::is_signed_v<std::underlying_type_t<T>>,
              .size = sizeof(T),
              .names = kChoiceNames<T>};
    } else {
      constexpr bool is_plain = std::is_class_v<T> && std::is_aggregate_v<T>;
      static_assert(is_plain,
                    "ragent: a typed value is a bool, number, enum, std::string, ragent::Json, "
                    "std::optional, std::vector, std::map<std::string, ...> or a plain struct "
                    "(an aggregate: no constructors, no private members, no virtual functions)");
      if constexpr (is_plain) return object();
      return {};
    }
  }
  static constexpr Shape object() {
    constexpr bool is_small = field_count<T>() <= limits::kParameterFieldsMax;
    static_assert(is_small,
                  "ragent: a parameter struct has at most 32 fields; group some of them "
                  "into a struct of their own");
    if constexpr (is_small) {
      return {.kind = Shape::Kind::object,
              .names = kFieldNames<T>,
              .fields = kFieldShapes<T>,
              .addresses = addresses<T>,
              .with_default = with_default<T>};
    }
    return {};
  }
};
template <>
struct ShapeOf<std::string> {
  static constexpr Shape make() { return {.kind = Shape::Kind::string}; }
};
template <>
struct ShapeOf<Json> {
  static constexpr Shape make() { return {.kind = Shape::Kind::json}; }
};
template <class T, DocText kDescription>
struct ShapeOf<Doc<T, kDescription>> {
  static constexpr Shape make() {
    Shape shape = ShapeOf<T>::make();
    shape.description = kDescription.view();
    return shape;
  }
};
template <class T>
struct ShapeOf<std::optional<T>> {
  static constexpr Shape make() {
    return {.kind = Shape::Kind::optional,
            .inner = &kShape<T>,
            .clear = clear<std::optional<T>>,
            .add = add_optional<T>,
            .each = each_optional<T>};
  }
};
template <class T>
struct ShapeOf<std::vector<T>> {
  static_assert(!std::is_same_v<T, bool>,
                "ragent: use std::vector<std::uint8_t> or enums: items "
                "of std::vector<bool> have no address");
  static constexpr Shape make() {
    return {.kind = Shape::Kind::list,
            .inner = &kShape<T>,
            .clear = clear<std::vector<T>>,
            .add = add_list<T>,
            .each = each_list<T>};
  }
};
template <class T>
struct ShapeOf<std::map<std::string, T>> {
  static constexpr Shape make() {
    return {.kind = Shape::Kind::map,
            .inner = &kShape<T>,
            .clear = clear<std::map<std::string, T>>,
            .add = add_map<T>,
            .each = each_map<T>};
  }
};

}  // namespace detail
}  // namespace ragent
