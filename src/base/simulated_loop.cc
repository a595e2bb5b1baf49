#include <base/simulated_loop.h>

namespace ragent {

namespace {

// Choosing walks the queue: among thousands of ready coroutines only the oldest compete.
constexpr std::size_t kCompeting = 64;
constexpr std::uint64_t kTurnEnds = 8;  // after a resume, a turn ends one time in so many

}  // namespace

SimulatedLoop::SimulatedLoop(std::uint64_t seed, Logger log)
    : Loop(std::move(log)), random_(seed), trace_(seed) {}

SimulatedLoop::~SimulatedLoop() { drop_posted(); }

WallPoint SimulatedLoop::wall() const {
  using namespace std::chrono;
  const WallPoint begin = sys_days(2026y / January / 1);
  return begin + wall_offset_ + duration_cast<milliseconds>(now_.time_since_epoch());
}

std::unique_ptr<Watch> SimulatedLoop::watch(int, Readiness, Function) {
  assertion_failed("a simulated loop has no files to watch", __FILE__, __LINE__);
}

std::size_t SimulatedLoop::pick(std::size_t ready_count) {
  if (picked_ && random_.below(kTurnEnds) == 0) {
    picked_ = false;
    return ready_count;
  }
  picked_ = true;
  const std::size_t chosen = random_.below(std::min(ready_count, kCompeting));
  const auto time = static_cast<std::uint64_t>(now_.time_since_epoch().count());
  for (const std::uint64_t value : {std::uint64_t{chosen}, std::uint64_t{ready_count}, time}) {
    trace_ = SeededRandom(trace_ ^ value).next();
  }
  return chosen;
}

bool SimulatedLoop::wait(std::optional<TimePoint> until) {
  picked_ = false;
  if (posted()) return true;
  if (!until) return false;
  if (*until > now_) now_ = *until;
  return true;
}

std::unique_ptr<SimulatedLoop> make_simulated_loop(std::uint64_t seed, Logger log) {
  return std::make_unique<SimulatedLoop>(seed, std::move(log));
}

}  // namespace ragent
