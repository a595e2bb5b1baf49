// The engine end to end: memory store, scripted model, native tools.
#include <runtime/test_engine.h>

namespace ragent {
namespace {

using testing::call_then_answer;
using testing::options;

struct Sum {
  int a = 0;
  int b = 0;
};

Agent clerk() {
  return {.profile = {.name = "clerk", .instructions = "Add."},
          .model = "test",
          .tools = {tool("add", "Add two integers.", [](Sum s) { return s.a + s.b; }).read()}};
}

TEST(EngineTest, AnswersThroughAModelAndATool) {
  auto reply = call_then_answer(
      {{.tool = "add", .arguments = Json::object({{"a", 2}, {"b", 3}})}});
  Engine engine(options(make_memory_store(), reply));
  Result<Answer> answer = engine.run(clerk(), "What is 2 + 3?");
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(answer->outcome, Outcome::answered);
  EXPECT_TRUE(answer->text.starts_with("done")) << answer->text;
}

}  // namespace
}  // namespace ragent
