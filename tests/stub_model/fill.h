// fill: a pattern of JSON with its values. Pure; any thread.
//
//   fill(R"({"index":$,"delta":$})", {"0", delta})
#pragma once

#include <ragent/result.h>

#include <initializer_list>
#include <string>
#include <string_view>

namespace ragent::stub {

// Each $ of the pattern becomes the next value.
inline std::string fill(std::string_view pattern, std::initializer_list<std::string_view> values) {
  std::string text;
  for (const std::string_view value : values) {
    const std::size_t end = pattern.find('$');
    RAGENT_ASSERT(end != std::string_view::npos);
    text.append(pattern.substr(0, end)).append(value);
    pattern.remove_prefix(end + 1);
  }
  return text.append(pattern);
}

}  // namespace ragent::stub
