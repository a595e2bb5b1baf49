// Catalog: what is known of models by their names: how much they read, whether they see images, and
// what they cost. Facts of the providers' pages, dated; what is not in it gets careful defaults and
// no price.
//
//   ModelInfo info = info_of("gpt-4o-2024-11-20");   // of the longest name it begins with
//   std::optional<Price> price = price_of("gpt-4o-2024-11-20");   // of gpt-4o
//
// Values; any thread.
#pragma once

#include <ragent/model.h>

namespace ragent {

// US dollars for a million tokens.
struct Price {
  double input = 0;
  double cached = 0;  // of the input, from the provider's cache
  double written = 0;  // of the input, into it; as `input` where that is not billed apart
  double output = 0;
  friend bool operator==(const Price&, const Price&) = default;
};

ModelInfo info_of(std::string_view model);
// At the provider's own endpoint, without discounts and surcharges. Nothing: not known, or it
// depends on more than the counts of tokens.
std::optional<Price> price_of(std::string_view model);

// A name and its date: "gpt-4o" and "20240806" of gpt-4o-2024-08-06, "claude-opus-4" and "20250514"
// of claude-opus-4-20250514. The whole name and no date where it has none.
struct Snapshot {
  std::string_view family = {};
  std::string date = {};
};
Snapshot snapshot_of(std::string_view model);

}  // namespace ragent
