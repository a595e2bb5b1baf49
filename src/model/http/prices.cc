#include <model/http/prices.h>

#include <base/file.h>
#include <base/text.h>

#include <fmt/core.h>

#include <algorithm>
#include <cmath>

namespace ragent {
namespace {

constexpr const char* kVariable = "RAGENT_PRICES";
constexpr double kPriceMax = 100'000;  // dollars for a million tokens
constexpr double kNanoPerMillionth = 1'000;  // a dollar for a million tokens, for one of them
constexpr double kCostMax = 1e13;  // of one reply, in billionths: sums of many fit

struct Field {
  std::string_view name;
  double Price::* value;
};
constexpr Field kFields[] = {{"input", &Price::input},
                             {"cached", &Price::cached},
                             {"written", &Price::written},
                             {"output", &Price::output}};
constexpr std::string_view kExpected =
    R"({"MODEL": {"input": DOLLARS, "output": DOLLARS}}, for a million tokens)";
constexpr std::string_view kProviders[] = {"openai", "openai-responses", "anthropic"};

std::string shown(std::string_view name) { return printable(name, 200); }

// `; did you mean "openai/gpt-4o"?`, of a name that lacks its endpoint or has a wrong one.
std::string near_name(std::string_view name) {
  std::size_t slash = name.find('/');
  std::string_view model = slash == name.npos ? name : name.substr(slash + 1);
  std::optional<std::string> provider;
  if (slash != name.npos) {
    provider = nearest(name.substr(0, slash), std::span(kProviders));
  } else if (price_of(name)) {
    provider = name.starts_with("claude") ? "anthropic" : "openai";
  }
  return provider ? fmt::format("; did you mean \"{}/{}\"?", *provider, shown(model)) : "";
}

// Whether somebody has set a key does not matter here.
Result<void> check_name(std::string_view name) {
  Result<std::optional<Account>> account = account_of(name, [](const char* variable) {
    return std::string_view(variable).ends_with("_KEY") ? "a key" : nullptr;
  });
  if (!account) return fail(std::move(account.error()));
  if (*account) return {};
  return fail(ErrorKind::invalid,
              fmt::format("\"{}\" is no model of an endpoint: expected its name as --model takes "
                          "it, openai/NAME, anthropic/NAME or URL#NAME{}",
                          shown(name), near_name(name)));
}

Result<double> dollars_of(const Json& value) {
  std::optional<double> number = value.number();
  if (number && *number >= 0 && *number <= kPriceMax) return *number;
  return fail(ErrorKind::invalid, fmt::format("expected US dollars for a million tokens, a number "
                                              "from 0 to {}, got {}",
                                              kPriceMax, printable(value.dump(), 80)));
}

Result<Price> price_from(const Json& json) {
  if (!json.object()) {
    return fail(ErrorKind::invalid,
                fmt::format("expected an object with input and output, got {}", json.type_name()));
  }
  Price out;
  for (const Json::Member& member : *json.object()) {
    const auto* field = std::ranges::find(kFields, member.key, &Field::name);
    if (field == std::end(kFields)) {
      std::vector<std::string_view> names;
      for (const Field& each : kFields) names.push_back(each.name);
      auto near = nearest(member.key, std::span<const std::string_view>(names));
      return fail(ErrorKind::invalid,
                  fmt::format("expected input, cached, written or output, got \"{}\"{}",
                              shown(member.key), near ? "; did you mean " + *near + "?" : ""));
    }
    Result<double> dollars = dollars_of(member.value);
    if (!dollars) return fail(within(member.key, std::move(dollars.error())));
    out.*field->value = *dollars;
  }
  for (std::string_view needed : {"input", "output"}) {
    if (!json.find(needed)) {
      return fail(ErrorKind::invalid, fmt::format("{} is missing: expected US dollars for a "
                                                  "million tokens (0 where it is free)",
                                                  needed));
    }
  }
  if (!json.find("cached")) out.cached = out.input;
  if (!json.find("written")) out.written = out.input;
  return out;
}

}  // namespace

Result<Prices> Prices::from(const Environment& environment) {
  const char* file = environment(kVariable);
  if (!file || !*file) return Prices();
  Result<std::string> text = read_file(file, limits::kConfigBytesMax);
  if (!text) return fail(within(kVariable, std::move(text.error())));
  Result<Prices> prices = parse(*text);
  if (!prices)
    return fail(within(fmt::format("{} {}", kVariable, file), std::move(prices.error())));
  return prices;
}

Result<Prices> Prices::parse(std::string_view text) {
  Result<Json> json = parse_json(text);
  if (!json) return fail(std::move(json.error()));
  if (!json->object()) {
    return fail(ErrorKind::invalid,
                fmt::format("expected {}, got {}", kExpected, json->type_name()));
  }
  Prices out;
  for (const Json::Member& member : *json->object()) {
    if (Result<void> named = check_name(member.key); !named) return fail(std::move(named.error()));
    Result<Price> price = price_from(member.value);
    if (!price) return fail(within(shown(member.key), std::move(price.error())));
    out.said_.insert_or_assign(member.key, *price);
  }
  return out;
}

std::optional<Price> Prices::of(std::string_view name, const Account& account) const {
  for (std::string_view known : {name, snapshot_of(name).family}) {
    if (auto said = said_.find(known); said != said_.end()) return said->second;
  }
  return is_provider(account) ? price_of(account.model) : std::nullopt;
}

std::int64_t cost_of(const Price& price, const Usage& usage) {
  std::int64_t fresh = usage.tokens_input - usage.tokens_cached - usage.tokens_written;
  double cost = static_cast<double>(std::max<std::int64_t>(fresh, 0)) * price.input +
                static_cast<double>(usage.tokens_cached) * price.cached +
                static_cast<double>(usage.tokens_written) * price.written +
                static_cast<double>(usage.tokens_output) * price.output;
  return std::llround(std::min(cost * kNanoPerMillionth, kCostMax));
}

Json to_json(const Price& price) {
  Json out = Json::object({});
  for (const Field& field : kFields) out[field.name] = price.*field.value;
  return out;
}

}  // namespace ragent
