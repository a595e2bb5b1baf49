// arguments: the short form in which agent.toml declares a tool's arguments.
//
//   parse_arguments({{"from", "string: city or airport code"}, {"date", "date"},
//                    {"class", "one of?: economy, business"},
//                    {"flight", "seen: id from search_flights"}})
//
// TYPE, then `?` for an optional one, then `: ` and a description. Types: string, integer, number,
// boolean, date, `one of: a, b`, `seen: KEY from TOOL` (KEY alone: from any tool). Any thread.
#pragma once

#include <ragent/tool.h>

namespace ragent {

struct ParsedArguments {
  Json schema = {};  // JSON Schema of the arguments: an object that allows nothing else
  std::vector<SeenRule> seen = {};
};

// Error{invalid} names the argument, what was expected, what came, and the near miss.
Result<ParsedArguments> parse_arguments(
    const std::vector<std::pair<std::string, std::string>>& arguments);

}  // namespace ragent
