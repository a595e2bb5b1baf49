// Typed tools and answers: JSON Schema and checked parsing of plain structs, without macros.
#pragma once

#include <ragent/tool.h>

namespace ragent {
template <class T>
Json schema_of();
template <class T>
Result<T> from_json(const Json& json);
template <class T>
Json to_json_value(const T& value);
}  // namespace ragent
