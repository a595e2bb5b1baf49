// schema: checks a value against the subset of JSON Schema that tools use, with messages a model
// can act on.
//
//   validate(spec.parameters, call.arguments)   // {"date: expected a calendar date …, got …"}
//
// Keywords: type (also a list of types), properties, required, additionalProperties, items, enum,
// const, minimum, maximum, minLength, maxLength, minItems, maxItems, format "date", anyOf; title,
// description, default, examples and $schema say nothing about a value. Nothing is converted; only
// a number without a fraction counts as an integer. Pure; any thread.
#pragma once

#include <ragent/json.h>

namespace ragent {

// What is wrong with `value`, at most limits::kFaultsMax faults; empty: nothing.
std::vector<std::string> validate(const Json& schema, const Json& value);

// What is wrong with a schema that a person wrote: unknown keywords, ill-typed ones.
std::vector<std::string> validate_schema(const Json& schema);

// "YYYY-MM-DD", and a day that exists.
bool is_calendar_date(std::string_view text);

}  // namespace ragent
