#include <tau_bench/log.h>

#include <base/file.h>
#include <base/text.h>

#include <fmt/format.h>

namespace ragent::tau_bench {
namespace {

constexpr std::string_view kMark = "###STOP###";
constexpr std::size_t kShownBytes = 400;  // of a line that differs

std::string text_of(const Json& message) { return message.text("content"); }

Result<void> add_calls(const Json& calls, Said& said) {
  for (const Json& call : *calls.array()) {
    const Json* function = call.find("function");
    if (!function) return fail(ErrorKind::invalid, "expected a call with a function");
    said.calls.push_back({.id = call.text("id"),
                          .tool = function->text("name"),
                          .arguments = function->text("arguments")});
  }
  return {};
}

Result<void> add_result(const Json& message, Conversation& to) {
  Said* said =
      to.turns.empty() || to.turns.back().said.empty() ? nullptr : &to.turns.back().said.back();
  // One call a message: its result is the message that follows.
  if (!said || said->calls.size() != 1 || said->calls[0].id != message.text("tool_call_id") ||
      said->calls[0].tool != message.text("name")) {
    return fail(ErrorKind::invalid, "expected the result of the call before it, got " +
                                        message.text("name") + " " + message.text("tool_call_id"));
  }
  said->calls[0].content = text_of(message);
  return {};
}

Result<void> add_message(const Json& message, Log& log, Conversation& to) {
  const std::string role = message.text("role");
  if (to.stopped) return fail(ErrorKind::invalid, "expected nothing after the user's mark");
  if (role == "system") {
    log.system = text_of(message);
    return {};
  }
  if (role == "user") {
    to.stopped = text_of(message).find(kMark) != std::string::npos;
    if (!to.stopped) to.turns.push_back({.user = text_of(message)});
    return {};
  }
  if (role == "tool") return add_result(message, to);
  if (role != "assistant" || to.turns.empty()) {
    return fail(ErrorKind::invalid, "expected a message of a turn, got one of \"" + role + "\"");
  }
  Said said{.text = text_of(message)};
  if (const Json* calls = message.find("tool_calls"); calls && calls->is_array()) {
    if (Result<void> added = add_calls(*calls, said); !added) return added;
  }
  to.turns.back().said.push_back(std::move(said));
  return {};
}

Result<void> add_line(const Json& line, Log& log) {
  const Json* messages = line.find("messages");
  if (!messages || !messages->is_array()) {
    log.system = line.text("system");
    return {};
  }
  Conversation conversation{.name = fmt::format("task-{}-trial-{}", line.integer("task_id", -1),
                                                line.integer("trial", -1))};
  for (const Json& message : *messages->array()) {
    if (Result<void> added = add_message(message, log, conversation); !added) return added;
  }
  if (conversation.turns.empty() || conversation.turns.back().said.empty()) {
    return fail(ErrorKind::invalid, "expected a conversation with a reply in its last turn");
  }
  LoggedTurn& last = conversation.turns.back();
  conversation.cut = !last.said.back().calls.empty();
  if (conversation.cut) last.said.push_back({.text = std::string(kLogEnds)});
  log.conversations.push_back(std::move(conversation));
  return {};
}

}  // namespace

std::vector<LoggedCall> LoggedTurn::calls() const {
  std::vector<LoggedCall> out;
  for (const Said& one : said) out.insert(out.end(), one.calls.begin(), one.calls.end());
  return out;
}

const LoggedTurn& Log::turn(const Place& place) const {
  return conversations[place.conversation].turns[place.turn];
}

const std::string& Log::session(const Place& place) const {
  return conversations[place.conversation].name;
}

std::vector<Place> Log::places() const {
  std::vector<Place> out;
  for (std::size_t i = 0; i < conversations.size(); ++i) {
    for (std::size_t t = 0; t < conversations[i].turns.size(); ++t) out.push_back({i, t});
  }
  return out;
}

Result<Log> load_log(const std::string& path, std::size_t from, std::size_t to) {
  const Result<std::string> text = read_file(path, limits::kJsonBytesMax);
  if (!text) return fail(text.error());
  Log log;
  std::size_t number = 0;
  for (const std::string_view line : split(*text, '\n')) {
    ++number;
    if (line.empty()) continue;
    const std::size_t conversation = log.conversations.size();
    if (!log.system.empty() && (conversation < from || conversation > to)) {
      log.conversations.emplace_back();
      continue;
    }
    const Result<Json> json = parse_json(line);
    const Result<void> added = json ? add_line(*json, log) : fail(json.error());
    if (!added) return fail(within(fmt::format("{}:{}", path, number), added.error()));
  }
  return log;
}

std::string line_of_text(std::string_view role, std::string_view text) {
  return Json::object({{"role", role}, {"content", text}}).dump();
}

std::string line_of_reply(std::string_view text, const std::vector<Json>& calls) {
  return Json::object({{"role", "assistant"}, {"content", text}, {"calls", Json::Array(calls)}})
      .dump();
}

Json call_line(std::string_view id, std::string_view tool, const Json& arguments) {
  return Json::object({{"id", id}, {"tool", tool}, {"arguments", arguments}});
}

std::string line_of_result(std::string_view call, std::string_view content) {
  return Json::object({{"role", "tool"}, {"call", call}, {"content", content}}).dump();
}

std::vector<std::string> lines_of(const LoggedTurn& turn, std::size_t said_until) {
  std::vector<std::string> out = {line_of_text("user", turn.user)};
  for (std::size_t i = 0; i < said_until; ++i) {
    std::vector<Json> calls;
    for (const LoggedCall& call : turn.said[i].calls) {
      calls.push_back(call_line(call.id, call.tool, parse_json(call.arguments).value_or(Json())));
    }
    out.push_back(line_of_reply(turn.said[i].text, calls));
    for (const LoggedCall& call : turn.said[i].calls) {
      out.push_back(line_of_result(call.id, call.content));
    }
  }
  return out;
}

std::vector<std::string> lines_of(const LoggedTurn& turn) {
  return lines_of(turn, turn.said.size());
}

std::string difference(const std::vector<std::string>& expected,
                       const std::vector<std::string>& got) {
  for (std::size_t i = 0; i < std::max(expected.size(), got.size()); ++i) {
    const std::string want = i < expected.size() ? expected[i] : "no more messages";
    const std::string came = i < got.size() ? got[i] : "no more messages";
    if (want == came) continue;
    return fmt::format("message {}: expected {}, got {}", i, printable(want, kShownBytes),
                       printable(came, kShownBytes));
  }
  return {};
}

}  // namespace ragent::tau_bench
