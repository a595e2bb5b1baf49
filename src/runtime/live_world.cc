// LiveRun's dealings with the world: records, waits, people, events and attempts.
#include <action/schema.h>
#include <base/deadline.h>
#include <base/text.h>
#include <base/written_json.h>
#include <runtime/branch_inl.h>
#include <runtime/handle.h>
#include <runtime/program_call.h>
#include <runtime/shard.h>

namespace ragent {

// ---- records and state

std::uint32_t LiveRun::append(Record record) {
  if (check_ || !diverged_.empty()) {
    diverge("a record was appended in a check");
    return next_n_;
  }
  record.run = row_.id;
  record.n = next_n_++;
  record.chapter = row_.chapter;
  record.at = now_ms();
  std::erase_if(listeners_, [](const auto& listener) { return listener.expired(); });
  std::uint64_t ticket = shard_.ticket();
  bool heeded = !listeners_.empty() || !asked_.empty();
  if (heeded && std::exchange(delivers_at_, ticket) != ticket) {
    shard_.when_durable(ticket, [self = self_] {
      if (*self) (*self)->deliver();
    });
  }
  if (!listeners_.empty()) undelivered_.emplace_back(ticket, event_of(record));
  std::uint32_t n = record.n;
  shard_.group().records.push_back(std::move(record));
  return n;
}

void LiveRun::append_root(RecordKind kind, Json body) {
  append({.kind = kind, .body = body.dump()});
}

void LiveRun::save_row() { shard_.group().runs.push_back(row_); }

RunState LiveRun::state() const {
  RunState state = RunState::working;
  for (const auto& [where, kind] : waits_) {
    if (kind == "doubt") return RunState::in_doubt;
    if (kind == "ask") state = RunState::waiting_ask;
    if (kind == "timer" && state == RunState::working) state = RunState::waiting_timer;
  }
  return state;
}

void LiveRun::update_state() {
  std::string now(to_string(state()));
  if (row_.state == now) return;
  row_.state = now;
  save_row();
}

void LiveRun::set_wait(WaitRow row) {
  row.run = row_.id;
  waits_[{row.path, row.step, row.call}] = row.kind;
  Event event{.kind = Event::Kind::state,
              .path = row.path,
              .step = row.step,
              .call = static_cast<std::int32_t>(row.call),
              .record = row.kind};
  event.body = Json::object({{"wait", row.kind}, {"key", row.key}, {"due", row.due}});
  if (Result<Json> shown = parse_written_json(row.body)) event.body["shown"] = std::move(*shown);
  shard_.group().waits.push_back(std::move(row));
  update_state();
  event.body["state"] = row_.state;
  // A question is shown when it is durable; only then does the run stand still.
  shard_.when_durable(shard_.ticket(), [self = self_, event = std::move(event)] {
    LiveRun* run = *self;
    if (!run) return;
    run->emit(event);
    if (!run->idle() || event.record == "timer") return;
    run->shard_.stands_still(*run, run->standing());
  });
}

void LiveRun::end_wait(const std::string& path, std::uint32_t step, std::uint32_t call) {
  waits_.erase({path, step, call});
  shard_.group().waits.push_back(
      {.run = row_.id, .path = path, .step = step, .call = call, .done = true});
  if (finished_) return;
  update_state();
  emit({.kind = Event::Kind::state, .body = Json::object({{"state", row_.state}})});
}

// A person is asked no longer, a timer rings for nobody.
void LiveRun::end_waits(const std::string& path) {
  for (auto next = waits_.lower_bound({path, 0, 0});
       next != waits_.end() && std::get<0>(next->first) == path;) {
    auto [of, step, call] = next++->first;
    asked_.erase(call_name(of, step, call));
    end_wait(of, step, call);
  }
}

std::string LiveRun::standing() const {
  for (const auto& [name, asked] : asked_) {
    std::string id = row_.uid + "/" + name;
    return asked.doubt ? "run " + row_.uid + " is in doubt about step " + name +
                             ": find out whether it happened, then `ragent resolve " + row_.uid +
                             " " + name + " --happened RESULT | --did-not-happen | --abandon`"
                       : "run " + row_.uid + " waits for an answer: `ragent asks " + id +
                             " --allow | --deny | --answer JSON`";
  }
  return "run " + row_.uid + " waits";
}

Result<void> LiveRun::answer(const StepName& step, const Decision& decision) {
  auto found = asked_.find(call_name(step.path, step.step, step.call));
  if (found == asked_.end() || found->second.doubt || found->second.op->decision) {
    return fail(ErrorKind::not_found, "run " + row_.uid + " asks nothing at step " +
                                          call_name(step.path, step.step, step.call));
  }
  Asked& asked = found->second;
  if (!asked.schema.is_null()) {
    std::vector<std::string> wrong = validate(asked.schema, decision.answer);
    if (!wrong.empty()) return fail(ErrorKind::invalid, "the answer: " + wrong.front());
  }
  Record record{.path = step.path,
                .step = step.step,
                .call = step.call,
                .kind = RecordKind::ask,
                .digest = asked.digest,
                .body = to_json(decision).dump()};
  asked.op->n = append(std::move(record));
  asked.op->decision = decision;
  asked.op->done.set();
  return {};
}

Result<void> LiveRun::resolve(const StepName& step, const Resolution& resolution) {
  std::string name = call_name(step.path, step.step, step.call);
  auto found = asked_.find(name);
  if (found == asked_.end() || !found->second.doubt || found->second.op->observation) {
    return fail(ErrorKind::not_found, "step " + name + " of run " + row_.uid + " is not in doubt");
  }
  Asked& asked = found->second;
  static constexpr std::string_view kVerdicts[] = {"happened", "did_not_happen", "abandon"};
  Json body = Json::object({{"verdict", kVerdicts[static_cast<std::size_t>(resolution.verdict)]},
                            {"who", resolution.who}});
  if (!resolution.result.is_null()) body["result"] = resolution.result;
  if (!resolution.evidence.empty()) body["evidence"] = resolution.evidence;
  asked.op->n = append({.path = step.path,
                        .step = step.step,
                        .call = step.call,
                        .kind = RecordKind::resolve,
                        .attempt = asked.doubt->number,
                        .digest = asked.digest,
                        .body = body.dump()});
  asked.op->observation = resolved_observation(body);
  asked.doubt->over = true;
  asked.op->done.set();
  return {};
}

void LiveRun::steer(InboxRow row) { inbox_.push_back(std::move(row)); }

Json LiveRun::take_steering(const Branch& branch) {
  Json texts = Json::Array{};
  if (branch.path_ != "0") return texts;
  for (InboxRow& row : take_inbox()) {
    texts.push_back(std::move(row.body));
    shard_.group().inbox_done.push_back({std::move(row.id), row_.id, next_n_});
  }
  return texts;
}

// ---- events

void LiveRun::listen(std::shared_ptr<RunHandle::State> listener) {
  listeners_.push_back(listener);
  if (!diverged_.empty()) return listener->stand(divergence());
  if (idle()) listener->stand(standing());
}

// In the order in which things happened: behind records that are not durable yet.
void LiveRun::emit(Event event) {
  if (!undelivered_.empty()) {
    undelivered_.emplace_back(undelivered_.back().first, std::move(event));
  } else {
    hand_out(event);
  }
}

void LiveRun::hand_out(const Event& event) {
  for (const auto& weak : listeners_) {
    if (auto listener = weak.lock()) listener->push(event);
  }
}

void LiveRun::emit_delta(const std::string& path, std::uint32_t step, std::uint32_t attempt,
                         const Delta& delta) {
  if (listeners_.empty()) return;
  if (delta.kind == Delta::Kind::restart) {
    return emit({.kind = Event::Kind::attempt_started,
                 .path = path,
                 .step = step,
                 .attempt = attempt,
                 .record = "think"});
  }
  static constexpr std::string_view kKinds[] = {"text", "reasoning", "call"};
  emit({.kind = Event::Kind::delta,
        .path = path,
        .step = step,
        .attempt = attempt,
        .record = std::string(kKinds[static_cast<std::size_t>(delta.kind)]),
        .body = Json(delta.text)});
}

void LiveRun::deliver() {
  while (!undelivered_.empty() && undelivered_.front().first <= shard_.durable()) {
    hand_out(undelivered_.front().second);
    undelivered_.pop_front();
  }
  // What was answered is over, and another question still waits: no wait begins that would say so.
  if (!undelivered_.empty() || !idle() || asked_.empty() || shard_.stands(row_.uid)) return;
  shard_.stands_still(*this, standing());
}

// ---- attempts of effects

void LiveRun::start_attempt(std::shared_ptr<Attempt> attempt, Tool tool) {
  std::erase_if(attempts_,
                [](const auto& old) { return old->over && !(old->orphan && old->unknown); });
  attempts_.push_back(attempt);
  attempt->root = drive(attempt_body(*attempt, std::move(tool)));
  attempt->root.start();
}

Task<void> LiveRun::attempt_body(Attempt& one, Tool tool) {
  Shard::EffectUnderWay under_way(shard_);
  co_await shard_.committed(shard_.ticket());
  one.started = true;
  emit({.kind = Event::Kind::attempt_started,
        .path = one.path,
        .step = one.step,
        .call = static_cast<std::int32_t>(one.call),
        .attempt = one.number,
        .record = "act",
        .body = Json::object({{"tool", one.asked.tool}, {"arguments", one.asked.arguments}})});
  TimePoint began = loop().now();
  ToolContext lent = context(one.key, one.not_after);
  std::chrono::milliseconds left(std::max<std::int64_t>(0, one.not_after - now_ms()));
  ProgramCall program(programs_, shard_.parts().blocking_pool, tool.spec, lent);
  Observation seen =
      co_await ragent::attempt(std::move(tool), lent, one.asked.arguments, began + left);
  seen = co_await program.end(std::move(seen));
  one.ms = std::chrono::duration_cast<std::chrono::milliseconds>(loop().now() - began).count();
  end_attempt(one, std::move(seen));
}

void LiveRun::end_attempt(Attempt& one, Observation seen) {
  if (one.over) return;
  one.over = true;
  one.unknown = seen.status == Observation::Status::unknown;
  if (one.unknown && one.recorded) {  // nothing new
    if (settled_) wake(*settled_);
    return;
  }
  Json body = Json::object({{"tool", one.asked.tool},
                            {"arguments", one.asked.arguments},
                            {"observation", to_json(seen)},
                            {"ms", one.ms}});
  std::uint32_t n = append({.path = one.path,
                            .step = one.step,
                            .call = one.call,
                            .kind = RecordKind::act,
                            .attempt = one.number,
                            .digest = one.digest,
                            .body = body.dump()});
  if (!one.orphan && one.op) {
    one.op->n = n;
    one.op->observation = std::move(seen);
    one.op->done.set();
  } else if (settled_) {
    wake(*settled_);
  }
}

// Its branch is gone: nothing is run again, and the ledger gets an outcome.
void LiveRun::orphan(std::shared_ptr<Attempt> one) {
  if (one->orphan || (one->over && !one->unknown)) return;
  if (one->over) {  // its branch has not yet seen that nobody knows, and never will
    one->over = false;
    one->recorded = true;
  }
  one->orphan = true;
  if (std::ranges::find(attempts_, one) == attempts_.end()) attempts_.push_back(one);
  one->root.destroy();  // kills what still runs
  if (!one->started) {
    return end_attempt(*one, failure(Observation::Status::failed, "it was not started"));
  }
  one->root = drive(orphan_body(*one));
  one->root.start();
}

Task<void> LiveRun::orphan_body(Attempt& one) {
  co_await until(one.not_after);
  Observation seen = failure(Observation::Status::unknown, "its branch ended before it did");
  const Tool* tool = binding_->find(one.asked.tool);
  if (tool && tool->spec.query) {
    std::chrono::milliseconds time = time_of(tool->spec);
    ToolContext lent = context(one.key, now_ms() + time.count());
    Pool& pool = shard_.parts().blocking_pool;
    co_await ProgramCall(programs_, pool, tool->spec, lent).end(false);  // what the branch left
    ProgramCall program(programs_, pool, tool->spec, lent);
    Result<QueryAnswer> answer =
        co_await with_deadline(loop(), tool->body->query(lent, one.asked.arguments),
                               loop().now() + time)
            .result();
    co_await program.end(answer.has_value());
    if (answer && answer->state == QueryAnswer::State::happened) {
      seen = {.value = std::move(answer->result), .label = tool->spec.label};
    } else if (answer && answer->state == QueryAnswer::State::cannot_happen) {
      seen = failure(Observation::Status::failed, "it did not happen");
    }
  }
  end_attempt(one, std::move(seen));
}

}  // namespace ragent
