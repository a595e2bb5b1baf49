// Account: which endpoint a model's name means, how it speaks and with which key.
//
//   openai/NAME               OPENAI_API_KEY, OPENAI_BASE_URL (https://api.openai.com/v1)
//   openai-responses/NAME     the same account, in the responses dialect
//   anthropic/NAME            ANTHROPIC_API_KEY, ANTHROPIC_BASE_URL (https://api.anthropic.com)
//   http://HOST:PORT/v1#NAME  any compatible endpoint, RAGENT_API_KEY if it wants one;
//                             responses+http://…#NAME, anthropic+http://…#NAME: other dialects
//
// Values; any thread.
#pragma once

#include <model/http/dialect.h>

#include <functional>

namespace ragent {

struct Account {
  const Dialect* dialect = nullptr;
  std::string base_url = {};  // without a slash at its end
  std::string key = {};
  std::string model = {};
  std::string key_name = {};  // the variable that holds the key, for messages
};

using Environment = std::function<const char*(const char* name)>;

// Nothing: `name` is no model of an endpoint. Error{invalid}: a key or a model's name is missing, a
// URL that is none; with what to write instead.
Result<std::optional<Account>> account_of(std::string_view name, const Environment& environment);
// A provider's own endpoint, not one that speaks as it does.
bool is_provider(const Account& account);

}  // namespace ragent
