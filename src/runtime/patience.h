// Patience: how often, and how long, a write that found the disk full is tried again. A value of
// whoever tries; any thread, one at a time.
//
//   Patience patience(options.full_disk_wait);
//   auto pause = patience.next(loop.now());   // nothing: it lasted too long; never past the end
//   patience.reset();                         // it was written
#pragma once

#include <ragent/limits.h>

#include <algorithm>
#include <optional>

namespace ragent {

class Patience {
 public:
  explicit Patience(std::chrono::milliseconds at_most)
      : at_most_(std::min<std::chrono::milliseconds>(at_most, limits::kWaitMax)) {}
  bool tried() const { return since_.has_value(); }
  void reset() { since_.reset(); }
  std::optional<std::chrono::milliseconds> next(std::chrono::steady_clock::time_point now) {
    pause_ = since_ ? std::min(pause_ * 2, limits::kStoreRetryMax) : limits::kStoreRetryFirst;
    if (!since_) since_ = now;
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(*since_ + at_most_ - now);
    if (left.count() <= 0) return {};
    return std::min(pause_, left);
  }

 private:
  std::chrono::milliseconds at_most_;
  std::optional<std::chrono::steady_clock::time_point> since_ = {};
  std::chrono::milliseconds pause_ = {};
};

}  // namespace ragent
