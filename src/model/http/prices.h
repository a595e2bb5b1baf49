// Prices: what the models of endpoints cost. What people say counts before what the catalog knows,
// which holds at the providers' own endpoints only. RAGENT_PRICES names a file, JSON, of US dollars
// for a million tokens; what is left out of `cached` and `written` costs as much as `input`:
//
//   {"openai/gpt-4o": {"input": 2.50, "cached": 1.25, "output": 10},
//    "http://localhost:8080/v1#qwen": {"input": 0.10, "output": 0.40}}
//
//   Prices prices = co_await Prices::from(environment);
//   if (auto price = prices.of("openai/gpt-4o-2024-08-06", account)) cost_of(*price, usage);
//
// Values; any thread.
#pragma once

#include <model/http/account.h>
#include <model/http/catalog.h>

#include <map>

namespace ragent {

class Prices {
 public:
  // Blocks. Errors name the file and what is wrong there: io, invalid.
  static Result<Prices> from(const Environment& environment);
  static Result<Prices> parse(std::string_view text);

  // `name` as --model takes it, or a dated snapshot of one that has a price. Nothing: no price.
  std::optional<Price> of(std::string_view name, const Account& account) const;

 private:
  std::map<std::string, Price, std::less<>> said_ = {};
};

// In billionths of a dollar.
std::int64_t cost_of(const Price& price, const Usage& usage);
Json to_json(const Price& price);

}  // namespace ragent
