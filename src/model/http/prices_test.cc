#include <model/http/prices.h>

#include <store/test_home.h>

#include <base/file.h>

#include <gmock/gmock.h>

namespace ragent {
namespace {

using testing::HasSubstr;

const Account kOpenAi{.base_url = "https://api.openai.com/v1", .model = "gpt-4o"};

std::string error_of(std::string_view text) {
  Result<Prices> prices = Prices::parse(text);
  return prices ? "none" : prices.error().message;
}

TEST(CatalogTest, ASnapshotHasThePriceOfItsFamily) {
  std::optional<Price> family = price_of("gpt-4o");
  ASSERT_TRUE(family);
  EXPECT_EQ(family->input, 2.50);
  EXPECT_EQ(price_of("gpt-4o-2024-08-06"), family);
  EXPECT_EQ(price_of("claude-sonnet-4-5-20250929"), price_of("claude-sonnet-4-5"));
  EXPECT_EQ(price_of("claude-opus-4-20250514")->output, 75);
  // The first one cost more, and of those to come nobody knows.
  EXPECT_EQ(price_of("gpt-4o-2024-05-13")->output, 15);
  EXPECT_FALSE(price_of("gpt-4o-2031-01-01"));
}

TEST(CatalogTest, WhatIsNotInItHasNoPrice) {
  for (const char* name : {"", "gpt-4o-audio-preview", "gpt-4o-mini-search", "gpt-4.5", "claude-9",
                           "qwen", "ft:gpt-4o-2024-08-06:me::x", "gpt-4o-2024-08", "-2024-08-06"}) {
    EXPECT_FALSE(price_of(name)) << name;
  }
}

TEST(CatalogTest, CachesNeverCostMoreToReadThanInput) {
  for (const char* name : {"gpt-4.1-nano", "gpt-5", "o3", "claude-haiku-4-5", "claude-opus-5"}) {
    std::optional<Price> price = price_of(name);
    ASSERT_TRUE(price) << name;
    EXPECT_LT(price->cached, price->input) << name;
    EXPECT_GE(price->written, price->input) << name;
    EXPECT_GT(price->output, price->input) << name;
  }
}

TEST(PricesTest, TheCatalogHoldsAtTheProvidersAlone) {
  Prices none;
  EXPECT_EQ(none.of("openai/gpt-4o", kOpenAi), price_of("gpt-4o"));
  EXPECT_TRUE(none.of("anthropic/claude-opus-4-5",
                      {.base_url = "https://api.anthropic.com/v1", .model = "claude-opus-4-5"}));
  EXPECT_FALSE(none.of("openai/gpt-4o", {.base_url = "http://localhost:1/v1", .model = "gpt-4o"}));
}

TEST(PricesTest, WhatPeopleSayCountsFirst) {
  Result<Prices> prices = Prices::parse(
      R"({"openai/gpt-4o": {"input": 2, "output": 8, "cached": 0.5},
          "http://localhost:8080/v1#qwen": {"input": 0.25, "output": 0}})");
  ASSERT_TRUE(prices) << prices.error().message;
  Price said{.input = 2, .cached = 0.5, .written = 2, .output = 8};
  EXPECT_EQ(prices->of("openai/gpt-4o", kOpenAi), said);
  EXPECT_EQ(prices->of("openai/gpt-4o-2024-08-06", kOpenAi), said);
  Account elsewhere{.base_url = "http://localhost:8080/v1", .model = "qwen"};
  EXPECT_EQ(prices->of("http://localhost:8080/v1#qwen", elsewhere), (Price{0.25, 0.25, 0.25, 0}));
  EXPECT_FALSE(prices->of("http://localhost:8080/v1#qwen2", elsewhere));
}

TEST(PricesTest, SaysWhatIsWrong) {
  EXPECT_THAT(error_of("[]"), HasSubstr("expected {\"MODEL\""));
  EXPECT_THAT(error_of("{\"openai/gpt-4o\": "), HasSubstr("line 1"));
  EXPECT_THAT(error_of(R"({"gpt-4o": {}})"), HasSubstr("did you mean \"openai/gpt-4o\"?"));
  EXPECT_THAT(error_of(R"({"opnai/x": {}})"), HasSubstr("did you mean \"openai/x\"?"));
  EXPECT_THAT(error_of(R"({"local/default": {}})"), HasSubstr("no model of an endpoint"));
  EXPECT_THAT(error_of(R"({"http://localhost:8080/v1": {}})"), HasSubstr("URL#NAME"));
  EXPECT_THAT(error_of(R"({"openai/x": 2})"), HasSubstr("openai/x: expected an object"));
  EXPECT_THAT(error_of(R"({"openai/x": {"ouput": 2}})"), HasSubstr("did you mean output?"));
  EXPECT_THAT(error_of(R"({"openai/x": {"input": 2}})"), HasSubstr("output is missing"));
  for (const char* bad : {"\"2.50\"", "-1", "1e9", "null", "[2]"}) {
    EXPECT_THAT(error_of(R"({"openai/x": {"output": 1, "input": )" + std::string(bad) + "}}"),
                HasSubstr("openai/x: input: expected US dollars"));
  }
}

TEST(PricesTest, TheFileIsNamedByAVariable) {
  TestHome home;
  ASSERT_TRUE(make_directories(home.path()));
  std::string file = home.path() + "/prices.json";
  auto from = [&] { return Prices::from([&](const char*) { return file.c_str(); }); };
  EXPECT_THAT(from().error().message, HasSubstr("RAGENT_PRICES"));  // it is not there
  ASSERT_TRUE(write_file_atomic(file, R"({"openai/x": {"input": 1, "otput": 2}})"));
  EXPECT_THAT(from().error().message, HasSubstr("prices.json: openai/x: expected input"));
  ASSERT_TRUE(write_file_atomic(file, R"({"openai/x": {"input": 1, "output": 2}})"));
  EXPECT_TRUE(from()->of("openai/x", {}));
  EXPECT_TRUE(Prices::from([](const char*) { return nullptr; }));
}

TEST(PricesTest, CostsAreBillionths) {
  Price price{.input = 3, .cached = 0.30, .written = 3.75, .output = 15};
  EXPECT_EQ(cost_of(price, {}), 0);
  EXPECT_EQ(cost_of(price, {.tokens_input = 1}), 3'000);
  Usage usage{
      .tokens_input = 1'000, .tokens_cached = 600, .tokens_output = 100, .tokens_written = 300};
  EXPECT_EQ(cost_of(price, usage), 100 * 3'000 + 600 * 300 + 300 * 3'750 + 100 * 15'000);
  // Less than a billionth a token is not lost before the sum.
  EXPECT_EQ(cost_of({.input = 0.0004}, {.tokens_input = 10'000}), 4'000);
  // What an endpoint counts wrongly breaks nothing.
  Usage wrong{.tokens_input = 5, .tokens_cached = 5, .tokens_written = 5};
  EXPECT_EQ(cost_of(price, wrong), 5 * 300 + 5 * 3'750);
  EXPECT_GT(cost_of({.output = 100'000}, {.tokens_output = std::int64_t{1} << 40}), 0);
}

}  // namespace
}  // namespace ragent
