// What one attempt answers when its result cannot be kept.
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

// What a tool must not be trusted with, or must not leak, does not depend on whether it failed.
TEST(GateTest, AFailureKeepsTheLabelOfItsTool) {
  FakeHost host;
  host.full = true;
  const Label label{.trusted = false, .confidential = true};
  auto large =
      tool("large", "", [](Nothing) { return std::string(2 * limits::kObservationBytesMax, 'x'); });
  auto broken =
      tool("broken", "", [](Nothing) -> Result<int> { return fail(ErrorKind::rejected, "no"); });
  for (Tool one : {large, broken}) {
    one.spec.label = label;
    const Observation seen = attempt_of(host, one);
    EXPECT_NE(seen.status, Observation::Status::done) << one.spec.name;
    EXPECT_FALSE(seen.label.trusted) << one.spec.name;
    EXPECT_TRUE(seen.label.confidential) << one.spec.name;
  }
}

}  // namespace
}  // namespace ragent
