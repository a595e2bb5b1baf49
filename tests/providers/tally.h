// Tally: what the suite of faults counts, over all its tests; printed when they have run.
#pragma once

#include <cstddef>

namespace ragent::providers {

struct Tally {
  std::size_t faults = 0;
  std::size_t hangs = 0;
  std::size_t half_calls = 0;
};
Tally& tally();

}  // namespace ragent::providers
