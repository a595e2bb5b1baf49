// The days a question names, written out for a model that cannot count: weak models copy a date
// well and get the year of "5 January" wrong. English only. Pure; any thread.
//
//   with_dates("Fly on 5 January?\n(Today is Wednesday 2026-11-25.)")
//   // "Fly on 5 January?\n(Today is Wednesday 2026-11-25. 5 January is 2027-01-05.)"
//
// A day without a year is the next such day. Texts without the line about today stay as they are.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ragent {

std::string with_dates(std::string text);

// The phrases of `text` that name a day, in order, each with its date.
std::vector<std::pair<std::string, std::chrono::year_month_day>> dates_in(
    std::string_view text, std::chrono::year_month_day today);

}  // namespace ragent
