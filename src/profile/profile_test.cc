// Rendering, and AgentSpec as JSON and by digest.
#include <profile/render.h>

#include <ragent/agent.h>

#include <gmock/gmock.h>

namespace ragent {
namespace {

AgentSpec example_spec() {
  return {.profile = {.name = "travel",
                      .role = "a gentle travel assistant",
                      .tone = "warm",
                      .language = "German",
                      .instructions = "Say what things cost.",
                      .goals = {"A booked trip."},
                      .rules = {"Never invent prices."},
                      .examples = {{.user = "Far?",
                                    .calls = {{.tool = "distance",
                                               .arguments = Json::object({{"to", "Oslo"}}),
                                               .result = Json::object({{"km", 416}})}},
                                    .answer = "416 km."}}},
          .model = "local/default",
          .planner = "react@1",
          .budget = {.steps = 12, .tokens = 20'000, .time = std::chrono::minutes(2)},
          .tools = {{.name = "distance",
                     .description = "Distance in km.",
                     .parameters = Json::object({{"type", "object"}}),
                     .effect = Effect::read,
                     .kind = ToolSpec::Kind::sql,
                     .words = {"far"},
                     .seen = {{.argument = "to", .key = "code", .tool = "search"}},
                     .resources = {{"cpu", 0.5}},
                     .timeout = std::chrono::seconds(5),
                     .source = "select 1"}}};
}

TEST(Render, PutsEveryPartOnItsLine) {
  EXPECT_EQ(render(example_spec().profile),
            "You are a gentle travel assistant.\nSay what things cost.\nTone: warm.\n"
            "Answer in German.\nGoal: A booked trip.\nNever invent prices.");
}

TEST(Render, LeavesOutWhatIsNotThere) {
  EXPECT_EQ(render({.name = "clerk", .instructions = "Answer in one sentence."}),
            "Answer in one sentence.");
  EXPECT_EQ(render({.name = "clerk"}), "You are clerk.");
  EXPECT_EQ(render({}), "");
}

TEST(Render, ExamplesAreStableTurnsWithMatchingIds) {
  std::vector<Message> messages = example_messages(example_spec().profile);
  ASSERT_EQ(messages.size(), 4u);
  for (const Message& message : messages) EXPECT_TRUE(message.stable);
  EXPECT_EQ(messages[0], (Message{.role = Role::user, .parts = {Text{"Far?"}}, .stable = true}));
  const auto& call = std::get<ToolCall>(messages[1].parts.at(0));
  const auto& result = std::get<ToolResult>(messages[2].parts.at(0));
  EXPECT_EQ(messages[1].role, Role::assistant);
  EXPECT_EQ(call.tool, "distance");
  EXPECT_EQ(call.arguments.text("to"), "Oslo");
  EXPECT_EQ(messages[2].role, Role::tool);
  EXPECT_EQ(result.call, call.id);
  EXPECT_EQ(result.observation.value.integer("km"), 416);
  EXPECT_EQ(messages[3].text(), "416 km.");
}

TEST(AgentSpec, IsTheSameAfterJson) {
  AgentSpec spec = example_spec();
  Result<Json> json = parse_json(to_json(spec).dump());
  ASSERT_TRUE(json) << json.error().message;
  Result<AgentSpec> again = agent_spec_from_json(*json);
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(*again, spec);
  EXPECT_EQ(spec_digest(*again), spec_digest(spec));
}

TEST(AgentSpec, DigestCoversEveryPart) {
  const AgentSpec spec = example_spec();
  std::vector<std::string> digests = {spec_digest(spec)};
  auto changed = [&](auto change) {
    AgentSpec other = spec;
    change(other);
    digests.push_back(spec_digest(other));
  };
  changed([](AgentSpec& s) { s.profile.rules.push_back("Be brief."); });
  changed([](AgentSpec& s) { s.profile.examples[0].calls[0].result = 1; });
  changed([](AgentSpec& s) { s.model = "local/small"; });
  changed([](AgentSpec& s) { s.planner = "react@2"; });
  changed([](AgentSpec& s) { s.budget.steps = 13; });
  changed([](AgentSpec& s) { s.budget.time += std::chrono::milliseconds(1); });
  changed([](AgentSpec& s) { s.tools[0].description = "km."; });
  changed([](AgentSpec& s) { s.tools[0].source = "select 2"; });
  changed([](AgentSpec& s) { s.tools[0].words.clear(); });
  std::ranges::sort(digests);
  EXPECT_EQ(std::ranges::adjacent_find(digests), digests.end());
  EXPECT_THAT(digests, testing::Each(testing::SizeIs(64)));
}

// Names a stored spec: a change here orphans every stored run.
TEST(AgentSpec, DigestNeverChanges) {
  EXPECT_EQ(spec_digest({.profile = {.name = "clerk"}, .model = "m", .planner = "react@1"}),
            "4442a941ea1175ce7bc63a0ee7c7b1e5651e4bdf245a204314adfe12ff07c75d");
}

TEST(AgentSpec, BadJsonSaysWhatIsMissing) {
  Result<AgentSpec> none = agent_spec_from_json(Json::array({}));
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().message, "an agent spec: expected a member \"profile\", got array");
  Json json = to_json(example_spec());
  json["tools"].array()->front()["effect"] = "sometimes";
  Result<AgentSpec> bad = agent_spec_from_json(json);
  ASSERT_FALSE(bad);
  EXPECT_THAT(bad.error().message, testing::HasSubstr("effect"));
}

TEST(AgentSpec, OfAnAgentLeavesBodiesAndPermissionsOut) {
  AgentSpec spec = example_spec();
  Agent agent{.profile = spec.profile,
              .planner = spec.planner,
              .budget = spec.budget,
              .permissions = {{"*", Permission::deny}},
              .folder = "somewhere"};
  agent.tools.push_back(Tool{.spec = spec.tools[0]});
  EXPECT_EQ(ragent::spec(agent), spec);
}

}  // namespace
}  // namespace ragent
