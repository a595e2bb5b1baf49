// The API as any program sees it: requests over the socket of a home with a real engine.
#include <api/test_house.h>
#include <net/sse.h>

#include <unistd.h>

#include <thread>

namespace ragent::api {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

class RoutesTest : public testing::Test {
 protected:
  RoutesTest() { EXPECT_TRUE(engine->open()); }

  std::string body(std::string_view input, std::string_view more = "") const {
    return R"({"agent": ")" + house.agent() + R"(", "input": ")" + std::string(input) + "\"" +
           std::string(more) + "}";
  }
  std::string start(std::string_view input) const {
    return house.json("POST", "/v1/runs", body(input), 201).text("run");
  }
  std::string detail(const std::string& method, const std::string& path, const std::string& text,
                     int status) const {
    return house.json(method, path, text, status).text("detail");
  }
  // A whole stream: until the run has ended.
  static std::vector<SseEvent> read(std::string_view text) {
    SseReader reader;
    std::vector<SseEvent> out;
    EXPECT_TRUE(reader.feed(text, [&](const SseEvent& event) -> Result<void> {
      out.push_back(event);
      return {};
    }));
    EXPECT_TRUE(reader.between_events());
    return out;
  }

  House house;
  std::unique_ptr<Engine> engine = std::make_unique<Engine>(house.options());
};

TEST_F(RoutesTest, TheOwnerSaysWhoItIs) {
  const Json owner = house.json("GET", "/v1/owner");
  EXPECT_EQ(owner.integer("pid"), ::getpid());
  EXPECT_EQ(owner.text("home"), house.home());
  EXPECT_FALSE(owner.text("version").empty());
  EXPECT_EQ(owner.integer("api"), 1);
}

TEST_F(RoutesTest, ARunIsStartedSeenAndListed) {
  const Json started = house.json("POST", "/v1/runs", body("book", R"(, "session": "s1")"), 201);
  EXPECT_EQ(started.text("session"), "s1");
  const std::string run = started.text("run");
  const std::vector<SseEvent> events = read(house.ask("GET", "/v1/runs/" + run + "/events").body);
  ASSERT_GT(events.size(), 3u);
  EXPECT_EQ(events.front().event, "opened");
  EXPECT_EQ(parse_json(events.front().data)->text("session"), "s1");
  EXPECT_EQ(events.back().event, "ended");
  EXPECT_EQ(parse_json(events.back().data)->find("body")->text("text"), "Booked A1 for you.");
  const Json row = house.json("GET", "/v1/runs/" + run.substr(0, 20));
  EXPECT_EQ(row.text("run"), run);
  EXPECT_EQ(row.text("state"), "ended");
  EXPECT_EQ(row.text("outcome"), "answered");
  EXPECT_EQ(row.text("agent"), "desk");
  start("hello");
  EXPECT_EQ(house.json("GET", "/v1/runs").find("runs")->size(), 2u);
  EXPECT_EQ(house.json("GET", "/v1/runs?limit=1").find("runs")->size(), 1u);
}

TEST_F(RoutesTest, AStartStreamsItsRun) {
  const std::vector<SseEvent> events =
      read(house.ask("POST", "/v1/runs", body("hello", R"(, "stream": true)")).body);
  std::string said;
  std::uint64_t last = 0;
  for (const SseEvent& event : events) {
    const Json data = *parse_json(event.data);
    if (event.event == "delta") said += data.text("body");
    if (event.event == "step") EXPECT_EQ(event.id, std::to_string(++last));
  }
  EXPECT_EQ(said, "one two three four");
  EXPECT_EQ(events.back().event, "ended");
  EXPECT_GT(last, 3u);
}

TEST_F(RoutesTest, EventsGoOnBehindTheLastOne) {
  const std::string run = start("book");
  const auto all = read(house.ask("GET", "/v1/runs/" + run + "/events").body);
  for (const HttpResponse& response :
       {house.ask("GET", "/v1/runs/" + run + "/events?after=4"),
        house.ask("GET", "/v1/runs/" + run + "/events", "", {{"last-event-id", "4"}})}) {
    const auto rest = read(response.body);
    EXPECT_EQ(rest[0].event, "opened");
    EXPECT_EQ(rest[1].id, "5");
    EXPECT_EQ(rest.back().data, all.back().data);
  }
  const auto none = read(house.ask("GET", "/v1/runs/" + run + "/events?after=99999").body);
  EXPECT_EQ(none.size(), 2u);  // opened, ended
}

TEST_F(RoutesTest, ARunIsForked) {
  const std::string run = start("book");
  (void)house.ask("GET", "/v1/runs/" + run + "/events");  // to its end
  const std::string path = "/v1/runs/" + run + "/fork";
  const Json forked =
      house.json("POST", path, R"({"at": "0:3", "edit": "No seat.", "who": "me"})", 201);
  EXPECT_EQ(forked.integer("records"), 8);
  const auto events =
      read(house.ask("GET", "/v1/runs/" + forked.text("run") + "/events?after=8").body);
  EXPECT_EQ(events[1].id, "9");
  EXPECT_EQ(parse_json(events.back().data)->find("body")->text("text"), "No seat.");
  EXPECT_EQ(house.json("GET", "/v1/runs/" + forked.text("run")).text("parent"), run + "@0:3");
  EXPECT_EQ(house.ledger().size(), 1u);
  EXPECT_THAT(detail("POST", path, "{}", 400), HasSubstr("at: is required"));
  EXPECT_THAT(detail("POST", path, R"({"at": "0:9"})", 404), HasSubstr("has the steps 0:0 to 0:3"));
  EXPECT_THAT(detail("POST", "/v1/runs/none/fork", R"({"at": "0:3"})", 404), HasSubstr("none"));
}

TEST_F(RoutesTest, AnAskIsListedAndAnswered) {
  const std::string run = start("ask");
  Json asks;
  while (asks.size() == 0) asks = *house.json("GET", "/v1/asks").find("asks");
  const Json& ask = asks.array()->front();
  EXPECT_EQ(ask.text("run"), run);
  EXPECT_EQ(ask.text("question"), "Book C1?");
  const std::string id = ask.text("id");
  EXPECT_THAT(detail("POST", "/v1/asks/" + id, R"({"who": "me"})", 400), HasSubstr("allowed"));
  EXPECT_EQ(house.json("POST", "/v1/asks/nothing", R"({"allowed": true})", 400).text("kind"),
            "invalid");
  house.json("POST", "/v1/asks/" + id, R"({"allowed": true, "who": "me"})");
  const auto events = read(house.ask("GET", "/v1/runs/" + run + "/events").body);
  EXPECT_EQ(events.back().event, "ended");
  EXPECT_EQ(house.ledger().size(), 1u);
}

TEST_F(RoutesTest, AnEventThatIsNestedDeeplyHasItsName) {
  const std::string run = start("ask");
  while (house.json("GET", "/v1/asks").find("asks")->size() == 0) {
  }
  const std::size_t depth = limits::kJsonDepthMax - 1;  // in the body of the request
  house.json(
      "POST", "/v1/asks/" + run + "%2F0:2.0",
      R"({"allowed": true, "answer": )" + std::string(depth, '[') + std::string(depth, ']') + "}");
  const auto events = read(house.ask("GET", "/v1/runs/" + run + "/events").body);
  EXPECT_EQ(events.back().event, "ended");
  for (const SseEvent& event : events) EXPECT_FALSE(event.event.empty()) << event.data;
}

TEST_F(RoutesTest, ARunIsCancelled) {
  const std::string run = start("endless");
  house.json("POST", "/v1/runs/" + run + "/cancel", R"({"reason": "enough"})");
  const auto events = read(house.ask("GET", "/v1/runs/" + run + "/events").body);
  const Json end = *parse_json(events.back().data);
  EXPECT_EQ(end.find("body")->text("outcome"), "cancelled");
  EXPECT_EQ(house.json("POST", "/v1/runs/" + run + "/cancel", "", 404).text("kind"), "not_found");
}

TEST_F(RoutesTest, OnlyWhatIsInDoubtIsResolved) {
  const std::string run = start("endless");
  const Json problem = house.json("POST", "/v1/runs/" + run + "/resolve",
                                  R"({"step": "0:9.0", "verdict": "abandon", "who": "me"})", 404);
  EXPECT_EQ(problem.text("kind"), "not_found");
  EXPECT_THAT(
      detail("POST", "/v1/runs/" + run + "/resolve", R"({"step": "x", "verdict": "abandon"})", 400),
      HasSubstr("x"));
  house.json("POST", "/v1/runs/" + run + "/cancel");
}

TEST_F(RoutesTest, SessionsAndTheirTurns) {
  const std::string run =
      house.json("POST", "/v1/runs", body("hello", R"(, "session": "s1")"), 201).text("run");
  Json session;
  while (session.find("turns") == nullptr || session.find("turns")->size() == 0) {
    session = house.json("GET", "/v1/sessions/s1");
  }
  const Json& turn = session.find("turns")->array()->front();
  EXPECT_EQ(turn.text("run"), run);
  EXPECT_THAT(turn.find("answer")->dump(), HasSubstr("one two three four"));
  EXPECT_EQ(house.json("GET", "/v1/sessions").find("sessions")->array()->front().text("session"),
            "s1");
  EXPECT_THAT(detail("GET", "/v1/sessions/none", "", 404), HasSubstr("none"));
}

TEST_F(RoutesTest, ArtifactsAreBytes) {
  const std::string bytes("\x00\xff{not json", 11);
  const std::string id = house.json("POST", "/v1/artifacts", bytes, 201).text("artifact");
  EXPECT_EQ(id, *engine->artifact(bytes));
}

TEST_F(RoutesTest, AKeyNamesOneRun) {
  const std::string keyed = body("book", R"(, "key": "k1")");
  const std::string run = house.json("POST", "/v1/runs", keyed, 201).text("run");
  EXPECT_EQ(house.json("POST", "/v1/runs", keyed, 201).text("run"), run);
  EXPECT_EQ(house.json("GET", "/v1/runs").find("runs")->size(), 1u);
}

// ---- bad input

TEST_F(RoutesTest, WhatIsNotThere) {
  EXPECT_THAT(detail("GET", "/v1/nothing", "", 404), HasSubstr("/v1/runs"));
  EXPECT_THAT(detail("GET", "/", "", 404), HasSubstr("/v1/runs"));
  EXPECT_THAT(detail("DELETE", "/v1/runs", "", 405), HasSubstr("POST and GET"));
  EXPECT_THAT(detail("GET", "/v1/runs/none", "", 404), HasSubstr("none"));
  EXPECT_THAT(detail("GET", "/v1/runs/none/events", "", 404), HasSubstr("none"));
  EXPECT_THAT(detail("GET", "/v1/runs?limt=5", "", 400), HasSubstr("limt"));
  EXPECT_THAT(detail("GET", "/v1/runs?limit=many", "", 400), HasSubstr("many"));
  EXPECT_THAT(detail("GET", "/v1/runs/a/events?after=-1", "", 400), HasSubstr("-1"));
  EXPECT_THAT(detail("GET", "/v1/runs/%zz", "", 400), HasSubstr("hexadecimal"));
}

TEST_F(RoutesTest, BodiesThatAreNotUnderstood) {
  EXPECT_THAT(detail("POST", "/v1/runs", "{\"agent\": ", 400), HasSubstr("line 1"));
  EXPECT_THAT(detail("POST", "/v1/runs", "", 400), HasSubstr("agent"));
  EXPECT_THAT(detail("POST", "/v1/runs", body("x", R"(, "modl": "m")"), 400),
              HasSubstr("did you mean \"model\"?"));
  EXPECT_THAT(detail("POST", "/v1/runs", R"({"agent": "desk", "input": "x"})", 400),
              HasSubstr("absolute"));
  EXPECT_THAT(detail("POST", "/v1/runs", body("x", R"(, "model": "no/such")"), 404),
              HasSubstr("no/such"));
  EXPECT_THAT(detail("POST", "/v1/runs", std::string(100, '['), 400), HasSubstr("deep"));
  const std::string large = body(std::string(limits::kRequestBodyBytesMax, 'x'));
  EXPECT_THAT(detail("POST", "/v1/runs", large, 413), HasSubstr("at most"));
  EXPECT_EQ(
      house.ask("POST", "/v1/artifacts", std::string(limits::kArtifactBytesMax + 1, 'x')).status,
      413);
  EXPECT_TRUE(house.json("GET", "/v1/runs").find("runs")->array()->empty());
}

// Streams that nobody reads to the end do not keep an engine from closing.
TEST_F(RoutesTest, StreamsEndWithTheEngine) {
  const std::string run = start("endless");
  std::atomic<bool> ended = false;
  std::jthread listener([&] {
    const auto events = read(house.ask("GET", "/v1/runs/" + run + "/events").body);
    EXPECT_NE(events.back().event, "ended");
    ended = true;
  });
  std::this_thread::sleep_for(100ms);
  EXPECT_FALSE(ended);
  const auto before = std::chrono::steady_clock::now();
  engine.reset();
  listener.join();
  EXPECT_LT(std::chrono::steady_clock::now() - before, 2s);
}

}  // namespace
}  // namespace ragent::api
