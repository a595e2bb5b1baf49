#include <model/http/account.h>

#include <base/text.h>

#include <fmt/core.h>

#include <algorithm>

namespace ragent {
namespace {

struct Family {
  std::string_view prefix;
  const Dialect& (*dialect)();
  const char* key;
  const char* base_url;
  std::string_view base_url_default;
  std::string_view version;  // what the path of the base URL must end in
};
constexpr Family kFamilies[] = {
    {"openai/", openai_chat, "OPENAI_API_KEY", "OPENAI_BASE_URL", "https://api.openai.com/v1", ""},
    {"openai-responses/", openai_responses, "OPENAI_API_KEY", "OPENAI_BASE_URL",
     "https://api.openai.com/v1", ""},
    {"anthropic/", anthropic, "ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL",
     "https://api.anthropic.com", "/v1"},
};
struct Scheme {
  std::string_view prefix;
  const Dialect& (*dialect)();
};
constexpr Scheme kSchemes[] = {{"", openai_chat},
                               {"chat+", openai_chat},
                               {"responses+", openai_responses},
                               {"anthropic+", anthropic}};
constexpr const char* kAnyKey = "RAGENT_API_KEY";

std::string value_of(const Environment& environment, const char* name) {
  const char* value = environment(name);
  return value ? std::string(trim(value)) : std::string();
}

std::string without_slash(std::string url) {
  while (url.ends_with('/')) url.pop_back();
  return url;
}

bool is_web(std::string_view url) {
  return url.starts_with("http://") || url.starts_with("https://");
}

Result<void> check_name(std::string_view name, std::string_view model) {
  if (!model.empty() && model.find_first_of(" \t\r\n") == model.npos) return {};
  return fail(ErrorKind::invalid,
              fmt::format("the model `{}` lacks its name: expected PREFIX/NAME or URL#NAME, as in "
                          "openai/gpt-4o or http://localhost:8080/v1#qwen",
                          printable(name, 200)));
}

// What no request could be sent to is told before a run begins. A password of a URL would stand in
// the journal with the model's name.
Result<void> check_url(std::string_view url) {
  std::string_view rest = url.substr(url.find("://") + 3);
  std::string_view authority = rest.substr(0, rest.find_first_of("/?"));
  std::string why;
  if (authority.contains('@')) {
    why = fmt::format(
        "a user or password in it, which would be kept with the run: take it out, "
        "and set {}",
        kAnyKey);
  } else if (authority.empty() || authority.starts_with(':')) {
    why = "no host in it: expected URL#NAME, as in http://localhost:8080/v1#qwen";
  } else if (url.contains('?')) {
    why =
        "a query in it: expected what stands before /chat/completions or /messages, as in "
        "http://localhost:8080/v1#qwen";
  }
  if (why.empty()) return {};
  return fail(ErrorKind::invalid, "the URL of the model has " + why);
}

// Nothing else of a key can be known, but that no header could carry it. It is not shown.
Result<void> check_key(std::string_view key, std::string_view variable) {
  bool fits = std::ranges::none_of(
      key, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
  if (fits) return {};
  return fail(ErrorKind::invalid,
              fmt::format("{} has a line end or another control character within: expected the key "
                          "alone",
                          variable));
}

Result<std::optional<Account>> of_family(std::string_view name, const Family& family,
                                         const Environment& environment) {
  Account out{.dialect = &family.dialect(),
              .model = std::string(name.substr(family.prefix.size())),
              .key_name = family.key};
  if (Result<void> named = check_name(name, out.model); !named) return fail(named.error());
  out.base_url = without_slash(value_of(environment, family.base_url));
  bool own = out.base_url.empty();
  if (own) out.base_url = family.base_url_default;
  if (!is_web(out.base_url)) {
    return fail(ErrorKind::invalid,
                fmt::format("{} is `{}`, expected a URL that begins with http:// or https://",
                            family.base_url, printable(out.base_url, 200)));
  }
  if (!out.base_url.ends_with(family.version)) out.base_url += family.version;
  out.key = value_of(environment, family.key);
  if (Result<void> fit = check_key(out.key, family.key); !fit) return fail(fit.error());
  if (own && out.key.empty()) {
    return fail(ErrorKind::invalid,
                fmt::format("the model {} needs a key: set {} (or {} to another endpoint); without "
                            "one, RAGENT_MODEL=local/default runs here",
                            printable(name, 200), family.key, family.base_url));
  }
  return out;
}

Result<std::optional<Account>> of_url(std::string_view name, const Scheme& scheme,
                                      const Environment& environment) {
  std::string_view url = name.substr(scheme.prefix.size());
  std::size_t hash = url.find('#');
  std::string_view model = hash == url.npos ? "" : url.substr(hash + 1);
  if (Result<void> fit = check_url(url.substr(0, hash)); !fit) return fail(fit.error());
  if (Result<void> named = check_name(name, model); !named) {
    named.error().message += fmt::format("; `ragent models {}` lists them",
                                         printable(name.substr(0, name.find('#')), 200));
    return fail(named.error());
  }
  std::string key = value_of(environment, kAnyKey);
  if (Result<void> fit = check_key(key, kAnyKey); !fit) return fail(fit.error());
  return Account{.dialect = &scheme.dialect(),
                 .base_url = without_slash(std::string(url.substr(0, hash))),
                 .key = std::move(key),
                 .model = std::string(model),
                 .key_name = kAnyKey};
}

}  // namespace

Result<std::optional<Account>> account_of(std::string_view name, const Environment& environment) {
  for (const Family& family : kFamilies) {
    if (name.starts_with(family.prefix)) return of_family(name, family, environment);
  }
  for (const Scheme& scheme : kSchemes) {
    if (name.starts_with(scheme.prefix) && is_web(name.substr(scheme.prefix.size()))) {
      return of_url(name, scheme, environment);
    }
  }
  return std::nullopt;
}

bool is_provider(const Account& account) {
  return std::ranges::any_of(kFamilies, [&](const Family& family) {
    std::string own(family.base_url_default);
    if (!own.ends_with(family.version)) own += family.version;
    return account.base_url == own;
  });
}

}  // namespace ragent
