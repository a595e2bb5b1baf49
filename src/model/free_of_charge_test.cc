#include <model/free_of_charge.h>

#include <base/scope.h>
#include <base/simulated_loop.h>

#include <gtest/gtest.h>

namespace ragent {
namespace {

class Counting : public Model {
 public:
  const ModelInfo& info() const override { return info_; }
  Task<Reply> reply(ModelRequest, DeltaSink&) override {
    co_return Reply{.text = "Hi.",
                    .usage = {.tokens_input = 5, .cost_nanodollars = 70, .cost_partial = true}};
  }
  Task<std::vector<std::int64_t>> tokens(std::vector<std::string> texts) override {
    co_return std::vector<std::int64_t>(texts.size(), 42);
  }

 private:
  ModelInfo info_{.name = "counting"};
};

TEST(FreeOfCharge, SaysThatNothingWasPaid) {
  std::unique_ptr<Loop> loop = make_simulated_loop(1);
  ModelSource source =
      free_of_charge([](const std::string& name, Loop&) -> Result<std::unique_ptr<Model>> {
        if (name == "broken") return fail(ErrorKind::invalid, "broken");
        if (name != "counting") return nullptr;
        return std::make_unique<Counting>();
      });
  EXPECT_EQ(source("broken", *loop).error().message, "broken");
  EXPECT_EQ(*source("other", *loop), nullptr);
  auto model = source("counting", *loop);
  ASSERT_TRUE(model && *model);
  EXPECT_EQ((*model)->info().name, "counting");
  DeltaSink none;
  Result<Reply> reply = block_on(*loop, (*model)->reply({}, none));
  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_EQ(reply->text, "Hi.");
  EXPECT_EQ(reply->usage, (Usage{.tokens_input = 5, .cost_nanodollars = 0}));
  // Its own tokenizer counts on.
  EXPECT_EQ(*block_on(*loop, (*model)->tokens({"a"})), std::vector<std::int64_t>{42});
}

}  // namespace
}  // namespace ragent
