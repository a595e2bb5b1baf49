#include <ragent/typed.h>

#include <gmock/gmock.h>

namespace ragent {
namespace {

using ::testing::HasSubstr;

enum class Cabin { economy, business, first = 7 };
struct Place {
  std::string city;
  std::optional<std::string> code;
};
struct Trip {
  Doc<Place, "where to"> to;
  Cabin cabin;
  std::optional<Cabin> upgrade;
  std::int8_t seats = 1;
  std::vector<Place> stops = {{.city = "Brno", .code = {}}};
  std::map<std::string, double> fares;
  bool flexible;
};

TEST(Schema, SpellsOutAStruct) {
  EXPECT_EQ(
      schema_of<Trip>().dump(),
      R"({"type":"object","properties":{"to":{"type":"object","properties":{"city":{"type":"string"},)"
      R"("code":{"type":"string"}},"required":["city"],"additionalProperties":false,)"
      R"("description":"where to"},"cabin":{"type":"string","enum":["economy","business","first"]},)"
      R"("upgrade":{"type":"string","enum":["economy","business","first"]},)"
      R"("seats":{"type":"integer","minimum":-128,"maximum":127,"default":1},)"
      R"("stops":{"type":"array","items":{"type":"object","properties":{"city":{"type":"string"},)"
      R"("code":{"type":"string"}},"required":["city"],"additionalProperties":false},)"
      R"("default":[{"city":"Brno","code":null}]},)"
      R"("fares":{"type":"object","additionalProperties":{"type":"number"}},)"
      R"("flexible":{"type":"boolean"}},"required":["to","cabin","fares","flexible"],)"
      R"("additionalProperties":false})");
}

}  // namespace
}  // namespace ragent
