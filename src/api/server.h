// The API of a home's owner, on HOME/ragent.sock (mode 0600): what its other commands ask.
//
//   GET  /v1/owner                    {pid, version, home, api}
//   POST /v1/runs                     {agent, input, session, key, …, stream}: 201 {run, session}
//   GET  /v1/runs?limit=N             {runs: […]}, newest first
//   GET  /v1/runs/RUN                 one of them, by its id or a unique beginning
//   GET  /v1/runs/RUN/events?after=N  text/event-stream; or the header Last-Event-ID
//   POST /v1/runs/RUN/fork            {at, edit, model, who, key}: 201 {run, session, records}
//   POST /v1/runs/RUN/cancel          {reason}
//   POST /v1/runs/RUN/resolve         {step, verdict, result, who, evidence}
//   GET  /v1/asks                     {asks: […]}
//   POST /v1/asks/ASK                 {allowed, answer, who}
//   GET  /v1/sessions                 {sessions: […]}
//   GET  /v1/sessions/SESSION         {session, turns: […]}
//   POST /v1/artifacts                bytes: 201 {artifact}
//
// A stream: `opened` {run, session}; events, of which those of records have their number as id;
// `standing` {why} each time the run waits for a person; the end is `ended`, or `failed` with a
// problem. With "stream": true a start answers that stream. Errors are problem+json with the
// Error's kind.
//
//   options.services.push_back(api_service());
//
// A thread of its own with its own loop; what blocks goes to a pool.
#pragma once

#include <ragent/engine.h>

namespace ragent::api {

ServiceSource api_service();

}  // namespace ragent::api
