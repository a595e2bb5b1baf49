// Rates: what a response's headers say of how much of an account's rate limits is left.
//
//   Rates rates = rates_of(response.headers, loop.wall());
//   if (rates.tokens && rates.tokens->left < 1'000) …
//
// Values; any thread.
#pragma once

#include <base/loop.h>
#include <net/http.h>

namespace ragent {

struct Rates {
  struct Rate {
    double left = 0;
    double limit = 0;  // 0: not said
    std::chrono::milliseconds reset = {};  // until `left` is `limit` again
  };
  std::optional<Rate> requests = {};
  std::optional<Rate> tokens = {};
};

// Of OpenAI (x-ratelimit-remaining-requests, x-ratelimit-reset-requests: 6m0s), Anthropic
// (anthropic-ratelimit-requests-remaining, …-reset: RFC 3339) and the IETF draft
// (ratelimit-remaining, ratelimit-reset: seconds). A rate that is not well-formed is not there.
Rates rates_of(const Headers& headers, WallPoint now);

// "6m0s", "1h2m3.5s", "120ms"; nothing when it is not one. At most a day.
std::optional<std::chrono::milliseconds> duration_of(std::string_view text);
// "2026-11-25T12:45:56Z", with a fraction or an offset (RFC 3339, section 5.6).
std::optional<WallPoint> date_time_of(std::string_view text);

}  // namespace ragent
