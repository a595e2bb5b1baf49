// Branch::think: a model call as a step. The reserve is taken at the intent and settled at the
// outcome; an intent without an outcome stays spent.
#include <base/hash.h>
#include <base/pool.h>
#include <base/text.h>
#include <ragent/limits.h>
#include <runtime/branch_inl.h>
#include <runtime/shard.h>

#include <algorithm>

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

Result<std::vector<MediaBytes>> load_media(Artifacts& artifacts, const Tenant& tenant,
                                           const Transcript& transcript) {
  std::vector<MediaBytes> out;
  for (const Message* message : transcript.messages()) {
    for (const Part& part : message->parts) {
      const auto* media = std::get_if<Media>(&part);
      if (!media) continue;
      auto same = [&](const MediaBytes& one) { return one.artifact == media->artifact; };
      if (std::ranges::any_of(out, same)) continue;
      Result<std::string> bytes = artifacts.get(tenant, media->artifact);
      if (!bytes) return fail(within("an image of the conversation", std::move(bytes.error())));
      out.push_back({.artifact = media->artifact, .bytes = std::move(*bytes)});
    }
  }
  return out;
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
}

// What the user said meanwhile: part of the transcript from here on.
void Branch::steer(const Json& intent, std::size_t position) {
  const Json* messages = intent.find("steer");
  if (!messages || !messages->array()) return;
  for (const Json& text : *messages->array()) {
    Message message = Message::of(Role::user, text.string() ? *text.string() : "");
    said_ = std::make_shared<const std::string>(*said_ + " " + message.text());
    steering_.emplace_back(position, std::move(message));
  }
}

Task<Reply> Branch::think(Transcript transcript, ThinkOptions options) {
  InFlight in(*this, "think");
  if (!in.ok) co_return in.error();
  if (transcript.size() == 0) {
    co_return Error{.kind = ErrorKind::misuse, .message = "think of an empty transcript"};
  }
  ThinkPlan plan{.params = params(options)};
  Digest digest = transcript.digest();
  if (plan.params.size() > 0) digest = mix(digest, plan.params.dump());
  Admitted admitted = admit(RecordKind::think, digest, [&] {
    return "after \"" + transcript.last().text() + "\" " + plan.params.dump();
  });
  plan.step = admitted.step;
  const Record* outcome = nullptr;
  for (const Record* record : admitted.found) {
    if (record->phase == Phase::outcome) {
      outcome = record;
      continue;
    }
    Json intent = co_await read(*record);
    reserve(plan, intent.integer("reserve"));
    steer(intent, transcript.size());
  }
  Json body;
  if (outcome) {
    body = co_await read(*outcome);
  } else {
    co_await live();
    body = co_await think_live(plan, std::move(transcript), std::move(options));
  }
  if (const Json* refused = body.find("refused")) {
    co_return Error{.kind = ErrorKind::budget,
                    .message = refused->string() ? *refused->string() : ""};
  }
  if (const Json* error = body.find("error")) {
    settle({}, body.integer("ms"), plan.reserve);
    co_return error_from_json(*error);
  }
  const Json* recorded = body.find("reply");
  Result<Reply> reply =
      recorded ? reply_from_json(*recorded) : fail(ErrorKind::invalid, "it has no \"reply\"");
  if (!reply) {
    run_.diverge("the reply of step " + step_name(path_, plan.step) +
                 " cannot be read: " + reply.error().message);
    co_await forever();
  }
  settle(reply->usage, body.integer("ms"), plan.reserve);
  // What a fork copied was paid by its source.
  if (!outcome || outcome->n > run_.copied_n_) run_.usage_ += reply->usage;
  co_return std::move(*reply);
}

// The reserve of an attempt without an outcome stays spent; the step counts once.
void Branch::reserve(ThinkPlan& plan, std::int64_t tokens) {
  plan.reserve = tokens;
  budget_.tokens -= tokens;
  if (plan.attempts++ == 0) --budget_.steps;
}

Task<Json> Branch::think_live(ThinkPlan& plan, Transcript transcript, ThinkOptions options) {
  std::string lacking = spent(budget_);
  if (!lacking.empty() && plan.attempts == 0) {
    Json body = Json::object({{"refused", "the budget of " + lacking + " is used up"}});
    append(record(plan.step, RecordKind::think, Phase::outcome, body));
    co_return body;
  }
  std::int64_t most = options.tokens_max ? options.tokens_max : limits::kReplyTokensDefault;
  std::int64_t tokens = std::clamp<std::int64_t>(budget_.tokens, 0, most);
  options.tokens_max = static_cast<std::uint32_t>(std::max<std::int64_t>(1, tokens));
  // An attempt before this one has taken the step already.
  std::int64_t steps = budget_.steps + (plan.attempts > 0 ? 1 : 0);
  if (steps <= 1) options.calls = ThinkOptions::Calls::none;  // it has to answer now
  Json intent =
      Json::object({{"model", run_.binding_->spec.model},
                    {"params", plan.params},
                    {"reserve", tokens},
                    {"after", utf8_prefix(transcript.last().text(), limits::kTaskBytesMax)}});
  const std::size_t position = transcript.size();
  const std::size_t steered_before = steering_.size();
  Json compacted;
  Result<Transcript> shown =
      co_await interruptible(fitted(steered(std::move(transcript)), options, &compacted)).result();
  if (!shown && stopped()) co_await fail(std::move(shown.error()));
  if (!compacted.is_null()) intent["compact"] = std::move(compacted);
  if (Json messages = run_.take_steering(*this); messages.size() > 0) {
    intent["steer"] = std::move(messages);
  }
  reserve(plan, tokens);
  append(record(plan.step, RecordKind::think, Phase::intent, intent, plan.attempts));
  steer(intent, position);
  if (shown) {
    for (std::size_t i = steered_before; i < steering_.size(); ++i) shown->add(steering_[i].second);
  }
  co_return co_await ask_model(std::move(shown), std::move(options), plan.step, plan.attempts);
}

// What the model sees of it.
Task<Transcript> Branch::fitted(Transcript transcript, const ThinkOptions& options, Json* note) {
  Model* model = run_.binding_->model;
  if (!model) co_return transcript;
  std::int64_t room = Compaction::room(model->info(), options.tokens_max);
  if (!compaction_ && static_cast<std::int64_t>(transcript.bytes()) <= room) co_return transcript;
  if (!compaction_) compaction_ = std::make_unique<Compaction>();
  co_return co_await compaction_->fit(std::move(transcript), *model, options.tokens_max, note);
}

// With the images that the model is to see.
Task<Reply> Branch::reply_of(Model& model, ModelRequest request, DeltaSink& deltas) {
  if (request.transcript.has_media()) {
    if (!model.info().images) {
      co_return fail(ErrorKind::invalid,
                     "the model " + model.info().name +
                         " sees no images and the conversation has one: start a new session "
                         "without it, or take a model that sees images");
    }
    const auto& parts = run_.shard_.parts();
    Tenant tenant = Tenant::parse(run_.row_.tenant).value_or(Tenant());
    request.media = co_await offload(
        run_.loop(), parts.store_pool,
        [&store = parts.store, tenant = std::move(tenant), chat = request.transcript] {
          return load_media(store.artifacts(), tenant, chat);
        });
  }
  co_return co_await model.reply(std::move(request), deltas);
}

// Asks the model and records what came; answers the body of the outcome.
Task<Json> Branch::ask_model(Result<Transcript> transcript, ThinkOptions options,
                             std::uint32_t step, std::uint32_t attempt) {
  const Binding& bound = *run_.binding_;
  ModelRequest request{.transcript = transcript ? std::move(*transcript) : Transcript(),
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
  Result<Reply> reply = fail(ErrorKind::unavailable, "this engine was given no models");
  if (!transcript) {
    reply = fail(std::move(transcript.error()));
  } else if (bound.model) {
    reply = co_await interruptible(reply_of(*bound.model, std::move(request), deltas)).result();
  }
  if (!reply && stopped()) co_await fail(std::move(reply.error()));
  std::int64_t ms =
      std::chrono::duration_cast<std::chrono::milliseconds>(run_.loop().now() - began).count();
  if (!reply && reply.error().kind == ErrorKind::timeout && ms >= budget_.time.count()) {
    reply = fail(ErrorKind::budget, "the budget of time is used up: " + reply.error().message);
  }
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
