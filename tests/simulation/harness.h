// Universe: one run from its start to its end, through the deaths of the processes that carry it;
// from one seed, on one thread, in virtual time. What it checks at the end is DESIGN's promise:
// no acknowledged step is lost, no effect is silently repeated, the journal replays by itself.
//
//   Universe universe({.planner = "beam", .seed = 7});
//   universe.live({.commit = 12, .written = true});      // dies right after the 12th commit
//   universe.live();                                     // the next process goes on to the end
//   EXPECT_EQ(universe.wrong(), "");
#pragma once

#include <ragent/ragent.h>
#include <simulation/outside.h>
#include <store/memory/memory_store.h>

namespace ragent::simulation {

inline constexpr std::uint64_t kNoCrash = ~std::uint64_t{0};

struct Trial {
  std::string planner = "beam";
  std::uint64_t seed = 1;
  Outside::Kind kind = Outside::Kind::rough;
  Budget budget = {.steps = 1'000'000, .tokens = 100'000'000, .time = std::chrono::hours(1000)};
  std::chrono::milliseconds cancel_after = {};  // 0: never
  std::chrono::milliseconds evict_after = std::chrono::seconds(30);
};

// Where a process dies: at its commit number `commit` (which is `written`, or lost), or after so
// many turns of its loop.
struct Crash {
  std::uint64_t commit = kNoCrash;
  bool written = false;
  std::uint64_t turn = kNoCrash;
};

struct Lived {
  std::uint64_t commits = 0;
  std::uint64_t turns = 0;
};

class Universe {
 public:
  explicit Universe(Trial trial);
  // One process: opens the home, carries the run on, and dies at `crash` or after the run's end.
  Lived live(Crash crash = {});
  // From now on about a fork of the run at a step of it: live() makes it when it is not there.
  void fork(std::string at);
  void back_to_source();                // about the run that was forked, again
  bool ended();                         // the run has its `final` record
  // Then: the first broken promise, or nothing.
  std::string wrong();
  std::string answer();                 // of the final: outcome and text
  std::string dump();                   // the journal, for a failing test
  bool doubted() const { return doubted_; }  // a `once` attempt was open when a process died
  FiledRun journal() { return journal_of(run_); }
  FiledRun source() { return journal_of(source_); }
  Outside& outside() { return *outside_; }
  std::string state();                  // of the run, as the journal lists it

 private:
  struct Doubt {
    std::string step = {};
    TimePoint due = {};
  };
  EngineOptions options(std::uint64_t life, std::shared_ptr<struct CommitGate> gate);
  void start(Engine& engine);
  std::string begun();
  FiledRun journal_of(const std::string& uid);
  void look_at_doubts();
  void answer_doubts(Engine& engine);
  std::chrono::milliseconds patience() const;
  void note_open_attempts();
  std::string replayed();               // the finished journal, replayed without the world

  Trial trial_;
  std::shared_ptr<Outside> outside_;    // shared with models and tools
  std::shared_ptr<MemoryDisk> disk_;    // shared with the stores of each life
  std::unique_ptr<Store> reader_;
  SeededRandom random_;
  std::string run_ = {};
  std::string source_ = {};             // whose fork the run is
  std::string at_ = {};
  std::uint64_t lives_ = 0;
  std::optional<TimePoint> cancel_at_ = {};
  std::map<std::string, Doubt> doubts_ = {};
  bool doubted_ = false;
  std::string wrong_ = {};
};

// `points` crashes of one run at commits (each written and lost) and at turns; every commit when
// there are not more. Some die again while they recover. Nothing, or what broke first and where.
std::string sweep(const Trial& trial, std::uint64_t points);

// `points` forks of one run, at steps anywhere in it, that die while they are made or later; half
// of them of a run that has not ended. Nothing, or what broke first and where.
std::string sweep_forks(const Trial& trial, std::uint64_t points);

// Loops, pools and randomness of one seed; `names`: of the ids that are drawn.
std::unique_ptr<World> simulated_world(std::shared_ptr<Outside> outside, std::uint64_t seed,
                                       std::uint64_t names);

// Nothing, or which promise the records of an ended run break. `outside` has come to rest.
std::string check_promises(const FiledRun& run, Outside& outside);

}  // namespace ragent::simulation
