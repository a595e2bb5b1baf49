// JSON of the values inside messages, as the journal keeps them. Values; any thread.
//
//   {"status": "done", "value": {"km": 812}, "artifact": ID?, "files": [FILE]?,
//    "label": {"trusted": false}?}; FILE: {"name", "bytes", "artifact" or "left_out": why}
//   {"tokens_input": 850, "tokens_cached": 814, "tokens_output": 21}
//
// A message is {"role", "parts": […], "label"?, "stable"?}; a part is one of {"text"},
// {"media", "mime"}, {"reasoning", "state"?}, {"call", "tool", "arguments"} and
// {"result", "tool", "observation"}, where `call` and `result` hold the id of the call.
#pragma once

#include <ragent/model.h>

namespace ragent {

Json to_json(const Observation& observation);
Result<Observation> observation_from_json(const Json& json);
// What a model reads of its files, after its value: a line each, a line feed before it,
// its name as JSON.
std::string files_text(const Observation& observation);
Json to_json(const Usage& usage);
Usage usage_from_json(const Json& json);

}  // namespace ragent
