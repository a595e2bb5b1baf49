#include <ragent/typed.h>

#include <action/fake_host.h>

#include <gmock/gmock.h>

#include <future>
#include <thread>

namespace ragent {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
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

Json parsed(std::string_view text) {
  Result<Json> json = parse_json(text);
  EXPECT_TRUE(json) << text;
  return json ? std::move(*json) : Json();
}

template <class T>
std::string error_of(std::string_view text) {
  Result<T> value = from_json<T>(parsed(text));
  return value ? "no error" : value.error().message;
}

TEST(Schema, SpellsOutAStruct) {
  EXPECT_EQ(schema_of<Place>().dump(),
            R"({"type":"object","properties":{"city":{"type":"string"},"code":{"type":"string"}},)"
            R"("required":["city"],"additionalProperties":false})");
  Json schema = schema_of<Trip>();
  const Json& properties = *schema.find("properties");
  EXPECT_EQ(properties.find("to")->text("description"), "where to");
  EXPECT_EQ(properties.find("to")->find("required")->dump(), R"(["city"])");
  std::string cabin = R"({"type":"string","enum":["economy","business","first"]})";
  EXPECT_EQ(properties.find("cabin")->dump(), cabin);
  EXPECT_EQ(properties.find("upgrade")->dump(), cabin);
  EXPECT_EQ(properties.find("seats")->dump(),
            R"({"type":"integer","minimum":-128,"maximum":127,"default":1})");
  EXPECT_EQ(properties.find("stops")->find("default")->dump(), R"([{"city":"Brno","code":null}])");
  EXPECT_EQ(properties.find("fares")->dump(),
            R"({"type":"object","additionalProperties":{"type":"number"}})");
  EXPECT_EQ(schema.find("required")->dump(), R"(["to","cabin","fares","flexible"])");
}

TEST(FromJson, ReadsWhatToJsonWrites) {
  Trip trip{.to = Place{.city = "Prague", .code = "PRG"},
            .cabin = Cabin::first,
            .upgrade = {},
            .seats = -3,
            .stops = {},
            .fares = {{"base", 1.5}},
            .flexible = true};
  Json json = to_json_value(trip);
  EXPECT_EQ(json.dump(), R"({"to":{"city":"Prague","code":"PRG"},"cabin":"first","upgrade":null,)"
                         R"("seats":-3,"stops":[],"fares":{"base":1.5},"flexible":true})");
  Result<Trip> back = from_json<Trip>(json);
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_EQ(to_json_value(*back), json);
}

TEST(FromJson, KeepsDefaultsOfWhatIsLeftOut) {
  Result<Trip> trip = from_json<Trip>(
      parsed(R"({"to":{"city":"Oslo"},"cabin":"economy","fares":{},"flexible":false})"));
  ASSERT_TRUE(trip) << trip.error().message;
  EXPECT_EQ(trip->seats, 1);
  EXPECT_EQ(trip->stops.at(0).city, "Brno");
  EXPECT_FALSE(trip->upgrade);
  EXPECT_EQ(trip->to->city, "Oslo");
}

TEST(FromJson, NamesPathExpectedGotAndTheNearName) {
  std::string error = error_of<Trip>(
      R"({"to":{"citty":"Oslo"},"cabin":"busines","seats":128,"fares":{"a":"b"},"flexible":1})");
  EXPECT_THAT(error, HasSubstr("to.city: is required and missing"));
  EXPECT_THAT(error, HasSubstr("to.citty: is not a known field (did you mean \"city\"?)"));
  EXPECT_THAT(error, HasSubstr("cabin: expected one of economy, business, first, got string "
                               "\"busines\" (did you mean \"business\"?)"));
  EXPECT_THAT(error, HasSubstr("seats: expected integer from -128 to 127, got integer 128"));
  EXPECT_THAT(error, HasSubstr("fares.a: expected number, got string \"b\""));
  EXPECT_THAT(error, HasSubstr("flexible: expected true or false, got integer 1"));
  EXPECT_EQ(error_of<std::vector<int>>(R"([1,"x"])"),
            "[1]: expected integer from -2147483648 to "
            "2147483647, got string \"x\"");
  EXPECT_THAT(error_of<Place>("[]"), HasSubstr("expected object, got array []"));
}

struct Widths {
  std::uint8_t a = 1;
  std::int16_t b = 1;
  std::uint32_t c = 1;
  std::int64_t d = 1;
  std::uint64_t e = 1;
  float f = 1;
};
TEST(FromJson, ChecksTheRangeOfEveryWidth) {
  Result<Widths> widths = from_json<Widths>(parsed(
      R"({"a":255,"b":-32768,"c":4294967295,"d":-9223372036854775808,"e":9223372036854775807,)"
      R"("f":2.5})"));
  ASSERT_TRUE(widths) << widths.error().message;
  EXPECT_EQ(widths->a, 255);
  EXPECT_EQ(widths->b, -32768);
  EXPECT_EQ(widths->c, 4294967295U);
  EXPECT_EQ(widths->d, INT64_MIN);
  EXPECT_EQ(widths->e, 9223372036854775807U);
  EXPECT_EQ(to_json_value(*widths).dump(),
            R"({"a":255,"b":-32768,"c":4294967295,"d":-9223372036854775808,)"
            R"("e":9223372036854775807,"f":2.5})");
  EXPECT_EQ(from_json<Widths>(parsed(R"({"a":2.0})"))->a, 2);
  for (const char* text : {R"({"a":256})", R"({"a":-1})", R"({"b":32768})", R"({"c":-1})",
                           R"({"c":4294967296})", R"({"e":-1})", R"({"a":1.5})"}) {
    EXPECT_NE(error_of<Widths>(text), "no error") << text;
  }
}

struct Many {
  int a0 = 1, a1 = 1, a2 = 1, a3 = 1, a4 = 1, a5 = 1, a6 = 1, a7 = 1, a8 = 1, a9 = 1, b0 = 1;
  int b1 = 1, b2 = 1, b3 = 1, b4 = 1, b5 = 1, b6 = 1, b7 = 1, b8 = 1, b9 = 1, c0 = 1, c1 = 1;
  int c2 = 1, c3 = 1, c4 = 1, c5 = 1, c6 = 1, c7 = 1, c8 = 1, c9 = 1, d0 = 1, d1 = 1;
};
TEST(FromJson, TakesThirtyTwoFields) {
  Result<Many> many = from_json<Many>(parsed(R"({"d1":7,"a0":3})"));
  ASSERT_TRUE(many) << many.error().message;
  EXPECT_EQ(many->d1, 7);
  EXPECT_EQ(many->a0, 3);
  EXPECT_EQ(many->d0, 1);
  EXPECT_EQ(schema_of<Many>().find("properties")->size(), 32U);
}

struct Tree {
  std::string name;
  std::vector<Tree> children;
};
TEST(Schema, LeavesAStructInsideItselfOpenAtSomeDepth) {
  EXPECT_LT(schema_of<Tree>().dump().size(), 4096U);
  Result<Tree> tree =
      from_json<Tree>(parsed(R"({"name":"a","children":[{"name":"b","children":[]}]})"));
  ASSERT_TRUE(tree) << tree.error().message;
  EXPECT_EQ(tree->children.at(0).name, "b");
  Json deep = Json::object({{"name", "x"}, {"children", Json::array({})}});
  for (int i = 0; i < 80; ++i) {
    deep = Json::object({{"name", "x"}, {"children", Json::array({std::move(deep)})}});
  }
  Result<Tree> refused = from_json<Tree>(deep);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("nested deeper than 64"));
}

struct Options {
  std::optional<int> limit;
  int page = 1;
};
struct Query {
  std::string text;
  Options options;
};
TEST(Schema, AnObjectOfDefaultsIsNotRequired) {
  EXPECT_EQ(schema_of<Query>().find("required")->dump(), R"(["text"])");
  EXPECT_EQ(from_json<Query>(parsed(R"({"text":"x"})"))->options.page, 1);
}

struct Sum {
  int a;
  int b;
};

TEST(NativeTool, RunsThePlainFormOnThePool) {
  FakeHost host;
  std::thread::id worker;
  Tool add = tool("add", "Add two integers.", [&](Sum s) {
               worker = std::this_thread::get_id();
               return s.a + s.b;
             }).read();
  EXPECT_EQ(add.spec.name, "add");
  EXPECT_EQ(add.spec.effect, Effect::read);
  EXPECT_EQ(add.spec.parameters, schema_of<Sum>());
  Result<Json> sum = host.run(add.body->call(host.context, parsed(R"({"a":2,"b":3})")));
  ASSERT_TRUE(sum) << sum.error().message;
  EXPECT_EQ(*sum, Json(5));
  EXPECT_EQ(host.blocked, 1);
  EXPECT_NE(worker, std::this_thread::get_id());
}

TEST(NativeTool, RunsATaskOnTheShard) {
  FakeHost host;
  struct Form {
    static Task<std::string> call(Sum s, ToolContext& context) {
      co_await context.host.loop().sleep(std::chrono::milliseconds(1));
      context.host.progress("half");
      co_return context.key + std::to_string(s.a);
    }
  };
  Tool slow = tool("slow", "Wait.", Form::call);
  EXPECT_EQ(slow.spec.effect, Effect::once);
  Result<Json> out = host.run(slow.body->call(host.context, parsed(R"({"a":2,"b":3})")));
  ASSERT_TRUE(out) << out.error().message;
  EXPECT_EQ(*out, Json("KEY2"));
  EXPECT_EQ(host.blocked, 0);
  EXPECT_THAT(host.notes, ElementsAre("half"));
}

TEST(NativeTool, ReturnsAnythingThatCanBePrinted) {
  FakeHost host;
  auto call = [&](Tool tool) {
    Result<Json> out = host.run(tool.body->call(host.context, Json::object({})));
    return out ? out->dump() : out.error().message;
  };
  EXPECT_EQ(call(tool("t", "", [] {})), R"("done")");
  EXPECT_EQ(call(tool("t", "", [] { return "text"; })), R"("text")");
  EXPECT_EQ(call(tool("t", "", [](ToolContext& c) { return c.run; })), R"("r1")");
  EXPECT_EQ(call(tool("t", "", [] { return std::vector<Sum>{{1, 2}}; })), R"([{"a":1,"b":2}])");
  EXPECT_EQ(call(tool("t", "", [](Json in) { return in; })), "{}");
  EXPECT_EQ(call(tool("t", "", []() -> Result<void> { return {}; })), R"("done")");
  EXPECT_EQ(call(tool("t", "", []() -> Result<Sum> { return Sum{1, 2}; })), R"({"a":1,"b":2})");
  int count = 0;
  Tool mutating = tool(
      "t", "", [&count, step = std::make_unique<int>(2)]() mutable { return count += (*step)++; });
  EXPECT_EQ(call(mutating), "2");
  EXPECT_EQ(call(mutating), "5");
}

TEST(NativeTool, KeepsErrorsApart) {
  FakeHost host;
  auto error = [&](Tool tool, std::string_view arguments = "{}") {
    Result<Json> out = host.run(tool.body->call(host.context, parsed(arguments)));
    EXPECT_FALSE(out);
    return out ? Error{} : out.error();
  };
  Tool add = tool("add", "", [](Sum s) { return s.a; });
  Error bad = error(add, R"({"a":"x"})");
  EXPECT_EQ(bad.kind, ErrorKind::rejected);
  EXPECT_THAT(bad.message, AllOf(HasSubstr("arguments: a: expected integer"),
                                 HasSubstr("b: is required and missing")));
  Error refused =
      error(tool("t", "", []() -> Result<int> { return fail(ErrorKind::rejected, "sold out"); }));
  EXPECT_EQ(refused.kind, ErrorKind::rejected);
  EXPECT_EQ(refused.message, "sold out");
  Error thrown = error(tool("t", "", []() -> int { throw std::runtime_error("boom"); }));
  EXPECT_EQ(thrown.kind, ErrorKind::internal);
  EXPECT_THAT(thrown.message, AllOf(HasSubstr("tool t"), HasSubstr("boom")));
  struct Form {
    static Task<int> throws(Sum, ToolContext&) {
      throw std::runtime_error("bang");
      co_return 1;
    }
  };
  Error task = error(tool("t", "", Form::throws), R"({"a":1,"b":2})");
  EXPECT_EQ(task.kind, ErrorKind::internal);
  EXPECT_THAT(task.message, HasSubstr("bang"));
}

TEST(NativeTool, AnswersAQuery) {
  FakeHost host;
  Tool book = tool("book", "", [](Sum s) { return s.a; }).query([](Sum s, ToolContext& context) {
    return QueryAnswer{.state = QueryAnswer::State::happened,
                       .result = Json(context.key + std::to_string(s.b))};
  });
  EXPECT_TRUE(book.spec.query);
  Json arguments = parsed(R"({"a":1,"b":2})");
  Result<QueryAnswer> answer = host.run(book.body->query(host.context, arguments));
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(answer->state, QueryAnswer::State::happened);
  EXPECT_EQ(answer->result, Json("KEY2"));
  Tool plain = tool("plain", "", [](Sum s) { return s.a; });
  EXPECT_FALSE(plain.spec.query);
  EXPECT_EQ(host.run(plain.body->query(host.context, arguments))->state,
            QueryAnswer::State::unknown);
}

TEST(NativeTool, OutlivesATaskThatIsDropped) {
  FakeHost host;
  std::atomic<bool> started = false;
  std::promise<void> dropped;
  std::string key;
  {
    Tool slow = tool("slow", "", [&](ToolContext& context) {
      started = true;
      dropped.get_future().wait();
      key = context.key;
    });
    host.run_until(slow.body->call(host.context, Json::object({})), [&] { return started.load(); });
    host.context.key = "another";
  }
  dropped.set_value();
  host.drain();
  EXPECT_EQ(key, "KEY");  // of its own copy of the context
}

TEST(ToolSpecJson, ComesBackAsItWas) {
  ToolSpec spec{.name = "book",
                .description = "Book.",
                .parameters = schema_of<Sum>(),
                .effect = Effect::idempotent,
                .kind = ToolSpec::Kind::exec,
                .query = true,
                .ask = "Book {a}?",
                .undo = "cancel",
                .words = {"book"},
                .seen = {{.argument = "a", .key = "id", .tool = "search"}},
                .resources = {{"cpu", 1.5}},
                .timeout = std::chrono::milliseconds(1500),
                .label = {.trusted = false, .confidential = true},
                .version = "2",
                .source = "./book",
                .query_source = "./book --query"};
  Result<ToolSpec> back = tool_spec_from_json(to_json(spec));
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_EQ(*back, spec);
  ToolSpec small{.name = "x", .parameters = Json::object({})};
  EXPECT_EQ(to_json(small).dump(),
            R"({"name":"x","description":"","parameters":{},"effect":"once","kind":"native"})");
  EXPECT_EQ(*tool_spec_from_json(to_json(small)), small);
}

TEST(ToolSpecJson, NamesWhatIsWrong) {
  auto error = [](std::string_view text) {
    Result<ToolSpec> spec = tool_spec_from_json(parsed(text));
    return spec ? "no error" : spec.error().message;
  };
  EXPECT_EQ(error(R"({"name":"x","effect":"reed"})"),
            "tool x: effect: expected one of read, idempotent, once, got \"reed\" (did you mean "
            "\"read\"?)");
  EXPECT_THAT(error(R"({"name":"x","seen":[{"argument":"a"}]})"), HasSubstr("tool x: seen:"));
  EXPECT_THAT(error(R"({"name":"x","words":[1]})"), HasSubstr("words: expected an array"));
  EXPECT_THAT(error("[]"), HasSubstr("expected an object with a name"));
}

}  // namespace
}  // namespace ragent
