// SimulatedLoop: a Loop of one seed. Time is virtual and jumps to the next timer when nothing is
// ready; which ready coroutine goes next, and how long a turn is, are drawn.
//
//   SimulatedLoop loop(42);
//   RAGENT_ASSERT(loop.run([&] { return finished; }));     // false: deadlock
//   std::printf("seed 42: %016lx\n", loop.trace());        // the same in every process
//
// Everything on one thread, post() too.
#pragma once

#include <base/loop.h>
#include <base/random.h>

namespace ragent {

class SimulatedLoop final : public Loop {
 public:
  explicit SimulatedLoop(std::uint64_t seed, Logger log = {});
  ~SimulatedLoop() override;

  TimePoint now() const override { return now_; }
  WallPoint wall() const override;  // 2026-01-01 plus the virtual time plus the offset
  std::unique_ptr<Watch> watch(int fd, Readiness readiness, Function function) override;

  // Before anything is made with it: it continues the time of another loop, as a process after a
  // crash does.
  void set_now(TimePoint now) { now_ = now; }
  void set_wall_offset(std::chrono::milliseconds offset) { wall_offset_ = offset; }
  // A hash of every choice so far and the virtual time of each: two equal traces, one schedule.
  std::uint64_t trace() const { return trace_; }

 protected:
  std::size_t pick(std::size_t ready_count) override;
  bool wait(std::optional<TimePoint> until) override;
  void interrupt() override {}

 private:
  SeededRandom random_;
  TimePoint now_ = {};
  std::chrono::milliseconds wall_offset_ = {};
  std::uint64_t trace_;
  bool picked_ = false;  // in this turn
};

std::unique_ptr<SimulatedLoop> make_simulated_loop(std::uint64_t seed, Logger log = {});

}  // namespace ragent
