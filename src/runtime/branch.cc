#include <runtime/branch.h>

#include <base/hash.h>
#include <base/text.h>
#include <base/written_json.h>
#include <profile/render.h>
#include <ragent/limits.h>
#include <runtime/branch_inl.h>

#include <ctime>

namespace ragent {
namespace {

// "(Today is Monday 2026-11-23.)", last in the prompt because it changes.
std::string date_line(std::int64_t ms) {
  std::time_t seconds = ms / 1000;
  std::tm local{};
  localtime_r(&seconds, &local);
  char text[64];
  std::strftime(text, sizeof text, "(Today is %A %Y-%m-%d.)", &local);
  return text;
}

constexpr std::size_t kShownBytes = 160;  // of a request in a message of divergence

std::string shown(const Record& record) {
  return std::string(to_string(record.kind)) + " " + utf8_prefix(record.body, kShownBytes);
}

}  // namespace

Branch::Branch(LiveRun& run, std::string path, Digest digest, Budget budget, bool speculative,
               std::uint32_t last_n)
    : run_(run),
      path_(std::move(path)),
      digest_(digest),
      budget_(budget),
      speculative_(speculative),
      cut_(run.tape_.cut(path_)),
      last_n_(last_n),
      said_(std::make_shared<const std::string>()) {}

Branch::~Branch() = default;

Branch::Admitted Branch::admit(RecordKind kind, Digest asked,
                               const std::function<std::string()>& describe) {
  run_.loop().doing({"planner ", run_.binding_->planner.name, " of run ", run_.row_.uid});
  Admitted out{.step = step_++};
  digest_ = mix(mix(digest_, static_cast<std::uint64_t>(kind)), asked);
  for (const Record* record : run_.tape_.at(path_, out.step)) {
    run_.tape_.mark(*record);
    if (record->n > cut_) continue;  // late: it counts for the ledger only
    bool of_call = kind == RecordKind::act &&
                   (record->kind == RecordKind::ask || record->kind == RecordKind::resolve);
    if ((record->kind != kind && !of_call) || record->digest != digest_) {
      run_.diverge("step " + step_name(path_, out.step) + " asks: " + std::string(to_string(kind)) +
                   " " + utf8_prefix(describe(), kShownBytes) +
                   "; the journal has: " + shown(*record));
      return out;
    }
    out.found.push_back(record);
    last_n_ = std::max(last_n_, record->n);
  }
  if (run_.fresh_ && path_ == "0") {  // what a fork copied was spent by its source
    budget_ = *run_.fresh_;
    if (out.found.empty() || out.found.front()->n > run_.copied_n_) run_.fresh_.reset();
  }
  return out;
}

Task<void> Branch::forever() {
  Wake wake(run_.queue_);
  co_await wake;
}

Task<void> Branch::live() {
  static const Error cancelled{.kind = ErrorKind::cancelled, .message = "the run was stopped"};
  if (stopped()) co_await fail(cancelled);
  if (cut_ != kNever || !run_.diverged_.empty()) co_await forever();
  if (run_.check_) {
    run_.diverge("a replay of the finished run asks for more than was recorded, at step " +
                 step_name(path_, step_ - 1));
    co_await forever();
  }
  if (!run_.replaying_) co_return;
  Wake wake(run_.queue_);
  run_.held_.push_back({last_n_, path_, &wake});
  co_await wake;
  if (stopped()) co_await fail(cancelled);
}

Task<Json> Branch::read(const Record& record) {
  Result<Json> body = parse_written_json(record.body);
  if (!body) {
    run_.diverge("record " + std::to_string(record.n) + " (" + std::string(to_string(record.kind)) +
                 ") of step " + step_name(record.path, record.step) +
                 " cannot be read: " + body.error().message);
    co_await forever();
  }
  co_return std::move(*body);
}

Record Branch::record(std::uint32_t step, RecordKind kind, Phase phase, Json body,
                      std::uint32_t attempt, std::uint32_t call) const {
  return {.path = path_,
          .step = step,
          .call = call,
          .kind = kind,
          .phase = phase,
          .attempt = attempt,
          .digest = digest_,
          .body = body.dump()};
}

std::uint32_t Branch::append(Record record) {
  last_n_ = run_.append(std::move(record));
  return last_n_;
}

Task<void> Branch::wait(std::shared_ptr<Op> op) {
  struct Listed {
    Branch& branch;
    Op* op;
    Listed(Branch& b, Op* o) : branch(b), op(o) { branch.waiting_.push_back(op); }
    ~Listed() { std::erase(branch.waiting_, op); }
  } listed(*this, op.get());
  co_await op->done;
  if (op->stopped) {
    co_await fail(ErrorKind::cancelled, "the run was stopped");
  }
  last_n_ = std::max(last_n_, op->n);
}

Task<Transcript> Branch::open(Input input) {
  InFlight in(*this, "open");
  if (!in.ok) co_return in.error();
  Message message = input_message(input);
  Json asked = to_json(message);
  Admitted admitted = admit(RecordKind::open, hash128(asked.dump()), [&] { return asked.dump(); });
  const AgentSpec& spec = run_.binding_->spec;
  Json body;
  if (admitted.found.empty()) {
    co_await live();
    std::uint32_t window = limits::kHistoryTurnsMax;
    body = Json::object({{"system", render(spec.profile)},
                         {"date", spec.tools.empty() ? "" : date_line(run_.now_ms())},
                         {"head", run_.head_},
                         {"history_from", run_.head_ > window ? run_.head_ - window + 1 : 1}});
    append(record(admitted.step, RecordKind::open, Phase::outcome, body));
  } else {
    body = co_await read(*admitted.found.front());
  }
  said_ = std::make_shared<const std::string>(*said_ + " " + message.text());

  Transcript transcript(spec.tools);
  Message system = Message::of(Role::system, body.text("system"));
  system.stable = true;
  transcript.add(std::move(system));
  for (Message& example : example_messages(spec.profile)) transcript.add(std::move(example));
  for (const Turn& turn : run_.history_) {
    if (turn.number < body.integer("history_from") || turn.number > body.integer("head")) continue;
    for (const std::string* text : {&turn.input, &turn.answer}) {
      transcript.add(co_await message_from_json(co_await parse_written_json(*text)));
    }
  }
  if (std::string date = body.text("date"); !date.empty()) {
    message.parts.push_back(Text{"\n" + date});
  }
  transcript.add(std::move(message));
  co_return transcript;
}

Task<Json> Branch::value(std::string_view what, Json given) {
  InFlight in(*this, "value");
  if (!in.ok) co_return in.error();
  std::string asked = std::string(what) + given.dump();
  Admitted admitted = admit(RecordKind::value, hash128(asked), [&] { return asked; });
  if (!admitted.found.empty()) {
    Json body = co_await read(*admitted.found.front());
    co_return body.find("value") ? *body.find("value") : Json();
  }
  co_await live();
  if (what == "now") given = Json(run_.now_ms());
  if (what == "random") given = Json(static_cast<std::int64_t>(run_.random()));
  append(record(admitted.step, RecordKind::value, Phase::outcome,
                Json::object({{"what", what}, {"value", given}})));
  co_return given;
}

Task<bool> Branch::patched(std::string name) {
  auto known = run_.patches_.find(name);
  if (known != run_.patches_.end() && !known->second) co_return false;
  InFlight in(*this, "patched");
  if (!in.ok) co_return in.error();
  // A run that passed here before the change has another kind of record at this place.
  const auto& here = run_.tape_.at(path_, step_);
  if (!here.empty() && here.front()->kind != RecordKind::patched) {
    run_.patches_[name] = false;
    co_return false;
  }
  Admitted admitted = admit(RecordKind::patched, hash128(name), [&] { return name; });
  if (admitted.found.empty()) {
    co_await live();
    append(record(admitted.step, RecordKind::patched, Phase::outcome,
                  Json::object({{"name", name}, {"value", true}})));
  }
  run_.patches_[name] = true;
  co_return true;
}

Task<void> Branch::sleep(std::chrono::milliseconds duration) {
  InFlight in(*this, "sleep");
  if (!in.ok) co_await fail(in.error());
  std::string asked = std::to_string(duration.count());
  Admitted admitted = admit(RecordKind::wait, hash128(asked), [&] { return asked + " ms"; });
  std::int64_t due = 0;
  for (const Record* record : admitted.found) {
    if (record->phase == Phase::outcome) co_return;
    due = (co_await read(*record)).integer("due");
  }
  co_await live();
  if (due == 0) {
    due = run_.now_ms() + duration.count();
    append(record(admitted.step, RecordKind::wait, Phase::intent, Json::object({{"due", due}})));
  }
  run_.set_wait({.path = path_, .step = admitted.step, .kind = "timer", .due = due});
  Result<void> slept = co_await interruptible(run_.until(due)).result();
  run_.end_wait(path_, admitted.step, 0);
  co_await slept;
  append(
      record(admitted.step, RecordKind::wait, Phase::outcome, Json::object({{"fired", "timer"}})));
}

Task<Decision> Branch::ask(std::string question, Json schema) {
  InFlight in(*this, "ask");
  if (!in.ok) co_return in.error();
  Json shown = Json::object({{"question", question}});
  if (!schema.is_null()) shown["schema"] = schema;
  Admitted admitted = admit(RecordKind::ask, hash128(shown.dump()), [&] { return shown.dump(); });
  bool asked = false;
  for (const Record* record : admitted.found) {
    asked = true;
    if (record->phase == Phase::outcome) co_return decision_from_json(co_await read(*record));
  }
  co_await live();
  co_return co_await person(admitted.step, 0, digest_, std::move(shown), asked);
}

// Shows `shown` to a person under the name of this call and waits for the decision; whoever
// answers appends the outcome.
Task<Decision> Branch::person(std::uint32_t step, std::uint32_t call, Digest digest, Json shown,
                              bool asked) {
  if (!asked) {
    append(record(step, RecordKind::ask, Phase::intent, shown, 1, call));
  }
  std::string name = call_name(path_, step, call);
  auto op = std::make_shared<Op>(run_.loop());
  run_.asked_[name] = {
      .digest = digest, .schema = shown.find("schema") ? *shown.find("schema") : Json(), .op = op};
  run_.set_wait({.path = path_,
                 .step = step,
                 .call = call,
                 .kind = "ask",
                 .key = run_.row_.uid + "/" + name,
                 .body = shown.dump()});
  Result<void> waited = co_await wait(op).result();
  run_.asked_.erase(name);
  run_.end_wait(path_, step, call);
  co_await waited;
  co_return *op->decision;
}

Task<Answer> Branch::continue_as_new(Json state) {
  if (path_ != "0") {
    co_return Error{.kind = ErrorKind::misuse,
                    .message = "continue_as_new belongs to the root branch, not to " + path_};
  }
  run_.next_state_ = std::move(state);
  co_return Error{.kind = ErrorKind::cancelled, .message = "continued as new"};
}

Budget Branch::tree_budget() const {
  Budget out = budget_;
  for (const auto& fork : forks_) {
    for (const auto& child : fork->children_) {
      if (child.at_work()) out = add(out, child.branch->tree_budget());
    }
  }
  return out;
}

void Branch::abandon() {
  for (const auto& attempt : std::vector(attempts_)) run_.orphan(attempt);
  run_.end_waits(path_);
  for (const auto& fork : forks_) {
    for (const auto& child : fork->children_) {
      if (child.at_work()) child.branch->abandon();
    }
  }
}

}  // namespace ragent
