// What the tests of the API share: a home, and an agent in a folder whose tool writes into a
// ledger; engines with a scripted model.
//
//   House house;
//   auto host = open_host(house.options());
//   (*host)->start({.agent = house.agent(), .input = "book"});
#pragma once

#include <api/host.h>
#include <api/server.h>
#include <base/scope.h>
#include <model/scripted.h>
#include <net/http_client.h>
#include <ragent/ragent.h>
#include <store/test_home.h>

#include <gmock/gmock.h>

#include <fstream>
#include <sstream>

namespace ragent::api {

inline constexpr std::string_view kScript = R"({"model": "test", "latency_ms": 20, "pace_ms": 1}
{"user": "book"}
{"calls": [{"tool": "book", "args": {"seat": "A1"}}]}
{"answer": "Booked A1 for you."}
{"user": "slow"}
{"calls": [{"tool": "book", "args": {"seat": "B1"}}]}
{"calls": [{"tool": "book", "args": {"seat": "B2"}}], "latency_ms": 300}
{"calls": [{"tool": "book", "args": {"seat": "B3"}}], "latency_ms": 300}
{"answer": "Three seats."}
{"user": "ask"}
{"calls": [{"tool": "ask_first", "args": {"seat": "C1"}}]}
{"answer": "You said so."}
{"user": "stream"}
{"answer": "w0 w1 w2 w3 w4 w5 w6 w7 w8 w9 w10 w11"}
{"user": "endless"}
{"answer": "At last.", "latency_ms": 60000}
{"user": ""}
{"answer": "one two three four"}
)";

inline constexpr std::string_view kAgent = R"(model = "test"
planner = "react"
[profile]
name = "desk"
instructions = "Sell seats."
[tools.book]
description = "Book a seat."
effect = "once"
args = { seat = "string: its id" }
exec = "./book"
[tools.ask_first]
description = "Book a seat."
effect = "once"
args = { seat = "string: its id" }
exec = "./book"
ask = "Book {seat}?"
)";

inline constexpr std::string_view kBook = R"(#!/bin/sh
cat >/dev/null
echo "$RAGENT_KEY" >> "$RAGENT_AGENT_DIR/ledger"
echo '{"booked": true}'
)";

class House {
 public:
  explicit House(std::string below = "/home")
      : home_(folder_.folder() + below), agent_(folder_.folder() + "/desk") {
    std::filesystem::create_directories(agent_);
    std::ofstream(agent_ + "/agent.toml") << kAgent;
    std::ofstream(agent_ + "/book") << kBook;
    std::filesystem::permissions(agent_ + "/book", std::filesystem::perms::owner_all);
  }
  const std::string& home() const { return home_; }
  const std::string& agent() const { return agent_; }
  std::string socket() const { return home_ + "/ragent.sock"; }

  EngineOptions options() const {
    EngineOptions out;
    out.home = home_;
    out.resume = false;
    out.models.push_back([](const std::string& name, Loop& loop) -> Result<std::unique_ptr<Model>> {
      if (name != "test") return nullptr;
      return make_scripted_model(loop, *parse_script(kScript));
    });
    out.planners = {react()};
    out.services.push_back(api_service());
    return out;
  }
  std::unique_ptr<Host> host() const {
    Result<std::unique_ptr<Host>> host = open_host(options());
    EXPECT_TRUE(host) << host.error().message;
    return std::move(*host);
  }

  std::vector<std::string> ledger() const {
    std::vector<std::string> lines;
    std::ifstream file(agent_ + "/ledger");
    for (std::string line; std::getline(file, line);) lines.push_back(line);
    return lines;
  }

  // Asks over the socket, as any program may.
  HttpResponse ask(std::string method, const std::string& path, std::string body = "",
                   Headers headers = {}) const {
    auto loop = make_loop();
    auto client = make_http_client(*loop, {.unix_socket = socket()});
    Result<HttpResponse> response =
        block_on(*loop, client->send({.request = {.method = std::move(method),
                                                  .url = "http://localhost" + path,
                                                  .headers = std::move(headers),
                                                  .body = std::move(body)}}));
    EXPECT_TRUE(response) << response.error().message;
    return response ? *response : HttpResponse{.status = 0};
  }
  Json json(std::string method, const std::string& path, std::string body = "",
            int status = 200) const {
    const HttpResponse response = ask(std::move(method), path, std::move(body));
    EXPECT_EQ(response.status, status) << response.body;
    Result<Json> json = parse_json(response.body);
    EXPECT_TRUE(json) << response.body;
    return json.value_or(Json());
  }

 private:
  TestHome folder_;
  std::string home_;
  std::string agent_;
};

// All events of a run until it has ended or stands still.
inline std::vector<Event> events_of(RunHandle& handle) {
  std::vector<Event> out;
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (std::chrono::steady_clock::now() < end) {
    const auto asked = std::chrono::steady_clock::now();
    std::optional<Event> event = handle.next_event(std::chrono::seconds(5));
    if (event) {
      out.push_back(std::move(*event));
    } else if (std::chrono::steady_clock::now() - asked < std::chrono::seconds(5)) {
      return out;
    }
  }
  ADD_FAILURE() << "run " << handle.id() << " neither ended nor stood still";
  return out;
}

inline std::vector<std::uint64_t> ids_of(const std::vector<Event>& events) {
  std::vector<std::uint64_t> out;
  for (const Event& event : events) {
    if (event.id > 0) out.push_back(event.id);
  }
  return out;
}

inline std::vector<std::uint64_t> up_to(std::uint64_t last) {
  std::vector<std::uint64_t> out;
  for (std::uint64_t i = 1; i <= last; ++i) out.push_back(i);
  return out;
}

inline std::string text_of(const std::vector<Event>& events) {
  std::string out;
  for (const Event& event : events) {
    if (event.kind == Event::Kind::delta && event.body.string()) out += *event.body.string();
  }
  return out;
}

}  // namespace ragent::api
