#include <store/memory/memory_store.h>

#include <ragent/limits.h>

#include <base/hash.h>

#include <algorithm>
#include <limits>
#include <map>
#include <mutex>
#include <set>
#include <tuple>

#include <fmt/core.h>

namespace ragent {
namespace {

using WaitKey = std::tuple<RunId, std::string, std::uint32_t, std::uint32_t>;

struct AppliedTurn {
  std::uint64_t lsn = 0;
  Turn turn = {};
};

struct AppliedOrigin {
  std::uint64_t lsn = 0;
  Origin origin = {};
  std::int64_t at = 0;
};

struct TenantState {
  std::map<std::string, std::map<std::uint32_t, AppliedTurn>> sessions = {};  // by id, by number
  std::map<std::string, AppliedOrigin> origins = {};  // by session
  std::map<std::uint64_t, UsageRow> usage = {};  // by lsn
  std::map<RunId, FiledRun> filed = {};
  std::uint64_t applied_lsn = 0;
  std::uint64_t synced_lsn = 0;  // a power cut leaves what was applied up to here
};

struct LiveRun {
  RunRow row = {};
  std::map<std::uint32_t, Record> records = {};  // by n
};

}  // namespace

struct MemoryDisk::State {
  std::mutex mutex = {};
  std::map<RunId, LiveRun> runs = {};
  std::map<std::string, RunId> run_by_uid = {};
  std::map<WaitKey, WaitRow> waits = {};
  std::map<std::uint64_t, InboxRow> inbox = {};  // by order of arrival
  std::map<std::string, std::uint64_t> inbox_by_id = {};
  std::uint64_t inbox_next = 0;
  std::map<std::string, std::string> specs = {};
  std::uint64_t next_lsn = 1;
  RunId last_run = 0;
  std::map<std::string, TenantState> tenants = {};
  std::map<std::pair<std::string, std::string>, std::string> artifacts = {};  // by tenant and id
  std::optional<Error> fault = {};
  bool fault_written = false;
};

MemoryDisk::MemoryDisk() : state_(std::make_unique<State>()) {}
MemoryDisk::~MemoryDisk() = default;

void MemoryDisk::fail_next_commit(Error error, bool written) {
  const std::lock_guard lock(state_->mutex);
  state_->fault = std::move(error);
  state_->fault_written = written;
}

void MemoryDisk::power_cut() {
  const std::lock_guard lock(state_->mutex);
  for (auto& [id, tenant] : state_->tenants) {
    for (auto& [session, turns] : tenant.sessions) {
      std::erase_if(turns, [&](const auto& entry) { return entry.second.lsn > tenant.synced_lsn; });
    }
    std::erase_if(tenant.sessions, [](const auto& entry) { return entry.second.empty(); });
    std::erase_if(tenant.origins,
                  [&](const auto& entry) { return entry.second.lsn > tenant.synced_lsn; });
    std::erase_if(tenant.usage, [&](const auto& entry) { return entry.first > tenant.synced_lsn; });
    tenant.applied_lsn = tenant.synced_lsn;
  }
}

// All three interfaces over one disk; each call holds its mutex.
class MemoryStore : public Store, private Journal, private Tenants, private Artifacts {
 public:
  explicit MemoryStore(std::shared_ptr<MemoryDisk> disk) : disk_(std::move(disk)) {}
  Journal& journal() override { return *this; }
  Tenants& tenants() override { return *this; }
  Artifacts& artifacts() override { return *this; }
  Result<RunId> last_run_id() override { return locked()->last_run; }

 private:
  // The disk's state for as long as the lock is held.
  class Locked {
   public:
    explicit Locked(MemoryDisk::State& state) : lock_(state.mutex), state_(state) {}
    MemoryDisk::State* operator->() const { return &state_; }
    MemoryDisk::State& operator*() const { return state_; }

   private:
    std::lock_guard<std::mutex> lock_;
    MemoryDisk::State& state_;
  };
  Locked locked() { return Locked(*disk_->state_); }

  Result<std::uint64_t> commit(const Group& group) override;
  Result<std::vector<RunRow>> runs() override;
  Result<std::vector<Record>> records(const Tenant& tenant, RunId run,
                                      std::uint32_t chapter_from) override;
  Result<std::vector<WaitRow>> waits() override;
  Result<std::vector<InboxRow>> inbox() override;
  Result<std::string> spec(const Tenant& tenant, const std::string& digest) override;

  Result<void> apply(const Tenant& tenant, const std::vector<Applied>& items) override;
  Result<void> file(const Tenant& tenant, const std::vector<RunId>& runs) override;
  Result<std::vector<Turn>> turns(const Tenant& tenant, const std::string& session,
                                  std::uint32_t number_from) override;
  Result<std::vector<SessionRow>> sessions(const Tenant& tenant) override;
  Result<std::vector<UsageRow>> usage(const Tenant& tenant) override;
  Result<std::vector<RunRow>> runs(const Tenant& tenant) override;
  Result<FiledRun> run(const Tenant& tenant, const std::string& uid) override;
  Result<std::uint64_t> applied_lsn(const Tenant& tenant) override;

  Result<std::string> put(const Tenant& tenant, std::string_view bytes) override;
  Result<std::string> get(const Tenant& tenant, const std::string& id) override;

  static Result<void> check(const MemoryDisk::State& state, const Group& group);
  static void write(MemoryDisk::State& state, const Group& group);
  static RunRow row_of(const LiveRun& run);
  static FiledRun whole(const MemoryDisk::State& state, const LiveRun& run);

  // Shared with whoever opens the next store on it.
  std::shared_ptr<MemoryDisk> disk_;
  std::optional<Error> failed_ = {};
};

Result<void> MemoryStore::check(const MemoryDisk::State& state, const Group& group) {
  std::map<std::string, RunId> uids;
  for (const RunRow& row : group.runs) {
    const auto live = state.run_by_uid.find(row.uid);
    const bool taken = live != state.run_by_uid.end() && live->second != row.id;
    if (taken || uids.emplace(row.uid, row.id).first->second != row.id) {
      return fail(ErrorKind::misuse, fmt::format("two runs with the uid {}", row.uid));
    }
  }
  std::set<std::pair<RunId, std::uint32_t>> numbers;
  for (const Record& record : group.records) {
    const auto run = state.runs.find(record.run);
    const bool there = run != state.runs.end() && run->second.records.contains(record.n);
    if (there || !numbers.emplace(record.run, record.n).second) {
      return fail(ErrorKind::misuse,
                  fmt::format("two records with number {} of run {}", record.n, record.run));
    }
  }
  for (const InboxDone& done : group.inbox_done) {
    if (!numbers.contains({done.run, done.n})) {
      return fail(
          ErrorKind::misuse,
          fmt::format("inbox row {} is consumed by record {} of run {}, which is not in the "
                      "group",
                      done.id, done.n, done.run));
    }
  }
  return {};
}

void MemoryStore::write(MemoryDisk::State& state, const Group& group) {
  for (const SpecRow& spec : group.specs) state.specs.emplace(spec.digest, spec.body);
  for (const RunRow& row : group.runs) {
    state.runs[row.id].row = row;
    state.run_by_uid[row.uid] = row.id;
    state.last_run = std::max(state.last_run, row.id);
  }
  std::map<std::pair<RunId, std::uint32_t>, std::uint64_t> lsns;
  for (const Record& record : group.records) {
    Record& copy = state.runs[record.run].records[record.n] = record;
    copy.lsn = state.next_lsn++;
    lsns[{record.run, record.n}] = copy.lsn;
  }
  for (const WaitRow& wait : group.waits) {
    const WaitKey key(wait.run, wait.path, wait.step, wait.call);
    if (wait.done) {
      state.waits.erase(key);
    } else {
      state.waits[key] = wait;
    }
  }
  for (const InboxRow& row : group.inbox) {
    if (!state.inbox_by_id.emplace(row.id, state.inbox_next).second) continue;
    InboxRow& copy = state.inbox[state.inbox_next++] = row;
    copy.consumed_lsn = 0;
  }
  for (const InboxDone& done : group.inbox_done) {
    const auto found = state.inbox_by_id.find(done.id);
    if (found == state.inbox_by_id.end()) continue;
    InboxRow& row = state.inbox[found->second];
    row.consumed_lsn = lsns[{done.run, done.n}];
    row.run = done.run;
  }
  for (const RunId run : group.forget) {
    if (const auto live = state.runs.find(run); live != state.runs.end()) {
      state.run_by_uid.erase(live->second.row.uid);
      state.runs.erase(live);
    }
    state.waits.erase(state.waits.lower_bound(WaitKey(run, "", 0, 0)),
                      state.waits.lower_bound(WaitKey(run + 1, "", 0, 0)));
    std::erase_if(state.inbox_by_id,
                  [&](const auto& entry) { return state.inbox[entry.second].run == run; });
    std::erase_if(state.inbox, [&](const auto& entry) { return entry.second.run == run; });
  }
}

Result<std::uint64_t> MemoryStore::commit(const Group& group) {
  const Locked state = locked();
  if (failed_) return fail(*failed_);
  Result<void> fits = check(*state, group);
  if (!fits) return fail(std::move(fits.error()));
  const std::uint64_t first = state->next_lsn;
  const std::optional<Error> fault = std::exchange(state->fault, std::nullopt);
  if (!fault || state->fault_written) write(*state, group);
  if (!fault) return first;
  if (fault->kind != ErrorKind::unavailable) failed_ = fault;
  return fail(*fault);
}

RunRow MemoryStore::row_of(const LiveRun& run) {
  RunRow row = run.row;
  row.n = run.records.empty() ? 0 : run.records.rbegin()->first;
  return row;
}

FiledRun MemoryStore::whole(const MemoryDisk::State& state, const LiveRun& run) {
  FiledRun out{.row = row_of(run)};
  for (const auto& [n, record] : run.records) out.records.push_back(record);
  if (const auto spec = state.specs.find(run.row.spec); spec != state.specs.end()) {
    out.spec = spec->second;
  }
  return out;
}

Result<std::vector<RunRow>> MemoryStore::runs() {
  const Locked state = locked();
  std::vector<RunRow> rows;
  for (const auto& [id, live] : state->runs) rows.push_back(row_of(live));
  return rows;
}

Result<std::vector<Record>> MemoryStore::records(const Tenant& tenant, RunId run,
                                                 std::uint32_t chapter_from) {
  const Locked state = locked();
  std::vector<Record> found;
  const auto live = state->runs.find(run);
  if (live == state->runs.end() || live->second.row.tenant != tenant.id()) return found;
  const auto& records = live->second.records;
  for (auto i = records.rbegin(); i != records.rend() && i->second.chapter >= chapter_from; ++i) {
    found.push_back(i->second);
  }
  std::ranges::reverse(found);
  return found;
}

Result<std::vector<WaitRow>> MemoryStore::waits() {
  const Locked state = locked();
  std::vector<WaitRow> rows;
  for (const auto& [key, wait] : state->waits) rows.push_back(wait);
  return rows;
}

Result<std::vector<InboxRow>> MemoryStore::inbox() {
  const Locked state = locked();
  std::vector<InboxRow> rows;
  for (const auto& [order, row] : state->inbox) {
    if (row.consumed_lsn == 0) rows.push_back(row);
  }
  return rows;
}

Result<std::string> MemoryStore::spec(const Tenant& tenant, const std::string& digest) {
  const Locked state = locked();
  const auto spec = state->specs.find(digest);
  const bool used = std::ranges::any_of(state->runs, [&](const auto& entry) {
    return entry.second.row.tenant == tenant.id() && entry.second.row.spec == digest;
  });
  if (spec != state->specs.end() && used) return spec->second;
  return fail(ErrorKind::not_found, fmt::format("no live run has the spec {}", digest));
}

namespace {

// As it was, or as this apply leaves it; null: none.
const Origin* origin_of(const TenantState& file, const TenantState& next,
                        const std::string& session) {
  for (const TenantState* state : {&file, &next}) {
    const auto found = state->origins.find(session);
    if (found != state->origins.end()) return &found->second.origin;
  }
  return nullptr;
}

}  // namespace

Result<void> MemoryStore::apply(const Tenant& tenant, const std::vector<Applied>& items) {
  const Locked state = locked();
  TenantState& file = state->tenants[tenant.id()];
  // The new turns beside the old ones, so that a bad one leaves everything as it was.
  TenantState next{.applied_lsn = file.applied_lsn};
  for (const Applied& item : items) {
    if (item.lsn <= next.applied_lsn) continue;
    next.applied_lsn = item.lsn;
    if (item.origin.turns > 0 && !file.origins.contains(item.session)) {
      // Straight to where the turns are: along a chain of origins they get fewer with each.
      Origin origin = item.origin;
      for (const Origin* further = nullptr;
           (further = origin_of(file, next, origin.session)) && further->turns >= origin.turns;) {
        origin.session = further->session;
      }
      next.origins.emplace(item.session, AppliedOrigin{item.lsn, std::move(origin), item.turn.at});
    }
    if (!item.usage.empty()) {
      next.usage.emplace(item.lsn, UsageRow{item.turn.run, item.session, item.usage});
    }
    if (item.turn.number == 0) continue;
    const auto session = file.sessions.find(item.session);
    const bool there = session != file.sessions.end() && session->second.contains(item.turn.number);
    auto& turns = next.sessions[item.session];
    if (there || !turns.emplace(item.turn.number, AppliedTurn{item.lsn, item.turn}).second) {
      return fail(ErrorKind::misuse,
                  fmt::format("session {} has a turn {} already", item.session, item.turn.number));
    }
  }
  file.applied_lsn = next.applied_lsn;
  for (auto& [session, turns] : next.sessions) file.sessions[session].merge(turns);
  file.origins.merge(next.origins);
  file.usage.merge(next.usage);
  return {};
}

Result<void> MemoryStore::file(const Tenant& tenant, const std::vector<RunId>& runs) {
  const Locked state = locked();
  TenantState& file = state->tenants[tenant.id()];
  std::map<RunId, FiledRun> filed;
  for (const RunId id : runs) {
    if (file.filed.contains(id)) continue;
    const auto live = state->runs.find(id);
    if (live == state->runs.end() || live->second.row.tenant != tenant.id()) {
      return fail(ErrorKind::not_found,
                  fmt::format("tenant {} has no run {} that could be filed", tenant.id(), id));
    }
    FiledRun run = whole(*state, live->second);
    if (run.row.state != "ended" || run.records.empty() ||
        run.records.back().lsn > file.applied_lsn) {
      return fail(
          ErrorKind::misuse,
          fmt::format("run {} cannot be filed: it must have ended, and its last record must "
                      "have been applied; its state is {}",
                      run.row.uid, run.row.state));
    }
    filed.emplace(id, std::move(run));
  }
  if (!filed.empty()) file.synced_lsn = file.applied_lsn;
  file.filed.merge(filed);
  return {};
}

Result<std::vector<Turn>> MemoryStore::turns(const Tenant& tenant, const std::string& session,
                                             std::uint32_t number_from) {
  const Locked state = locked();
  const TenantState& file = state->tenants[tenant.id()];
  std::vector<Turn> out;
  std::string of = session;
  for (std::uint32_t last = std::numeric_limits<std::uint32_t>::max(); last >= number_from;) {
    std::vector<Turn> some;
    if (const auto found = file.sessions.find(of); found != file.sessions.end()) {
      for (const auto& [number, applied] : found->second) {
        if (number >= number_from && number <= last) some.push_back(applied.turn);
      }
    }
    out.insert(out.begin(), some.begin(), some.end());
    const auto origin = file.origins.find(of);
    if (origin == file.origins.end()) break;
    last = origin->second.origin.turns;
    of = origin->second.origin.session;
  }
  return out;
}

Result<std::vector<SessionRow>> MemoryStore::sessions(const Tenant& tenant) {
  const Locked state = locked();
  const TenantState& file = state->tenants[tenant.id()];
  std::map<std::string, SessionRow> by_id;
  for (const auto& [id, begun] : file.origins) {
    by_id[id] = {.id = id, .turns = begun.origin.turns, .changed_at = begun.at};
  }
  for (const auto& [id, turns] : file.sessions) {
    SessionRow& row = by_id[id];
    row.id = id;
    for (const auto& [number, applied] : turns) {
      row.turns = std::max(row.turns, number);
      row.changed_at = std::max(row.changed_at, applied.turn.at);
    }
  }
  std::vector<SessionRow> rows;
  for (auto& [id, row] : by_id) rows.push_back(std::move(row));
  std::ranges::sort(rows, [](const SessionRow& a, const SessionRow& b) {
    return std::pair(b.changed_at, a.id) < std::pair(a.changed_at, b.id);
  });
  if (rows.size() > limits::kRunsListedMax) rows.resize(limits::kRunsListedMax);
  return rows;
}

Result<std::vector<UsageRow>> MemoryStore::usage(const Tenant& tenant) {
  const Locked state = locked();
  const auto& usage = state->tenants[tenant.id()].usage;
  std::vector<UsageRow> rows;
  for (auto i = usage.rbegin(); i != usage.rend() && rows.size() < limits::kRunsListedMax; ++i) {
    rows.push_back(i->second);
  }
  return rows;
}

Result<std::vector<RunRow>> MemoryStore::runs(const Tenant& tenant) {
  const Locked state = locked();
  const auto& filed = state->tenants[tenant.id()].filed;
  std::vector<RunRow> rows;
  for (auto i = filed.rbegin(); i != filed.rend() && rows.size() < limits::kRunsListedMax; ++i) {
    rows.push_back(i->second.row);
  }
  return rows;
}

Result<FiledRun> MemoryStore::run(const Tenant& tenant, const std::string& uid) {
  const Locked state = locked();
  if (const auto id = state->run_by_uid.find(uid); id != state->run_by_uid.end()) {
    const LiveRun& live = state->runs.at(id->second);
    if (live.row.tenant == tenant.id()) return whole(*state, live);
  }
  for (const auto& [id, filed] : state->tenants[tenant.id()].filed) {
    if (filed.row.uid == uid) return filed;
  }
  return fail(ErrorKind::not_found, fmt::format("there is no run {}", uid));
}

Result<std::uint64_t> MemoryStore::applied_lsn(const Tenant& tenant) {
  return locked()->tenants[tenant.id()].applied_lsn;
}

Result<std::string> MemoryStore::put(const Tenant& tenant, std::string_view bytes) {
  if (bytes.size() > limits::kArtifactBytesMax) {
    return fail(ErrorKind::invalid, fmt::format("an artifact has at most {} bytes, this one has {}",
                                                limits::kArtifactBytesMax, bytes.size()));
  }
  std::string id = sha256_hex(bytes);
  locked()->artifacts.emplace(std::pair(tenant.id(), id), bytes);
  return id;
}

Result<std::string> MemoryStore::get(const Tenant& tenant, const std::string& id) {
  const Locked state = locked();
  const auto found = state->artifacts.find({tenant.id(), id});
  if (found != state->artifacts.end()) return found->second;
  return fail(ErrorKind::not_found, fmt::format("there is no artifact {}", id));
}

std::unique_ptr<Store> make_memory_store(std::shared_ptr<MemoryDisk> disk) {
  if (!disk) disk = std::make_shared<MemoryDisk>();
  return std::make_unique<MemoryStore>(std::move(disk));
}

}  // namespace ragent
