// What HTTP carries: headers, a request, a response. Values; any thread.
//
//   HttpRequest request{.method = "POST", .url = "https://example.org/v1/models"};
//   request.headers.set("authorization", "Bearer " + key);
//   if (const std::string* type = response.headers.find("content-type")) …
#pragma once

#include <ragent/result.h>

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ragent {

// In order of arrival; names compare without case.
class Headers {
 public:
  Headers() = default;
  Headers(std::initializer_list<std::pair<std::string, std::string>> list) : list_(list) {}
  const std::string* find(std::string_view name) const;  // the first of that name, or null
  void add(std::string name, std::string value);
  void set(std::string_view name, std::string value);  // instead of all of that name
  const std::vector<std::pair<std::string, std::string>>& list() const { return list_; }

 private:
  std::vector<std::pair<std::string, std::string>> list_ = {};
};

struct HttpRequest {
  std::string method = "GET";
  std::string url = {};  // of a client: absolute; of a server: the target, "/v1/runs?limit=5"
  Headers headers = {};
  std::string body = {};
};

struct HttpResponse {
  int status = 200;
  Headers headers = {};
  std::string body = {};
};

// "api.openai.com:443" of "https://me@api.openai.com:443/v1": never its user, path or query.
std::string_view host_and_port(std::string_view url);
bool same_name(std::string_view a, std::string_view b);  // of headers: without case
bool is_token(std::string_view text);  // may be a method or a header's name
// Error{invalid}: a name that is no token, or a value that would end its line.
Result<void> check_headers(const Headers& headers);

}  // namespace ragent
