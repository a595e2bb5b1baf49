#include <runtime/records.h>

#include <action/gate.h>
#include <base/written_json.h>

#include <array>
#include <charconv>

namespace ragent {
namespace {

constexpr std::array<std::string_view, 12> kErrorNames = {
    "invalid", "not_found", "rejected", "unavailable", "timeout", "cancelled",
    "budget",  "conflict",  "misuse",   "diverged",    "io",      "internal"};

}  // namespace

Json to_json(const Budget& budget) {
  return Json::object({{"steps", budget.steps},
                       {"tokens", budget.tokens},
                       {"time_ms", static_cast<std::int64_t>(budget.time.count())}});
}

Budget budget_from_json(const Json& json) {
  return {.steps = json.integer("steps"),
          .tokens = json.integer("tokens"),
          .time = std::chrono::milliseconds(json.integer("time_ms"))};
}

Json to_json(const Error& error) {
  return Json::object({{"kind", to_string(error.kind)}, {"message", error.message}});
}

Error error_from_json(const Json& json) {
  Error error{.message = json.text("message")};
  std::string kind = json.text("kind");
  for (std::size_t i = 0; i < kErrorNames.size(); ++i) {
    if (kErrorNames[i] == kind) error.kind = static_cast<ErrorKind>(i);
  }
  return error;
}

Json to_json(const Decision& decision) {
  Json out = Json::object({{"who", decision.who}, {"allowed", decision.allowed}});
  if (!decision.answer.is_null()) out["answer"] = decision.answer;
  return out;
}

Decision decision_from_json(const Json& json) {
  return {.allowed = json.flag("allowed"),
          .answer = json.find("answer") ? *json.find("answer") : Json(),
          .who = json.text("who")};
}

Observation resolved_observation(const Json& resolve) {
  std::string verdict = resolve.text("verdict");
  const Json* result = resolve.find("result");
  using Status = Observation::Status;
  if (verdict == "happened") return {.value = result ? *result : Json::object({})};
  if (verdict == "did_not_happen") {
    return failure(Status::failed, "it did not happen: " + resolve.text("who") + " checked");
  }
  return failure(Status::unknown, "nobody knows whether it happened: do not repeat it");
}

Message input_message(const Input& input) {
  Message message = Message::of(Role::user, input.text);
  message.parts.insert(message.parts.end(), input.parts.begin(), input.parts.end());
  return message;
}

Result<Answer> answer_of(const std::string& run, const Json& final) {
  static constexpr Outcome kOutcomes[] = {Outcome::answered, Outcome::gave_up, Outcome::budget,
                                          Outcome::cancelled, Outcome::failed};
  Answer answer{.text = final.text("text"), .outcome = Outcome::failed, .run = run};
  for (Outcome outcome : kOutcomes) {
    if (to_string(outcome) == final.text("outcome")) answer.outcome = outcome;
  }
  if (const Json* usage = final.find("usage")) answer.usage = usage_from_json(*usage);
  if (const Json* error = final.find("error")) {
    Error why = error_from_json(*error);
    why.message += " (run " + run + ")";
    return fail(std::move(why));
  }
  return answer;
}

Applied applied_of(const RunRow& row, const std::vector<Record>& records) {
  Applied out{.session = row.session};
  for (const Record& record : records) {
    if (record.kind != RecordKind::start && record.kind != RecordKind::final) continue;
    Json body = parse_written_json(record.body).value_or(Json());
    if (record.kind == RecordKind::start && body.find("input")) {
      out.turn.input = body.find("input")->dump();
      out.origin = forked_from(body).origin;
    }
    if (record.kind != RecordKind::final) continue;
    out.lsn = record.lsn;
    if (const Json* usage = body.find("usage")) out.usage = usage->dump();
    out.turn.number = static_cast<std::uint32_t>(body.integer("turn"));
    out.turn.run = row.uid;
    out.turn.answer = to_json(Message::of(Role::assistant, body.text("text"))).dump();
    out.turn.at = record.at;
  }
  return out;
}

ForkedFrom forked_from(const Json& start) {
  const Json* forked = start.find("forked");
  if (!forked) return {};
  return {.run = forked->text("run"),
          .at = forked->text("at"),
          .origin = {.session = forked->text("session"),
                     .turns = static_cast<std::uint32_t>(forked->integer("head"))},
          .records = static_cast<std::uint32_t>(forked->integer("records"))};
}

Json to_json(const ForkedFrom& from) {
  return Json::object({{"run", from.run},
                       {"at", from.at},
                       {"session", from.origin.session},
                       {"head", from.origin.turns},
                       {"records", from.records}});
}

std::string step_name(std::string_view path, std::uint32_t step) {
  return std::string(path) + ":" + std::to_string(step);
}

std::string call_name(std::string_view path, std::uint32_t step, std::uint32_t call) {
  return step_name(path, step) + "." + std::to_string(call);
}

Result<StepName> parse_step_name(std::string_view text) {
  StepName out;
  std::string_view rest = text;
  if (auto colon = rest.find(':'); colon != rest.npos) {
    out.path = std::string(rest.substr(0, colon));
    rest = rest.substr(colon + 1);
  }
  auto number = [](std::string_view digits, std::uint32_t& value) {
    auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    return error == std::errc() && end == digits.data() + digits.size();
  };
  std::string_view call = "0";
  if (auto dot = rest.find('.'); dot != rest.npos) {
    call = rest.substr(dot + 1);
    rest = rest.substr(0, dot);
  }
  bool path_ok = !out.path.empty() && out.path.find_first_not_of("0123456789.") == out.path.npos;
  if (!path_ok || !number(rest, out.step) || !number(call, out.call)) {
    return fail(ErrorKind::invalid, "\"" + std::string(text) +
                                        "\" names no step: expected PATH:STEP or PATH:STEP.CALL, "
                                        "as `ragent trace` writes them (0:3, 0.4.1:2.0)");
  }
  return out;
}

}  // namespace ragent
