#include <action/permission.h>

#include <base/text.h>

#include <algorithm>

namespace ragent {
namespace {

constexpr std::size_t kArgumentBytesMax = 200;  // of one value in a question to a person

}  // namespace

Permission permission_for(const std::vector<std::pair<std::string, Permission>>& permissions,
                          const ToolSpec& spec) {
  Permission strictest = spec.ask.empty() ? Permission::allow : Permission::ask;
  for (const auto& [name, permission] : permissions) {
    if (name == spec.name || name == "*") strictest = std::max(strictest, permission);
  }
  return strictest;
}

std::string fill_template(std::string_view text, const Json& arguments) {
  std::string out;
  while (!text.empty()) {
    std::size_t open = text.find('{');
    std::size_t close = text.find('}', open == text.npos ? 0 : open);
    if (open == text.npos || close == text.npos) break;
    const Json* value = arguments.find(text.substr(open + 1, close - open - 1));
    if (value) {
      out += text.substr(0, open);
      out += printable(value->string() ? *value->string() : value->dump(), kArgumentBytesMax);
      text.remove_prefix(close + 1);
    } else {
      out += text.substr(0, open + 1);
      text.remove_prefix(open + 1);
    }
  }
  return out += text;
}

}  // namespace ragent
