#include <model/llama/dates.h>

#include <base/text.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <fmt/format.h>
#include <optional>

namespace ragent {
namespace {

using namespace std::chrono;

constexpr std::string_view kToday = "(Today is ";
constexpr std::size_t kDatesMax = 4;
constexpr std::array<std::string_view, 12> kMonths = {
    "january", "february", "march",     "april",   "may",      "june",
    "july",    "august",   "september", "october", "november", "december"};
constexpr std::array<std::string_view, 7> kWeekdays = {"sunday",   "monday", "tuesday", "wednesday",
                                                       "thursday", "friday", "saturday"};

struct Word {
  std::string lower;
  std::size_t begin;
  std::size_t end;
};

std::vector<Word> words_in(std::string_view text) {
  auto in_word = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-';
  };
  std::vector<Word> out;
  for (std::size_t i = 0; i < text.size();) {
    std::size_t end = i;
    while (end < text.size() && in_word(text[end])) ++end;
    if (end > i) out.push_back({to_lower(text.substr(i, end - i)), i, end});
    i = std::max(end, i + 1);
  }
  return out;
}

std::optional<month> month_of(std::string_view word) {
  for (unsigned i = 0; i < kMonths.size(); ++i) {
    if (word == kMonths[i] || (word.size() == 3 && kMonths[i].starts_with(word))) {
      return month(i + 1);
    }
  }
  return std::nullopt;
}

std::optional<int> number_of(std::string_view word, int low, int high) {
  int value = 0;
  auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
  std::string_view rest(end, word.data() + word.size());
  bool plain = rest.empty() || rest == "st" || rest == "nd" || rest == "rd" || rest == "th";
  if (error != std::errc() || !plain || value < low || value > high) return std::nullopt;
  return value;
}

// "5 January", "5th of January 2027", "January 5": how many words, and the day.
struct Found {
  std::size_t words = 0;
  year_month_day day = {};
};

std::optional<Found> calendar_day(const std::vector<Word>& words, std::size_t at,
                                  year_month_day today) {
  auto word = [&](std::size_t i) -> std::string_view {
    return at + i < words.size() ? std::string_view(words[at + i].lower) : std::string_view();
  };
  std::size_t gap = word(1) == "of" ? 2 : 1;
  std::optional<int> number = number_of(word(0), 1, 31);
  std::optional<month> named = number ? month_of(word(gap)) : month_of(word(0));
  if (!number && named) {
    gap = 1;
    number = number_of(word(1), 1, 31);
  }
  if (!number || !named) return std::nullopt;
  month_day day = *named / *number;
  if (std::optional<int> given = number_of(word(gap + 1), 1900, 2200)) {
    return Found{gap + 2, year(*given) / day};
  }
  year_month_day next = today.year() / day;
  if (next < today) next += years(1);
  return Found{gap + 1, next};
}

std::optional<Found> day_by_name(const std::vector<Word>& words, std::size_t at,
                                 year_month_day today) {
  auto word = [&](std::size_t i) -> std::string_view {
    return at + i < words.size() ? std::string_view(words[at + i].lower) : std::string_view();
  };
  if (word(0) == "day" && word(1) == "after" && word(2) == "tomorrow") {
    return Found{3, sys_days(today) + days(2)};
  }
  if (word(0) == "tomorrow") return Found{1, sys_days(today) + days(1)};
  const auto* weekday_name = std::ranges::find(kWeekdays, word(0));
  if (weekday_name == kWeekdays.end()) return std::nullopt;
  weekday wanted(static_cast<unsigned>(weekday_name - kWeekdays.begin()));
  days ahead = wanted - weekday(sys_days(today));
  return Found{1, sys_days(today) + (ahead == days(0) ? days(7) : ahead)};
}

std::string iso(year_month_day day) {
  return fmt::format("{:04}-{:02}-{:02}", static_cast<int>(day.year()),
                     static_cast<unsigned>(day.month()), static_cast<unsigned>(day.day()));
}

// Of "Wednesday 2026-11-25.)".
std::optional<year_month_day> today_of(std::string_view line) {
  std::size_t space = line.find(' ');
  if (space == line.npos || line.size() < space + 11) return std::nullopt;
  std::string_view date = line.substr(space + 1, 10);
  std::optional<int> y = number_of(date.substr(0, 4), 1, 9999);
  std::optional<int> m = number_of(date.substr(5, 2), 1, 12);
  std::optional<int> d = number_of(date.substr(8, 2), 1, 31);
  if (!y || !m || !d) return std::nullopt;
  year_month_day day = year(*y) / *m / *d;
  return day.ok() ? std::optional(day) : std::nullopt;
}

}  // namespace

std::vector<std::pair<std::string, year_month_day>> dates_in(std::string_view text,
                                                             year_month_day today) {
  std::vector<std::pair<std::string, year_month_day>> out;
  std::vector<Word> words = words_in(text);
  for (std::size_t at = 0; at < words.size() && out.size() < kDatesMax;) {
    std::optional<Found> found = calendar_day(words, at, today);
    if (!found) found = day_by_name(words, at, today);
    if (!found) {
      ++at;
      continue;
    }
    std::size_t begin = words[at].begin;
    at += found->words;
    if (found->day.ok()) {
      out.emplace_back(text.substr(begin, words[at - 1].end - begin), found->day);
    }
  }
  return out;
}

std::string with_dates(std::string text) {
  std::size_t line = text.rfind(kToday);
  std::size_t close = line == text.npos ? text.npos : text.find(".)", line);
  if (close == text.npos) return text;
  std::string_view view = text;
  std::optional<year_month_day> today = today_of(view.substr(line + kToday.size()));
  if (!today) return text;
  std::string notes;
  for (const auto& [phrase, day] : dates_in(view.substr(0, line), *today)) {
    notes += fmt::format(" {} is {}.", phrase, iso(day));
  }
  return text.insert(close + 1, notes);
}

}  // namespace ragent
