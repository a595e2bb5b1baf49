#include <tau_bench/speaker.h>

#include <fmt/format.h>

namespace ragent::tau_bench {
namespace {

// As the wire has it: the text of a tool is JSON there, a string in quotes.
std::string unquoted(const std::string& content) {
  const Result<Json> json = parse_json(content);
  return json && json->string() ? *json->string() : "not a JSON string: " + content;
}

std::string line_of_wire(const Json& message) {
  const std::string role = message.text("role");
  if (role == "tool") {
    return line_of_result(message.text("tool_call_id"), unquoted(message.text("content")));
  }
  if (role != "assistant") return line_of_text(role, message.text("content"));
  std::vector<Json> calls;
  if (const Json* said = message.find("tool_calls"); said && said->is_array()) {
    for (const Json& call : *said->array()) {
      const Json* function = call.find("function");
      if (!function) return "a call without a function: " + message.dump();
      calls.push_back(call_line(call.text("id"), function->text("name"),
                                parse_json(function->text("arguments")).value_or(Json("no JSON"))));
    }
  }
  return line_of_reply(message.text("content"), calls);
}

// The runtime says the day in a last line of the message that is answered now.
std::string without_last_line(const std::string& text) { return text.substr(0, text.rfind('\n')); }

// What a session shows of its earlier turns: what was said, without the calls.
std::vector<std::string> shown(const Log& log, const Place& now, std::size_t said) {
  std::vector<std::string> out = {line_of_text("system", log.system)};
  for (std::size_t t = 0; t < now.turn; ++t) {
    const LoggedTurn& earlier = log.turn({now.conversation, t});
    out.push_back(line_of_text("user", earlier.user));
    out.push_back(line_of_reply(earlier.answer(), {}));
  }
  for (std::string& line : lines_of(log.turn(now), said)) out.push_back(std::move(line));
  return out;
}

}  // namespace

void Speaker::fatal(std::optional<Fatal> fatal, std::function<void()> hanging) {
  fatal_ = fatal;
  hanging_ = std::move(hanging);
}

Result<Said> Speaker::choose(const Json& body) {
  const Json* messages = body.find("messages");
  if (!messages || !messages->is_array()) return fail(ErrorKind::invalid, "no messages came");
  Json::Array said = *messages->array();
  std::size_t turns = 0;
  std::size_t last_user = 0;
  std::size_t replies = 0;
  for (std::size_t i = 0; i < said.size(); ++i) {
    const std::string role = said[i].text("role");
    if (role == "user") {
      ++turns;
      last_user = i;
      replies = 0;
    }
    if (role == "assistant") ++replies;
  }
  if (turns == 0) return fail(ErrorKind::invalid, "no message of the user came");
  said[last_user]["content"] = Json(without_last_line(said[last_user].text("content")));
  for (std::size_t i = 0; i < log_.conversations.size(); ++i) {
    const Conversation& one = log_.conversations[i];
    const bool known = said.size() > 1 && said[1].text("content") == one.turns[0].user;
    if (known && turns <= one.turns.size() && replies < one.turns[turns - 1].said.size()) {
      std::vector<std::string> came;
      for (const Json& message : said) came.push_back(line_of_wire(message));
      const Place place{.conversation = i, .turn = turns - 1};
      const std::string differs = difference(shown(log_, place, replies), came);
      if (!differs.empty()) return fail(ErrorKind::invalid, one.name + ": " + differs);
      asked_turn_ = place;
      asked_reply_ = replies;
      return one.turns[place.turn].said[replies];
    }
  }
  return fail(ErrorKind::invalid, fmt::format("no conversation has a reply to turn {} after {} "
                                              "replies, which begins {}",
                                              turns, replies, said[1].text("content")));
}

stub::StubReply Speaker::say(const stub::StubRequest& request) {
  const Result<Json> body = request.json();
  const Result<Said> said = body ? choose(*body) : fail(body.error());
  if (!said) {
    differences_.push_back(said.error().message);
    return {.fault = {.kind = stub::FaultKind::status, .status = 400}};
  }
  stub::StubReply reply{.text = said->text};
  for (const LoggedCall& call : said->calls) {
    reply.calls.push_back({.id = call.id, .tool = call.tool, .arguments = call.arguments});
  }
  reply.fault = fault_now(reply, asked_reply_);
  if (reply.fault.kind == stub::FaultKind::none) ++replies_;
  return reply;
}

stub::Fault Speaker::fault_now(const stub::StubReply& reply, std::size_t said) {
  if (!fatal_ || fatal_->turn != asked_turn_) return {};
  if (fatal_->moment == Fatal::Moment::reply && fatal_->at == said) {
    ++hangings_;
    hanging_();
    const std::string whole = stub::body_of({.api = stub::Api::chat, .stream = true}, reply);
    const auto part = static_cast<double>(whole.size()) * fatal_->part;
    return {.kind = stub::FaultKind::stalled, .at = static_cast<std::size_t>(part)};
  }
  // It kills itself when it sees the outcome: the turn must not be over by then.
  if (fatal_->moment == Fatal::Moment::outcome && fatal_->at + 1 == said) {
    ++hangings_;
    return {.kind = stub::FaultKind::silent};
  }
  return {};
}

}  // namespace ragent::tau_bench
