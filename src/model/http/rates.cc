#include <model/http/rates.h>

#include <base/text.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

namespace ragent {
namespace {

using std::chrono::milliseconds;

constexpr double kLongestMs = 24 * 3600 * 1000.0;

std::optional<double> number_of(std::string_view text) {
  double out = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (error != std::errc() || end != text.data() + text.size()) return {};
  if (!std::isfinite(out) || out < 0) return {};
  return out;
}

std::optional<double> number_of(const Headers& headers, std::string_view name) {
  const std::string* text = headers.find(name);
  return text ? number_of(trim(*text)) : std::nullopt;
}

milliseconds bounded(double ms) {
  return milliseconds(static_cast<std::int64_t>(std::min(ms, kLongestMs)));
}

// Takes digits off the front of `text`; exactly `count` of them.
std::optional<int> digits(std::string_view& text, std::size_t count) {
  int out = 0;
  if (text.size() < count) return {};
  auto [end, error] = std::from_chars(text.data(), text.data() + count, out);
  if (error != std::errc() || end != text.data() + count || out < 0) return {};
  text.remove_prefix(count);
  return out;
}

bool take(std::string_view& text, char expected) {
  if (!text.starts_with(expected)) return false;
  text.remove_prefix(1);
  return true;
}

std::optional<milliseconds> fraction_of(std::string_view& text) {
  if (!take(text, '.')) return milliseconds(0);
  std::size_t count = text.find_first_not_of("0123456789");
  std::string_view part = text.substr(0, count);
  if (part.empty()) return {};
  std::optional<double> value = number_of("0." + std::string(part.substr(0, 9)));
  text.remove_prefix(part.size());
  return milliseconds(static_cast<std::int64_t>(value.value_or(0) * 1000));
}

std::optional<std::chrono::minutes> offset_of(std::string_view text) {
  if (text == "Z" || text == "z") return std::chrono::minutes(0);
  bool minus = text.starts_with('-');
  if (!minus && !text.starts_with('+')) return {};
  text.remove_prefix(1);
  std::optional<int> hours = digits(text, 2);
  if (!hours || !take(text, ':')) return {};
  std::optional<int> minutes = digits(text, 2);
  if (!minutes || !text.empty() || *hours > 23 || *minutes > 59) return {};
  std::chrono::minutes out(*hours * 60 + *minutes);
  return minus ? -out : out;
}

// How the reset is written.
using Reset = std::optional<milliseconds> (*)(std::string_view text, WallPoint now);

std::optional<milliseconds> in_units(std::string_view text, WallPoint) { return duration_of(text); }

std::optional<milliseconds> at_time(std::string_view text, WallPoint now) {
  std::optional<WallPoint> when = date_time_of(text);
  if (!when) return {};
  return bounded(std::max(0.0, static_cast<double>((*when - now).count())));
}

std::optional<milliseconds> in_seconds(std::string_view text, WallPoint) {
  std::optional<double> seconds = number_of(text);
  if (!seconds) return {};
  return bounded(*seconds * 1000);
}

struct Names {
  std::string_view left;
  std::string_view limit;
  std::string_view reset;
  Reset read;
};
constexpr std::array kRequests = {
    Names{"x-ratelimit-remaining-requests", "x-ratelimit-limit-requests",
          "x-ratelimit-reset-requests", in_units},
    Names{"anthropic-ratelimit-requests-remaining", "anthropic-ratelimit-requests-limit",
          "anthropic-ratelimit-requests-reset", at_time},
    Names{"ratelimit-remaining", "ratelimit-limit", "ratelimit-reset", in_seconds},
};
constexpr std::array kTokens = {
    Names{"x-ratelimit-remaining-tokens", "x-ratelimit-limit-tokens", "x-ratelimit-reset-tokens",
          in_units},
    Names{"anthropic-ratelimit-tokens-remaining", "anthropic-ratelimit-tokens-limit",
          "anthropic-ratelimit-tokens-reset", at_time},
};

template <std::size_t N>
std::optional<Rates::Rate> rate_of(const Headers& headers, const std::array<Names, N>& families,
                                   WallPoint now) {
  for (const Names& names : families) {
    std::optional<double> left = number_of(headers, names.left);
    const std::string* reset = headers.find(names.reset);
    if (!left || !reset) continue;
    std::optional<milliseconds> wait = names.read(trim(*reset), now);
    if (!wait) continue;
    return Rates::Rate{
        .left = *left, .limit = number_of(headers, names.limit).value_or(0), .reset = *wait};
  }
  return {};
}

}  // namespace

std::optional<milliseconds> duration_of(std::string_view text) {
  static constexpr std::pair<std::string_view, double> kUnits[] = {
      {"ms", 1}, {"us", 0.001}, {"ns", 0.000'001}, {"h", 3'600'000}, {"m", 60'000}, {"s", 1'000}};
  if (text.empty()) return {};
  double ms = 0;
  while (!text.empty()) {
    std::size_t end = text.find_first_not_of("0123456789.");
    if (end == text.npos) return {};
    std::optional<double> count = number_of(text.substr(0, end));
    text.remove_prefix(end);
    const auto* unit = std::ranges::find_if(
        kUnits, [&](const auto& each) { return text.starts_with(each.first); });
    if (!count || unit == std::end(kUnits)) return {};
    ms += *count * unit->second;
    text.remove_prefix(unit->first.size());
  }
  return bounded(ms);
}

std::optional<WallPoint> date_time_of(std::string_view text) {
  using namespace std::chrono;
  std::optional<int> y = digits(text, 4);
  if (!y || !take(text, '-')) return {};
  std::optional<int> m = digits(text, 2);
  if (!m || !take(text, '-')) return {};
  std::optional<int> d = digits(text, 2);
  if (!d || text.empty() || (text[0] != 'T' && text[0] != 't' && text[0] != ' ')) return {};
  text.remove_prefix(1);
  std::optional<int> hour = digits(text, 2);
  if (!hour || !take(text, ':')) return {};
  std::optional<int> minute = digits(text, 2);
  if (!minute || !take(text, ':')) return {};
  std::optional<int> second = digits(text, 2);
  if (!second || *hour > 23 || *minute > 59 || *second > 60) return {};
  std::optional<milliseconds> fraction = fraction_of(text);
  std::optional<minutes> offset = offset_of(text);
  year_month_day date(year(*y), month(static_cast<unsigned>(*m)), day(static_cast<unsigned>(*d)));
  if (!fraction || !offset || !date.ok()) return {};
  return WallPoint(sys_days(date) + hours(*hour) + minutes(*minute) + seconds(*second) + *fraction -
                   *offset);
}

Rates rates_of(const Headers& headers, WallPoint now) {
  return {.requests = rate_of(headers, kRequests, now), .tokens = rate_of(headers, kTokens, now)};
}

}  // namespace ragent
