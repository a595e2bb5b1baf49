// Recorded models: what a model answered, kept in a file of JSON lines and said again to the same
// request. For tests without a key, for showing a defect to others, for comparing planners.
//
//   options.models = {recording("day.jsonl", http_models())};   // asks, and keeps what came
//   options.models = {recorded()};                              // "recorded:day.jsonl"
//
// A line: {"digest", "model", "context_tokens", "at": "PATH:STEP", "reply"}, or {"digest",
// "tokens"} where a tokenizer counted texts: what a long conversation leaves out hangs on both. The
// digest covers the transcript, what is offered and the options but tokens_max. The same request
// asked again gets its next recorded reply, the last one for ever. Only whole replies are recorded,
// each before whoever asked has it (its deltas are shown as they come); half of a line at the end,
// of a process that was killed, is none.
#pragma once

#include <ragent/engine.h>

namespace ragent {

// Of the names recorded:FILE. Error{invalid} names the file and the line that is no recording.
ModelSource recorded();
// What `inner` opens, appending to `file`, which is made. A reply that cannot be written is an
// Error: a recording has no holes.
ModelSource recording(std::string file, ModelSource inner);

Digest request_digest(const ModelRequest& request);

}  // namespace ragent
