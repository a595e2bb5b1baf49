#include <simulation/harness.h>

#include <runtime/records.h>

#include <algorithm>

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

std::vector<std::string> steps_of(const FiledRun& run) {
  std::vector<std::string> out = {"start"};
  for (const Record& record : run.records) {
    if (record.step == kNoStep) continue;
    std::string name = step_name(record.path, record.step);
    if (std::ranges::find(out, name) == out.end()) out.push_back(std::move(name));
  }
  return out;
}

std::string survive_fork(const Trial& trial, std::uint64_t point) {
  SeededRandom random(trial.seed * 1009 + point);
  Universe universe(trial);
  const bool whole = point % 2 == 0;
  universe.live(whole ? Crash{} : Crash{.commit = 2 + random.below(40), .written = true});
  if (universe.journal().records.empty()) return "";
  const FiledRun before = universe.journal();
  const bool ended = universe.ended();
  const std::vector<std::string> steps = steps_of(before);
  const std::string& at = steps[random.below(steps.size())];
  const Crash crash{.commit = 1 + random.below(30), .written = random.below(2) == 0};
  const std::string where = "a fork at " + at + (ended ? " of an ended run; " : "; ");
  universe.fork(at);
  universe.live(crash);
  // Once more at most: the source dies with it, and is quarantined when it does so too often.
  if (!universe.ended() && random.below(3) == 0) {
    universe.live({.commit = 1 + random.below(6), .written = random.below(2) == 0});
  }
  if (!universe.ended()) universe.live();
  std::string wrong = universe.wrong();
  if (wrong.empty() && ended && universe.source().records != before.records) {
    wrong = "the fork changed its source";
  }
  if (!wrong.empty()) return where + named(trial, crash) + wrong;
  universe.back_to_source();
  if (!universe.ended()) universe.live();
  wrong = universe.wrong();
  return wrong.empty() ? "" : "the source of " + where + named(trial, crash) + wrong;
}

}  // namespace

std::string sweep_forks(const Trial& trial, std::uint64_t points) {
  std::string wrong;
  for (std::uint64_t i = 0; i < points && wrong.empty(); ++i) wrong = survive_fork(trial, i);
  return wrong;
}

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
