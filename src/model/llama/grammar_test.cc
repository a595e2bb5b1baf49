#include <model/llama/grammar.h>

#include <gmock/gmock.h>

namespace ragent {
namespace {

bool matches(const Grammar& grammar, std::string_view text) {
  Matcher matcher(grammar);
  return matcher.accept(text) && matcher.complete();
}

Grammar of(std::string_view schema) { return schema_grammar(*parse_json(schema)); }

Offer offer(std::string name, std::string_view parameters) {
  return {.tool = {.name = std::move(name), .parameters = *parse_json(parameters)}};
}

TEST(Grammar, KnowsTheValuesOfASchema) {
  struct Case {
    std::string_view schema;
    std::vector<std::string_view> right;
    std::vector<std::string_view> wrong;
  };
  const Case cases[] = {
      {R"({"type": "string"})",
       {R"("a")", R"("a\"b\\")", "\"né 漢 🛫\"", R"("Sao Paulo")"},
       {R"("")", R"(" a")", "a", "\"a\nb\"", "\"\xc3\"", "\"\xed\xa0\x80\"", R"("\x")", R"("a)"}},
      {R"({"type": "string", "minLength": 0})", {R"("")"}, {"null"}},
      {R"({"type": "string", "minLength": 2, "maxLength": 3})",
       {R"("ab")", R"("abé")"},
       {R"("a")", R"("abcd")"}},
      {R"({"type": "integer"})",
       {"0", "-12", "450"},
       {"012", "1.5", "-", "+1", "1234567890123456"}},
      {R"({"type": "integer", "minimum": 0})", {"7"}, {"-7"}},
      {R"({"type": "number"})", {"0.25", "-3", "12.5"}, {".5", "1.", "1e3"}},
      {R"({"type": "boolean"})", {"true", "false"}, {"True", "1"}},
      {R"({"type": ["string", "null"]})", {"null", R"("x")"}, {"1"}},
      {R"({"enum": ["even", "odd", 3]})", {R"("even")", "3"}, {R"("ev")", R"("EVEN")"}},
      {R"({"const": {"a": [1, 2]}})", {R"({"a": [1, 2]})"}, {R"({"a":[1,2]})"}},
      {R"({"type": "string", "format": "date"})",
       {R"("2026-11-25")", R"("2027-02-30")"},
       {R"("2026-13-01")", R"("2026-00-10")", R"("2026-10-32")", R"("26-10-10")"}},
      {R"({"type": "array", "items": {"type": "integer"}})",
       {"[]", "[1]", "[1, 2, 3]"},
       {"[1,2]", "[1, ]", "[true]"}},
      {R"({"type": "array", "items": {"type": "integer"}, "minItems": 2, "maxItems": 3})",
       {"[1, 2]", "[1, 2, 3]"},
       {"[]", "[1]", "[1, 2, 3, 4]"}},
      {R"({"anyOf": [{"type": "integer"}, {"const": "none"}]})", {"3", R"("none")"}, {"none"}},
      {R"({"type": "object", "additionalProperties": {"type": "integer"}})",
       {"{}", R"({"a": 1})", R"({"a": 1, "b": 2})"},
       {R"({"a": "b"})"}},
      {"{}", {"true", R"("x")", "3"}, {"{}", "x"}},
  };
  for (const Case& each : cases) {
    Grammar grammar = of(each.schema);
    for (std::string_view text : each.right) EXPECT_TRUE(matches(grammar, text)) << text;
    for (std::string_view text : each.wrong) {
      EXPECT_FALSE(matches(grammar, text)) << each.schema << ": " << text;
    }
  }
}

TEST(Grammar, KeepsTheOrderOfMembersAndLeavesOptionalOnesOut) {
  Grammar grammar = of(R"({"type": "object", "required": ["b"], "properties":
      {"a": {"type": "integer"}, "b": {"type": "integer"}, "c": {"type": "integer"}}})");
  for (auto text : {R"({"b": 1})", R"({"a": 1, "b": 1})", R"({"b": 1, "c": 1})",
                    R"({"a": 1, "b": 1, "c": 1})"}) {
    EXPECT_TRUE(matches(grammar, text)) << text;
  }
  for (auto text : {"{}", R"({"a": 1})", R"({"c": 1})", R"({"b": 1, "a": 1})", R"({"b": 1, })",
                    R"({, "b": 1})", R"({"b": 1, "b": 1})", R"({"d": 1, "b": 1})"}) {
    EXPECT_FALSE(matches(grammar, text)) << text;
  }
  EXPECT_TRUE(matches(of(R"({"type": "object"})"), "{}"));
  Grammar optional = of(R"({"type": "object", "properties": {"a": {"type": "boolean"}}})");
  EXPECT_TRUE(matches(optional, "{}"));
  EXPECT_TRUE(matches(optional, R"({"a": true})"));
}

TEST(Grammar, OfAReplyHoldsWhatIsOffered) {
  std::vector<Offer> offers = {
      offer("now", R"({"type": "object", "properties": {}})"),
      offer("book", R"({"type": "object", "required": ["flight", "seats"], "properties":
          {"flight": {"type": "string"}, "seats": {"type": "integer"}}})")};
  offers[1].allowed = {{"flight", {"KP811", "TL\"2"}}, {"seats", {"1", "2"}}};
  Grammar grammar = reply_grammar({.offers = offers});
  EXPECT_TRUE(matches(grammar, R"({"tool": "now", "args": {}})"));
  EXPECT_TRUE(matches(grammar, R"({"tool": "book", "args": {"flight": "KP811", "seats": 2}})"));
  EXPECT_TRUE(matches(grammar, R"({"tool": "book", "args": {"flight": "TL\"2", "seats": 1}})"));
  EXPECT_TRUE(matches(grammar, R"({"answer": "Hello."})"));
  for (auto text : {R"({"tool": "book", "args": {"flight": "QX310", "seats": 2}})",
                    R"({"tool": "book", "args": {"flight": "KP811", "seats": 3}})",
                    R"({"tool": "fly", "args": {}})", R"({"answer": ""})", R"({"answer": 3})"}) {
    EXPECT_FALSE(matches(grammar, text)) << text;
  }
  EXPECT_FALSE(matches(reply_grammar({.offers = offers, .answer = false}), R"({"answer": "a"})"));
  EXPECT_FALSE(
      matches(reply_grammar({.offers = offers, .tools = false}), R"({"tool": "now", "args": {}})"));
}

TEST(Grammar, CutsWaysThatLeadNowhere) {
  std::vector<Offer> offers = {offer("book", R"({"type": "object", "required": ["flight"],
      "properties": {"flight": {"type": "string"}}})")};
  offers[0].allowed = {{"flight", {}}};  // nothing was seen
  Grammar grammar = reply_grammar({.offers = offers});
  EXPECT_FALSE(Matcher(grammar).accepts("{\"tool"));
  EXPECT_EQ(Matcher(grammar).forced(), "{\"answer\": \"");
  EXPECT_FALSE(reply_grammar({.offers = offers, .answer = false}).possible());
  EXPECT_FALSE(of(R"({"enum": []})").possible());
}

// Counted item by item and character by character these would be millions of states.
TEST(Grammar, CountsOnlyAsFarAsThereIsRoom) {
  constexpr std::string_view kDeep = R"({"type": "array", "maxItems": 60, "items":
      {"type": "array", "maxItems": 60, "items": {"type": "array", "maxItems": 60, "items":
      {"type": "string", "maxLength": 2000}}}})";
  Grammar deep = of(kDeep);
  EXPECT_LT(deep.size(), 2 * Grammar::kStatesMax);
  EXPECT_TRUE(matches(deep, R"([[["a", "b"]], [["c"], []], []])"));
  EXPECT_FALSE(matches(deep, R"([[["a", 1]]])"));
  Grammar many = of(R"({"type": "array", "minItems": 3000000, "items": {"type": "integer"}})");
  EXPECT_LT(many.size(), 2 * Grammar::kStatesMax);
  EXPECT_TRUE(many.possible());
  Grammar lengthy = of(R"({"type": "string", "minLength": 3000000, "maxLength": 3000000})");
  EXPECT_LT(lengthy.size(), 2 * Grammar::kStatesMax);
  EXPECT_TRUE(lengthy.possible());
}

TEST(Matcher, KnowsWhatMustComeNext) {
  std::vector<Offer> offers = {
      offer("search_flights", R"({"type": "object", "required": ["from", "to"], "properties":
          {"from": {"type": "string"}, "to": {"type": "string"}}})"),
      offer("search_airports", R"({"type": "object", "required": ["text"], "properties":
          {"text": {"type": "string"}}})")};
  Grammar grammar = reply_grammar({.offers = offers});
  Matcher matcher(grammar);
  EXPECT_EQ(matcher.forced(), "{\"");
  ASSERT_TRUE(matcher.accept("{\"tool"));
  EXPECT_EQ(matcher.forced(), "\": \"search_");
  ASSERT_TRUE(matcher.accept("\": \"search_f"));
  EXPECT_EQ(matcher.forced(), "lights\", \"args\": {\"from\": \"");
  ASSERT_TRUE(matcher.accept("lights\", \"args\": {\"from\": \"Prague\","));  // one token too far
  EXPECT_EQ(matcher.forced(), " \"to\": \"");
  ASSERT_TRUE(matcher.accept(" \"to\": \"Oslo"));
  EXPECT_EQ(matcher.forced(), "");
  EXPECT_FALSE(matcher.accept("\"}}}"));  // one brace too many: nothing changed
  EXPECT_FALSE(matcher.done());
  ASSERT_TRUE(matcher.accept("\""));
  EXPECT_EQ(matcher.forced(), "}}");
  ASSERT_TRUE(matcher.accept("}}"));
  EXPECT_TRUE(matcher.done());
  EXPECT_EQ(matcher.forced(), "");
}

TEST(Matcher, MayEndBeforeItMust) {
  Grammar grammar = of(R"({"type": "integer"})");
  Matcher matcher(grammar);
  EXPECT_FALSE(matcher.complete());
  ASSERT_TRUE(matcher.accept("12"));
  EXPECT_TRUE(matcher.complete());
  EXPECT_FALSE(matcher.done());
}

TEST(Spaced, WritesJsonAsModelsDo) {
  EXPECT_EQ(spaced(*parse_json(R"({"a":[1,2.5,"x\"y"],"b":{},"c":[],"d":null})")),
            R"({"a": [1, 2.5, "x\"y"], "b": {}, "c": [], "d": null})");
}

}  // namespace
}  // namespace ragent
