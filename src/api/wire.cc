#include <api/wire.h>

#include <base/text.h>
#include <base/written_json.h>
#include <runtime/records.h>

#include <algorithm>
#include <array>
#include <fmt/ranges.h>

namespace ragent::api {
namespace {

using std::chrono::milliseconds;

struct Member {
  std::string_view name;
  std::string_view type;  // as Json::type_name says; "any"
  bool required = false;
};

std::string an(std::string_view type) {
  const bool vowel = !type.empty() && std::string_view("aeiou").contains(type.front());
  return fmt::format("{} {}", vowel ? "an" : "a", type);
}

// An object with these members and no others. null counts as absent.
Result<void> check(const Json& json, std::string_view what, std::initializer_list<Member> members) {
  if (!json.is_object()) {
    return fail(ErrorKind::invalid,
                fmt::format("{}: expected an object, got {}", what, an(json.type_name())));
  }
  for (const Json::Member& given : *json.object()) {
    const auto known = std::ranges::find(members, given.key, &Member::name);
    if (known == members.end()) {
      std::vector<std::string_view> names;
      for (const Member& member : members) names.push_back(member.name);
      std::string message =
          fmt::format("{}: there is no member \"{}\"", what, printable(given.key, 60));
      if (auto near = nearest(given.key, std::span<const std::string_view>(names))) {
        message += fmt::format("; did you mean \"{}\"?", *near);
      }
      return fail(ErrorKind::invalid, std::move(message));
    }
    if (given.value.is_null() || known->type == "any") continue;
    if (given.value.type_name() == known->type) continue;
    return fail(ErrorKind::invalid, fmt::format("{}, \"{}\": expected {}, got {}", what, given.key,
                                                an(known->type), an(given.value.type_name())));
  }
  for (const Member& member : members) {
    const Json* given = json.find(member.name);
    if (!member.required || (given && !given->is_null())) continue;
    return fail(ErrorKind::invalid,
                fmt::format("{}: \"{}\" is missing, expected {}", what, member.name,
                            member.type == "any" ? "a value" : an(member.type)));
  }
  return {};
}

const Json* given(const Json& json, std::string_view name) {
  const Json* value = json.find(name);
  return value && !value->is_null() ? value : nullptr;
}

// The index of a word among `words`.
template <std::size_t N>
Result<std::size_t> word(std::string_view what, const std::string& said,
                         const std::array<std::string_view, N>& words) {
  const auto found = std::ranges::find(words, said);
  if (found != words.end()) return static_cast<std::size_t>(found - words.begin());
  return fail(ErrorKind::invalid, fmt::format("\"{}\": expected {}, got \"{}\"", what,
                                              fmt::join(words, ", "), printable(said, 60)));
}

constexpr std::array<std::string_view, 4> kOnBusy = {"enqueue", "reject", "interrupt", "steer"};
constexpr std::array<std::string_view, 3> kVerdicts = {"happened", "did_not_happen", "abandon"};
constexpr std::array<std::string_view, 6> kEvents = {"state", "delta",    "attempt_started",
                                                     "step",  "progress", "ended"};

Result<Budget> read_budget(const Json& json) {
  if (Result<void> right = check(
          json, "budget", {{"steps", "integer"}, {"tokens", "integer"}, {"time_ms", "integer"}});
      !right) {
    return fail(std::move(right.error()));
  }
  const Budget usual;
  return Budget{.steps = json.integer("steps", usual.steps),
                .tokens = json.integer("tokens", usual.tokens),
                .time = milliseconds(json.integer("time_ms", usual.time.count()))};
}

Result<Input> read_input(const Json& json) {
  if (const std::string* text = json.string()) return Input(*text);
  if (Result<void> right =
          check(json, "input",
                {{"text", "string"}, {"parts", "array"}, {"schema", "any"}, {"state", "any"}});
      !right) {
    return fail(std::move(right.error()));
  }
  Input input(json.text("text"));
  if (const Json* parts = given(json, "parts")) {
    Result<Message> message =
        message_from_json(Json::object({{"role", "user"}, {"parts", *parts}}));
    if (!message) return fail(within("input, \"parts\"", std::move(message.error())));
    input.parts = std::move(message->parts);
  }
  if (const Json* schema = given(json, "schema")) input.schema = *schema;
  if (const Json* state = given(json, "state")) input.state = *state;
  return input;
}

Json input_json(const Input& input) {
  Json out = Json::object({{"text", input.text}});
  if (!input.parts.empty()) {
    out["parts"] = *to_json(Message{.role = Role::user, .parts = input.parts}).find("parts");
  }
  if (input.schema) out["schema"] = *input.schema;
  if (input.state) out["state"] = *input.state;
  return out;
}

int status_of(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::invalid:
    case ErrorKind::misuse: return 400;
    case ErrorKind::rejected: return 403;
    case ErrorKind::not_found: return 404;
    case ErrorKind::conflict:
    case ErrorKind::cancelled:
    case ErrorKind::diverged: return 409;
    case ErrorKind::budget: return 429;
    case ErrorKind::unavailable: return 503;
    case ErrorKind::timeout: return 504;
    case ErrorKind::io:
    case ErrorKind::internal: return 500;
  }
  return 500;
}

// Of an answer that says no kind: from the server's own limits.
ErrorKind kind_of(int status) {
  switch (status) {
    case 404: return ErrorKind::not_found;
    case 408:
    case 504: return ErrorKind::timeout;
    case 503: return ErrorKind::unavailable;
    default: return status < 500 ? ErrorKind::invalid : ErrorKind::internal;
  }
}

}  // namespace

Json to_json(const Owner& owner) {
  return Json::object(
      {{"pid", owner.pid}, {"version", owner.version}, {"home", owner.home}, {"api", owner.api}});
}

Result<Owner> read_owner(const Json& json) {
  const Json* pid = json.find("pid");
  const Json* api = json.find("api");
  if (!pid || !pid->integer() || !api || !api->integer()) {
    return fail(ErrorKind::invalid, "what listens there does not say who owns the home");
  }
  return Owner{.pid = *pid->integer(),
               .version = json.text("version"),
               .home = json.text("home"),
               .api = *api->integer()};
}

Json to_json(const Event& event) {
  Json out = Json::object({{"kind", kEvents[static_cast<std::size_t>(event.kind)]}});
  if (event.id > 0) out["id"] = event.id;
  if (!event.path.empty()) out["path"] = event.path;
  if (event.step > 0) out["step"] = event.step;
  if (event.call != 0) out["call"] = event.call;
  if (event.attempt > 0) out["attempt"] = event.attempt;
  if (!event.record.empty()) out["record"] = event.record;
  if (event.intent) out["intent"] = true;
  if (!event.body.is_null()) out["body"] = event.body;
  return out;
}

Result<Event> read_event(const Json& json) {
  Result<std::size_t> kind = word("kind", json.text("kind"), kEvents);
  if (!kind) return fail(within("an event", std::move(kind.error())));
  return Event{.kind = static_cast<Event::Kind>(*kind),
               .id = static_cast<std::uint64_t>(json.integer("id")),
               .path = json.text("path"),
               .step = static_cast<std::uint32_t>(json.integer("step")),
               .call = static_cast<std::int32_t>(json.integer("call")),
               .attempt = static_cast<std::uint32_t>(json.integer("attempt")),
               .record = json.text("record"),
               .intent = json.flag("intent"),
               .body = json.find("body") ? *json.find("body") : Json()};
}

Json to_json(const Ask& ask) {
  return Json::object({{"id", ask.id},
                       {"run", ask.run},
                       {"question", ask.question},
                       {"schema", ask.schema},
                       {"digest", ask.digest}});
}

Result<Ask> read_ask(const Json& json) {
  return Ask{.id = json.text("id"),
             .run = json.text("run"),
             .question = json.text("question"),
             .schema = json.find("schema") ? *json.find("schema") : Json(),
             .digest = json.text("digest")};
}

Json to_json(const RunRow& row) {
  return Json::object({{"run", row.uid},
                       {"session", row.session},
                       {"parent", row.parent},
                       {"agent", row.agent},
                       {"planner", row.planner},
                       {"state", row.state},
                       {"outcome", row.outcome},
                       {"task", row.task},
                       {"records", row.n},
                       {"started_at", row.started_at},
                       {"ended_at", row.ended_at}});
}

Json to_json(const SessionRow& row) {
  return Json::object({{"session", row.id}, {"turns", row.turns}, {"changed_at", row.changed_at}});
}

Json to_json(const Turn& turn) {
  return Json::object({{"number", turn.number},
                       {"run", turn.run},
                       {"input", parse_written_json(turn.input).value_or(Json())},
                       {"answer", parse_written_json(turn.answer).value_or(Json())},
                       {"at", turn.at}});
}

Json to_json(const StartRequest& request) {
  const RunOptions& options = request.options;
  Json out = Json::object({{"agent", request.agent}, {"input", input_json(request.input)}});
  if (!options.session.empty()) out["session"] = options.session;
  if (!options.key.empty()) out["key"] = options.key;
  out["on_busy"] = kOnBusy[static_cast<std::size_t>(options.on_busy)];
  if (!options.model.empty()) out["model"] = options.model;
  if (!options.planner.empty()) out["planner"] = options.planner;
  if (options.budget) out["budget"] = ragent::to_json(*options.budget);
  if (options.deadline.count() > 0) out["deadline_ms"] = options.deadline.count();
  if (options.seed != 0) out["seed"] = static_cast<std::int64_t>(options.seed);
  return out;
}

Result<StartRequest> read_start(const Json& json) {
  if (Result<void> right = check(json, "a run",
                                 {{"agent", "string", true},
                                  {"input", "any", true},
                                  {"session", "string"},
                                  {"key", "string"},
                                  {"on_busy", "string"},
                                  {"model", "string"},
                                  {"planner", "string"},
                                  {"budget", "object"},
                                  {"deadline_ms", "integer"},
                                  {"seed", "integer"},
                                  {"stream", "boolean"}});
      !right) {
    return fail(std::move(right.error()));
  }
  StartRequest out{.agent = json.text("agent")};
  Result<Input> input = read_input(*json.find("input"));
  if (!input) return fail(std::move(input.error()));
  out.input = std::move(*input);
  Result<std::size_t> on_busy = word("on_busy", json.text("on_busy", kOnBusy[0]), kOnBusy);
  if (!on_busy) return fail(std::move(on_busy.error()));
  out.options = {.session = json.text("session"),
                 .key = json.text("key"),
                 .on_busy = static_cast<OnBusy>(*on_busy),
                 .model = json.text("model"),
                 .planner = json.text("planner"),
                 .deadline = milliseconds(json.integer("deadline_ms")),
                 .seed = static_cast<std::uint64_t>(json.integer("seed"))};
  if (const Json* budget = given(json, "budget")) {
    Result<Budget> read = read_budget(*budget);
    if (!read) return fail(std::move(read.error()));
    out.options.budget = *read;
  }
  return out;
}

bool wants_stream(const Json& start) { return start.flag("stream"); }

Json to_json(const ForkOptions& options) {
  Json out = Json::object({{"at", options.at}, {"who", options.who}});
  if (options.edit) out["edit"] = *options.edit;
  if (!options.model.empty()) out["model"] = options.model;
  if (!options.key.empty()) out["key"] = options.key;
  return out;
}

Result<ForkOptions> read_fork(const Json& json) {
  if (Result<void> right = check(json, "a fork",
                                 {{"at", "string", true},
                                  {"edit", "any"},
                                  {"model", "string"},
                                  {"who", "string"},
                                  {"key", "string"}});
      !right) {
    return fail(std::move(right.error()));
  }
  ForkOptions out{.at = json.text("at"), .model = json.text("model"), .key = json.text("key")};
  if (const Json* edit = json.find("edit")) out.edit = *edit;  // null is an outcome, too
  if (std::string who = json.text("who"); !who.empty()) out.who = std::move(who);
  return out;
}

Json to_json(const Forked& forked) {
  return Json::object({{"run", forked.run},
                       {"session", forked.session},
                       {"records", static_cast<std::int64_t>(forked.records)}});
}

Result<Forked> read_forked(const Json& json) {
  return Forked{.run = json.text("run"),
                .session = json.text("session"),
                .records = static_cast<std::uint64_t>(json.integer("records"))};
}

Forked forked_of(RunHandle& handle) {
  Forked out{.run = handle.id(), .session = handle.session()};
  // Of a fork that its key found, what comes first is something else: then all is told.
  const std::optional<Event> start = handle.next_event(milliseconds(0));
  if (start && start->record == "start") out.records = forked_from(start->body).records;
  return out;
}

Result<Decision> read_decision(const Json& json) {
  if (Result<void> right = check(
          json, "a decision", {{"allowed", "boolean", true}, {"answer", "any"}, {"who", "string"}});
      !right) {
    return fail(std::move(right.error()));
  }
  return decision_from_json(json);
}

Json resolve_body(const std::string& step, const Resolution& resolution) {
  Json out = Json::object({{"step", step},
                           {"verdict", kVerdicts[static_cast<std::size_t>(resolution.verdict)]},
                           {"who", resolution.who},
                           {"evidence", resolution.evidence}});
  if (!resolution.result.is_null()) out["result"] = resolution.result;
  return out;
}

Result<Resolve> read_resolve(const Json& json) {
  if (Result<void> right = check(json, "a resolution",
                                 {{"step", "string", true},
                                  {"verdict", "string", true},
                                  {"result", "any"},
                                  {"who", "string"},
                                  {"evidence", "string"}});
      !right) {
    return fail(std::move(right.error()));
  }
  Result<std::size_t> verdict = word("verdict", json.text("verdict"), kVerdicts);
  if (!verdict) return fail(std::move(verdict.error()));
  return Resolve{.step = json.text("step"),
                 .resolution = {.verdict = static_cast<Resolution::Verdict>(*verdict),
                                .result = json.find("result") ? *json.find("result") : Json(),
                                .who = json.text("who"),
                                .evidence = json.text("evidence")}};
}

Result<std::string> read_reason(const Json& json) {
  if (Result<void> right = check(json, "a cancel", {{"reason", "string"}}); !right) {
    return fail(std::move(right.error()));
  }
  return json.text("reason", "cancelled");
}

Json problem_body(const Error& error, int status) {
  Json out = Json::object({{"title", to_string(error.kind)},
                           {"status", status},
                           {"detail", error.message},
                           {"kind", to_string(error.kind)}});
  if (error.retry_after) out["retry_after_ms"] = error.retry_after->count();
  return out;
}

HttpResponse problem_of(const Error& error) { return problem_of(error, status_of(error.kind)); }

HttpResponse problem_of(const Error& error, int status) {
  HttpResponse out = json_response(problem_body(error, status), status);
  out.headers.set("content-type", "application/problem+json");
  return out;
}

Error read_problem(const Json& body, int status) {
  Error error{.kind = kind_of(status), .message = body.text("detail")};
  if (const std::string kind = body.text("kind"); !kind.empty()) {
    error.kind = error_from_json(Json::object({{"kind", kind}})).kind;
  }
  if (error.message.empty()) error.message = fmt::format("it answered with status {}", status);
  if (const Json* wait = body.find("retry_after_ms"); wait && wait->integer()) {
    error.retry_after = milliseconds(*wait->integer());
  }
  return error;
}

HttpResponse json_response(const Json& body, int status) {
  return {.status = status,
          .headers = {{"content-type", "application/json"}},
          .body = body.dump() + "\n"};
}

std::string encoded(std::string_view segment) {
  static constexpr std::string_view kPlain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~";
  std::string out;
  for (const char c : segment) {
    if (kPlain.contains(c)) {
      out += c;
    } else {
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return out;
}

Result<std::string> decoded(std::string_view segment) {
  std::string out;
  const auto digit = [](char c) { return std::string_view("0123456789abcdef").find(c); };
  for (std::size_t i = 0; i < segment.size(); ++i) {
    if (segment[i] != '%') {
      out += segment[i];
      continue;
    }
    const std::string two = to_lower(segment.substr(i + 1, 2));
    if (two.size() != 2 || digit(two[0]) == std::string_view::npos ||
        digit(two[1]) == std::string_view::npos) {
      return fail(ErrorKind::invalid, "the path: expected two hexadecimal digits after %");
    }
    out += static_cast<char>(digit(two[0]) * 16 + digit(two[1]));
    i += 2;
  }
  return out;
}

}  // namespace ragent::api
