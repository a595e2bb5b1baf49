// A typed tool: its JSON Schema comes from the struct, and wrong arguments come back as a message
// that a model can act on. The planner here calls it directly, so no model is needed.
// prints: "unit":\{"type":"string","enum":\["celsius","fahrenheit"\]
// prints: right: 68
// prints: wrong: .*unit.*kelvin
#include <ragent/ragent.h>

using namespace ragent;

enum class Unit { celsius, fahrenheit };
struct Temperature {
  Doc<double, "The value to convert."> value;
  Unit unit = Unit::celsius;
  std::optional<int> digits;
};

double convert(Temperature t) {
  return t.unit == Unit::celsius ? *t.value * 9 / 5 + 32 : (*t.value - 32) * 5 / 9;
}

Task<Answer> convert_twice(Run& run, Input) {
  Json right = Json::object({{"value", 20}, {"unit", "celsius"}});
  Json wrong = Json::object({{"value", 20}, {"unit", "kelvin"}});
  Observation first = co_await run.act({.tool = "convert", .arguments = right});
  Observation second = co_await run.act({.tool = "convert", .arguments = wrong});
  co_return Answer{.text = "right: " + first.text() + "\nwrong: " + second.text()};
}

int main() {
  Agent agent{.profile = {.name = "converter"}, .planner = "convert_twice"};
  agent.tools = {tool("convert", "Converts a temperature.", convert).read()};
  std::puts(agent.tools[0].spec.parameters.dump().c_str());
  EngineOptions options;
  options.planners.push_back({"convert_twice", 1, convert_twice});
  Engine engine(embedded(std::move(options)));
  Result<Answer> answer = engine.run(agent, "Convert.");
  std::puts(answer ? answer->text.c_str() : answer.error().message.c_str());
}
