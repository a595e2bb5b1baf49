// The table: every fault of the stub, in each dialect, streamed and plain, of a reply of text and
// of one with two calls; and what has to come of it.
//
//   for (const Row& row : rows()) … EXPECT_EQ(problem_of(row, said), "") << row.name();
//
// Values; any thread.
#pragma once

#include <providers/asking.h>

namespace ragent::providers {

struct Row {
  stub::FaultCase fault = {};
  Api api = Api::chat;
  bool stream = true;
  bool calls = false;
  std::string name() const;  // "429 date, chat, streamed, calls"
  stub::Outcome outcome() const;
};
std::vector<Row> rows();

// What the stub says to a row: short, so that it can be cut at every byte.
stub::StubReply well(bool calls);

// Whether calls were made of a reply that was not whole.
bool half_calls(const Row& row, const Reply& reply);
// What is wrong with what came of a row's fault; empty: nothing.
std::string problem_of(const Row& row, const Said& said);
// … of the reply of a well server.
std::string problem_of_well(bool calls, const Said& said);

}  // namespace ragent::providers
