// The home: the folder with everything that an engine keeps.
//
//   options.home = home_folder(options.home);
//
// Reads the environment; any thread.
#pragma once

#include <string>
#include <string_view>

namespace ragent {

inline constexpr std::string_view kHomeDefault = ".ragent";

// What was named; else RAGENT_HOME; else kHomeDefault. The one place where that is decided.
std::string home_folder(const std::string& named);

}  // namespace ragent
