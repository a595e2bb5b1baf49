#include <ragent/tenant.h>

#include <algorithm>

namespace ragent {

Result<Tenant> Tenant::parse(std::string_view id) {
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
  const bool good =
      !id.empty() && id.size() <= 63 && letter(id.front()) &&
      std::ranges::all_of(id, [&](char c) { return letter(c) || c == '-' || c == '_'; });
  if (!good) {
    return fail(ErrorKind::invalid,
                "a tenant is 1 to 63 of a-z 0-9 - _ and begins with a letter or digit; got " +
                    (id.size() > 63 ? std::to_string(id.size()) + " characters"
                                    : "\"" + std::string(id) + "\""));
  }
  Tenant tenant;
  tenant.id_ = id;
  return tenant;
}

}  // namespace ragent
