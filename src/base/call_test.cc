#include <base/call.h>

#include <base/scope.h>

#include <gtest/gtest.h>

namespace ragent {
namespace {

Error closed() { return {.kind = ErrorKind::unavailable, .message = "closed"}; }

TEST(Call, IsAnsweredByTheCoroutine) {
  const auto call = std::make_shared<Call<int>>();
  const auto loop = make_loop();
  Scope scope(*loop);
  scope.spawn(answered<int>([]() -> Task<int> { co_return 3; }, Answering<int>(call, closed)));
  EXPECT_FALSE(call->result);
  EXPECT_TRUE(block_on(*loop, scope.join()));
  ASSERT_TRUE(call->result);
  EXPECT_EQ(**call->result, 3);
}

TEST(Call, SaysWhyWhenItsCoroutineIsDropped) {
  const auto call = std::make_shared<Call<void>>();
  const auto loop = make_loop();
  {
    Scope scope(*loop);
    auto for_ever = [](Loop& on) -> Task<void> { co_await on.sleep(std::chrono::hours(1)); };
    scope.spawn(answered<void>([&] { return for_ever(*loop); }, Answering<void>(call, closed)));
    EXPECT_TRUE(block_on(*loop, [](Loop& on) -> Task<void> { co_await on.yield(); }(*loop)));
    EXPECT_FALSE(call->result);
  }
  ASSERT_TRUE(call->result && !*call->result);
  EXPECT_EQ(call->result->error().message, "closed");
}

}  // namespace
}  // namespace ragent
