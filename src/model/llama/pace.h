// Pace: how many threads evaluate a batch on a machine that has other work. Of one thread.
//
//   std::uint32_t threads = pace.threads(now);     // for the batch that begins
//   pace.took(threads, wall, processor, later);    // of the calling thread
//
// The threads of a batch meet many times a layer, and each meeting waits for the one whose core
// somebody else has: two threads on two busy cores are far slower than one. So a thread that was
// kept from its core for a good part of a batch halves them, and they come back after a while:
// soon the first time, later each time they prove too many again.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

namespace ragent {

class Pace {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;
  using Duration = std::chrono::steady_clock::duration;

  explicit Pace(std::uint32_t threads_max) : max_(threads_max), now_(threads_max) {}

  std::uint32_t threads(TimePoint when) {
    if (now_ < max_ && when >= again_) now_ = std::min(max_, now_ * 2);
    return now_;
  }

  void took(std::uint32_t threads, Duration wall, Duration processor, TimePoint when) {
    bool crowded = wall >= kTold && processor * 5 < wall * 4;
    if (threads < 2) return;
    if (!crowded) {
      if (wall >= kTold && threads == max_) wait_ = kWaitFirst;
      return;
    }
    now_ = std::max(1U, threads / 2);
    again_ = when + wait_;
    wait_ = std::min(kWaitMax, wait_ * 2);
  }

 private:
  static constexpr Duration kTold = std::chrono::milliseconds(5);  // a shorter batch tells nothing
  static constexpr Duration kWaitFirst = std::chrono::milliseconds(500);
  static constexpr Duration kWaitMax = std::chrono::seconds(16);

  std::uint32_t max_;
  std::uint32_t now_;
  TimePoint again_ = {};
  Duration wait_ = kWaitFirst;
};

}  // namespace ragent
