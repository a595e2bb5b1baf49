// Tape: the records of a run's current chapter as they were read, indexed for replay. Owned by a
// LiveRun, which asks it for the records of each step; used on the shard.
//
//   Tape tape(std::move(records));             // sorted by n
//   for (const Record* r : tape.at("0", 3)) …   // the records of step 0:3
//   if (tape.cut("0.4.1") < r->n) …             // does not count: its branch was cancelled before
#pragma once

#include <runtime/records.h>

#include <map>
#include <unordered_map>

namespace ragent {

inline constexpr std::uint32_t kNever = 0xffffffff;

class Tape {
 public:
  Tape() = default;
  // Error{diverged}: a gap in n, another chapter, no start.
  static Result<Tape> of(std::vector<Record> records);

  const std::vector<Record>& records() const { return records_; }
  const Record& start() const { return records_.front(); }
  const Record* final() const;
  const Record* stop() const { return stop_; }

  const std::vector<const Record*>& at(const std::string& path, std::uint32_t step) const;
  // The n of the cancel or stop that covers a branch (kNever: none). The root is cut by stop only.
  std::uint32_t cut(const std::string& path) const;
  // Branches are cut while the run is live, too.
  void cut(const std::string& path, std::uint32_t n) { cuts_.try_emplace(path, n); }
  void stop(std::uint32_t n) { stop_n_ = n; }

  void mark(const Record& record) { used_[record.n - records_.front().n] = true; }
  // The first record nobody asked for, outside cancelled branches; null: all were asked for.
  const Record* not_asked_for() const;

 private:
  std::vector<Record> records_ = {};
  std::unordered_map<std::string, std::vector<std::vector<const Record*>>> steps_ = {};
  std::map<std::string, std::uint32_t> cuts_ = {};
  std::vector<bool> used_ = {};
  const Record* stop_ = nullptr;
  std::uint32_t stop_n_ = kNever;
};

// A branch and its descendants: "0.4.1" covers "0.4.1" and "0.4.1.2.0".
bool covers(std::string_view path, std::string_view branch);

}  // namespace ragent
