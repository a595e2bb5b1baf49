// What an endpoint says that it has: the names of its models.
//
//   for (const Account& account : accounts_here(environment, "openai/gpt-4o")) …
//   std::vector<std::string> names = co_await list_models(*client, account);
//   std::string hint = near_miss("gpt-4p", names);    // "; did you mean gpt-4o?"
//
// Values; called on the client's loop.
#pragma once

#include <model/http/account.h>
#include <net/http_client.h>

namespace ragent {

struct AccountHere {
  std::string prefix = {};  // before a model's name: "openai/", "http://localhost:8080/v1#"
  Result<Account> account = {};
};

// The account of an endpoint that is named without a model: "openai", "anthropic/", a URL with or
// without #NAME. Error{invalid}: it is none, or has no key.
AccountHere account_named(std::string_view endpoint, const Environment& environment);
// Those whose keys or URLs are set, and those of `model`, a list of names by commas. Each once.
std::vector<AccountHere> accounts_here(const Environment& environment, std::string_view model);

// Sorted. Errors: those of its HTTP call and wire::error_of; unavailable: what it answers is no
// list.
Task<std::vector<std::string>> list_models(
    HttpClient& client, Account account, std::chrono::milliseconds time_max = limits::kListTimeMax);
// What to say to somebody who asked for a name that is not among these, sorted ones.
std::string near_miss(std::string_view model, std::vector<std::string> names);

}  // namespace ragent
