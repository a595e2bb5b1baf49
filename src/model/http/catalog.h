// Catalog: what is known of models by their names: how much they read, what they can, and what they
// cost. Facts of the providers' pages, dated; what is not in it gets careful defaults.
//
//   ModelInfo info = info_of("gpt-4o-2024-11-20");          // the longest name it begins with
//   std::string hint = near_miss("gpt-4p", models_body);    // "; did you mean gpt-4o?"
//
// Values; any thread.
#pragma once

#include <ragent/model.h>

namespace ragent {

ModelInfo info_of(std::string_view model);

// Of GET BASE/models, {"data": [{"id": NAME}, …]}: their names, sorted; nothing when it is none.
std::vector<std::string> model_names(std::string_view body);
// What to say to somebody who asked for a name that is not in the list.
std::string near_miss(std::string_view model, std::string_view body);

}  // namespace ragent
