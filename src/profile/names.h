// Names of agents, tools and planners, and of sessions, which users and other systems choose.
//
//   if (!is_name(tool)) return fail(ErrorKind::invalid, fmt::format("expected {}", kNameExpected));
//
// Pure; any thread.
#pragma once

#include <ragent/limits.h>

#include <algorithm>
#include <string_view>

namespace ragent {

inline constexpr std::string_view kNameExpected =
    "a name of a-z 0-9 _ - that begins with a letter, at most 64";
static_assert(limits::kNameBytesMax == 64);

inline bool is_name(std::string_view text) {
  auto fits = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  };
  return !text.empty() && text.size() <= limits::kNameBytesMax && text[0] >= 'a' &&
         text[0] <= 'z' && std::ranges::all_of(text, fits);
}

inline constexpr std::string_view kSessionExpected =
    "a name of A-Z a-z 0-9 . _ - : @ that begins with a letter or digit, at most 64";

inline bool is_session_name(std::string_view text) {
  auto alnum = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  };
  auto fits = [&](char c) { return alnum(c) || std::string_view("._-:@").contains(c); };
  return !text.empty() && text.size() <= limits::kNameBytesMax && alnum(text[0]) &&
         std::ranges::all_of(text, fits);
}

}  // namespace ragent
