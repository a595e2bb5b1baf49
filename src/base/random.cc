#include <base/random.h>

#include <ragent/result.h>

#include <sys/random.h>

#include <cerrno>

namespace ragent {

std::uint64_t Random::below(std::uint64_t n) {
  RAGENT_ASSERT(n > 0);
  // The last, incomplete stretch of n values would make small results likelier: draw again there.
  const std::uint64_t incomplete = (0 - n) % n;
  for (;;) {
    const std::uint64_t drawn = next();
    if (drawn >= incomplete) return drawn % n;
  }
}

std::uint64_t SeededRandom::next() {
  std::uint64_t z = (state_ += 0x9e3779b97f4a7c15u);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

namespace {

class SystemRandom final : public Random {
 public:
  std::uint64_t next() override {
    std::uint64_t value = 0;
    // So few bytes come whole; only a signal before the kernel's pool is seeded interrupts.
    while (getrandom(&value, sizeof value, 0) != sizeof value) RAGENT_ASSERT(errno == EINTR);
    return value;
  }
};

}  // namespace

std::unique_ptr<Random> make_seeded_random(std::uint64_t seed) {
  return std::make_unique<SeededRandom>(seed);
}
std::unique_ptr<Random> make_system_random() { return std::make_unique<SystemRandom>(); }

}  // namespace ragent
