// Weights that a command needs and that lie at a URL: fetched before it begins.
//
//   if (Result<void> here = bring_weights(model, console); !here) return console.report(…);
//
// Main thread.
#pragma once

#include <cli/console.h>
#include <model/weights_url.h>

namespace ragent::cli {

// With its progress on stderr; the path of the file. Error{cancelled}: Ctrl-C, and what came is
// kept.
Result<std::string> bring(const WeightsUrl& weights, const Console& console);
// The same for each name of weights in `model`, a list by commas, as RAGENT_MODEL takes it.
Result<void> bring_weights(const std::string& model, const Console& console);

}  // namespace ragent::cli
