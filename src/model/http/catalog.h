// Catalog: what is known of models by their names: how much they read, and whether they see images.
// Facts of the providers' pages, dated; what is not in it gets careful defaults.
//
//   ModelInfo info = info_of("gpt-4o-2024-11-20");   // of the longest name it begins with
//
// Values; any thread.
#pragma once

#include <ragent/model.h>

namespace ragent {

ModelInfo info_of(std::string_view model);

}  // namespace ragent
