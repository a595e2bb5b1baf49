// House: a home with its ledger and the model's server, which outlive the processes that work in
// it.
//
//   House house(log);
//   ProcessResult life = house.live({.to = place, .fatal = fatal});   // killed there
//   Found found = house.found();
//
// One owner, one thread.
#pragma once

#include <base/process.h>
#include <base/scope.h>
#include <store/test_home.h>
#include <tau_bench/driver.h>
#include <tau_bench/ledger.h>

namespace ragent::tau_bench {

inline constexpr const char* kDriverVariable = "RAGENT_TAU_BENCH_DRIVER";
inline constexpr const char* kDriverTest = "TauBenchDriver.Drives";

// How the store stands right after a death.
struct Found {
  std::string state = {};  // of the latest run
  std::string last = {};  // its last record: "think intent"
  std::string session = {};
  std::size_t replies = 0;  // that it holds
};

class House {
 public:
  explicit House(const Log& log);
  // This program once more, as a process that drives; until it has ended or was killed.
  ProcessResult live(Drive drive);
  Found found() const;

  const std::string& home() const { return path_; }
  const Speaker& speaker() const { return speaker_; }
  const Ledger& ledger() const { return ledger_; }

 private:
  static Task<void> kill_soon(House& house);

  TestHome home_;
  std::string path_;
  Ledger ledger_;
  Speaker speaker_;
  std::unique_ptr<Loop> loop_;
  stub::StubModel stub_;
  pid_t child_ = 0;  // 0: none lives
  Scope killers_;
};

}  // namespace ragent::tau_bench
