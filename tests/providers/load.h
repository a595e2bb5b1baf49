// Load: many calls to one model at once, and what they cost this process. For the test and the
// bench of models behind endpoints.
//
//   Load load = run_load(*loop, *model, 1000);
//   load.replied, load.cpu / 1000
//
// Functions of one loop's thread.
#pragma once

#include <base/scope.h>
#include <ragent/model.h>

#include <ctime>

namespace ragent {

struct Load {
  std::size_t replied = 0;
  std::size_t failed = 0;
  Error error = {};  // the last one
  std::chrono::nanoseconds cpu = {};  // of this process, all threads
  std::chrono::nanoseconds wall = {};
};

inline std::chrono::nanoseconds cpu_now() {
  timespec time = {};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

inline Task<void> one_of_load(Model& model, Load& load) {
  ModelRequest request{.time_max = std::chrono::seconds(60)};
  request.transcript.add(Message::of(Role::user, "Hello?"));
  DeltaSink shown = [](const Delta&) {};
  Result<Reply> reply = co_await model.reply(std::move(request), shown).result();
  if (reply) {
    ++load.replied;
  } else {
    ++load.failed;
    load.error = reply.error();
  }
}

inline Load run_load(Loop& loop, Model& model, std::size_t calls) {
  Load load;
  const auto began = std::chrono::steady_clock::now();
  const std::chrono::nanoseconds cpu = cpu_now();
  Scope scope(loop);
  for (std::size_t i = 0; i < calls; ++i) scope.spawn(one_of_load(model, load));
  static_cast<void>(block_on(loop, scope.join()));
  load.cpu = cpu_now() - cpu;
  load.wall = std::chrono::steady_clock::now() - began;
  return load;
}

}  // namespace ragent
