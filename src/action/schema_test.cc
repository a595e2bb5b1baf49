#include <action/arguments.h>
#include <action/nets.h>
#include <action/permission.h>
#include <action/schema.h>

#include <gmock/gmock.h>

namespace ragent {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

Json parsed(std::string_view text) {
  Result<Json> json = parse_json(text);
  EXPECT_TRUE(json) << text << ": " << json.error().message;
  return json ? std::move(*json) : Json();
}
std::vector<std::string> check(std::string_view schema, std::string_view value) {
  return validate(parsed(schema), parsed(value));
}

TEST(Validate, AcceptsWhatFits) {
  EXPECT_THAT(check(R"({"type":"integer"})", "2.0"), IsEmpty());
  EXPECT_THAT(check(R"({"type":["string","null"]})", "null"), IsEmpty());
  EXPECT_THAT(check(R"({"anyOf":[{"type":"string"},{"type":"array"}]})", "[]"), IsEmpty());
  EXPECT_THAT(check(R"({"type":"string","minLength":2,"maxLength":2})", R"("čš")"), IsEmpty());
  EXPECT_THAT(check(R"({"type":"string","format":"date"})", R"("2028-02-29")"), IsEmpty());
  EXPECT_THAT(check("{}", R"({"anything":[1]})"), IsEmpty());
}

TEST(Validate, SaysWhatAModelCanActOn) {
  std::string_view schema =
      R"({"type":"object","properties":{"from":{"type":"string","minLength":1},)"
      R"("date":{"type":"string","format":"date"},"seats":{"type":"integer","minimum":1,)"
      R"("maximum":9},"class":{"enum":["economy","business"]}},"required":["from","date"],)"
      R"("additionalProperties":false})";
  EXPECT_THAT(check(schema, R"({"frm":"Prague","date":"2026-02-30","seats":"2","class":"econmy"})"),
              ElementsAre("from: is required and missing",
                          "frm: is unknown (did you mean \"from\"?); known: from, date, seats, "
                          "class",
                          "date: expected a date of the calendar as YYYY-MM-DD, got string "
                          "\"2026-02-30\"",
                          "seats: expected integer, got string \"2\"",
                          "class: expected one of \"economy\", \"business\", got string \"econmy\" "
                          "(did you mean \"economy\"?)"));
  EXPECT_THAT(check(schema, R"({"from":"","date":"2026-01-01","seats":10})"),
              ElementsAre("from: expected at least 1 characters, got 0",
                          "seats: expected at most 9, got 10"));
  EXPECT_THAT(check(schema, R"({"from":"x","date":"2026-01-01","seats":null})"),
              ElementsAre("seats: expected integer, got null; leave it out when there is none"));
  EXPECT_THAT(check(schema, "[]"), ElementsAre("expected object, got array []"));
  EXPECT_THAT(check(R"({"items":{"type":"number"},"minItems":3,"maxItems":1})", R"([1,"x"])"),
              ElementsAre("expected at least 3 items, got 2", "expected at most 1 items, got 2",
                          "[1]: expected number, got string \"x\""));
  EXPECT_THAT(check(R"({"anyOf":[{"type":"string"},{"type":"array"}]})", "1"),
              ElementsAre("fits none of 2 forms: expected string, got integer 1; or expected "
                          "array, got integer 1"));
  EXPECT_THAT(check(R"({"const":3})", "4"), ElementsAre("expected 3, got integer 4"));
  EXPECT_THAT(check(R"({"additionalProperties":{"type":"number"}})", R"({"a":1,"b":true})"),
              ElementsAre("b: expected number, got boolean true"));
}

TEST(Validate, BoundsItsMessages) {
  Json value = Json::array({});
  for (int i = 0; i < 100; ++i) value.push_back(std::string(1000, 'x'));
  std::vector<std::string> faults = validate(parsed(R"({"items":{"type":"integer"}})"), value);
  EXPECT_EQ(faults.size(), 8U);
  EXPECT_LT(faults[0].size(), 200U);
}

TEST(ValidateSchema, FindsWhatAPersonMistyped) {
  EXPECT_THAT(validate_schema(parsed(R"({"type":"object","properties":{"a":{"type":"strng"}},)"
                                     R"("requird":["a"]})")),
              ElementsAre(HasSubstr("properties.a.type: expected one of string, integer"),
                          HasSubstr("requird: is no keyword of schemas here (did you mean "
                                    "\"required\"?)")));
  EXPECT_THAT(validate_schema(parsed(R"({"type":["string","null"],"anyOf":[{"minimum":1}],)"
                                     R"("additionalProperties":{"format":"date"}})")),
              IsEmpty());
  for (const char* wrong : {"[]", R"({"properties":[]})", R"({"required":[1]})", R"({"enum":[]})",
                            R"({"minimum":"1"})", R"({"minLength":-1})", R"({"format":"uuid"})",
                            R"({"items":3})", R"({"anyOf":[]})", R"({"type":[]})"}) {
    EXPECT_THAT(validate_schema(parsed(wrong)), ::testing::SizeIs(1)) << wrong;
  }
}

TEST(CalendarDate, KnowsLeapYearsAndForms) {
  EXPECT_TRUE(is_calendar_date("2024-02-29"));
  EXPECT_TRUE(is_calendar_date("0001-12-31"));
  for (const char* wrong : {"2026-02-29", "2026-13-01", "2026-00-10", "2026-04-31", "2026-1-01",
                            "26-01-01", "2026/01/01", "2026-01-0x", "tomorrow", ""}) {
    EXPECT_FALSE(is_calendar_date(wrong)) << wrong;
  }
}

TEST(Arguments, ReadsTheShortForms) {
  Result<ParsedArguments> parsed_arguments =
      parse_arguments({{"from", "string: city or airport code"},
                       {"date", "date"},
                       {"seats", "integer?: seats"},
                       {"price", "number"},
                       {"direct", "boolean?"},
                       {"class", "one of: economy, business"},
                       {"flight", "seen: id from search_flights"},
                       {"note", "seen?: note"}});
  ASSERT_TRUE(parsed_arguments) << parsed_arguments.error().message;
  EXPECT_EQ(parsed_arguments->schema,
            parsed(R"({"type":"object","properties":{)"
                   R"("from":{"type":"string","description":"city or airport code"},)"
                   R"("date":{"type":"string","format":"date"},)"
                   R"("seats":{"type":"integer","description":"seats"},"price":{"type":"number"},)"
                   R"("direct":{"type":"boolean"},)"
                   R"("class":{"type":"string","enum":["economy","business"]},)"
                   R"("flight":{"type":"string","description":"id from search_flights"},)"
                   R"("note":{"type":"string","description":"note"}},)"
                   R"("required":["from","date","price","class","flight"],)"
                   R"("additionalProperties":false})"));
  EXPECT_THAT(parsed_arguments->seen,
              ElementsAre(SeenRule{.argument = "flight", .key = "id", .tool = "search_flights"},
                          SeenRule{.argument = "note", .key = "note"}));
  EXPECT_THAT(validate_schema(parsed_arguments->schema), IsEmpty());
  EXPECT_TRUE(parse_arguments({}));
}

TEST(Arguments, NamesTheNearMiss) {
  auto error = [](std::string name, std::string text) {
    Result<ParsedArguments> out = parse_arguments({{std::move(name), std::move(text)}});
    return out ? "no error" : out.error().message;
  };
  EXPECT_THAT(error("a", "strng: x"), HasSubstr("argument a: expected a type, one of string, "));
  EXPECT_THAT(error("a", "strng: x"), HasSubstr("(did you mean \"string\"?)"));
  EXPECT_THAT(error("a", "int"), HasSubstr("(did you mean \"integer\"?)"));
  EXPECT_THAT(error("a", "city or code"), HasSubstr("a description stands after a colon"));
  EXPECT_THAT(error("a", "one of: x,,y"), HasSubstr("values separated by commas"));
  EXPECT_THAT(error("a", "one of"), HasSubstr("values separated by commas"));
  EXPECT_THAT(error("a", "seen: id of search"), HasSubstr("\"seen: KEY from TOOL\""));
  EXPECT_THAT(error("1a", "string"), HasSubstr("a name of letters"));
  EXPECT_THAT(error("", "string"), HasSubstr("a name of letters"));
}

TEST(SeenValues, FindsAKeyAtAnyDepthOnce) {
  Json observation =
      parsed(R"([{"id":"A1","price":3},{"id":"A2","more":{"id":["A3",4,{"id":"A5"}]}},{"id":"A1"},)"
             R"({"id":null},{"identity":"no"}])");
  EXPECT_THAT(seen_values(observation, "id"), ElementsAre("A1", "A2", "A3", "4", "A5"));
  EXPECT_THAT(seen_values(parsed(R"("id")"), "id"), IsEmpty());
  Json many = Json::array({});
  for (int i = 0; i < 1000; ++i) many.push_back(Json::object({{"id", i}}));
  EXPECT_EQ(seen_values(many, "id").size(), 64U);
}

TEST(SaysAny, FindsWholeWordsAndTheirForms) {
  auto says = [](std::string_view text, std::vector<std::string> words) {
    return says_any(text, words);
  };
  for (const char* text : {"Book it", "please BOOK.", "I booked", "booking one", "two books",
                           "“book”", "book’s", "(book)", "pre-book"}) {
    EXPECT_TRUE(says(text, {"reserve", "book"})) << text;
  }
  for (const char* text : {"facebook", "bookkeeper", "bo ok", "b\xFFook", "", "Buch", "ábook"}) {
    EXPECT_FALSE(says(text, {"book"})) << text;
  }
  EXPECT_TRUE(says("reserving a seat", {"reserve"}));
  EXPECT_TRUE(says("it was cancelled", {"cancel"}));
  EXPECT_TRUE(says("he tries", {"try"}));
  EXPECT_TRUE(says("Please check  in now", {"check in"}));
  EXPECT_FALSE(says("check now in", {"check in"}));
  EXPECT_TRUE(says("Prosím zarezervujte", {"zarezervujte"}));
  EXPECT_TRUE(says("请帮我预订机票", {"预订"}));
  for (const char* text :
       {"Don't book anything, what does it cost?", "I do not want you to book", "no booking please",
        "Tell me without booking it", "don’t book", "I will never book there"}) {
    EXPECT_FALSE(says(text, {"book"})) << text;
  }
  for (const char* text : {"Why not? Book it", "No, book the other one", "not that but book this",
                           "Don't book the first, book the second", "Is it not booked? Book it",
                           "I am not sure about the price of this, still book it"}) {
    EXPECT_TRUE(says(text, {"book"})) << text;
  }
  EXPECT_FALSE(says("book it", {}));
  EXPECT_FALSE(says("book it", {"", "  ", ".", "?!"}));
}

TEST(SaysAny, AMarkInsideAWordEndsNoClause) {
  auto says = [](std::string_view text, const std::string& word) { return says_any(text, {word}); };
  for (const char* word : {"node.js", "a.m.", "U.S. visa", "Yahoo!", "9:30", "yes, please"}) {
    std::string text = word;
    EXPECT_TRUE(says(text, word)) << word;
    EXPECT_TRUE(says("Well, " + text + " it is.", word)) << word;
    EXPECT_TRUE(says("\"" + text + "\"", word)) << word;
    EXPECT_FALSE(says("I do not want " + text, word)) << word;
  }
  EXPECT_TRUE(says("Install node.js...", "node.js"));
  EXPECT_FALSE(says("the node. JS it is", "node.js"));
  EXPECT_FALSE(says("yes. Please book", "yes please"));
  for (const char* text : {"Not node.js for it, book", "\"Why not?\" Book it", "(not?) book it",
                           "Not now!!! Book it", "Not this ...\nbook it"}) {
    EXPECT_TRUE(says(text, "book")) << text;
  }
  EXPECT_FALSE(says("not in node.js book", "book"));
}

TEST(Permission, StrictestCounts) {
  ToolSpec plain{.name = "search"};
  ToolSpec asks{.name = "book", .ask = "Book?"};
  EXPECT_EQ(permission_for({}, plain), Permission::allow);
  EXPECT_EQ(permission_for({}, asks), Permission::ask);
  EXPECT_EQ(permission_for({{"book", Permission::allow}}, asks), Permission::ask);
  EXPECT_EQ(permission_for({{"*", Permission::ask}, {"search", Permission::allow}}, plain),
            Permission::ask);
  EXPECT_EQ(permission_for({{"search", Permission::deny}, {"*", Permission::allow}}, plain),
            Permission::deny);
  EXPECT_EQ(permission_for({{"other", Permission::deny}}, plain), Permission::allow);
}

TEST(FillTemplate, ReplacesArgumentsOnce) {
  Json arguments = parsed(R"({"flight":"BA{seats}\n7","seats":2,"list":[1]})");
  EXPECT_EQ(fill_template("Book {flight} for {seats}?", arguments), "Book BA{seats}\\x0a7 for 2?");
  EXPECT_EQ(fill_template("{list} {none} {{seats}} {", arguments), "[1] {none} {2} {");
  EXPECT_EQ(fill_template("", arguments), "");
}

}  // namespace
}  // namespace ragent
