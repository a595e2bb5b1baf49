// JSON that this program wrote itself: bodies of records, specs, turns, events, recordings. What
// came from outside had the limits of parse_json when it came; within what was written around it
// it lies a few levels deeper and is longer, and must be readable all the same.
//
//   Result<Json> body = parse_written_json(record.body);
//
// A value; any thread.
#pragma once

#include <ragent/json.h>

namespace ragent {

Result<Json> parse_written_json(std::string_view text);

}  // namespace ragent
