// The cache of the local model as it grows: what the sequences hold stays what it was.
#include <model/llama/context.h>

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <string>

namespace ragent {
namespace {

const Stop kNever = false;

class ContextTest : public testing::Test {
 protected:
  std::unique_ptr<LlamaContext> open(std::size_t cells_first) {
    const char* file = std::getenv("RAGENT_MODEL");  // the tests' own
    const Stop stop = false;
    Result<WeightsPtr> weights = Weights::load(file ? file : "", Weights::Purpose::chat, stop);
    if (!weights) {
      ADD_FAILURE() << weights.error().message;
      return nullptr;
    }
    auto context = LlamaContext::open(std::move(*weights),
                                      {.threads = 1, .window = 1024, .cells_first = cells_first});
    EXPECT_TRUE(context) << context.error().message;
    return context ? std::move(*context) : nullptr;
  }
  // Evaluates `text` in a sequence that holds `position` tokens; answers the likeliest next one.
  static Token evaluate(LlamaContext& context, int sequence, std::string_view text,
                        std::size_t& position) {
    Tokens tokens = context.weights().tokenize(text);
    auto done = context.decode(
        {{.sequence = sequence, .tokens = tokens, .position = position, .logits = true}},
        {&kNever});
    EXPECT_EQ(done, LlamaContext::Decoded::done);
    position += tokens.size();
    std::span<const float> logits = context.logits(0);
    return static_cast<Token>(std::ranges::max_element(logits) - logits.begin());
  }
  // Three sequences, one of them forked off another, each longer than the cache was at first.
  static std::vector<Token> tell(LlamaContext& context) {
    std::string story;
    for (int i = 0; i < 34; ++i) story += "The ship sailed on day " + std::to_string(i) + ". ";
    std::vector<Token> out;
    std::size_t first = 0;
    out.push_back(evaluate(context, 0, story, first));
    context.fork(0, 1, first);
    std::size_t second = first;
    out.push_back(evaluate(context, 1, "Then a storm came.", second));
    std::size_t third = 0;
    out.push_back(evaluate(context, 2, story, third));
    for (int i = 0; i < 2; ++i) {
      out.push_back(evaluate(context, 0, " The captain said:", first));
      out.push_back(evaluate(context, 1, " The waves were", second));
      out.push_back(evaluate(context, 2, " At night the", third));
    }
    return out;
  }
};

TEST_F(ContextTest, AGrownCacheHoldsWhatItHeld) {
  auto small = open(256);
  auto large = open(4096);
  ASSERT_TRUE(small && large);
  EXPECT_EQ(small->cells(), large->cells());  // what may be promised is the same from the start
  EXPECT_EQ(tell(*small), tell(*large));
}

}  // namespace
}  // namespace ragent
