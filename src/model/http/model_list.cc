#include <model/http/model_list.h>

#include <base/text.h>
#include <model/http/endpoint_error.h>
#include <model/http/request_parts.h>

#include <algorithm>
#include <fmt/core.h>

namespace ragent {
namespace {

constexpr std::string_view kAnyModel = "x";  // a name has to have one
constexpr std::size_t kShown = 200;
constexpr std::size_t kNamesShown = 8;

bool is_set(const Environment& environment, const char* name) {
  const char* value = environment(name);
  return value && *value;
}

void add(std::vector<AccountHere>& out, AccountHere here) {
  bool known = std::ranges::any_of(out, [&](const AccountHere& other) {
    return here.account && other.account && other.account->base_url == here.account->base_url;
  });
  if (!known) out.push_back(std::move(here));
}

// Of {"data": [{"id": NAME}, …]} or of the array alone. Ollama has null where it has none.
std::optional<std::vector<std::string>> model_names(const Json& json) {
  const Json* data = json.is_object() ? json.find("data") : &json;
  if (!data) return std::nullopt;
  std::vector<std::string> names;
  if (json.is_object() && data->is_null()) return names;
  if (!data->array()) return std::nullopt;
  for (const Json& each : *data->array()) {
    if (std::string id = each.text("id"); !id.empty()) names.push_back(printable(id, kShown));
  }
  std::ranges::sort(names);
  return names;
}

std::string shown(std::string_view body) {
  if (trim(body).empty()) return "nothing";
  return "`" + printable(trim(body), kShown) + "`";
}

}  // namespace

AccountHere account_named(std::string_view endpoint, const Environment& environment) {
  bool web = endpoint.contains("://");
  std::string prefix(endpoint.substr(0, endpoint.find(web ? '#' : '/')));
  prefix += web ? '#' : '/';
  Result<std::optional<Account>> found = account_of(prefix + std::string(kAnyModel), environment);
  if (!found) return {prefix, fail(std::move(found.error()))};
  if (*found) return {prefix, std::move(**found)};
  return {prefix, fail(ErrorKind::invalid,
                       "`" + printable(endpoint, kShown) +
                           "` is no endpoint that lists models: expected openai, anthropic or a "
                           "URL as http://localhost:8080/v1")};
}

std::vector<AccountHere> accounts_here(const Environment& environment, std::string_view model) {
  std::vector<AccountHere> out;
  if (is_set(environment, "OPENAI_API_KEY") || is_set(environment, "OPENAI_BASE_URL")) {
    add(out, account_named("openai", environment));
  }
  if (is_set(environment, "ANTHROPIC_API_KEY") || is_set(environment, "ANTHROPIC_BASE_URL")) {
    add(out, account_named("anthropic", environment));
  }
  for (std::string_view each : split(model, ',')) {
    // Of its name only what is before the model counts, so a key that is missing is told here too.
    Result<std::optional<Account>> found = account_of(trim(each), environment);
    if (!found || *found) add(out, account_named(trim(each), environment));
  }
  return out;
}

Task<std::vector<std::string>> list_models(HttpClient& client, Account account,
                                           std::chrono::milliseconds time_max) {
  HttpCall call{.request = account.dialect->list_models(account.base_url, account.key),
                .connect_max = time_max,
                .time_max = time_max};
  HttpResponse response = co_await client.send(std::move(call));
  std::string host(host_and_port(account.base_url));
  if (response.status != 200) co_return wire::error_of(response, host);
  Result<Json> json = parse_json(response.body);
  const Json* error = json ? json->find("error") : nullptr;
  if (error && !error->is_null()) co_return wire::error_of(*json, host);
  std::optional<std::vector<std::string>> names = json ? model_names(*json) : std::nullopt;
  if (names) co_return std::move(*names);
  co_return Error{.kind = ErrorKind::unavailable,
                  .message = fmt::format("expected {} to answer a list of models, {{\"data\": "
                                         "[{{\"id\": …}}]}}, got {}: is the URL right?",
                                         host, shown(response.body))};
}

std::string near_miss(std::string_view model, std::vector<std::string> names) {
  if (names.empty()) return "";
  if (std::ranges::binary_search(names, model)) return "";
  if (auto near = nearest(model, names)) return "; did you mean " + *near + "?";
  std::size_t more = names.size() > kNamesShown ? names.size() - kNamesShown : 0;
  names.resize(names.size() - more);
  return "; it has " + join(names, ", ") + (more ? " and " + std::to_string(more) + " more" : "");
}

}  // namespace ragent
