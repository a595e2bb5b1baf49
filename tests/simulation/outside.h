// Outside: what goes on when a process dies: the clock, the services with their latencies, and the
// ledger of what tools really did. Models and tools of the simulation talk to it. One thread.
//
//   auto outside = std::make_shared<Outside>(seed, Outside::Kind::steady);
//   EngineOptions options = ...;                     // harness.h makes them
//   EXPECT_EQ(outside->applied(key), 1);             // how often the effect of a key happened
#pragma once

#include <base/simulated_loop.h>
#include <ragent/model.h>

#include <map>

namespace ragent::simulation {

inline constexpr std::chrono::milliseconds kToolTime{40};  // not_after comes this long after

class Outside {
 public:
  // steady: a service answers when it would have answered without the crash, nothing fails in an
  // unknown way; so that the answer of a run must not depend on crashes. rough: anything goes.
  enum class Kind : std::uint8_t { steady, rough };
  Outside(std::uint64_t seed, Kind kind) : seed_(seed), kind_(kind), random_(seed ^ 0x0075) {}

  // The loop of the process that lives now continues the time of the one before.
  void lend(SimulatedLoop& loop);
  void crash(std::chrono::microseconds down);  // the process died; the next begins after `down`
  TimePoint now() const { return loop_ ? loop_->now() : now_; }
  WallPoint wall() const;

  bool steady() const { return kind_ == Kind::steady; }
  std::uint64_t draw(std::string_view what);   // steady: of seed and `what`; rough: the next one
  std::uint64_t below(std::uint64_t n) { return random_.below(n); }
  TimePoint reply_at(const std::string& key, int ms_min, int ms_max);

  // An effect that the world will carry out at `when`, whether or not the process still lives.
  void will_happen(const std::string& key, TimePoint when, bool only_once);
  int applied(const std::string& key);  // by now
  void settle_all();                    // everything that is under way happens
  std::uint64_t calls() const { return calls_; }
  void called() { ++calls_; }

 private:
  struct Pending {
    TimePoint when;
    std::string key;
    bool only_once;
  };
  void settle(TimePoint by);

  std::uint64_t seed_;
  Kind kind_;
  SeededRandom random_;
  SimulatedLoop* loop_ = nullptr;
  TimePoint now_ = TimePoint(std::chrono::seconds(1));
  std::map<std::string, TimePoint> first_;
  std::map<std::string, int> applied_;
  std::vector<Pending> pending_;
  std::uint64_t calls_ = 0;
};

std::uint64_t hash64(std::uint64_t seed, std::string_view text);

// "test": answers a number drawn from the seed and the request; one reply in eleven is an error.
std::unique_ptr<Model> make_simulated_model(std::shared_ptr<Outside> outside, Loop& loop);

// look (read), put (idempotent), pay (once), wire (once, with a query). They take {"what": text}.
std::vector<Tool> simulated_tools(std::shared_ptr<Outside> outside);

}  // namespace ragent::simulation
