// Typed tools and answers: JSON Schema and checked parsing of plain structs, without macros.
//
//   struct Trip { Doc<std::string, "city or airport code"> to; std::optional<int> seats; };
//   Json schema = schema_of<Trip>();                // {"type":"object","properties":{"to":{…
//   Result<Trip> trip = from_json<Trip>(json);      // Error{invalid} names path, expected, got
//   Tool book = tool("book", "Book a trip.", [](Trip trip) { return reserve(trip); }).once();
//
// A field may be bool, an integer, a floating-point number, an enum with values 0 to 31, a string,
// Json, a struct of up to 32 fields, or std::optional, std::vector, std::map<std::string, …> of
// these. An absent optional, or one whose default differs from the type's zero, is not required
// (a default of 0, "" or false looks like none: use an optional). Values; any thread.
#pragma once

#include <ragent/detail/shape.h>
#include <ragent/tool.h>

namespace ragent {

// The JSON Schema of T. Structs nested deeper than limits::kSchemaDepthMax (also a struct inside
// itself) are left open there.
template <class T>
Json schema_of() {
  return detail::schema_of(detail::kShape<T>);
}

// Checked parsing. Error{invalid} lists every fault: where, what was expected, what came, and the
// near name of an unknown member.
template <class T>
Result<T> from_json(const Json& json) {
  T value = {};
  Result<void> read = detail::from_json(detail::kShape<T>, json, &value);
  if (!read) return fail(std::move(read.error()));
  return value;
}

template <class T>
Json to_json_value(const T& value) {
  if constexpr (std::is_convertible_v<const T&, std::string_view>) {
    return Json(std::string_view(value));
  } else {
    return detail::to_json(detail::kShape<T>, &value);
  }
}

}  // namespace ragent

#include <ragent/detail/native.h>
