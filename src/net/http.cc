#include <net/http.h>

#include <algorithm>

namespace ragent {

std::string_view host_and_port(std::string_view url) {
  if (const std::size_t scheme = url.find("://"); scheme != url.npos) url.remove_prefix(scheme + 3);
  url = url.substr(0, url.find_first_of("/?#"));
  if (const std::size_t user = url.rfind('@'); user != url.npos) url.remove_prefix(user + 1);
  return url;
}

bool same_name(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  return std::ranges::equal(a, b, {}, lower, lower);
}

const std::string* Headers::find(std::string_view name) const {
  const auto found = std::ranges::find_if(
      list_, [&](const auto& header) { return same_name(header.first, name); });
  return found == list_.end() ? nullptr : &found->second;
}

void Headers::add(std::string name, std::string value) {
  list_.emplace_back(std::move(name), std::move(value));
}

void Headers::set(std::string_view name, std::string value) {
  std::erase_if(list_, [&](const auto& header) { return same_name(header.first, name); });
  list_.emplace_back(name, std::move(value));
}

bool is_token(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           std::string_view("!#$%&'*+-.^_`|~").contains(c);
  });
}

Result<void> check_headers(const Headers& headers) {
  for (const auto& [name, value] : headers.list()) {
    if (!is_token(name)) {
      return fail(ErrorKind::invalid, "a header's name has letters, digits and -: not \"" +
                                          std::string(name.substr(0, 40)) + "\"");
    }
    const auto bad = [](char c) {
      return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f;
    };
    if (std::ranges::any_of(value, bad)) {  // the value may be a secret
      return fail(ErrorKind::invalid,
                  "the value of the header " + name + " has a line end or a control character");
    }
  }
  return {};
}

}  // namespace ragent
