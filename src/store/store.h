// Store: where runs live. A Journal of live runs of all tenants, the Tenants at rest, and the
// Artifacts. Two implementations behind one conformance suite: sqlite/ and memory/.
//
//   Result<std::unique_ptr<Store>> store = open_sqlite_store(".ragent");
//   Group group;  group.records.push_back(record);
//   Result<std::uint64_t> lsn = (*store)->journal().commit(group);   // durable on return
//
// Every method blocks. Journal::commit belongs to the writer thread; everything else may be called
// from any thread at any time (the store pool) and waits for no commit. Calls that change a tenant
// (apply, file) come one at a time: its strand. Errors: io (stop the engine), unavailable (no
// space: rolled back, try again), invalid (broken or newer store), conflict (another owner),
// misuse (a bug of the caller, or a store opened for reading).
#pragma once

#include <ragent/tenant.h>
#include <ragent/tool.h>

#include <vector>

namespace ragent {

using RunId = std::int64_t;  // within one home; its uid is what users see

// The numbers are stored in filed runs: only ever append.
enum class RecordKind : std::uint8_t {
  start,
  open,
  think,
  act,
  ask,
  recall,
  remember,
  compact,
  value,
  patched,
  send,
  wait,
  fork,
  next,
  cancel,
  call_agent,
  hand_off,
  resolve,
  stop,
  feedback,
  chapter,
  final,
};
enum class Phase : std::uint8_t { intent, outcome };
std::string_view to_string(RecordKind kind);
std::optional<RecordKind> record_kind_from(std::string_view name);

inline constexpr std::uint32_t kNoStep = 0xffffffff;  // of start, stop, chapter, final

struct Record {
  std::uint64_t lsn = 0;  // order in the process; given by the writer at commit
  RunId run = 0;
  std::uint32_t n = 0;    // order in the run: 1, 2, … without gaps
  std::uint32_t chapter = 0;
  std::string path = "0";
  std::uint32_t step = kNoStep;
  std::uint32_t call = 0;
  RecordKind kind = RecordKind::start;
  Phase phase = Phase::outcome;
  std::uint32_t attempt = 1;
  std::int64_t at = 0;    // wall clock, ms since the epoch
  Digest digest = {};
  std::string body = {};  // JSON
  friend bool operator==(const Record&, const Record&) = default;
};

// A run as the journal lists it. `state` is the word of RunState; `outcome` of Outcome, or empty.
struct RunRow {
  RunId id = 0;
  std::string uid = {};
  std::string tenant = {};
  std::string session = {};
  std::string parent = {};   // uid of the run that called it; of a fork: its source's, "@", step
  std::string agent = {};    // name
  std::string spec = {};     // digest
  std::string planner = {};  // name@version
  std::string state = {};
  std::string outcome = {};
  std::string task = {};     // the beginning of the input, for listings
  std::uint32_t chapter = 0;
  std::uint32_t n = 0;       // of its last record; found by reading, ignored by commit
  std::uint32_t crashes = 0; // replays begun and not survived
  std::int64_t started_at = 0;
  std::int64_t ended_at = 0;
  friend bool operator==(const RunRow&, const RunRow&) = default;
};

// What a parked run waits for.
struct WaitRow {
  RunId run = 0;
  std::string path = {};
  std::uint32_t step = 0;
  std::uint32_t call = 0;
  std::string kind = {};  // "ask", "timer", "message", "doubt"
  std::string key = {};   // of an ask: its id
  std::int64_t due = 0;   // of a timer: ms since the epoch; 0: none
  std::string body = {};  // JSON: what is shown
  bool done = false;      // in a Group: it waits no longer (only run, path, step, call count)
  friend bool operator==(const WaitRow&, const WaitRow&) = default;
};

// Input for a session that is busy, or a message; consumed by the record that takes it.
struct InboxRow {
  std::string id = {};  // unique: a second row with it is ignored, until its run is filed
  std::string tenant = {};
  std::string session = {};
  RunId run = 0;        // 0: for the session; once consumed, the run that took it
  std::string body = {};
  std::uint64_t consumed_lsn = 0;
  friend bool operator==(const InboxRow&, const InboxRow&) = default;
};

// Which record took an inbox row: one of the same Group.
struct InboxDone {
  std::string id = {};
  RunId run = 0;
  std::uint32_t n = 0;
  friend bool operator==(const InboxDone&, const InboxDone&) = default;
};

struct SpecRow {
  std::string digest = {};
  std::string body = {};
  friend bool operator==(const SpecRow&, const SpecRow&) = default;
};

// One atomic commit, list by list and in the order of each list. Rows that exist are replaced
// (runs by id, waits by run, path, step, call); a spec that exists is left.
struct Group {
  std::vector<SpecRow> specs = {};
  std::vector<RunRow> runs = {};  // new or changed: state goes with the record that causes it
  std::vector<Record> records = {};  // lsn is set by commit, in this order
  std::vector<WaitRow> waits = {};  // new, changed or `done`
  std::vector<InboxRow> inbox = {};
  std::vector<InboxDone> inbox_done = {};
  std::vector<RunId> forget = {};  // filed by Tenants::file: their rows leave the journal
  bool empty() const;
  void append(Group&& later);  // one commit out of two
};

// Live runs of all tenants. One writer. runs(), waits() and inbox() are for the engine's opening:
// they answer the rows of all tenants.
class Journal {
 public:
  virtual ~Journal() = default;
  // Durable on return; answers the lsn of its first record. An lsn is never given twice, also
  // after filing. Error{unavailable}: no space; nothing is written, the same group may come again.
  // Error{misuse}: two records with the same (run, n); nothing is written. Any other failure:
  // Error{io}: what was written is not known, every later commit fails, the engine must stop.
  virtual Result<std::uint64_t> commit(const Group& group) = 0;
  virtual Result<std::vector<RunRow>> runs() = 0;  // by id; not yet filed
  // By n, of that chapter and later ones; O(what it answers). Empty when it is not the tenant's.
  virtual Result<std::vector<Record>> records(const Tenant& tenant, RunId run,
                                              std::uint32_t chapter_from) = 0;
  virtual Result<std::vector<WaitRow>> waits() = 0;
  virtual Result<std::vector<InboxRow>> inbox() = 0;  // not consumed, in order of arrival
  // The spec of a live run of this tenant; Error{not_found}.
  virtual Result<std::string> spec(const Tenant& tenant, const std::string& digest) = 0;
};

// One exchange of a session: the input of a run and its answer.
struct Turn {
  std::uint32_t number = 0;  // 1, 2, … within the session
  std::string run = {};  // uid
  std::string input = {};  // JSON of the user's Message
  std::string answer = {};  // JSON of the assistant's Message
  std::int64_t at = 0;
  friend bool operator==(const Turn&, const Turn&) = default;
};

// The first turns of a session that are those of another one, as a fork's session begins.
struct Origin {
  std::string session = {};
  std::uint32_t turns = 0;  // how many; 0: none
  friend bool operator==(const Origin&, const Origin&) = default;
};

// What a `final` record brings into the tenant file.
struct Applied {
  std::uint64_t lsn = 0;
  std::string session = {};
  Turn turn = {};  // number 0: none (the run did not answer)
  std::string usage = {};  // JSON: tokens, steps, time
  Origin origin = {};  // of the session, with its first run; a session that has one keeps it
};

// One run with all its records and the spec it is pinned to.
struct FiledRun {
  RunRow row = {};
  std::vector<Record> records = {};
  std::string spec = {};
  friend bool operator==(const FiledRun&, const FiledRun&) = default;
};

struct SessionRow {
  std::string id = {};
  std::uint32_t turns = 0;  // number of the last one
  std::int64_t changed_at = 0;  // of the last one
  friend bool operator==(const SessionRow&, const SessionRow&) = default;
};

// What an ended run used, as its `final` says.
struct UsageRow {
  std::string run = {};  // uid
  std::string session = {};
  std::string usage = {};  // JSON
  friend bool operator==(const UsageRow&, const UsageRow&) = default;
};

// Tenants at rest: one file each. Every method may repeat (a crash between two of them does).
class Tenants {
 public:
  virtual ~Tenants() = default;
  // In order of lsn; what is at or below the file's applied_lsn is skipped. Not synced: a power
  // cut may take it back, applied_lsn with it.
  virtual Result<void> apply(const Tenant& tenant, const std::vector<Applied>& items) = 0;
  // Copies ended runs, whose `final` was applied, from the journal into the tenant file and syncs
  // it. The caller then puts them into Group::forget, so that the writer deletes them from the
  // journal. Runs that are already filed are left.
  virtual Result<void> file(const Tenant& tenant, const std::vector<RunId>& runs) = 0;
  // By number; those of its origin are among them.
  virtual Result<std::vector<Turn>> turns(const Tenant& tenant, const std::string& session,
                                          std::uint32_t number_from) = 0;
  virtual Result<std::vector<SessionRow>> sessions(const Tenant& tenant) = 0;
  virtual Result<std::vector<UsageRow>> usage(const Tenant& tenant) = 0;  // latest first
  virtual Result<std::vector<RunRow>> runs(const Tenant& tenant) = 0;  // filed, newest first
  // A run of this tenant, live (from the journal) or filed; Error{not_found}.
  virtual Result<FiledRun> run(const Tenant& tenant, const std::string& uid) = 0;
  // The lsn up to which `final` records were applied: the engine redoes everything above it.
  virtual Result<std::uint64_t> applied_lsn(const Tenant& tenant) = 0;
};

// Bytes above limits::kObservationBytesMax, by content: id = SHA-256 in hex.
class Artifacts {
 public:
  virtual ~Artifacts() = default;
  virtual Result<std::string> put(const Tenant& tenant, std::string_view bytes) = 0;  // durable
  virtual Result<std::string> get(const Tenant& tenant, const std::string& id) = 0;
};

class Store {
 public:
  virtual ~Store() = default;
  virtual Journal& journal() = 0;
  virtual Tenants& tenants() = 0;
  virtual Artifacts& artifacts() = 0;
  // Run ids given out so far: the next run takes a higher one.
  virtual Result<RunId> last_run_id() = 0;
};

// `home` is made when absent. Takes the flock of `home`/lock; Error{conflict} names the process
// that holds it. Error{invalid}: a broken store, one of a newer format, or a journal that was lost.
Result<std::unique_ptr<Store>> open_sqlite_store(const std::string& home);
// Beside a living owner, without its lock: commit, apply, file and put answer Error{misuse}.
// Error{not_found}: nothing ever ran in `home`.
Result<std::unique_ptr<Store>> open_sqlite_store_read_only(const std::string& home);

// Whether some process owns it now.
bool is_owned(const std::string& home);

// The same without files. A disk (memory/memory_store.h) outlives the store, as files do: a
// simulator "crashes" an engine, then opens another on the same disk. Null: one of its own.
class MemoryDisk;
std::unique_ptr<Store> make_memory_store(std::shared_ptr<MemoryDisk> disk = {});

// Runs of a tenant, live and filed, newest first, at most limits::kRunsListedMax.
Result<std::vector<RunRow>> list_runs(Store& store, const Tenant& tenant);

}  // namespace ragent
