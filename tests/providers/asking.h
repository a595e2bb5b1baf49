// What the suites of this folder share: models behind the stub, how to ask them, what they said.
//
//   Sources sources;
//   std::unique_ptr<Model> model = sources.open(stub.url(), Api::chat, true, "m1", *loop);
//   Said said = co_await ask(*model, 2s);
//
// One loop's thread.
#pragma once

#include <base/random.h>
#include <base/scope.h>
#include <model/http/http_model.h>
#include <stub_model/stub_model.h>

#include <map>

namespace ragent::providers {

using stub::Api;

inline constexpr std::string_view kKey = "sk-kept-between-us";

// What the calls of one source share: where they wait, and what they send.
struct Sources {
  std::chrono::milliseconds wait = std::chrono::milliseconds(20);  // the longest before a retry
  bool patient = false;  // retries wait the longest time there is, so that short calls have none
  ModelSource streamed = {};
  ModelSource plain = {};
  // Requests sent, of each call that says its name in its body (see `asking`), and when.
  std::map<std::string, int> sent = {};
  std::vector<TimePoint> times = {};

  Sources();
  Sources(const Sources&) = delete;
  Sources& operator=(const Sources&) = delete;
  std::unique_ptr<Model> open(const std::string& url, Api api, bool stream,
                              const std::string& model, Loop& loop);
};

struct Said {
  Result<Reply> reply = fail(ErrorKind::internal, "not asked");
  std::string shown = {};  // the text of the deltas since the last restart
  std::chrono::nanoseconds late = {};  // after the deadline
};

// `words` is what the user says: ask by "call 17." and it is counted as sent["call 17."].
Task<Said> ask(Loop& loop, Model& model, std::chrono::milliseconds time_max,
               std::string words = "call 0.", bool tools = false);

// A text that a person can read, of one screen at most.
bool readable(std::string_view text);

}  // namespace ragent::providers
