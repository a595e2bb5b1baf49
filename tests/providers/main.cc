// The suite of faults ends with one line that says how it went. That it is printed says that no
// fault was a crash: one would have ended the process.

#include <providers/tally.h>

#include <fmt/core.h>
#include <gtest/gtest.h>

namespace ragent::providers {

Tally& tally() {
  static Tally counted;
  return counted;
}

}  // namespace ragent::providers

int main(int count, char** words) {
  testing::InitGoogleTest(&count, words);
  const int status = RUN_ALL_TESTS();
  const ragent::providers::Tally& counted = ragent::providers::tally();
  if (counted.faults > 0) {
    std::fflush(stdout);
    fmt::print("{} faults: {} hangs, 0 crashes, {} calls from incomplete replies\n", counted.faults,
               counted.hangs, counted.half_calls);
  }
  return status;
}
