// Log: 50 recorded conversations of GPT-4o with the users of an airline (tau-bench; data/LICENSE),
// as turns: what the user said, and what the model said and called until its answer.
//
//   Result<Log> log = load_log("tests/tau_bench/data/airline.jsonl");
//   for (const Place& place : log->places()) replay(log->turn(place));
//
// What the log holds and how it is replayed:
// - One message has one call at most, 20 of them with text beside it: both come back.
// - Ids of calls repeat within a conversation, and in two turns even within the turn.
// - Arguments are compact JSON, in 27 calls with spaces: compared as values with their order, as
//   they are journalled parsed.
// - What a tool answered is text, whatever it looks like: JSON, "Error: …" (29 times) or nothing
//   (32 times). So it is replayed as text, and an error is what a tool that is done has said.
// - 41 conversations end with a message of the simulated user that holds ###STOP###. No reply
//   follows it, as the benchmark ends there: it is not replayed.
// - 9 end with what a tool answered (a transfer to a person, or the most steps reached), before the
//   model said anything more. The turn is replayed; kLogEnds is the answer that lets it end.
//
// Values; any thread.
#pragma once

#include <ragent/json.h>

#include <compare>
#include <cstdint>
#include <string>
#include <vector>

namespace ragent::tau_bench {

inline constexpr std::string_view kLogEnds = "(The log ends here.)";

struct LoggedCall {
  std::string id = {};
  std::string tool = {};
  std::string arguments = {};  // as the model wrote them
  std::string content = {};  // what the tool answered
  friend bool operator==(const LoggedCall&, const LoggedCall&) = default;
};

// One message of the model, with what its calls brought.
struct Said {
  std::string text = {};
  std::vector<LoggedCall> calls = {};
  friend bool operator==(const Said&, const Said&) = default;
};

struct LoggedTurn {
  std::string user = {};
  std::vector<Said> said = {};  // the last one without calls: the answer
  const std::string& answer() const { return said.back().text; }
  std::vector<LoggedCall> calls() const;
  friend bool operator==(const LoggedTurn&, const LoggedTurn&) = default;
};

struct Conversation {
  std::string name = {};  // "task-3-trial-1"
  std::vector<LoggedTurn> turns = {};
  bool stopped = false;  // by the user's mark
  bool cut = false;  // after a call: its last answer is kLogEnds
  friend bool operator==(const Conversation&, const Conversation&) = default;
};

// A turn of all conversations.
struct Place {
  std::size_t conversation = 0;
  std::size_t turn = 0;
  friend auto operator<=>(const Place&, const Place&) = default;
};

struct Log {
  std::string system = {};
  std::vector<Conversation> conversations = {};
  const LoggedTurn& turn(const Place& place) const;
  const std::string& session(const Place& place) const;
  std::vector<Place> places() const;  // one conversation after the other
  friend bool operator==(const Log&, const Log&) = default;
};

// Both forms: as it is kept here, and as the benchmark's own file has it, each conversation with
// the system prompt. Error{invalid} names the line. Conversations before `from` and after `to` are
// left empty, unread.
Result<Log> load_log(const std::string& path, std::size_t from = 0, std::size_t to = SIZE_MAX);
inline constexpr const char* kLogPath = "tests/tau_bench/data/airline.jsonl";

// Messages in one form, a line each, whoever holds them: the log, the journal, a request.
std::string line_of_text(std::string_view role, std::string_view text);
std::string line_of_reply(std::string_view text, const std::vector<Json>& calls);
Json call_line(std::string_view id, std::string_view tool, const Json& arguments);
std::string line_of_result(std::string_view call, std::string_view content);

// The lines of a turn's messages up to its reply number `said_until`, the user's first.
std::vector<std::string> lines_of(const LoggedTurn& turn, std::size_t said_until);
std::vector<std::string> lines_of(const LoggedTurn& turn);

// Where the two differ first; empty: they do not.
std::string difference(const std::vector<std::string>& expected,
                       const std::vector<std::string>& got);

}  // namespace ragent::tau_bench
