#include <api/wire.h>

#include <base/text.h>
#include <base/written_json.h>
#include <runtime/records.h>

#include <fmt/core.h>

namespace ragent::api {
namespace {

using std::chrono::milliseconds;

// The bodies of requests. What is no optional must be there, and null counts as absent.
struct BudgetBody {
  std::optional<std::int64_t> steps = {};
  std::optional<std::int64_t> tokens = {};
  std::optional<std::int64_t> time_ms = {};
};
struct InputBody {
  std::optional<std::string> text = {};
  std::optional<Json> parts = {};
  std::optional<Json> schema = {};
  std::optional<Json> state = {};
};
struct StartBody {
  std::string agent = {};
  Json input = {};
  std::optional<std::string> session = {};
  std::optional<std::string> key = {};
  std::optional<OnBusy> on_busy = {};
  std::optional<std::string> model = {};
  std::optional<std::string> planner = {};
  std::optional<BudgetBody> budget = {};
  std::optional<std::int64_t> deadline_ms = {};
  std::optional<std::int64_t> seed = {};
  std::optional<bool> stream = {};  // see wants_stream()
};
struct ForkBody {
  std::string at = {};
  std::optional<Json> edit = {};  // see read_fork(): null is one, too
  std::optional<std::string> model = {};
  std::optional<std::string> who = {};
  std::optional<std::string> key = {};
};
struct DecisionBody {
  bool allowed = {};
  std::optional<Json> answer = {};
  std::optional<std::string> who = {};
};
struct ResolveBody {
  std::string step = {};
  Resolution::Verdict verdict = {};
  std::optional<Json> result = {};
  std::optional<std::string> who = {};
  std::optional<std::string> evidence = {};
};
struct CancelBody {
  std::optional<std::string> reason = {};
};

template <class T>
Result<T> read(std::string_view what, const Json& json) {
  Result<T> body = from_json<T>(json);
  if (!body) return fail(within(what, std::move(body.error())));
  return body;
}

Budget budget_of(const BudgetBody& body) {
  const Budget usual;
  return {.steps = body.steps.value_or(usual.steps),
          .tokens = body.tokens.value_or(usual.tokens),
          .time = milliseconds(body.time_ms.value_or(usual.time.count()))};
}

Result<Input> read_input(const Json& json) {
  if (const std::string* text = json.string()) return Input(*text);
  Result<InputBody> body = read<InputBody>("input", json);
  if (!body) return fail(std::move(body.error()));
  Input input(body->text.value_or(""));
  if (body->parts) {
    Result<Message> message =
        message_from_json(Json::object({{"role", "user"}, {"parts", *body->parts}}));
    if (!message) return fail(within("input, \"parts\"", std::move(message.error())));
    input.parts = std::move(message->parts);
  }
  input.schema = std::move(body->schema);
  input.state = std::move(body->state);
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

Json to_json(const Owner& owner) { return to_json_value(owner); }

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
  Json out = Json::object({{"kind", to_json_value(event.kind)}});
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
  Result<Event::Kind> kind = read<Event::Kind>("the kind of an event", Json(json.text("kind")));
  if (!kind) return fail(std::move(kind.error()));
  return Event{.kind = *kind,
               .id = static_cast<std::uint64_t>(json.integer("id")),
               .path = json.text("path"),
               .step = static_cast<std::uint32_t>(json.integer("step")),
               .call = static_cast<std::int32_t>(json.integer("call")),
               .attempt = static_cast<std::uint32_t>(json.integer("attempt")),
               .record = json.text("record"),
               .intent = json.flag("intent"),
               .body = json.find("body") ? *json.find("body") : Json()};
}

Json to_json(const Ask& ask) { return to_json_value(ask); }

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
  out["on_busy"] = to_json_value(options.on_busy);
  if (!options.model.empty()) out["model"] = options.model;
  if (!options.planner.empty()) out["planner"] = options.planner;
  if (options.budget) out["budget"] = ragent::to_json(*options.budget);
  if (options.deadline.count() > 0) out["deadline_ms"] = options.deadline.count();
  if (options.seed != 0) out["seed"] = static_cast<std::int64_t>(options.seed);
  return out;
}

Result<StartRequest> read_start(const Json& json) {
  Result<StartBody> body = read<StartBody>("a run", json);
  if (!body) return fail(std::move(body.error()));
  Result<Input> input = read_input(body->input);
  if (!input) return fail(std::move(input.error()));
  StartRequest out{.agent = std::move(body->agent),
                   .input = std::move(*input),
                   .options = {.session = body->session.value_or(""),
                               .key = body->key.value_or(""),
                               .on_busy = body->on_busy.value_or(OnBusy::enqueue),
                               .model = body->model.value_or(""),
                               .planner = body->planner.value_or(""),
                               .deadline = milliseconds(body->deadline_ms.value_or(0)),
                               .seed = static_cast<std::uint64_t>(body->seed.value_or(0))}};
  if (body->budget) out.options.budget = budget_of(*body->budget);
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
  Result<ForkBody> body = read<ForkBody>("a fork", json);
  if (!body) return fail(std::move(body.error()));
  ForkOptions out{
      .at = std::move(body->at), .model = body->model.value_or(""), .key = body->key.value_or("")};
  if (const Json* edit = json.find("edit")) out.edit = *edit;
  if (std::string who = body->who.value_or(""); !who.empty()) out.who = std::move(who);
  return out;
}

Json to_json(const Forked& forked) { return to_json_value(forked); }

Result<Forked> read_forked(const Json& json) {
  return Forked{.run = json.text("run"),
                .session = json.text("session"),
                .records = static_cast<std::uint64_t>(json.integer("records"))};
}

Result<Decision> read_decision(const Json& json) {
  Result<DecisionBody> body = read<DecisionBody>("a decision", json);
  if (!body) return fail(std::move(body.error()));
  return Decision{.allowed = body->allowed,
                  .answer = body->answer.value_or(Json()),
                  .who = body->who.value_or("")};
}

Json resolve_body(const std::string& step, const Resolution& resolution) {
  Json out = Json::object({{"step", step},
                           {"verdict", to_json_value(resolution.verdict)},
                           {"who", resolution.who},
                           {"evidence", resolution.evidence}});
  if (!resolution.result.is_null()) out["result"] = resolution.result;
  return out;
}

Result<Resolve> read_resolve(const Json& json) {
  Result<ResolveBody> body = read<ResolveBody>("a resolution", json);
  if (!body) return fail(std::move(body.error()));
  return Resolve{.step = std::move(body->step),
                 .resolution = {.verdict = body->verdict,
                                .result = body->result.value_or(Json()),
                                .who = body->who.value_or(""),
                                .evidence = body->evidence.value_or("")}};
}

Result<std::string> read_reason(const Json& json) {
  Result<CancelBody> body = read<CancelBody>("a cancel", json);
  if (!body) return fail(std::move(body.error()));
  return body->reason.value_or("cancelled");
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
  Error error = error_from_json(body);
  if (body.text("kind").empty()) error.kind = kind_of(status);
  error.message = body.text("detail");
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
