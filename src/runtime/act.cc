// Branch::act_all: tool calls as a step. The order of one call: what the journal knows, the Gate,
// a person where one is asked, the intent, one attempt, its outcome; and for an effect whose
// outcome is unknown the rules of its class (DESIGN: effects).
#include <base/deadline.h>
#include <base/hash.h>
#include <ragent/limits.h>
#include <runtime/branch_inl.h>
#include <runtime/program_call.h>
#include <runtime/shard.h>

namespace ragent {
namespace {

using Status = Observation::Status;

Json act_body(const ToolCall& call, const Observation& seen, std::int64_t ms) {
  return Json::object({{"tool", call.tool},
                       {"arguments", call.arguments},
                       {"observation", to_json(seen)},
                       {"ms", ms}});
}

// An attempt whose outcome is not known, of this process or an earlier one: its branch's to settle,
// or the run's when the branch dies.
std::shared_ptr<Attempt> unsettled(const std::string& path, const CallPlan& plan,
                                   const CallRecords& known, const std::string& key) {
  return std::make_shared<Attempt>(Attempt{.path = path,
                                           .step = plan.step,
                                           .call = plan.index,
                                           .number = known.attempts,
                                           .digest = plan.digest,
                                           .asked = plan.call,
                                           .key = key,
                                           .not_after = known.not_after,
                                           .started = true,
                                           .recorded = known.outcome.has_value()});
}

std::int64_t since(Loop& loop, TimePoint began) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(loop.now() - began).count();
}

}  // namespace

Task<std::vector<Observation>> Branch::act_all(std::vector<ToolCall> calls) {
  InFlight in(*this, "act");
  if (!in.ok) co_return in.error();
  if (calls.empty() || calls.size() > limits::kCallsPerStepMax) {
    co_return Error{.kind = ErrorKind::misuse,
                    .message = "one act has 1 to " + std::to_string(limits::kCallsPerStepMax) +
                               " calls, not " + std::to_string(calls.size())};
  }
  std::string asked;
  for (const ToolCall& call : calls) {
    asked += (asked.empty() ? "" : ", ") + call.tool + " " + call.arguments.dump();
  }
  Admitted admitted = admit(RecordKind::act, hash128(asked), [&] { return asked; });
  auto count = static_cast<std::uint32_t>(calls.size());
  std::vector<CallPlan> reads;
  std::vector<CallPlan> effects;
  for (std::uint32_t i = 0; i < count; ++i) {
    const Tool* tool = run_.binding_->find(calls[i].tool);
    CallPlan plan{.step = admitted.step,
                  .index = i,
                  .digest = digest_,
                  .call = std::move(calls[i]),
                  .affordable = budget_.steps >= count && budget_.time.count() > 0};
    for (const Record* record : admitted.found) {
      if (record->call == i) plan.found.push_back(record);
    }
    bool read = !tool || tool->spec.effect == Effect::read;
    (read ? reads : effects).push_back(std::move(plan));
  }
  std::vector<std::optional<Result<Observation>>> out(count);
  {  // reads side by side
    std::size_t left = reads.size();
    Wake all_done(run_.queue_);
    std::vector<Root> lanes;
    for (CallPlan& plan : reads) {
      auto& slot = out[plan.index];
      lanes.push_back(drive(lane(std::move(plan), slot, left, all_done)));
      lanes.back().start();
    }
    if (left > 0) co_await all_done;
  }
  for (CallPlan& plan : effects) {  // effects one after another
    std::uint32_t index = plan.index;
    out[index].emplace(co_await perform(std::move(plan)).result());
  }
  std::vector<Observation> seen;
  for (auto& result : out) seen.push_back(co_await std::move(*result));
  co_return seen;
}

Task<void> Branch::lane(CallPlan plan, std::optional<Result<Observation>>& out, std::size_t& left,
                        Wake& all_done) {
  out.emplace(co_await perform(std::move(plan)).result());
  if (--left == 0 && all_done.armed()) run_.wake(all_done);
}

Task<CallRecords> Branch::read_call(const CallPlan& plan) {
  CallRecords known;
  for (const Record* record : plan.found) {
    Json body = co_await read(*record);
    if (record->kind == RecordKind::resolve) {
      known.resolved = resolved_observation(body);
    } else if (record->kind == RecordKind::ask) {
      known.asked = true;
      if (record->phase == Phase::outcome) known.decision = decision_from_json(body);
    } else if (record->phase == Phase::intent) {
      known.open = true;
      known.outcome.reset();  // of the attempt before
      known.attempts = record->attempt;
      known.not_after = body.integer("not_after");
    } else {
      const Json* observation = body.find("observation");
      Result<Observation> seen = observation
                                     ? observation_from_json(*observation)
                                     : fail(ErrorKind::invalid, "it has no \"observation\"");
      if (!seen) {
        run_.diverge("the outcome of " + call_name(path_, plan.step, plan.index) +
                     " cannot be read: " + seen.error().message);
        co_await forever();
      }
      known.open = false;
      known.ms = body.integer("ms");
      known.outcome = std::move(*seen);
    }
  }
  co_return known;
}

// What every outcome does to the branch, whether it was recorded now or before: so the time it
// took is that of the last recorded outcome, never measured again.
void Branch::observe(const ToolCall& call, const Observation& seen, std::int64_t ms) {
  if (seen.status != Status::refused) --budget_.steps;
  budget_.time -= std::chrono::milliseconds(ms);
  if (seen.status == Status::done) {
    seen_.add(run_.binding_->spec.tools, call.tool, seen.value);
  }
}

Observation Branch::record_outcome(CallPlan& plan, Observation seen, std::uint32_t attempt,
                                   std::int64_t ms) {
  plan.ms = ms;
  append(record(plan.step, RecordKind::act, Phase::outcome, act_body(plan.call, seen, ms), attempt,
                plan.index));
  return seen;
}

Task<Observation> Branch::perform(CallPlan plan) {
  CallRecords known = co_await read_call(plan);
  Observation seen;
  plan.ms = known.ms;
  if (known.resolved) {
    seen = *known.resolved;
  } else if (known.outcome && known.outcome->status != Status::unknown) {
    seen = *known.outcome;
  } else {
    const Tool* tool = run_.binding_->find(plan.call.tool);
    // An effect that an earlier process began is this branch's to settle.
    bool effect = tool && tool->spec.effect != Effect::read;
    {
      std::optional<AttemptListed> earlier;
      if (effect && (known.open || known.outcome)) {
        earlier.emplace(*this, unsettled(path_, plan, known, key_of(plan)));
      }
      co_await live();
    }
    std::optional<Observation> no;
    if (!known.open && !known.outcome) no = co_await pass_gate(plan, known);
    if (no) {
      seen = record_outcome(plan, std::move(*no), 1, 0);
    } else if (!effect) {
      seen = co_await perform_read(plan, *tool);
    } else {
      seen = co_await perform_effect(plan, *tool, known);
    }
  }
  observe(plan.call, seen, plan.ms);
  co_return seen;
}

std::string Branch::key_of(const CallPlan& plan) const {
  return idempotency_key(run_.row_.uid, run_.row_.chapter, path_, plan.step, plan.index);
}

// Nothing when the call may happen; else the refusal that the model sees.
Task<std::optional<Observation>> Branch::pass_gate(const CallPlan& plan, const CallRecords& known) {
  if (!plan.affordable) co_return refused("the budget of steps or time is used up");
  Verdict said = verdict(plan);
  if (said.kind == Verdict::Kind::refuse) co_return refused(std::move(said.text));
  if (said.kind == Verdict::Kind::allow) co_return std::nullopt;
  std::optional<Decision> decision = known.decision;
  if (!decision) {
    Json shown = Json::object({{"question", said.text},
                               {"digest", said.digest},
                               {"tool", plan.call.tool},
                               {"arguments", plan.call.arguments}});
    decision = co_await person(plan.step, plan.index, plan.digest, std::move(shown), known.asked);
  }
  if (!decision->allowed) {
    co_return refused((decision->who.empty() ? "the user" : decision->who) + " said no to " +
                      plan.call.tool);
  }
  co_return std::nullopt;
}

Verdict Branch::verdict(const CallPlan& plan) const {
  const Binding& bound = *run_.binding_;
  return ragent::admit({.tools = bound.spec.tools,
                        .call = plan.call,
                        .permissions = bound.permissions,
                        .seen = seen_,
                        .said = *said_,
                        .speculative = speculative_});
}

Task<Observation> Branch::perform_read(CallPlan& plan, const Tool& tool) {
  TimePoint began = run_.loop().now();
  std::chrono::milliseconds time = run_.time_of(tool.spec);
  ToolContext context = run_.context(key_of(plan), run_.now_ms() + time.count());
  run_.emit({.kind = Event::Kind::attempt_started,
             .path = path_,
             .step = plan.step,
             .call = static_cast<std::int32_t>(plan.index),
             .attempt = 1,
             .record = "act",
             .body = Json::object({{"tool", plan.call.tool}, {"arguments", plan.call.arguments}})});
  ProgramCall program(run_.programs_, run_.shard_.parts().blocking_pool, tool.spec, context);
  Observation seen =
      co_await interruptible(attempt(tool, context, plan.call.arguments, began + time));
  seen = co_await interruptible(program.end(std::move(seen)));
  co_return record_outcome(plan, std::move(seen), 1, since(run_.loop(), began));
}

Task<Observation> Branch::perform_effect(CallPlan& plan, const Tool& tool, CallRecords known) {
  bool unknown = known.open || known.outcome;
  std::uint32_t queries = 0;
  for (;;) {
    if (!unknown) {
      if (known.attempts > 0 || known.asked) {  // permissions are read at each live attempt
        Verdict now = verdict(plan);
        if (now.kind == Verdict::Kind::refuse) {
          co_return record_outcome(plan, refused(std::move(now.text)), known.attempts, 0);
        }
      }
      known.not_after = run_.now_ms() + run_.time_of(tool.spec).count();
      Observation seen = co_await run_effect(plan, tool, ++known.attempts, known.not_after);
      if (seen.status != Status::unknown) co_return seen;
      known.outcome = std::move(seen);
      unknown = true;
      continue;
    }
    AttemptListed last(*this, unsettled(path_, plan, known, key_of(plan)));
    // Only a run with the same key of an idempotent tool may overlap the old attempt.
    if (tool.spec.effect != Effect::idempotent) {
      co_await interruptible(run_.until(known.not_after));
    }
    switch (after_unknown(tool.spec, known.attempts, queries)) {
      case AfterUnknown::run_again: unknown = false; break;
      case AfterUnknown::ask_query: {
        if (queries++ > 0) co_await interruptible(run_.until(run_.now_ms() + 200));
        QueryAnswer answer = co_await query_effect(plan, tool);
        if (answer.state == QueryAnswer::State::happened) {
          co_return record_outcome(plan,
                                   {.value = std::move(answer.result), .label = tool.spec.label},
                                   known.attempts, 0);
        }
        unknown = answer.state != QueryAnswer::State::cannot_happen;
        break;
      }
      case AfterUnknown::in_doubt: co_return co_await in_doubt(plan, last.attempt);
    }
  }
}

// One attempt of an effect: its intent is durable before it starts, and its outcome is recorded
// by the run whoever still listens.
Task<Observation> Branch::run_effect(CallPlan& plan, const Tool& tool, std::uint32_t number,
                                     std::int64_t not_after) {
  if (run_.draining()) co_await forever();  // the next engine of this home begins it
  std::string key = key_of(plan);
  append(record(plan.step, RecordKind::act, Phase::intent,
                Json::object({{"tool", plan.call.tool},
                              {"arguments", plan.call.arguments},
                              {"effect", to_string(tool.spec.effect)},
                              {"key", key},
                              {"not_after", not_after}}),
                number, plan.index));
  auto one = std::make_shared<Attempt>(Attempt{.path = path_,
                                               .step = plan.step,
                                               .call = plan.index,
                                               .number = number,
                                               .digest = plan.digest,
                                               .asked = plan.call,
                                               .key = key,
                                               .not_after = not_after,
                                               .op = std::make_shared<Op>(run_.loop())});
  run_.start_attempt(one, tool);
  AttemptListed listed(*this, one);
  Working working(run_);
  co_await wait(one->op);
  plan.ms = one->ms;
  co_return *one->op->observation;
}

Task<QueryAnswer> Branch::query_effect(const CallPlan& plan, const Tool& tool) {
  std::chrono::milliseconds time = run_.time_of(tool.spec);
  ToolContext context = run_.context(key_of(plan), run_.now_ms() + time.count());
  ProgramCall program(run_.programs_, run_.shard_.parts().blocking_pool, tool.spec, context);
  Result<QueryAnswer> answer =
      co_await interruptible(with_deadline(run_.loop(),
                                           tool.body->query(context, plan.call.arguments),
                                           run_.loop().now() + time))
          .result();
  if (!answer && stopped()) co_await fail(std::move(answer.error()));
  co_await interruptible(program.end(answer.has_value()));
  co_return answer ? std::move(*answer) : QueryAnswer{};
}

Task<Observation> Branch::in_doubt(CallPlan& plan, std::shared_ptr<Attempt> last) {
  if (!last->recorded) {
    record_outcome(plan, failure(Status::unknown, "the process ended before the outcome was known"),
                   last->number, 0);
    last->recorded = true;
  }
  std::string name = call_name(path_, plan.step, plan.index);
  auto op = std::make_shared<Op>(run_.loop());
  Json shown = Json::object({{"tool", plan.call.tool}, {"arguments", plan.call.arguments}});
  run_.asked_[name] = {.digest = plan.digest, .doubt = std::move(last), .op = op};
  run_.set_wait({.path = path_,
                 .step = plan.step,
                 .call = plan.index,
                 .kind = "doubt",
                 .key = run_.row_.uid + "/" + name,
                 .body = shown.dump()});
  Result<void> waited = co_await wait(op).result();
  run_.asked_.erase(name);
  run_.end_wait(path_, plan.step, plan.index);
  co_await waited;
  co_return *op->observation;
}

}  // namespace ragent
