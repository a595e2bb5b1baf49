// Toml: a parsed TOML document with the line of everything and members in the order written.
//
//   Result<Toml> document = parse_toml(text, "agents/travel/agent.toml");
//   for (const Toml& member : document->items) use(member.key, member);
//
// The only door to toml++, which is slow to compile and sorts its tables by key. Value; any thread.
#pragma once

#include <ragent/json.h>

namespace ragent {

struct Toml {
  enum class Type : std::uint8_t { scalar, array, table };

  Type type = Type::table;
  std::string key = {};  // of a member of a table
  std::uint32_t line = 0;  // of the key; of the value for what has none
  Json scalar = {};  // text, integer, number or flag; a date is its text
  std::vector<Toml> items = {};  // of an array, or the members of a table

  const Toml* find(std::string_view key) const;  // a member, or null
  // "a string", "an integer", "a table", …: for messages.
  std::string_view type_name() const;
  Json json() const;  // arrays and tables included
};

// Errors begin with "FILE:LINE: "; also for bytes that are not UTF-8.
Result<Toml> parse_toml(std::string_view text, const std::string& file);

}  // namespace ragent
