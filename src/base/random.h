// Random: where randomness comes from. Seeded in the simulator and wherever a decision must repeat.
//
//   std::unique_ptr<Random> random = make_seeded_random(42);
//   if (random->below(10) == 0) …              // one time in ten
//
// A resource: one owner; one thread, but the kernel's keeps no state and may be shared.
#pragma once

#include <cstdint>
#include <memory>

namespace ragent {

class Random {
 public:
  virtual ~Random() = default;
  virtual std::uint64_t next() = 0;
  std::uint64_t below(std::uint64_t n);  // 0 to n − 1, each as likely; n must not be 0
};

// SplitMix64 (Steele, Lea, Flood 2014): fast, any seed is good, not secret.
class SeededRandom final : public Random {
 public:
  explicit SeededRandom(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next() override;

 private:
  std::uint64_t state_;
};

std::unique_ptr<Random> make_seeded_random(std::uint64_t seed);
std::unique_ptr<Random> make_system_random();  // the kernel's: keys and tokens

}  // namespace ragent
