#include <simulation/harness.h>

namespace ragent::simulation {
namespace {

std::string named(const Trial& trial, const Crash& crash) {
  std::string where = trial.planner + (trial.kind == Outside::Kind::steady ? " steady" : " rough") +
                      " seed " + std::to_string(trial.seed);
  if (crash.commit != kNoCrash) {
    where += " dies at commit " + std::to_string(crash.commit) +
             (crash.written ? " (written)" : " (lost)");
  }
  if (crash.turn != kNoCrash) where += " dies after turn " + std::to_string(crash.turn);
  return where + ": ";
}

// One run whose process dies at `crash`, and perhaps again while the next one recovers.
std::string survive(const Trial& trial, const Crash& crash, const std::string& answer) {
  SeededRandom random(trial.seed * 31 + crash.commit + crash.turn);
  Universe universe(trial);
  universe.live(crash);
  for (int again = 0; again < 2 && !universe.ended() && random.below(3) == 0; ++again) {
    universe.live({.commit = 1 + random.below(6), .written = random.below(2) == 0});
  }
  if (!universe.ended()) universe.live();
  const std::string wrong = universe.wrong();
  if (!wrong.empty()) return named(trial, crash) + wrong;
  // The timers of "race" count whole milliseconds: a crash may move them past a reply.
  const bool same = trial.kind == Outside::Kind::steady && trial.planner != "race";
  if (same && !universe.doubted() && universe.answer() != answer) {
    return named(trial, crash) + "it answers " + universe.answer() + " instead of " + answer +
           "\n" + universe.dump();
  }
  return "";
}

}  // namespace

std::string sweep(const Trial& trial, std::uint64_t points) {
  Universe whole(trial);
  const Lived lived = whole.live();
  std::string wrong = whole.wrong();
  if (!wrong.empty()) return named(trial, {}) + wrong;
  SeededRandom random(trial.seed);
  const bool every = points >= 2 * lived.commits;
  const std::uint64_t commits = every ? 2 * lived.commits : points;
  for (std::uint64_t i = 0; i < commits && wrong.empty(); ++i) {
    const std::uint64_t at = every ? i / 2 : random.below(lived.commits);
    wrong = survive(trial, {.commit = 1 + at, .written = i % 2 == 0}, whole.answer());
  }
  for (std::uint64_t i = 0; i < points / 4 && wrong.empty(); ++i) {
    wrong = survive(trial, {.turn = 1 + random.below(lived.turns)}, whole.answer());
  }
  return wrong;
}

}  // namespace ragent::simulation
