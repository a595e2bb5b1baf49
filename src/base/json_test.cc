#include <ragent/json.h>

#include <base/file.h>
#include <base/random.h>
#include <base/text.h>
#include <base/written_json.h>

#include <gmock/gmock.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <limits>

namespace ragent {
namespace {

using testing::HasSubstr;

Json parsed(std::string_view text) {
  Result<Json> json = parse_json(text);
  if (!json) ADD_FAILURE() << text << ": " << json.error().message;
  return json.value_or(Json());
}

TEST(Json, ReadsAndWritesEveryType) {
  const std::string text = R"({"n":null,"t":true,"f":false,"i":-42,"d":0.5,"s":"a\"\\\n\u0001é😀",)"
                           R"("a":[1,[],{}],"o":{"z":1,"a":2}})";
  EXPECT_EQ(parsed(text).dump(), text);
  EXPECT_EQ(parsed(R"("\u00e9\ud83d\ude00\/")").dump(), "\"é😀/\"");
  EXPECT_EQ(parsed(" [ 1 , 2 ] ").dump(), "[1,2]");
}

TEST(Json, PrettyIsTheSameValue) {
  const Json json = parsed(R"({"a":[1,{"b":[]}],"c":{}})");
  EXPECT_EQ(json.pretty(),
            "{\n  \"a\": [\n    1,\n    {\n      \"b\": []\n    }\n  ],\n  \"c\": {}\n}");
  EXPECT_EQ(parsed(json.pretty()).dump(), json.dump());
}

TEST(Json, MembersKeepTheirOrderAndTheLastOfEqualKeys) {
  EXPECT_EQ(parsed(R"({"z":1,"a":2,"m":3})").dump(), R"({"z":1,"a":2,"m":3})");
  EXPECT_EQ(parsed(R"({"a":1,"b":2,"a":3,"c":4,"b":5,"a":6})").dump(), R"({"a":6,"b":5,"c":4})");
  Json json;
  json["z"] = 1;
  json["a"]["b"] = "c";
  json["z"] = 2;
  EXPECT_EQ(json.dump(), R"({"z":2,"a":{"b":"c"}})");
}

TEST(Json, ManyRepeatedKeysAreNotQuadratic) {
  std::string text = "{";
  for (int i = 0; i < 20'000; ++i)
    text += "\"k" + std::to_string(i % 10'000) + "\":" + std::to_string(i) + ",";
  text.back() = '}';
  const Json json = parsed(text);
  EXPECT_EQ(json.size(), 10'000u);
  EXPECT_EQ(json.object()->front().value, Json(10'000));
}

TEST(Json, IntegersStayExactAndBecomeDoublesBeyondInt64) {
  EXPECT_EQ(parsed("9223372036854775807").integer(), std::numeric_limits<std::int64_t>::max());
  EXPECT_EQ(parsed("-9223372036854775808").integer(), std::numeric_limits<std::int64_t>::min());
  EXPECT_FALSE(parsed("9223372036854775808").is_integer());
  EXPECT_EQ(parsed("9223372036854775808").number(), 0x1p63);
  EXPECT_EQ(parsed("123456789012345678901234567890").number(), 123456789012345678901234567890.0);
  EXPECT_EQ(Json(std::numeric_limits<std::uint64_t>::max()).number(), 0x1p64);
  EXPECT_EQ(Json(7u).integer(), 7);
  EXPECT_EQ(parsed("2.0").integer(), 2);
  EXPECT_EQ(parsed("2.5").integer(), std::nullopt);
  EXPECT_EQ(parsed("1e300").integer(), std::nullopt);
  EXPECT_EQ(Json(0x1p63).integer(), std::nullopt);
  EXPECT_EQ(Json(-0x1p63).integer(), std::numeric_limits<std::int64_t>::min());
}

TEST(Json, DoublesAreShortAndReadBackTheSame) {
  EXPECT_EQ(Json(0.1).dump(), "0.1");
  EXPECT_EQ(Json(1.0).dump(), "1.0");  // stays a double
  EXPECT_EQ(Json(-0.0).dump(), "-0.0");
  EXPECT_EQ(Json(1e22).dump(), "1e+22");
  EXPECT_EQ(Json(std::nan("")).dump(), "null");
  EXPECT_EQ(Json(-INFINITY).dump(), "null");
  SeededRandom random(42);
  for (int i = 0; i < 20'000; ++i) {
    const double value = std::bit_cast<double>(random.next());
    if (!std::isfinite(value)) continue;
    const std::string text = Json(value).dump();
    const Json back = parsed(text);
    EXPECT_FALSE(back.is_integer()) << text;
    EXPECT_EQ(std::bit_cast<std::uint64_t>(*back.number()), std::bit_cast<std::uint64_t>(value))
        << text;
  }
}

TEST(Json, WhatIsWrittenIsAlwaysUtf8) {
  EXPECT_EQ(Json("a\xff").dump(), "\"a\xef\xbf\xbd\"");
  SeededRandom random(1);
  for (int i = 0; i < 2000; ++i) {
    std::string bytes;
    for (std::uint64_t n = random.below(16); n > 0; --n)
      bytes += static_cast<char>(random.below(256));
    const std::string text = Json(bytes).dump();
    EXPECT_TRUE(valid_utf8(text));
    EXPECT_EQ(*parsed(text).string(), to_utf8(bytes));
  }
}

TEST(Json, ComparesAsJsonSchemaDoes) {
  EXPECT_EQ(parsed(R"({"a":1,"b":{"c":2,"d":3}})"), parsed(R"({"b":{"d":3,"c":2},"a":1})"));
  EXPECT_NE(parsed(R"({"a":1})"), parsed(R"({"a":1,"b":2})"));
  EXPECT_NE(parsed(R"({"a":1,"c":2})"), parsed(R"({"a":1,"b":2})"));
  EXPECT_NE(parsed("[1,2]"), parsed("[2,1]"));
  EXPECT_EQ(Json(1), Json(1.0));
  EXPECT_NE(Json(1), Json(true));
  EXPECT_NE(Json(0), Json());
  EXPECT_NE(Json("1"), Json(1));
  // Not equal, although their doubles are.
  EXPECT_NE(Json(std::int64_t{9007199254740993}), Json(9007199254740992.0));
}

TEST(Json, AccessorsOfOtherTypesAnswerNothing) {
  const Json json = parsed(R"({"s":"text","i":3,"b":true,"n":null})");
  EXPECT_EQ(json.text("s"), "text");
  EXPECT_EQ(json.text("i", "none"), "none");
  EXPECT_EQ(json.integer("i"), 3);
  EXPECT_EQ(json.integer("s", -1), -1);
  EXPECT_TRUE(json.flag("b"));
  EXPECT_FALSE(json.flag("n"));
  EXPECT_EQ(json.find("absent"), nullptr);
  EXPECT_EQ(Json(3).find("a"), nullptr);
  EXPECT_EQ(Json(3).string(), nullptr);
  EXPECT_EQ(Json("x").size(), 0u);
  EXPECT_EQ(json.size(), 4u);
  EXPECT_EQ(json.find("b")->type_name(), "boolean");
  EXPECT_EQ(Json(1.5).type_name(), "number");
}

std::string nested(std::size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); }

TEST(Json, DepthAndSizeAreBounded) {
  EXPECT_TRUE(parse_json(nested(64)));
  const Result<Json> deep = parse_json(nested(65));
  ASSERT_FALSE(deep);
  EXPECT_THAT(deep.error().message, HasSubstr("64"));
  EXPECT_FALSE(parse_json(std::string(1'000'000, '[')));
  EXPECT_TRUE(parse_json("[1]", {.bytes_max = 3}));
  EXPECT_THAT(parse_json("[10]", {.bytes_max = 3}).error().message, HasSubstr("4 bytes"));
}

TEST(Json, WhatWasWrittenHereIsReadThoughItIsDeeperAndLonger) {
  EXPECT_TRUE(parse_written_json(nested(limits::kJsonDepthMax + 10)));
  EXPECT_FALSE(parse_written_json(nested(100'000)));
  const std::string text(limits::kJsonBytesMax, 'x');
  const Result<Json> long_one = parse_written_json(Json(text).dump());
  ASSERT_TRUE(long_one);
  EXPECT_EQ(*long_one->string(), text);
}

TEST(Json, NumbersAtTheBorders) {
  const auto read = [](std::string_view text) { return parse_json(text).value(); };
  EXPECT_EQ(read("-9223372036854775808").dump(), "-9223372036854775808");
  EXPECT_EQ(read("9223372036854775808").dump(), "9223372036854775808.0");
  EXPECT_TRUE(read("-0").is_integer());
  EXPECT_EQ(read("-0.0").dump(), "-0.0");
  EXPECT_EQ(read("1.7976931348623157e308").number(), 1.7976931348623157e308);
  EXPECT_EQ(read("5e-324").number(), 5e-324);
  for (const char* tiny : {"1e-999", "0.000001e-999", "1e-99999999999999999999", "123e-400"}) {
    EXPECT_EQ(read(tiny).number(), 0.0) << tiny;
  }
  EXPECT_EQ(read("-1e-999").dump(), "-0.0");
  EXPECT_EQ(read("0e999").number(), 0.0);
  const std::string long_one = "1" + std::string(400, '0');
  EXPECT_EQ(read(long_one + "e-400").number(), 1.0);
  EXPECT_EQ(read("0." + std::string(400, '0') + "1e401").number(), 1.0);
  for (const std::string& large :
       {std::string("1e309"), std::string("-2e308"), std::string("1e99999999999999999999"),
        std::string("1E+400"), long_one, long_one + "e-50"}) {
    EXPECT_FALSE(parse_json(large)) << large;
  }
}

TEST(Json, ErrorsSayWhereWhatWasExpectedAndWhatCame) {
  const auto error = [](std::string_view text) { return parse_json(text).error().message; };
  EXPECT_THAT(error("{\n  \"a\": tru\n}"),
              HasSubstr("JSON, line 2, column 8: expected a value, got tru"));
  EXPECT_THAT(error("[1,]"), HasSubstr("line 1, column 4"));
  EXPECT_THAT(error("[1,]"), HasSubstr("expected a value, got ]"));
  EXPECT_THAT(error("[1"), HasSubstr("expected ',' or ']', got the end"));
  EXPECT_THAT(error(""), HasSubstr("line 1, column 1: expected a value, got the end"));
  EXPECT_THAT(error("{\"a\" 1}"), HasSubstr("expected ':' behind a key, got 1"));
  EXPECT_THAT(error("{\"a\": 1,}"), HasSubstr("expected a key, got }"));
  EXPECT_THAT(error("{a: 1}"), HasSubstr("expected a key or '}', got a"));
  EXPECT_THAT(error("[1] 2"), HasSubstr("column 5: expected the end, got 2"));
  EXPECT_THAT(error("01"), HasSubstr("column 2: expected the end, got 1"));
  EXPECT_THAT(error("-x"), HasSubstr("column 2: expected a digit, got x"));
  EXPECT_THAT(error("[\"a\\x\"]"), HasSubstr("column 5: expected an escape"));
  EXPECT_THAT(error("\"\\u12g4\""), HasSubstr("column 4: expected four hexadecimal digits"));
  EXPECT_THAT(error("\"\\ud800\""), HasSubstr("half of a surrogate pair"));
  EXPECT_THAT(error("\"\\ud800\\u0041\""), HasSubstr("half of a surrogate pair"));
  EXPECT_THAT(error("\"a\tb\""), HasSubstr("expected a control character as an escape"));
  EXPECT_THAT(error(std::string_view("[1\0]", 4)), HasSubstr("got \\x00"));
  EXPECT_EQ(error("[1e999]"), "JSON, line 1, column 2: a number too large for a double, 1e999");
  EXPECT_TRUE(valid_utf8(error("[\"\xff\"]")));
  EXPECT_LT(error("\"" + std::string(100'000, 'a')).size(), 500u);
}

Json random_json(SeededRandom& random, int depth) {
  switch (random.below(depth > 0 ? 7 : 5)) {
    case 0: return {};
    case 1: return random.below(2) == 0;
    case 2: return static_cast<std::int64_t>(random.next());
    case 3: return static_cast<double>(random.next()) / 1e7;
    case 4: {
      std::string text;
      for (std::uint64_t n = random.below(6); n > 0; --n)
        text += static_cast<char>(random.below(128));
      return text;
    }
    case 5: {
      Json::Array array;
      for (std::uint64_t n = random.below(5); n > 0; --n)
        array.push_back(random_json(random, depth - 1));
      return array;
    }
    default: {
      Json object = Json::object({});
      for (std::uint64_t n = random.below(5); n > 0; --n) {
        object["k" + std::to_string(random.below(20))] = random_json(random, depth - 1);
      }
      return object;
    }
  }
}

TEST(Json, AnyValueReadsBackTheSame) {
  for (std::uint64_t seed = 0; seed < 3000; ++seed) {
    SeededRandom random(seed);
    const Json json = random_json(random, 5);
    const std::string text = json.dump();
    const Json back = parsed(text);
    EXPECT_EQ(back, json) << "seed " << seed;
    EXPECT_EQ(back.dump(), text) << "seed " << seed;
    EXPECT_EQ(parsed(json.pretty()).dump(), text) << "seed " << seed;
  }
}

TEST(Json, DamagedTextNeverCrashesAndWhatIsAcceptedRoundTrips) {
  const std::string whole = R"({"a":[1,-2.5e3,"x\u00e9\n",true,null],"b":{"c":{}},"d":"😀"})";
  for (std::uint64_t seed = 0; seed < 5000; ++seed) {
    SeededRandom random(seed);
    std::string text = whole;
    for (std::uint64_t n = 1 + random.below(3); n > 0; --n) {
      const std::size_t at = random.below(text.size());
      if (random.below(3) == 0) {
        text.erase(at, 1 + random.below(4));
      } else {
        text[at] = static_cast<char>(random.below(256));
      }
      if (text.empty()) text = "[";
    }
    const Result<Json> json = parse_json(text);
    if (!json) {
      EXPECT_TRUE(json.error().message.starts_with("JSON")) << json.error().message;
    } else {
      EXPECT_EQ(parsed(json->dump()).dump(), json->dump()) << "seed " << seed;
    }
  }
}

// ---- JSONTestSuite (github.com/nst/JSONTestSuite): y_ must be accepted, n_ refused, i_ is free.

void check_case(std::string_view name, std::string_view text) {
  const Result<Json> json = parse_json(text);
  if (name.starts_with("y_")) {
    EXPECT_TRUE(json) << name << ": " << json.error().message;
  } else if (name.starts_with("n_")) {
    EXPECT_FALSE(json) << name;
  }
}

// The suite's own files, which may be at hand too.
void check_files(const std::string& folder) {
  std::error_code absent;
  for (const auto& file : std::filesystem::directory_iterator(folder, absent)) {
    const Result<std::string> text = read_file(file.path(), 1 << 20);
    EXPECT_TRUE(text) << text.error().message;
    if (text) check_case(file.path().filename().string(), *text);
  }
}
// The package that scripts/setup fetches; answers how many cases were checked.
int check_package(const std::string& path) {
  const Result<std::string> script = read_file(path, 1 << 20);
  if (!script) return 0;
  const Result<Json> cases = parse_json(std::string_view(*script).substr(script->find('[')));
  EXPECT_TRUE(cases && cases->is_array()) << path;
  if (!cases || !cases->is_array()) return 0;
  for (const Json& one : *cases->array()) check_case(one.text("name"), one.text("input"));
  return static_cast<int>(cases->size());
}

TEST(JsonTestSuite, MandatoryCases) {
  const char* data = std::getenv("RAGENT_TEST_DATA");
  const char* cache = std::getenv("RAGENT_CACHE");
  const char* home = std::getenv("HOME");
  const std::string folder = cache ? cache : std::string(home ? home : "") + "/.cache/ragent";
  if (data) check_files(std::string(data) + "/json_test_suite/test_parsing");
  EXPECT_GE(check_package(folder + "/src/json-test-suite/data/parsing.js"), 300)
      << "no whole JSONTestSuite in " << folder << ": run scripts/setup";
}

}  // namespace
}  // namespace ragent
