// Tenant: whose run, memory, budget and files these are. In every Store call.
#pragma once

#include <ragent/result.h>

namespace ragent {

class Tenant {
 public:
  Tenant() = default;  // "local": nobody logged in
  // 1 to 63 of a-z 0-9 - _, beginning with a letter or digit: it names a file.
  static Result<Tenant> parse(std::string_view id);
  const std::string& id() const { return id_; }
  friend auto operator<=>(const Tenant&, const Tenant&) = default;

 private:
  std::string id_ = "local";
};

}  // namespace ragent
