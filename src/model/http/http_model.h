// Models behind endpoints: OpenAI, Anthropic and whatever speaks their dialects (account.h has the
// names). Owned by the engine; called on the shard whose loop it was given.
//
//   EngineOptions options;
//   options.models.push_back(http_models());
//   Result<Answer> answer = engine.run(clerk, "What is 2 + 3?", {.model = "openai/gpt-4o"});
//
// A reply is streamed and whole or an Error. What may work at another try is tried again, at most
// limits::kCallAttemptsMax times, within the budget of retries that the endpoint's calls earn and
// after what Retry-After says (endpoint.h); a Delta of kind restart comes before the next one's
// first. A name that the endpoint does not know is Error{not_found} with the near miss of its list.
// Its usage has what it cost where the model has a price (prices.h); the file of prices is read by
// http_models(), and one that is wrong is the Error of opening a model.
#pragma once

#include <net/http_client.h>
#include <ragent/engine.h>

namespace ragent {

class Random;

struct HttpModelsOptions {
  std::function<const char*(const char* name)> environment = {};  // null: the process's
  std::function<std::unique_ptr<HttpClient>(Loop&)> client = {};  // null: the real one
  std::function<std::unique_ptr<Random>()> random = {};  // null: the kernel's
  // A second request when the first has said nothing for so long; the first to speak is taken. 0:
  // never. The variable RAGENT_HEDGE_AFTER ("800ms", "2s") sets it too.
  std::chrono::milliseconds hedge_after = {};
  bool stream = true;  // false: plain replies, which show a stall only by their end
};

// Null for the names of other models. Each shard gets one client; what an endpoint's account can
// bear is shared by all of them.
ModelSource http_models(HttpModelsOptions options = {});

}  // namespace ragent
