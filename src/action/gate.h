// Gate: the one door to every effect. This file decides whether a call may happen and runs one
// attempt of it; the runtime journals what it says. Pure functions and one coroutine; shard only.
//
//   Verdict verdict = admit(request);              // permission, arguments, nets
//   Observation seen = co_await attempt(tool, context, arguments, when);
#pragma once

#include <ragent/agent.h>
#include <ragent/model.h>

#include <base/loop.h>

#include <map>

namespace ragent {

// The values that stood in earlier observations of a branch, for `seen` arguments. A value with
// shared structure: a fork's children start from their parent's.
class Seen {
 public:
  // Keeps what the rules of any of `tools` may ask for later.
  void add(const std::vector<ToolSpec>& tools, std::string_view tool, const Json& observation);
  const std::vector<std::string>& values(const SeenRule& rule) const;

 private:
  using Values = std::map<std::pair<std::string, std::string>, std::vector<std::string>>;
  std::shared_ptr<const Values> values_;  // shared with forked branches; replaced when it grows
};

using Permissions = std::vector<std::pair<std::string, Permission>>;

struct GateRequest {
  const std::vector<ToolSpec>& tools;
  const ToolCall& call;
  const Permissions& permissions;
  const Seen& seen;
  std::string_view said;  // the user's words in this run
  bool speculative = false;
};

struct Verdict {
  enum class Kind : std::uint8_t { allow, ask, refuse };
  Kind kind = Kind::allow;
  std::string text = {};    // of ask: the question; of refuse: the reason, for the model
  std::string digest = {};  // of ask: of (tool, arguments, label), which a decision names
};
Verdict admit(const GateRequest& request);

// The tools that may be called now, with the values their `seen` arguments may take.
struct OfferRequest {
  const std::vector<ToolSpec>& tools;
  const Permissions& permissions;
  const Seen& seen;
  std::string_view said;
  bool speculative = false;
};
std::vector<Offer> offers(const OfferRequest& request);

// What to do with a call whose outcome is not known.
enum class AfterUnknown : std::uint8_t { run_again, ask_query, in_doubt };
AfterUnknown after_unknown(const ToolSpec& spec, std::uint32_t attempts, std::uint32_t queries);

// The same for every attempt of a call: 26 base32 characters of SHA-256.
std::string idempotency_key(std::string_view run, std::uint32_t chapter, std::string_view path,
                            std::uint32_t step, std::uint32_t call);

// One attempt, killed at `when`. Its status is done, failed (certainly did not happen) or
// unknown; what is larger than limits::kObservationBytesMax goes to an artifact.
Task<Observation> attempt(Tool tool, ToolContext& context, Json arguments, TimePoint when);

Observation refused(std::string reason);
Observation failure(Observation::Status status, std::string message);

}  // namespace ragent
