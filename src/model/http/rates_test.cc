#include <model/http/rates.h>

#include <gtest/gtest.h>

namespace ragent {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;

const WallPoint kNow = *date_time_of("2026-11-25T12:00:00Z");

TEST(RatesTest, ReadsDurations) {
  EXPECT_EQ(duration_of("6m0s"), 360s);
  EXPECT_EQ(duration_of("120ms"), 120ms);
  EXPECT_EQ(duration_of("1h2m3.5s"), 3'723'500ms);
  EXPECT_EQ(duration_of("1.5s"), 1500ms);
  EXPECT_EQ(duration_of("99999999h"), 24h);
  for (const char* bad :
       {"", "s", "5", "5x", "-5s", "1..5s", "5 s", "inf s", "nan", "1e5s", "ms5"}) {
    EXPECT_FALSE(duration_of(bad)) << bad;
  }
}

TEST(RatesTest, ReadsDateTimes) {
  EXPECT_EQ(date_time_of("1970-01-01T00:00:01.25Z"), WallPoint(1250ms));
  EXPECT_EQ(date_time_of("2026-11-25T13:30:00+01:30"), kNow);
  EXPECT_EQ(date_time_of("2026-11-25 12:00:00z"), kNow);
  EXPECT_EQ(date_time_of("2026-11-25T12:00:00.000000001Z"), kNow);
  for (const char* bad :
       {"", "2026", "2026-13-01T00:00:00Z", "2026-02-30T00:00:00Z", "2026-11-25T24:00:00Z",
        "2026-11-25T12:00:00", "2026-11-25T12:00Z", "2026-11-25T12:00:00.Z",
        "2026-11-25T12:00:00+1:00", "2026-11-25T12:00:00Zx", "20a6-11-25T12:00:00Z",
        "2026-11-25T-1:00:00Z"}) {
    EXPECT_FALSE(date_time_of(bad)) << bad;
  }
}

TEST(RatesTest, ReadsWhatEachFamilySays) {
  Rates openai = rates_of({{"X-RateLimit-Limit-Requests", "60"},
                           {"x-ratelimit-remaining-requests", "59"},
                           {"x-ratelimit-reset-requests", "1s"},
                           {"x-ratelimit-limit-tokens", "150000"},
                           {"x-ratelimit-remaining-tokens", "149984"},
                           {"x-ratelimit-reset-tokens", "6m0s"}},
                          kNow);
  ASSERT_TRUE(openai.requests && openai.tokens);
  EXPECT_EQ(openai.requests->left, 59);
  EXPECT_EQ(openai.requests->limit, 60);
  EXPECT_EQ(openai.requests->reset, 1s);
  EXPECT_EQ(openai.tokens->reset, 6min);

  Rates anthropic = rates_of({{"anthropic-ratelimit-requests-remaining", "0"},
                              {"anthropic-ratelimit-requests-reset", "2026-11-25T12:00:02Z"},
                              {"anthropic-ratelimit-tokens-remaining", "10"},
                              {"anthropic-ratelimit-tokens-reset", "2026-11-25T11:00:00Z"}},
                             kNow);
  ASSERT_TRUE(anthropic.requests && anthropic.tokens);
  EXPECT_EQ(anthropic.requests->reset, 2s);
  EXPECT_EQ(anthropic.requests->limit, 0);
  EXPECT_EQ(anthropic.tokens->reset, 0ms);  // it is over

  Rates draft = rates_of({{"RateLimit-Remaining", "7"}, {"RateLimit-Reset", "0.5"}}, kNow);
  ASSERT_TRUE(draft.requests);
  EXPECT_EQ(draft.requests->reset, 500ms);
}

TEST(RatesTest, WhatIsNotWellFormedIsNotThere) {
  for (const char* left : {"", "many", "-1", "nan", "inf", "1 2"}) {
    Rates rates = rates_of({{"ratelimit-remaining", left}, {"ratelimit-reset", "5"}}, kNow);
    EXPECT_FALSE(rates.requests) << left;
  }
  EXPECT_FALSE(rates_of({{"ratelimit-remaining", "5"}}, kNow).requests);
  EXPECT_FALSE(
      rates_of({{"ratelimit-remaining", "5"}, {"ratelimit-reset", "soon"}}, kNow).requests);
}

}  // namespace
}  // namespace ragent
