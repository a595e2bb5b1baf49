// World: where loops, threads and randomness come from. The real one by default; the simulator
// gives one of a seed, in which a whole engine runs on one thread.
#pragma once

#include <base/pool.h>
#include <base/random.h>

namespace ragent {

struct World {
  std::function<std::unique_ptr<Loop>()> loop = {};
  std::function<std::unique_ptr<Pool>(Loop& loop, std::size_t threads, std::size_t queue)> pool =
      {};
  std::function<std::unique_ptr<Random>()> random = {};
};

World real_world();

}  // namespace ragent
