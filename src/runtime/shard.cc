#include <runtime/shard.h>

#include <base/deadline.h>
#include <base/file.h>
#include <base/hash.h>
#include <base/text.h>
#include <base/written_json.h>
#include <ragent/limits.h>
#include <runtime/handle.h>

#include <filesystem>
#include <ranges>

namespace ragent {

namespace {

// Of a run cancelled before it began: nothing is asked, so no planner or tool need be there.
Task<Answer> never_begun(Run&, Input) {
  co_return Error{.kind = ErrorKind::cancelled, .message = "it never began"};
}

}  // namespace

struct Shard::Ended {
  Turn turn;
  std::string usage;
  Json final;
  Origin origin;
  std::uint64_t lsn = 0;
};

Shard::Shard(Loop& loop, ShardParts parts)
    : loop_(loop), parts_(std::move(parts)), self_(std::make_shared<Shard*>(this)), scope_(loop) {
  loop_.on_turn_end([self = self_] {
    if (*self) (*self)->flush();
  });
}

Shard::~Shard() {
  *self_ = nullptr;
  for (auto& [uid, known] : runs_) {
    for (const auto& weak : known.handles) {
      auto handle = weak.lock();
      if (!handle) continue;
      handle->finish(fail(ErrorKind::unavailable, "the engine was closed before run " + uid +
                                                      " ended: the next engine of this home "
                                                      "carries it on"));
    }
  }
  scope_.cancel();
  runs_.clear();
}

// ---- commits

void Shard::flush() {
  if (group_.empty() || halted_) return;
  std::uint64_t ticket = ticket_++;
  parts_.writer.submit(std::exchange(group_, {}), loop_, [self = self_, ticket](std::uint64_t lsn) {
    if (*self) (*self)->made_durable(ticket, lsn);
  });
}

void Shard::made_durable(std::uint64_t ticket, std::uint64_t lsn) {
  durable_ = ticket;
  durable_lsn_ = lsn;
  while (!after_.empty() && after_.begin()->first <= durable_) {
    Function next = std::move(after_.begin()->second);
    after_.erase(after_.begin());
    next();
  }
}

void Shard::when_durable(std::uint64_t ticket, Function function) {
  if (ticket <= durable_) return function();
  after_.emplace(ticket, std::move(function));
}

Task<void> Shard::committed(std::uint64_t ticket) {
  if (ticket <= durable_) co_return;
  if (halted_) co_await fail(*halted_);
  auto op = std::make_shared<Op>(loop_);
  after_.emplace(ticket, [op] { op->done.set(); });
  co_await op->done;
}

// Everything that was appended so far is durable.
Task<void> Shard::barrier() { return committed(group_.empty() ? ticket_ - 1 : ticket_); }

std::string Shard::workspace(const std::string& uid) const {
  return std::filesystem::path(parts_.options.home) / "work" / uid;
}

// ---- loading

Task<void> Shard::load(std::string uid) {
  auto found = runs_.find(uid);
  if (found == runs_.end()) co_return;
  Tenant tenant = co_await Tenant::parse(found->second.row.tenant);
  RunRow row = found->second.row;
  std::shared_ptr<const Binding> binding = found->second.binding;
  if (found->second.cancelled) {
    binding = std::make_shared<Binding>(Binding{.planner = {.body = never_begun}});
  }
  Result<RunMaterial> material = co_await read(tenant, row, std::move(binding)).result();
  found = runs_.find(uid);
  if (found == runs_.end()) co_return;
  Known& known = found->second;
  known.loading = false;
  known.records.clear();
  if (material) {
    known.binding = material->binding;
    begin(known, std::move(*material));
  } else if (material.error().kind == ErrorKind::diverged) {
    set_state(known, RunState::diverged, material.error().message);
  } else {
    set_state(known, RunState::unbound, material.error().message);
  }
  for (auto& op : std::exchange(known.loaded, {})) op->done.set();
}

Task<RunMaterial> Shard::read(Tenant tenant, RunRow row, std::shared_ptr<const Binding> binding) {
  Store& store = parts_.store;
  RunMaterial out{.row = row};
  if (auto session = sessions_.find(session_key(row));
      session != sessions_.end() && session->second.applying) {
    auto op = std::make_shared<Op>(loop_);
    session->second.applied.push_back(op);
    co_await op->done;
  }
  co_await barrier();  // what was appended can be read
  out.records = co_await offload(loop_, parts_.store_pool, [&store, tenant, row] {
    return store.journal().records(tenant, row.id, row.chapter);
  });
  std::uint32_t head = 0;
  bool opened = false;
  std::string folder;
  ForkedFrom forked;
  for (const Record& record : out.records) {
    if (record.kind != RecordKind::start && record.kind != RecordKind::open) continue;
    Json body = parse_written_json(record.body).value_or(Json());
    if (record.kind == RecordKind::start) {
      folder = body.text("folder");
      forked = forked_from(body);
      continue;
    }
    head = std::max(head, static_cast<std::uint32_t>(body.integer("head")));
    opened = true;
  }
  // What a fork sees is in the session of its source, until it has ended in its own.
  const std::string session = forked.records > 0 ? forked.origin.session : row.session;
  out.history = co_await offload(loop_, parts_.store_pool, [&store, tenant, session] {
    return store.tenants().turns(tenant, session, 1);
  });
  if (forked.records > 0) {
    std::erase_if(out.history, [&](const Turn& turn) { return turn.number > forked.origin.turns; });
  }
  if (!opened) head = out.history.empty() ? 0 : out.history.back().number;
  out.head = head;
  out.binding = binding ? binding : co_await rebind(tenant, row, folder);
  co_return out;
}

// Brings a parked run into memory.
Task<void> Shard::live(Tenant tenant, std::string uid) {
  Known* known = co_await find(tenant, uid);
  if (known->live && !known->loading) co_return;
  const Session& session = sessions_.at(session_key(known->row));
  if (session.runs.front() != uid && !known->cancelled) {
    co_await fail(ErrorKind::conflict,
                  "run " + uid + " waits behind run " + session.runs.front() + " of its session");
  }
  if (!known->loading) {
    known->loading = true;
    scope_.spawn(load(uid));
  }
  auto op = std::make_shared<Op>(loop_);
  known->loaded.push_back(op);
  co_await op->done;
}

Result<Shard::Known*> Shard::find(const Tenant& tenant, const std::string& uid) {
  auto found = runs_.find(uid);
  if (found == runs_.end() || found->second.row.tenant != tenant.id()) {
    return fail(ErrorKind::not_found,
                "there is no unfinished run \"" + uid + "\": `ragent runs` lists them");
  }
  return &found->second;
}

// ---- recovery

// Fills the tables at once: a call that comes right after opening finds every run.
void Shard::recover(std::vector<RunRow> rows, std::vector<InboxRow> inbox) {
  std::ranges::sort(rows, {}, &RunRow::id);
  for (RunRow& row : rows) {
    bool asleep =
        row.state == to_string(RunState::quarantined) || row.state == to_string(RunState::paused);
    Session& session = sessions_[session_key(row)];
    session.runs.push_back(row.uid);
    bool replays = !asleep && parts_.options.resume && session.runs.size() == 1;
    if (replays && ++row.crashes > limits::kReplayCrashesMax) {
      row.state = std::string(to_string(RunState::quarantined));
      asleep = true;
    }
    Known& known = runs_[row.uid];
    known.asleep = asleep;
    if (asleep)
      known.still = "run " + row.uid + " is " + row.state + ": `ragent resume " + row.uid + "`";
    known.place = parts_.places.hold(row.uid, row.session);
    known.row = row;
    for (InboxRow& waiting : inbox) {
      if (waiting.run == row.id) known.inbox.push_back(std::move(waiting));
    }
    if (parts_.options.resume) group_.runs.push_back(row);
  }
  if (parts_.options.resume && !rows.empty()) scope_.spawn(carry_on());
}

Task<void> Shard::carry_on() {
  co_await barrier();  // the count is durable before a replay starts
  std::vector<std::string> keys;
  for (const auto& [key, session] : sessions_) {
    keys.push_back(key);
  }
  std::ranges::sort(keys);
  for (const std::string& key : keys) begin_next(key);
}

// ---- the end of a run

void Shard::set_state(Known& known, RunState state, std::string why) {
  known.row.state = std::string(to_string(state));
  group_.runs.push_back(known.row);
  std::string text = "run " + known.row.uid + " is " + known.row.state + ": " + why;
  parts_.log.warn("a run stands still", {{"run", known.row.uid}, {"why", text}});
  Event event{.kind = Event::Kind::state,
              .body = Json::object({{"state", known.row.state}, {"why", text}})};
  for (const auto& weak : known.handles) {
    auto handle = weak.lock();
    if (!handle) continue;
    handle->push(event);
    handle->stand(text);
  }
  known.still = std::move(text);
  tell_queue(known);
}

void Shard::tell_queue(const Known& front) {
  auto session = sessions_.find(session_key(front.row));
  if (front.still.empty() || session == sessions_.end()) return;
  if (session->second.runs.front() != front.row.uid) return;
  for (const std::string& uid : session->second.runs | std::views::drop(1)) {
    std::string text = "run " + uid + " is queued behind another one: " + front.still;
    Event event{.kind = Event::Kind::state,
                .body = Json::object({{"state", to_string(RunState::queued)}, {"why", text}})};
    for (const auto& weak : runs_.at(uid).handles) {
      if (auto handle = weak.lock()) {
        handle->push(event);
        handle->stand(text);
      }
    }
  }
}

void Shard::goes_on(Known& known) {
  auto work = [](const Known& one) {
    for (const auto& weak : one.handles) {
      if (auto handle = weak.lock()) handle->work();
    }
  };
  work(known);
  if (std::exchange(known.still, {}).empty()) return;
  for (const std::string& uid : sessions_.at(session_key(known.row)).runs) work(runs_.at(uid));
}

bool Shard::stands(const std::string& uid) const {
  auto found = runs_.find(uid);
  return found != runs_.end() && !found->second.still.empty();
}

// It waits for a person, or diverged.
void Shard::stands_still(LiveRun& run, std::string why) {
  auto found = runs_.find(run.row().uid);
  if (found == runs_.end()) return;
  found->second.row = run.row();
  for (const auto& weak : found->second.handles) {
    if (auto handle = weak.lock()) handle->stand(why);
  }
  found->second.still = std::move(why);
  tell_queue(found->second);
  if (run.idle()) scope_.spawn(evict_later(run.row().uid));
}

Task<void> Shard::evict_later(std::string uid) {
  co_await loop_.sleep(parts_.options.evict_after);
  auto found = runs_.find(uid);
  if (found == runs_.end() || !found->second.live || !found->second.live->idle()) co_return;
  found->second.row = found->second.live->row();
  found->second.inbox = found->second.live->take_inbox();
  found->second.live.reset();
}

void Shard::finished(LiveRun& run, Turn turn, std::string usage, Json final) {
  auto ended = std::make_shared<Ended>(
      Ended{std::move(turn), std::move(usage), std::move(final), run.origin()});
  std::size_t index = group_.records.size() - 1;  // the final is the last record of this group
  std::string uid = run.row().uid;
  when_durable(ticket_, [this, uid, ended, index] {
    ended->lsn = durable_lsn_ + index;
    runs_.at(uid).row = runs_.at(uid).live->row();
    scope_.spawn(conclude(uid, ended));
  });
}

Task<void> Shard::conclude(std::string uid, std::shared_ptr<Ended> ended) {
  Known& known = runs_.at(uid);
  Result<Answer> result = answer_of(uid, ended->final);
  if (parts_.options.check_replay) {
    Result<void> same = co_await check(known).result();
    if (!same) result = fail(std::move(same.error()));
  }
  RunRow row = known.row;
  Tenant tenant = co_await Tenant::parse(row.tenant);
  Event event{.kind = Event::Kind::ended, .body = ended->final};
  for (const auto& weak : known.handles) {
    auto handle = weak.lock();
    if (!handle) continue;
    handle->push(event);
    handle->finish(result);
  }
  bool programs = std::ranges::any_of(known.binding->spec.tools, [](const ToolSpec& tool) {
    return tool.kind == ToolSpec::Kind::exec;
  });
  runs_.erase(uid);
  bool had_turn = ended->turn.number > 0;
  Applied applied{.lsn = ended->lsn,
                  .session = row.session,
                  .turn = std::move(ended->turn),
                  .usage = std::move(ended->usage),
                  .origin = std::move(ended->origin)};
  std::string key = session_key(row);
  Session& session = sessions_[key];
  std::erase(session.runs, uid);  // not the first, when it was cancelled before it began
  ++session.applying;
  if (had_turn) session.fresh = false;
  parts_.filer.finished(tenant, std::move(applied), row.id, loop_, [self = self_, key] {
    if (*self) (*self)->applied(key);
  });
  if (programs) {
    (void)co_await offload(loop_, parts_.store_pool, [folder = workspace(uid)] {
      std::error_code ignored;  // what is left is swept with the home
      std::filesystem::remove_all(folder, ignored);
    }).result();
  }
}

// The turn of a run of the session can be read.
void Shard::applied(const std::string& session) {
  auto found = sessions_.find(session);
  if (found == sessions_.end()) return;
  if (--found->second.applying > 0) return;
  for (auto& op : std::exchange(found->second.applied, {})) op->done.set();
  begin_next(session);
}

// Replays the finished run and names the first difference.
Task<void> Shard::check(const Known& known) {
  RunMaterial material =
      co_await read(co_await Tenant::parse(known.row.tenant), known.row, known.binding);
  LiveRun again(*this, std::move(material), true);
  again.begin();
  if (again.diverged().empty()) co_return;
  parts_.log.error("a finished run does not replay",
                   {{"run", known.row.uid}, {"difference", again.diverged()}});
  co_await fail(ErrorKind::diverged,
                "run " + known.row.uid + " does not replay: " + again.diverged());
}

Task<void> Shard::drain(TimePoint until) {
  while (effects_ > 0 && loop_.now() < until) co_await loop_.sleep(std::chrono::milliseconds(2));
  // A full disk must not keep an engine from closing.
  (void)co_await with_deadline(loop_, barrier(),
                               std::max(until, loop_.now() + limits::kLastCommitWait))
      .result();
}

void Shard::halt(const Error& error) {
  halted_ = error;
  group_ = {};
  after_.clear();
  for (auto& [uid, known] : runs_) {
    for (const auto& weak : known.handles) {
      if (auto handle = weak.lock()) handle->finish(fail(error));
    }
  }
  loop_.after_resume([self = self_] {
    if (!*self) return;
    (*self)->scope_.cancel();
    (*self)->runs_.clear();
    (*self)->sessions_.clear();
  });
}

}  // namespace ragent
