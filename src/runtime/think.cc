// Branch::think: a model call as a step. The reserve is taken at the intent and settled at the
// outcome; an intent without an outcome stays spent.
#include <base/hash.h>
#include <base/text.h>
#include <ragent/limits.h>
#include <runtime/branch_inl.h>

namespace ragent {
namespace {

Json params(const ThinkOptions& options) {
  Json out = Json::object({});
  if (options.calls != ThinkOptions::Calls::automatic) {
    out["calls"] = options.calls == ThinkOptions::Calls::none ? "none" : "required";
  }
  if (options.schema) out["schema"] = *options.schema;
  if (options.tokens_max) out["tokens_max"] = options.tokens_max;
  if (options.temperature != 0) out["temperature"] = options.temperature;
  return out;
}

std::string spent(const Budget& left) {
  if (left.steps <= 0) return "steps";
  if (left.tokens <= 0) return "tokens";
  return left.time.count() <= 0 ? "time" : "";
}

}  // namespace

Transcript Branch::steered(Transcript transcript) const {
  if (steering_.empty()) return transcript;
  Transcript out(transcript.tools());
  auto next = steering_.begin();
  std::size_t index = 0;
  for (const Message* message : transcript.messages()) {
    for (; next != steering_.end() && next->first == index; ++next) out.add(next->second);
    out.add(*message);
    ++index;
  }
  for (; next != steering_.end(); ++next) out.add(next->second);
  return out;
}

void Branch::settle(const Usage& usage, std::int64_t ms, std::int64_t reserve) {
  budget_.tokens += reserve - (usage.tokens_input - usage.tokens_cached + usage.tokens_output);
  budget_.time -= std::chrono::milliseconds(ms);
  run_.usage_ += usage;
}

Task<Reply> Branch::think(Transcript transcript, ThinkOptions options) {
  InFlight in(*this, "think");
  if (!in.ok) co_return in.error();
  if (transcript.size() == 0) {
    co_return Error{.kind = ErrorKind::misuse, .message = "think of an empty transcript"};
  }
  Json asked = params(options);
  Digest digest = transcript.digest();
  if (asked.size() > 0) digest = mix(digest, asked.dump());
  Admitted admitted = admit(RecordKind::think, digest, [&] {
    return "after \"" + transcript.last().text() + "\" " + asked.dump();
  });
  const Record* outcome = nullptr;
  std::uint32_t attempts = 0;
  std::int64_t reserve = 0;
  auto steer = [&](const Json& intent) {
    const Json* messages = intent.find("steer");
    if (!messages || !messages->array()) return;
    for (const Json& text : *messages->array()) {
      Message message = Message::of(Role::user, text.string() ? *text.string() : "");
      said_ = std::make_shared<const std::string>(*said_ + " " + message.text());
      steering_.emplace_back(transcript.size(), std::move(message));
    }
  };
  for (const Record* record : admitted.found) {
    if (record->phase == Phase::outcome) {
      outcome = record;
      continue;
    }
    Json intent = co_await read(*record);
    reserve = intent.integer("reserve");
    budget_.tokens -= reserve;
    if (attempts++ == 0) --budget_.steps;
    steer(intent);
  }
  Json body;
  if (outcome) {
    body = co_await read(*outcome);
  } else {
    co_await live();
    std::string lacking = spent(budget_);
    if (!lacking.empty() && attempts == 0) {
      body = Json::object({{"refused", "the budget of " + lacking + " is used up"}});
      append(record(admitted.step, RecordKind::think, Phase::outcome, body));
    } else {
      std::uint32_t most = options.tokens_max ? options.tokens_max : limits::kReplyTokensDefault;
      reserve = std::max<std::int64_t>(0, std::min<std::int64_t>(budget_.tokens, most));
      options.tokens_max = static_cast<std::uint32_t>(std::max<std::int64_t>(1, reserve));
      Json intent = Json::object({{"model", run_.binding_->spec.model},
                                  {"params", asked},
                                  {"reserve", reserve},
                                  {"after", utf8_prefix(transcript.last().text(), 120)}});
      if (Json messages = run_.take_steering(*this); messages.size() > 0) {
        intent["steer"] = std::move(messages);
      }
      bool last_step = budget_.steps <= 1;
      budget_.tokens -= reserve;
      if (attempts == 0) --budget_.steps;
      append(record(admitted.step, RecordKind::think, Phase::intent, intent, attempts + 1));
      steer(intent);
      if (last_step) options.calls = ThinkOptions::Calls::none;  // it has to answer now
      body = co_await think_live(steered(std::move(transcript)), std::move(options), admitted.step,
                                 attempts + 1);
    }
  }
  if (const Json* refused = body.find("refused")) {
    co_return Error{.kind = ErrorKind::budget,
                    .message = refused->string() ? *refused->string() : ""};
  }
  if (const Json* error = body.find("error")) {
    settle({}, body.integer("ms"), reserve);
    co_return error_from_json(*error);
  }
  const Json* recorded = body.find("reply");
  Result<Reply> reply =
      recorded ? reply_from_json(*recorded) : fail(ErrorKind::invalid, "it has no \"reply\"");
  if (!reply) {
    run_.diverge("the reply of step " + step_name(path_, admitted.step) +
                 " cannot be read: " + reply.error().message);
    co_await forever();
  }
  settle(reply->usage, body.integer("ms"), reserve);
  co_return std::move(*reply);
}

// Asks the model and records what came; answers the body of the outcome.
Task<Json> Branch::think_live(Transcript transcript, ThinkOptions options, std::uint32_t step,
                              std::uint32_t attempt) {
  const Binding& bound = *run_.binding_;
  ModelRequest request{.transcript = std::move(transcript),
                       .options = std::move(options),
                       .time_max = budget_.time,
                       .tenant = run_.row_.tenant,
                       .key = run_.row_.uid + "/" + step_name(path_, step)};
  if (request.options.calls != ThinkOptions::Calls::none) {
    request.offers = offers({.tools = bound.spec.tools,
                             .permissions = bound.permissions,
                             .seen = seen_,
                             .said = *said_,
                             .speculative = speculative_});
  }
  run_.emit({.kind = Event::Kind::attempt_started,
             .path = path_,
             .step = step,
             .attempt = attempt,
             .record = "think"});
  DeltaSink deltas = [this, step, attempt](const Delta& delta) {
    run_.emit_delta(path_, step, attempt, delta);
  };
  TimePoint began = run_.loop().now();
  Result<Reply> reply =
      co_await interruptible(bound.model->reply(std::move(request), deltas)).result();
  if (!reply && stopped()) co_await fail(std::move(reply.error()));
  std::int64_t ms =
      std::chrono::duration_cast<std::chrono::milliseconds>(run_.loop().now() - began).count();
  Json body;
  if (reply) {
    for (std::size_t i = 0; i < reply->calls.size(); ++i) {
      std::string& id = reply->calls[i].id;
      if (id.empty()) id = call_name(path_, step, static_cast<std::uint32_t>(i));
    }
    body = Json::object({{"reply", to_json(*reply)}, {"ms", ms}});
  } else {
    body = Json::object({{"error", to_json(reply.error())}, {"ms", ms}});
  }
  append(record(step, RecordKind::think, Phase::outcome, body, attempt));
  co_return body;
}

}  // namespace ragent
