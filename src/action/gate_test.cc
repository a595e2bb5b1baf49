// What one attempt answers.
#include <action/gate.h>

#include <ragent/limits.h>
#include <ragent/typed.h>

#include <action/fake_host.h>

namespace ragent {
namespace {

struct Nothing {};

Observation attempt_of(FakeHost& host, Tool tool) {
  const TimePoint when = host.loop().now() + std::chrono::seconds(30);
  Result<Observation> seen =
      host.run(attempt(std::move(tool), host.context, Json::object({}), when));
  EXPECT_TRUE(seen) << seen.error().message;
  return seen ? std::move(*seen) : Observation();
}

constexpr Label kLabel{.trusted = false, .confidential = true};

// What a tool must not be trusted with, or must not leak, does not depend on whether it failed.
TEST(GateTest, AFailureKeepsTheLabelOfItsTool) {
  FakeHost host;
  Tool broken =
      tool("broken", "", [](Nothing) -> Result<int> { return fail(ErrorKind::rejected, "no"); });
  broken.spec.label = kLabel;
  const Observation seen = attempt_of(host, broken);
  EXPECT_EQ(seen.status, Observation::Status::failed);
  EXPECT_FALSE(seen.label.trusted);
  EXPECT_TRUE(seen.label.confidential);
}

// The effect is known to have happened: a full disk must not put it in doubt or repeat it.
TEST(GateTest, AnAnswerThatCannotBeKeptWholeIsAnAnswer) {
  FakeHost host;
  host.full = true;
  for (Effect effect : {Effect::read, Effect::idempotent, Effect::once}) {
    Tool large = tool("large", "",
                      [](Nothing) { return std::string(2 * limits::kObservationBytesMax, 'x'); });
    large.spec.effect = effect;
    large.spec.label = kLabel;
    const Observation seen = attempt_of(host, large);
    EXPECT_EQ(seen.status, Observation::Status::done);
    EXPECT_TRUE(seen.artifact.empty());
    EXPECT_EQ(seen.value.integer("bytes"), 2 * limits::kObservationBytesMax + 2);
    EXPECT_TRUE(seen.value.text("preview").starts_with("\"xxx"));
    EXPECT_TRUE(seen.value.text("lost").starts_with("the whole result could not be kept: "));
    EXPECT_TRUE(seen.label.confidential);
  }
}

}  // namespace
}  // namespace ragent
