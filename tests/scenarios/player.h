// Player: plays one scenario and says what came of it, line by line.
//
//   std::vector<std::string> actual = play(scene);
//   if (!same(scene.expected, actual)) std::puts(difference(scene.expected, actual).c_str());
//
// Everything happens on the caller's thread, in the virtual time of the scenario's seed.
#pragma once

#include <scenarios/case_file.h>

namespace ragent::scenarios {

// Statements that failed, the records of every run, the state of those that have not ended, and
// how often each tool was executed.
std::vector<std::string> play(const Case& scene);

// White space does not count; … in an expected line stands for any text.
bool fits(std::string_view expected, std::string_view actual);
bool same(const std::vector<std::string>& expected, const std::vector<std::string>& actual);
std::string difference(const std::vector<std::string>& expected,
                       const std::vector<std::string>& actual);
// The actual lines, in the expected form where that fits.
std::vector<std::string> merged(const std::vector<std::string>& expected,
                                const std::vector<std::string>& actual);

// One line a record: "0:2.0  act  search {…} done {…}". `offers`: by PATH:STEP.
std::string shown(const Record& record, const std::string& offers);

}  // namespace ragent::scenarios
