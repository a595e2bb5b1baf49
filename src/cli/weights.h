// Weights that a command needs and that lie at a URL: fetched before it begins.
//
//   if (Result<void> here = bring_weights(model, console); !here) {
//     return report_weights(here.error(), console);
//   }
//
// Main thread.
#pragma once

#include <cli/console.h>
#include <model/weights_url.h>

namespace ragent::cli {

// With its progress on stderr; the path of the file. Ctrl-C is caught from then on.
// Error{cancelled}: it was pressed, and what came is kept.
Result<std::string> bring(const WeightsUrl& weights, const Console& console);
// The same for each name of weights in `model`, a list by commas, as RAGENT_MODEL takes it.
Result<void> bring_weights(const std::string& model, const Console& console);
// Says why they are not here, and what to leave with.
Exit report_weights(const Error& error, const Console& console);

}  // namespace ragent::cli
