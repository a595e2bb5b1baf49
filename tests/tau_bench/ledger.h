// Ledger: what the tools did, in a file that outlives the processes: a line for each time that a
// call did its work.
//
//   Ledger ledger(path);
//   ledger.add({.key = context.key, .turn = place, .call = 0, .tool = "book_reservation"});
//   for (const Entry& entry : ledger.entries()) …
//
// One process at a time, any thread of it.
#pragma once

#include <tau_bench/log.h>

#include <optional>
#include <string>
#include <vector>

namespace ragent::tau_bench {

struct Entry {
  std::string key = {};   // ToolContext::key
  Place turn = {};
  std::size_t call = 0;  // of the turn
  std::string tool = {};
  friend bool operator==(const Entry&, const Entry&) = default;
};

class Ledger {
 public:
  explicit Ledger(std::string path) : path_(std::move(path)) {}
  void add(const Entry& entry) const;
  std::vector<Entry> entries() const;
  std::optional<Entry> find(const std::string& key) const;
  // Which call of its turn has this key: the one that had it before, else the next new one, since
  // the model of the log calls one tool after the other.
  std::size_t call_of(const std::string& key, const Place& turn) const;

 private:
  std::string path_;
};

}  // namespace ragent::tau_bench
