// did_you_mean: the end of a message about an unknown name.
//
//   "unknown type \"strng\"" + did_you_mean("strng", kTypes)   // … (did you mean "string"?)
//
// Pure; any thread.
#pragma once

#include <base/text.h>

namespace ragent {

// ` (did you mean "search"?)`, or nothing.
inline std::string did_you_mean(std::string_view got, std::span<const std::string_view> known) {
  std::optional<std::string> near = nearest(got, known);
  return near ? " (did you mean \"" + *near + "\"?)" : "";
}

}  // namespace ragent
