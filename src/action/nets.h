// nets: two declared guards that hold for every model. An argument may have to be `seen` in an
// earlier observation; a tool may be offered only on the user's `words`.
//
//   seen_values(observation, "id")                    // {"BA117", "BA119"}
//   says_any("Please book it.", {"book", "reserve"})  // true
//
// Pure; any thread.
#pragma once

#include <ragent/json.h>

namespace ragent {

// The text of every string and number that is a member called `key`, or an item of a list of that
// name, at any depth; each once, in order, at most limits::kSeenValuesMax.
std::vector<std::string> seen_values(const Json& observation, std::string_view key);

// Whether the text has one of the words (or phrases) as whole words, whatever the case of A-Z,
// also with -s, -es, -ed, -ing and the spelling changes these bring ("reserving", "cancelled",
// "tries"). A word that the same clause negates just before ("don't book anything yet") is not one:
// who says so is refused rather than served against their will. A mark that a letter follows
// ("node.js") ends no clause. Words of scripts without spaces are found anywhere.
bool says_any(std::string_view user_text, const std::vector<std::string>& words);

}  // namespace ragent
