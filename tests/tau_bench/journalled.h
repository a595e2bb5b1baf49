// What the store holds of the turns afterwards, in the form of the log.
//
//   Result<Journalled> turn = messages_of(run.records);
//   EXPECT_EQ(difference(lines_of(logged), turn->lines), "");
//
// Functions of values; any thread.
#pragma once

#include <store/store.h>
#include <tau_bench/log.h>

#include <set>

namespace ragent::tau_bench {

struct Journalled {
  std::vector<std::string> lines = {};  // its messages, see log.h
  std::size_t calls = 0;                // that were parsed from a reply
  std::set<std::string> keys = {};      // of the effects' intents
};

// From the records of one run; nothing else is asked. Error{invalid}: they are no turn.
Result<Journalled> messages_of(const std::vector<Record>& records);

// The last record's kind and phase, as "think intent".
std::string last_of(const std::vector<Record>& records);

}  // namespace ragent::tau_bench
