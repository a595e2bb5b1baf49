#include <base/home.h>

#include <cstdlib>

namespace ragent {

std::string home_folder(const std::string& named) {
  if (!named.empty()) return named;
  const char* variable = std::getenv("RAGENT_HOME");
  return std::string(variable && *variable ? std::string_view(variable) : kHomeDefault);
}

}  // namespace ragent
