#include <model/messages.h>

#include <gtest/gtest.h>

namespace ragent {
namespace {

Usage priced(std::int64_t cost) { return {.tokens_input = 10, .cost_nanodollars = cost}; }
constexpr Usage kUnpriced{.tokens_input = 10, .tokens_output = 1};

TEST(Usage, ASumOfPricedOnesIsPriced) {
  Usage sum;
  sum += priced(3);
  sum += priced(0);  // a model that runs here
  sum += priced(4);
  EXPECT_EQ(sum.cost_nanodollars, 7);
  EXPECT_FALSE(sum.cost_partial);
}

TEST(Usage, WhatHasNoPriceIsNotCountedAsFree) {
  Usage sum;
  sum += kUnpriced;
  sum += kUnpriced;
  EXPECT_FALSE(sum.cost_nanodollars);
  EXPECT_FALSE(sum.cost_partial);
  Usage after = sum;
  after += priced(5);
  EXPECT_EQ(after.cost_nanodollars, 5);
  EXPECT_TRUE(after.cost_partial);
  Usage before = priced(5);
  before += kUnpriced;
  before += priced(1);
  EXPECT_EQ(before.cost_nanodollars, 6);
  EXPECT_TRUE(before.cost_partial);
  Usage both = priced(1);
  both += before;
  EXPECT_TRUE(both.cost_partial);
}

TEST(Usage, WhatUsedNothingNeedsNoPrice) {
  Usage sum = priced(5);
  sum += Usage{};  // a reply that a person gave
  EXPECT_FALSE(sum.cost_partial);
}

TEST(Usage, JsonHasWhatIsKnownOnly) {
  EXPECT_EQ(to_json(kUnpriced).dump(),
            R"({"tokens_input":10,"tokens_cached":0,"tokens_output":1})");
  for (const Usage& usage : {kUnpriced, priced(0), priced(123'456'789),
                             Usage{.tokens_input = 9,
                                   .tokens_cached = 3,
                                   .tokens_output = 2,
                                   .tokens_written = 4,
                                   .cost_nanodollars = 7,
                                   .cost_partial = true}}) {
    EXPECT_EQ(usage_from_json(to_json(usage)), usage) << to_json(usage).dump();
  }
}

}  // namespace
}  // namespace ragent
