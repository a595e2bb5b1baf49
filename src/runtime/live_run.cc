#include <runtime/live_run.h>

#include <base/text.h>
#include <base/written_json.h>
#include <ragent/limits.h>
#include <runtime/branch_inl.h>
#include <runtime/handle.h>
#include <runtime/shard.h>

namespace ragent {
namespace {

Input input_of(const Json& start) {
  Input input;
  if (const Json* message = start.find("input")) {
    Result<Message> said = message_from_json(*message);
    if (said) {
      input.text = said->text();
      for (Part& part : said->parts) {
        if (!std::holds_alternative<Text>(part)) input.parts.push_back(std::move(part));
      }
    }
  }
  if (const Json* schema = start.find("schema")) input.schema = *schema;
  if (const Json* state = start.find("state")) input.state = *state;
  return input;
}

Budget budget_of(const Json& start) {
  const Json* budget = start.find("budget");
  return budget ? budget_from_json(*budget) : Budget{};
}

Outcome outcome_of(const Result<Answer>& result, bool stopped) {
  if (stopped) return Outcome::cancelled;
  if (result) return result->outcome;
  switch (result.error().kind) {
    case ErrorKind::budget: return Outcome::budget;
    case ErrorKind::cancelled: return Outcome::cancelled;
    default: return Outcome::failed;
  }
}

}  // namespace

LiveRun::LiveRun(Shard& shard, RunMaterial material, bool check)
    : shard_(shard),
      row_(std::move(material.row)),
      binding_(std::move(material.binding)),
      head_(material.head),
      history_(std::move(material.history)),
      inbox_(material.inbox.begin(), material.inbox.end()),
      check_(check),
      self_(std::make_shared<LiveRun*>(this)) {
  host_ = make_tool_host(shard, Tenant::parse(row_.tenant).value_or(Tenant()),
                         [self = self_](std::string note) {
                           if (!*self) return;
                           (*self)->emit({.kind = Event::Kind::progress, .body = Json(note)});
                         });
  Result<Tape> tape = Tape::of(std::move(material.records));
  if (!tape) {
    diverged_ = tape.error().message;
    return;
  }
  tape_ = std::move(*tape);
  Result<Json> start = parse_written_json(tape_.start().body);
  if (!start) {
    diverged_ = "the start record cannot be read: " + start.error().message;
    return;
  }
  start_ = std::move(*start);
  if (const Json* before = start_.find("usage")) usage_ = usage_from_json(*before);
  if (tape_.start().n == 1) copied_n_ = forked_from(start_).records;
  if (copied_n_ > 0) fresh_ = budget_of(start_);
  next_n_ = tape_.records().back().n + 1;
  replaying_ = tape_.records().size() > 1;
  if (const Record* stop = tape_.stop()) {
    stop_n_ = stop->n;
    Json body = parse_written_json(stop->body).value_or(Json());
    stop_reason_ = body.text("reason");
    stop_budget_ = budget_from_json(body.find("budget") ? *body.find("budget") : Json());
  }
  Digest seed = {.high = 0, .low = tape_.start().chapter};
  root_ = std::make_unique<Branch>(*this, "0", seed, budget_of(start_), false, tape_.start().n);
}

LiveRun::~LiveRun() {
  *self_ = nullptr;
  deadline_.destroy();
  main_.destroy();
  attempts_.clear();
  root_.reset();
}

Origin LiveRun::origin() const { return forked_from(start_).origin; }
bool LiveRun::draining() const { return shard_.draining(); }
Loop& LiveRun::loop() { return shard_.loop(); }
std::uint64_t LiveRun::random() { return shard_.random(); }
std::int64_t LiveRun::now_ms() { return shard_.now_ms(); }

Task<void> LiveRun::until(std::int64_t wall_ms) {
  for (std::int64_t left = wall_ms - now_ms(); left > 0; left = wall_ms - now_ms()) {
    co_await loop().sleep(std::min(std::chrono::milliseconds(left), limits::kWaitMax));
  }
}

std::chrono::milliseconds LiveRun::time_of(const ToolSpec& spec) const {
  std::chrono::milliseconds most =
      spec.timeout.count() > 0 ? spec.timeout : limits::kToolTimeDefault;
  return std::max(std::chrono::milliseconds(1), std::min(most, root_->budget_.time));
}

ToolContext LiveRun::context(const std::string& key, std::int64_t not_after) {
  return {.host = *host_,
          .tenant = row_.tenant,
          .session = row_.session,
          .run = row_.uid,
          .key = key,
          .workspace = shard_.workspace(row_.uid),
          .folder = binding_->folder,
          .not_after = WallTime(std::chrono::milliseconds(not_after))};
}

// ---- the life of a run

void LiveRun::begin() {
  if (!diverged_.empty()) return report_divergence();
  if (std::int64_t deadline = start_.integer("deadline"); deadline > 0 && !check_) {
    auto expire = [](LiveRun& run, std::int64_t at) -> Task<void> {
      co_await run.until(at);
      run.stop("its deadline passed", "the deadline");
    };
    deadline_ = drive(expire(*this, deadline));
    deadline_.start();
  }
  main_ = drive(main());
  pumping_ = true;
  main_.start();
  pumping_ = false;
  pump();
}

Task<void> LiveRun::main() {
  for (;;) {
    Result<Answer> result = co_await plan();
    if (next_state_ && !root_->stopped()) {
      co_await settled();
      co_await next_chapter();
      continue;
    }
    if (const Record* final = tape_.final()) {
      compare_final(*final, result);
      finished_ = true;
      co_return;
    }
    co_await settled();
    finish(result);
    co_return;
  }
}

// The planner of one chapter, to its end; what it left behind is cancelled.
Task<Result<Answer>> LiveRun::plan() {
  Result<Answer> result = co_await binding_->planner.body(root_->face, input_of(start_)).result();
  (void)co_await root_->close().result();
  root_->ended_ = true;
  co_return result;
}

Task<void> LiveRun::settled() {
  if (check_) {
    diverge("the journal of the finished run has no end");
    co_await root_->forever();
  }
  if (replaying_) {
    Wake wake(queue_);
    held_.push_back({root_->last_n_, "0", &wake});
    co_await wake;
  }
  while (std::ranges::any_of(attempts_, [](const auto& one) { return !one->over; })) {
    Wake wake(queue_);
    settled_ = &wake;
    co_await wake;
    settled_ = nullptr;
  }
}

Task<void> LiveRun::next_chapter() {
  Json left = to_json(root_->budget_);
  append_root(RecordKind::chapter, Json::object({{"state", *next_state_}, {"budget", left}}));
  ++row_.chapter;
  start_["state"] = std::move(*next_state_);
  start_["budget"] = left;
  start_["usage"] = to_json(usage_);  // a resume reads this chapter alone
  next_state_.reset();
  Record start{
      .run = row_.id, .n = next_n_, .chapter = row_.chapter, .at = now_ms(), .body = start_.dump()};
  append(start);
  save_row();
  attempts_.clear();
  patches_.clear();
  copied_n_ = 0;
  fresh_.reset();
  root_.reset();
  std::vector<Record> records;
  records.push_back(std::move(start));
  tape_ = co_await Tape::of(std::move(records));
  Digest seed = {.high = 0, .low = row_.chapter};
  root_ = std::make_unique<Branch>(*this, "0", seed, budget_of(start_), false, next_n_ - 1);
}

void LiveRun::finish(const Result<Answer>& result) {
  bool stopped = stop_n_ != kNever;
  Outcome outcome = outcome_of(result, stopped);
  Json unresolved = Json::Array{};
  for (const auto& one : attempts_) {
    if (one->orphan && one->unknown)
      unresolved.push_back(call_name(one->path, one->step, one->call));
  }
  Json body = Json::object({{"outcome", to_string(outcome)},
                            {"text", result ? result->text : ""},
                            {"usage", to_json(usage_)},
                            {"budget", to_json(stopped ? stop_budget_ : root_->budget_)},
                            {"unresolved", unresolved}});
  if (stopped) {
    body["error"] = to_json(Error{.kind = ErrorKind::cancelled, .message = stop_reason_});
  } else if (!result) {
    body["error"] = to_json(result.error());
  }
  Turn turn{.run = row_.uid, .at = now_ms()};
  if (result && !stopped && outcome == Outcome::answered) {
    turn = {.number = head_ + 1,
            .run = row_.uid,
            .input = to_json(input_message(input_of(start_))).dump(),
            .answer = to_json(Message::of(Role::assistant, result->text)).dump(),
            .at = now_ms()};
    body["turn"] = turn.number;
  }
  if (!inbox_.empty()) body["followed_by"] = shard_.follow(row_, take_inbox());
  append_root(RecordKind::final, body);
  row_.state = std::string(to_string(RunState::ended));
  row_.outcome = std::string(to_string(outcome));
  row_.ended_at = now_ms();
  save_row();
  finished_ = true;
  shard_.finished(*this, std::move(turn), to_json(usage_).dump(), std::move(body));
}

void LiveRun::compare_final(const Record& final, const Result<Answer>& result) {
  Json body = parse_written_json(final.body).value_or(Json());
  bool stopped = stop_n_ != kNever;
  std::string outcome(to_string(outcome_of(result, stopped)));
  std::string text = result ? result->text : "";
  if (body.text("outcome") != outcome || (!stopped && body.text("text") != text)) {
    diverge("the replay ends with \"" + outcome + ": " + utf8_prefix(text, limits::kTaskBytesMax) +
            "\" where the journal has \"" + body.text("outcome") + ": " +
            utf8_prefix(body.text("text"), limits::kTaskBytesMax) + "\"");
  }
}

// ---- replay and its end

void LiveRun::wake(Wake& wake) {
  queue_.push(wake);
  if (pumping_ || replaying_ || pump_posted_) return;
  pump_posted_ = true;
  loop().post([self = self_] {
    if (!*self) return;
    (*self)->pump_posted_ = false;
    (*self)->pump();
  });
}

void LiveRun::pump() {
  if (pumping_) return;
  pumping_ = true;
  queue_.drain();
  while (replaying_ && diverged_.empty() && !finished_) {
    go_live();
    queue_.drain();
  }
  pumping_ = false;
  if (!diverged_.empty()) report_divergence();
}

// Every branch has ended, is parked or waits for the world: compare before anything is appended.
void LiveRun::go_live() {
  if (stop_n_ == kNever) {
    if (const Record* record = tape_.not_asked_for()) {
      return diverge(
          "record " + std::to_string(record->n) + " (" + std::string(to_string(record->kind)) +
          ") of step " + step_name(record->path, record->step) +
          " was not asked for again: " + utf8_prefix(record->body, limits::kTaskBytesMax));
    }
  }
  if (check_) return diverge("the replay of the finished run does not end");
  replaying_ = false;
  if (row_.crashes > 0) {
    row_.crashes = 0;
    save_row();
  }
  settle_leftovers();
  std::ranges::sort(held_, {}, [](const Held& h) { return std::tie(h.last_n, h.path); });
  for (const Held& held : std::exchange(held_, {})) queue_.push(*held.wake);
}

// Calls of cancelled branches without an outcome, or with one that is unknown: the ledger gets what
// can be found out.
void LiveRun::settle_leftovers() {
  std::map<std::string, std::shared_ptr<Attempt>> open;
  for (const Record& record : tape_.records()) {
    bool act = record.kind == RecordKind::act;
    if (!act && record.kind != RecordKind::resolve) continue;
    if (tape_.cut(record.path) == kNever) continue;
    std::string name = call_name(record.path, record.step, record.call);
    auto known = open.find(name);
    if (act && record.phase == Phase::outcome && known != open.end()) {
      Json body = parse_written_json(record.body).value_or(Json());
      const Json* seen = body.find("observation");
      known->second->recorded = seen && seen->text("status") == "unknown";
      if (!known->second->recorded) open.erase(known);
    } else if (record.kind == RecordKind::resolve) {
      open.erase(name);
    }
    if (!act || record.phase == Phase::outcome) continue;
    Json body = parse_written_json(record.body).value_or(Json());
    open[name] = std::make_shared<Attempt>(
        Attempt{.path = record.path,
                .step = record.step,
                .call = record.call,
                .number = record.attempt,
                .digest = record.digest,
                .asked = {.tool = body.text("tool"),
                          .arguments = body.find("arguments") ? *body.find("arguments") : Json()},
                .key = body.text("key"),
                .not_after = body.integer("not_after"),
                .started = true});
  }
  for (auto& [name, attempt] : open) orphan(std::move(attempt));
}

void LiveRun::diverge(std::string why) {
  if (diverged_.empty()) diverged_ = std::move(why);
}

std::string LiveRun::divergence() const { return "run " + row_.uid + " diverged: " + diverged_; }

void LiveRun::report_divergence() {
  if (check_ || finished_) return;
  finished_ = true;
  row_.state = std::string(to_string(RunState::diverged));
  save_row();
  shard_.when_durable(shard_.ticket(), [self = self_] {
    if (LiveRun* run = *self) {
      run->emit({.kind = Event::Kind::state, .body = Json::object({{"state", run->row_.state}})});
      run->shard_.stands_still(*run, run->divergence());
    }
  });
}

void LiveRun::stop(std::string reason, std::string who) {
  if (finished_ || stop_n_ != kNever || replaying_ || root_->ended_) return;
  stop_budget_ = root_->tree_budget();
  stop_reason_ = reason;
  stop_n_ = next_n_;
  append_root(RecordKind::stop,
              Json::object({{"who", who}, {"reason", reason}, {"budget", to_json(stop_budget_)}}));
  tape_.stop(stop_n_);
  root_->cut_ = stop_n_;
  root_->abandon();
  for (const auto& fork : root_->forks_) {
    for (auto& child : fork->children_) {
      if (!child.at_work()) continue;
      child.kill();
      child.branch->forks_.clear();
    }
    if (fork->waiting_) wake(*fork->waiting_);
  }
  for (Op* op : std::vector(root_->waiting_)) {
    op->stopped = true;
    op->done.set();
  }
}

bool LiveRun::idle() const {
  return !finished_ && !replaying_ && working_ == 0 && queue_.empty() && !waits_.empty() &&
         std::ranges::all_of(attempts_, [](const auto& one) { return one->over; });
}

}  // namespace ragent
