#include <store/sqlite/tenants.h>

#include <ragent/limits.h>

#include <store/filed.h>
#include <store/sqlite/rows.h>

#include <base/file.h>

#include <algorithm>
#include <limits>

#include <fmt/core.h>

namespace ragent {
namespace {

constexpr std::string_view kSchema =
    ", n integer not null, records blob not null);"
    "create table spec(digest text primary key, body text not null);"
    "create table session(id text primary key, turns integer not null,"
    " changed_at integer not null);"
    "create table turn(session text not null, number integer not null, run text not null,"
    " input text not null, answer text not null, at integer not null);"
    "create unique index turn_by_number on turn(session, number);"
    "create table usage(lsn integer primary key, session text not null, run text not null,"
    " body text not null);";

// Made with the first fork: files of releases that knew none are as good.
constexpr std::string_view kOriginTable =
    "create table if not exists origin(session text primary key, of text not null,"
    " turns integer not null)";

constexpr std::uint32_t kAllTurns = std::numeric_limits<std::uint32_t>::max();

std::string_view text_of(Blob blob) {
  return {reinterpret_cast<const char*>(blob.data()), blob.size()};
}

// Whose first turns a session has; turns 0: its own.
Result<Origin> origin_of(Database& db, const std::string& session) {
  Result<Statement> known =
      db.prepare("select 1 from sqlite_master where type='table' and name='origin'");
  if (!known) return fail(std::move(known.error()));
  Result<bool> table = known->step();
  if (!table) return fail(std::move(table.error()));
  if (!*table) return Origin{};
  Result<Statement> find = db.prepare("select of, turns from origin where session=?1");
  if (!find) return fail(std::move(find.error()));
  Result<bool> found = find->bind(session).step();
  if (!found) return fail(std::move(found.error()));
  if (!*found) return Origin{};
  return Origin{.session = std::string(find->text(0)),
                .turns = static_cast<std::uint32_t>(find->integer(1))};
}

Result<void> put_session(Database& db, const Applied& item, std::uint32_t turns) {
  Result<Statement> session = db.prepare(
      "insert into session values(?1, ?2, ?3) on conflict(id) do update"
      " set turns=max(turns, ?2), changed_at=max(changed_at, ?3)");
  if (!session) return fail(std::move(session.error()));
  return session->bind(item.session, turns, item.turn.at).run();
}

Result<void> put_origin(Database& db, const Applied& item) {
  Origin origin = item.origin;
  // Straight to where the turns are: along a chain of origins they get fewer with each.
  for (std::uint32_t before = kAllTurns;;) {
    Result<Origin> further = origin_of(db, origin.session);
    if (!further) return fail(std::move(further.error()));
    if (further->turns < origin.turns || further->turns >= before) break;
    before = further->turns;
    origin.session = std::move(further->session);
  }
  if (Result<void> made = db.execute(kOriginTable); !made) return made;
  Result<Statement> put = db.prepare("insert or ignore into origin values(?1, ?2, ?3)");
  if (!put) return fail(std::move(put.error()));
  Result<void> done = put->bind(item.session, origin.session, origin.turns).run();
  return done ? put_session(db, item, origin.turns) : done;
}

Result<void> apply_one(Database& db, const Applied& item) {
  Result<void> done;
  if (item.origin.turns > 0) {
    done = put_origin(db, item);
    if (!done) return done;
  }
  if (item.turn.number > 0) {
    const Turn& turn = item.turn;
    Result<Statement> put = db.prepare("insert into turn values(?1, ?2, ?3, ?4, ?5, ?6)");
    if (!put) return fail(std::move(put.error()));
    done = put->bind(item.session, turn.number, turn.run, turn.input, turn.answer, turn.at).run();
    if (!done && done.error().kind == ErrorKind::conflict) {
      return fail(ErrorKind::misuse, fmt::format("{}: session {} has a turn {} already", db.path(),
                                                 item.session, turn.number));
    }
    if (!done) return done;
    done = put_session(db, item, turn.number);
    if (!done) return done;
  }
  if (item.usage.empty()) return {};
  Result<Statement> usage = db.prepare("insert into usage values(?1, ?2, ?3, ?4)");
  if (!usage) return fail(std::move(usage.error()));
  return usage->bind(item.lsn, item.session, item.turn.run, item.usage).run();
}

// The turns that were taken in this session itself.
Result<std::vector<Turn>> turns_of(Database& db, const std::string& session, std::uint32_t first,
                                   std::uint32_t last) {
  Result<Statement> query = db.prepare(
      "select number, run, input, answer, at from turn where session=?1 and number between ?2 and"
      " ?3 order by number");
  if (!query) return fail(std::move(query.error()));
  query->bind(session, first, last);
  return read_all<Turn>(*query, [](const Statement& row) {
    return Turn{.number = static_cast<std::uint32_t>(row.integer(0)),
                .run = std::string(row.text(1)),
                .input = std::string(row.text(2)),
                .answer = std::string(row.text(3)),
                .at = row.integer(4)};
  });
}

}  // namespace

// One open tenant file; `mutex` is held for the length of each use.
struct SqliteTenants::File {
  File(Database opened, std::uint64_t lsn) : db(std::move(opened)), applied_lsn(lsn) {}
  std::mutex mutex = {};
  Database db;
  std::uint64_t applied_lsn;
  std::optional<Error> failed = {};  // after an error whose extent nobody knows

  // Runs `write` in one transaction; with `synced` it and all before it are durable afterwards.
  template <class Write>
  Result<void> commit(bool synced, Write write);
};

template <class Write>
Result<void> SqliteTenants::File::commit(bool synced, Write write) {
  if (failed) return fail(*failed);
  // In WAL mode `normal` writes the log and syncs nothing; a `full` commit syncs the whole log.
  Result<void> done = db.execute(synced ? "pragma synchronous=full" : "pragma synchronous=normal");
  if (done) {
    Result<Transaction> transaction = Transaction::begin(db);
    if (!transaction) return fail(std::move(transaction.error()));
    done = write();
    if (done) done = transaction->commit();
  }
  if (!done && done.error().kind == ErrorKind::io) failed = done.error();
  if (!done) return done;
  // It is committed whatever comes of this.
  Result<void> checkpoint = db.checkpoint(kWalPagesMax);
  if (!checkpoint && checkpoint.error().kind != ErrorKind::unavailable) {
    failed = std::move(checkpoint.error());
  }
  return {};
}

SqliteTenants::SqliteTenants(std::string folder, SqliteJournal& journal, Access access)
    : folder_(std::move(folder)), journal_(journal), access_(access) {}
SqliteTenants::~SqliteTenants() = default;

Result<void> SqliteTenants::writable(std::string_view call) const {
  if (access_ == Access::own) return {};
  return fail(ErrorKind::misuse,
              fmt::format("{}: this store was opened for reading beside its owner", call));
}

// Null: the file is missing and may be.
Result<std::shared_ptr<SqliteTenants::File>> SqliteTenants::open(const Tenant& tenant,
                                                                 Missing missing) {
  std::shared_ptr<File> evicted;  // closed after the lock is given back: it may have to sync
  const std::lock_guard lock(mutex_);
  if (const auto found = files_.find(tenant.id()); found != files_.end()) {
    recent_.splice(recent_.begin(), recent_, std::ranges::find(recent_, tenant.id()));
    return found->second;
  }
  const std::string path = fmt::format("{}/{}.db", folder_, tenant.id());
  if (!file_exists(path)) {
    if (missing == Missing::leave) return nullptr;
    Result<void> made = create_file(path, std::string(kRunTable).append(kSchema), journal_.home());
    if (!made) return fail(std::move(made.error()));
  }
  Result<Database> db = open_file(path, access_);
  if (!db) return fail(std::move(db.error()));
  Result<Meta> meta = read_meta(*db);
  if (!meta) return fail(std::move(meta.error()));
  if (meta->home != journal_.home()) {
    return fail(ErrorKind::invalid,
                fmt::format("{} belongs to home {}, this journal to home {}: bring the journal.db "
                            "that belongs to it, or move the file away",
                            path, meta->home, journal_.home()));
  }
  if (access_ == Access::own && meta->applied_lsn >= journal_.next_lsn()) {
    return fail(ErrorKind::invalid,
                fmt::format("{} has applied record {}, but journal.db is older, its next is {}: "
                            "restore both from the same backup",
                            path, meta->applied_lsn, journal_.next_lsn()));
  }
  auto file = std::make_shared<File>(std::move(*db), meta->applied_lsn);
  files_[tenant.id()] = file;
  recent_.push_front(tenant.id());
  if (recent_.size() > limits::kOpenTenantFilesMax) {
    evicted = std::move(files_.extract(recent_.back()).mapped());
    recent_.pop_back();
  }
  return file;
}

Result<void> SqliteTenants::apply(const Tenant& tenant, const std::vector<Applied>& items) {
  if (Result<void> may = writable("apply"); !may) return may;
  Result<std::shared_ptr<File>> opened = open(tenant, Missing::make);
  if (!opened) return fail(std::move(opened.error()));
  File& file = **opened;
  const std::lock_guard lock(file.mutex);
  std::uint64_t applied = file.applied_lsn;
  Result<void> done = file.commit(false, [&]() -> Result<void> {
    for (const Applied& item : items) {
      if (item.lsn <= applied) continue;
      Result<void> one = apply_one(file.db, item);
      if (!one) return one;
      applied = item.lsn;
    }
    return file.db.execute(fmt::format("update meta set applied_lsn={}", applied));
  });
  if (done) file.applied_lsn = applied;
  return done;
}

Result<void> SqliteTenants::file_run(File& file, const Tenant& tenant, RunId id) {
  Result<Statement> find = file.db.prepare("select 1 from run where id=?1");
  if (!find) return fail(std::move(find.error()));
  Result<bool> there = find->bind(id).step();
  if (!there) return fail(std::move(there.error()));
  if (*there) return {};
  Result<std::optional<FiledRun>> live = journal_.run(tenant, id);
  if (!live) return fail(std::move(live.error()));
  if (!*live) {
    return fail(ErrorKind::not_found,
                fmt::format("tenant {} has no run {} that could be filed", tenant.id(), id));
  }
  const RunRow& row = (*live)->row;
  const std::vector<Record>& records = (*live)->records;
  if (row.state != "ended" || records.empty() || records.back().lsn > file.applied_lsn) {
    return fail(ErrorKind::misuse,
                fmt::format("run {} cannot be filed: it must have ended, and its last record must "
                            "have been applied; its state is {}",
                            row.uid, row.state));
  }
  const std::string bytes = encode_records(records);
  Result<Statement> put = file.db.prepare(fmt::format(
      "insert into run({}, n, records) values({}, ?16, ?17)", kRunColumns, kRunParameters));
  if (!put) return fail(std::move(put.error()));
  bind_run(*put, row);
  put->bind_at(16, row.n);
  put->bind_at(17, Blob(std::as_bytes(std::span(bytes))));
  Result<void> done = put->run();
  if (!done) return done;
  Result<Statement> spec = file.db.prepare("insert or ignore into spec values(?1, ?2)");
  if (!spec) return fail(std::move(spec.error()));
  return spec->bind(row.spec, (*live)->spec).run();
}

Result<void> SqliteTenants::file(const Tenant& tenant, const std::vector<RunId>& runs) {
  if (Result<void> may = writable("file"); !may) return may;
  Result<std::shared_ptr<File>> opened = open(tenant, Missing::make);
  if (!opened) return fail(std::move(opened.error()));
  File& file = **opened;
  const std::lock_guard lock(file.mutex);
  return file.commit(true, [&]() -> Result<void> {
    for (const RunId id : runs) {
      Result<void> one = file_run(file, tenant, id);
      if (!one) return one;
    }
    return {};
  });
}

Result<std::vector<Turn>> SqliteTenants::turns(const Tenant& tenant, const std::string& session,
                                               std::uint32_t number_from) {
  Result<std::shared_ptr<File>> file = open(tenant, Missing::leave);
  if (!file) return fail(std::move(file.error()));
  if (!*file) return {};
  const std::lock_guard lock((*file)->mutex);
  Database& db = (*file)->db;
  std::vector<Turn> out;
  std::string of = session;
  for (std::uint32_t last = kAllTurns; last >= number_from;) {
    Result<std::vector<Turn>> some = turns_of(db, of, number_from, last);
    if (!some) return some;
    out.insert(out.begin(), std::make_move_iterator(some->begin()),
               std::make_move_iterator(some->end()));
    Result<Origin> origin = origin_of(db, of);
    if (!origin) return fail(std::move(origin.error()));
    if (origin->turns == 0 || origin->turns >= last) break;
    last = origin->turns;
    of = std::move(origin->session);
  }
  return out;
}

Result<std::vector<SessionRow>> SqliteTenants::sessions(const Tenant& tenant) {
  Result<std::shared_ptr<File>> file = open(tenant, Missing::leave);
  if (!file) return fail(std::move(file.error()));
  if (!*file) return {};
  const std::lock_guard lock((*file)->mutex);
  Result<Statement> query = (*file)->db.prepare(
      "select id, turns, changed_at from session order by changed_at desc, id limit ?1");
  if (!query) return fail(std::move(query.error()));
  query->bind(limits::kRunsListedMax);
  return read_all<SessionRow>(*query, [](const Statement& row) {
    return SessionRow{.id = std::string(row.text(0)),
                      .turns = static_cast<std::uint32_t>(row.integer(1)),
                      .changed_at = row.integer(2)};
  });
}

Result<std::vector<UsageRow>> SqliteTenants::usage(const Tenant& tenant) {
  Result<std::shared_ptr<File>> file = open(tenant, Missing::leave);
  if (!file) return fail(std::move(file.error()));
  if (!*file) return {};
  const std::lock_guard lock((*file)->mutex);
  Result<Statement> query =
      (*file)->db.prepare("select run, session, body from usage order by lsn desc limit ?1");
  if (!query) return fail(std::move(query.error()));
  query->bind(limits::kRunsListedMax);
  return read_all<UsageRow>(*query, [](const Statement& row) {
    return UsageRow{.run = std::string(row.text(0)),
                    .session = std::string(row.text(1)),
                    .usage = std::string(row.text(2))};
  });
}

Result<std::vector<RunRow>> SqliteTenants::runs(const Tenant& tenant) {
  Result<std::shared_ptr<File>> file = open(tenant, Missing::leave);
  if (!file) return fail(std::move(file.error()));
  if (!*file) return {};
  const std::lock_guard lock((*file)->mutex);
  Result<Statement> query = (*file)->db.prepare(
      fmt::format("select {}, n from run order by id desc limit ?1", kRunColumns));
  if (!query) return fail(std::move(query.error()));
  query->bind(limits::kRunsListedMax);
  return read_all<RunRow>(*query, read_run);
}

Result<FiledRun> SqliteTenants::run(const Tenant& tenant, const std::string& uid) {
  // The journal first: what is filed meanwhile is then found in the file.
  Result<std::optional<FiledRun>> live = journal_.run(tenant, uid);
  if (!live) return fail(std::move(live.error()));
  if (*live) return std::move(**live);
  Error none{.kind = ErrorKind::not_found, .message = fmt::format("there is no run {}", uid)};
  Result<std::shared_ptr<File>> file = open(tenant, Missing::leave);
  if (!file) return fail(std::move(file.error()));
  if (!*file) return fail(std::move(none));
  const std::lock_guard lock((*file)->mutex);
  Result<Statement> query =
      (*file)->db.prepare(fmt::format("select {}, n, records, (select body from spec where digest "
                                      "= run.spec) from run where uid=?1",
                                      kRunColumns));
  if (!query) return fail(std::move(query.error()));
  Result<bool> row = query->bind(uid).step();
  if (!row) return fail(std::move(row.error()));
  if (!*row) return fail(std::move(none));
  FiledRun found{.row = read_run(*query), .spec = std::string(query->text(17))};
  Result<std::vector<Record>> records = decode_records(text_of(query->blob(16)));
  if (!records) {
    return fail(
        within(fmt::format("{}, run {}", (*file)->db.path(), uid), std::move(records.error())));
  }
  found.records = std::move(*records);
  for (Record& record : found.records) record.run = found.row.id;
  return found;
}

Result<std::uint64_t> SqliteTenants::applied_lsn(const Tenant& tenant) {
  Result<std::shared_ptr<File>> file = open(tenant, Missing::leave);
  if (!file) return fail(std::move(file.error()));
  if (!*file) return 0;
  const std::lock_guard lock((*file)->mutex);
  Result<Meta> meta = read_meta((*file)->db);
  if (!meta) return fail(std::move(meta.error()));
  return meta->applied_lsn;
}

}  // namespace ragent
