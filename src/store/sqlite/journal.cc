#include <store/sqlite/journal.h>

#include <store/sqlite/rows.h>

#include <algorithm>
#include <array>
#include <bit>

#include <fmt/core.h>

namespace ragent {
namespace {

constexpr std::string_view kSchema =
    "alter table meta add column next_lsn integer not null default 1;"
    "alter table meta add column last_run integer not null default 0;"
    "create table record(lsn integer primary key, run integer not null, n integer not null,"
    " chapter integer not null, path text not null, step integer not null, call integer not null,"
    " kind text not null, phase text not null, attempt integer not null, at integer not null,"
    " digest blob not null, body text not null);"
    "create unique index record_by_run on record(run, n);"
    "create table wait(run integer not null, path text not null, step integer not null,"
    " call integer not null, kind text not null, key text not null, due integer not null,"
    " body text not null, primary key(run, path, step, call));"
    "create table inbox(id text not null unique, tenant text not null, session text not null,"
    " run integer not null, body text not null, consumed_lsn integer not null);"
    "create index inbox_by_run on inbox(run) where run > 0;"
    "create table spec(digest text primary key, body text not null);";

constexpr std::string_view kRecordColumns =
    "lsn, run, n, chapter, path, step, call, kind, phase, attempt, at, digest, body";

std::array<std::byte, 16> digest_bytes(const Digest& digest) {
  return std::bit_cast<std::array<std::byte, 16>>(digest);
}

Result<Record> read_record(const Statement& row, const std::string& path) {
  int column = 0;
  const auto integer = [&] { return row.integer(column++); };
  const auto number = [&] { return static_cast<std::uint32_t>(row.integer(column++)); };
  Record record;
  record.lsn = static_cast<std::uint64_t>(integer());
  record.run = integer();
  record.n = number();
  record.chapter = number();
  record.path = row.text(column++);
  record.step = number();
  record.call = number();
  const std::string_view kind_name = row.text(column++);
  const std::optional<RecordKind> kind = record_kind_from(kind_name);
  const std::string_view phase = row.text(column++);
  record.attempt = number();
  record.at = integer();
  const Blob digest = row.blob(column++);
  if (!kind || (phase != "intent" && phase != "outcome") || digest.size() != sizeof(Digest)) {
    return fail(
        ErrorKind::invalid,
        fmt::format("{}: record {} of run {} is damaged: kind \"{}\", phase \"{}\", {} bytes "
                    "of digest; restore the file from a backup",
                    path, record.n, record.run, kind_name, phase, digest.size()));
  }
  record.kind = *kind;
  record.phase = phase == "intent" ? Phase::intent : Phase::outcome;
  std::array<std::byte, sizeof(Digest)> bytes = {};
  std::ranges::copy(digest, bytes.begin());
  record.digest = std::bit_cast<Digest>(bytes);
  record.body = row.text(column);
  return record;
}

WaitRow read_wait(const Statement& row) {
  return {.run = row.integer(0),
          .path = std::string(row.text(1)),
          .step = static_cast<std::uint32_t>(row.integer(2)),
          .call = static_cast<std::uint32_t>(row.integer(3)),
          .kind = std::string(row.text(4)),
          .key = std::string(row.text(5)),
          .due = row.integer(6),
          .body = std::string(row.text(7))};
}

InboxRow read_inbox(const Statement& row) {
  return {.id = std::string(row.text(0)),
          .tenant = std::string(row.text(1)),
          .session = std::string(row.text(2)),
          .run = row.integer(3),
          .body = std::string(row.text(4)),
          .consumed_lsn = static_cast<std::uint64_t>(row.integer(5))};
}

}  // namespace

// The connection of commit(), with one statement for each kind of row.
struct SqliteJournal::Writer {
  Database db;
  Statement put_run = {}, put_record = {}, put_wait = {}, end_wait = {}, put_inbox = {};
  Statement end_inbox = {}, put_spec = {}, put_position = {};
  std::array<Statement, 4> forget = {};
  std::uint64_t next_lsn = 1;  // what is committed
  RunId last_run = 0;
  std::optional<Error> failed = {};  // no commit is tried after it

  Result<void> prepare();
  Result<void> write(const Group& group);
  Result<void> write_rows(const Group& group, RunId* last);
  Result<void> write_records(const Group& group);
  Result<void> write_inbox(const Group& group);
};

Result<void> SqliteJournal::Writer::prepare() {
  // Runs that end together lie interleaved: forgetting them touches each of their pages many
  // times, and SQLite's default of 2 MB would write and read them again in between.
  Result<void> set = db.execute("pragma synchronous=full; pragma cache_size=-32768");
  if (!set) return set;
  Preparer prepared(db);
  put_run = prepared(fmt::format(
      "insert into run({}) values({}) on conflict(id) do update set uid=?2, tenant=?3, session=?4,"
      " parent=?5, agent=?6, spec=?7, planner=?8, state=?9, outcome=?10, task=?11, chapter=?12,"
      " crashes=?13, started_at=?14, ended_at=?15",
      kRunColumns, kRunParameters));
  put_record = prepared(fmt::format(
      "insert into record({}) values(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
      kRecordColumns));
  put_wait = prepared("replace into wait values(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)");
  end_wait = prepared("delete from wait where run=?1 and path=?2 and step=?3 and call=?4");
  put_inbox = prepared("insert or ignore into inbox values(?1, ?2, ?3, ?4, ?5, 0)");
  end_inbox = prepared("update inbox set consumed_lsn=?2, run=?3 where id=?1");
  put_spec = prepared("insert or ignore into spec values(?1, ?2)");
  put_position = prepared("update meta set next_lsn=?1, last_run=?2");
  forget = {prepared("delete from record where run=?1"), prepared("delete from wait where run=?1"),
            prepared("delete from inbox where run=?1 and run > 0"),
            prepared("delete from run where id=?1")};
  return prepared.result();
}

Result<void> SqliteJournal::Writer::write_rows(const Group& group, RunId* last) {
  Result<void> done;
  for (const SpecRow& spec : group.specs) {
    done = put_spec.bind(spec.digest, spec.body).run();
    if (!done) return done;
  }
  for (const RunRow& run : group.runs) {
    bind_run(put_run, run);
    done = put_run.run();
    if (!done && done.error().kind == ErrorKind::conflict) {
      return fail(ErrorKind::misuse, fmt::format("two runs with the uid {}: nothing of the group "
                                                 "was written",
                                                 run.uid));
    }
    if (!done) return done;
    *last = std::max(*last, run.id);
  }
  for (const WaitRow& wait : group.waits) {
    Statement& statement = wait.done ? end_wait : put_wait;
    if (wait.done) {
      statement.bind(wait.run, wait.path, wait.step, wait.call);
    } else {
      statement.bind(wait.run, wait.path, wait.step, wait.call, wait.kind, wait.key, wait.due,
                     wait.body);
    }
    done = statement.run();
    if (!done) return done;
  }
  return write_inbox(group);
}

Result<void> SqliteJournal::Writer::write_records(const Group& group) {
  std::uint64_t lsn = next_lsn;
  for (const Record& record : group.records) {
    const auto digest = digest_bytes(record.digest);
    put_record.bind(lsn++, record.run, record.n, record.chapter, record.path, record.step,
                    record.call, to_string(record.kind),
                    record.phase == Phase::intent ? "intent" : "outcome", record.attempt, record.at,
                    Blob(digest), record.body);
    Result<void> done = put_record.run();
    if (done) continue;
    if (done.error().kind != ErrorKind::conflict) return done;
    return fail(ErrorKind::misuse, fmt::format("two records with number {} of run {}: nothing of "
                                               "the group was written",
                                               record.n, record.run));
  }
  return {};
}

Result<void> SqliteJournal::Writer::write_inbox(const Group& group) {
  for (const InboxRow& row : group.inbox) {
    Result<void> done = put_inbox.bind(row.id, row.tenant, row.session, row.run, row.body).run();
    if (!done) return done;
  }
  for (const InboxDone& row : group.inbox_done) {
    // Nearly always one of the last records.
    const auto by = std::find_if(
        group.records.rbegin(), group.records.rend(),
        [&](const Record& record) { return record.run == row.run && record.n == row.n; });
    if (by == group.records.rend()) {
      return fail(ErrorKind::misuse, fmt::format("inbox row {} is consumed by record {} of run {}, "
                                                 "which is not in the group",
                                                 row.id, row.n, row.run));
    }
    const auto index = static_cast<std::uint64_t>(group.records.rend() - by) - 1;
    Result<void> done = end_inbox.bind(row.id, next_lsn + index, row.run).run();
    if (!done) return done;
  }
  return {};
}

Result<void> SqliteJournal::Writer::write(const Group& group) {
  Result<Transaction> transaction = Transaction::begin(db);
  if (!transaction) return fail(std::move(transaction.error()));
  RunId last = last_run;
  Result<void> done = write_rows(group, &last);
  if (done) done = write_records(group);
  for (const RunId run : group.forget) {
    for (Statement& statement : forget) {
      if (done) done = statement.bind(run).run();
    }
  }
  const std::uint64_t next = next_lsn + group.records.size();
  if (done && (next != next_lsn || last != last_run)) done = put_position.bind(next, last).run();
  if (done) done = transaction->commit();
  if (!done) return done;
  next_lsn = next;
  last_run = last;
  return {};
}

// The connection of everybody else. A statement that is not stepped to its end is reset, or its
// snapshot would keep the log from being reused.
struct SqliteJournal::Reader {
  Database db;
  Statement runs = {}, run_by_id = {}, run_by_uid = {}, records = {}, waits = {}, inbox = {};
  Statement spec = {}, position = {};

  Result<void> prepare();
  Result<std::vector<Record>> read_records(const Tenant& tenant, RunId run,
                                           std::uint32_t chapter_from);
  Result<std::string> read_spec(const Tenant& tenant, const std::string& digest);
};

Result<void> SqliteJournal::Reader::prepare() {
  Preparer prepared(db);
  const std::string run =
      fmt::format("select {}, (select coalesce(max(n), 0) from record where run = run.id) from run",
                  kRunColumns);
  runs = prepared(run + " order by id");
  run_by_id = prepared(run + " where id=?1 and tenant=?2");
  run_by_uid = prepared(run + " where uid=?1 and tenant=?2");
  records =
      prepared(fmt::format("select {} from record where run=?1 and"
                           " exists(select 1 from run where id=?1 and tenant=?2)"
                           " order by n desc",
                           kRecordColumns));
  waits = prepared(
      "select run, path, step, call, kind, key, due, body from wait"
      " order by run, path, step, call");
  inbox = prepared(
      "select id, tenant, session, run, body, consumed_lsn from inbox"
      " where consumed_lsn = 0 order by rowid");
  spec = prepared(
      "select body from spec where digest=?1 and"
      " exists(select 1 from run where spec=?1 and tenant=?2)");
  position = prepared("select next_lsn, last_run, (select max(lsn) from record) from meta");
  return prepared.result();
}

Result<std::vector<Record>> SqliteJournal::Reader::read_records(const Tenant& tenant, RunId run,
                                                                std::uint32_t chapter_from) {
  // From the last one back to the chapter, so that earlier chapters cost nothing.
  std::vector<Record> found;
  records.bind(run, tenant.id());
  for (;;) {
    Result<bool> row = records.step();
    if (!row) return fail(std::move(row.error()));
    if (!*row) break;
    Result<Record> record = read_record(records, db.path());
    if (!record || record->chapter < chapter_from) records.reset();
    if (!record) return fail(std::move(record.error()));
    if (record->chapter < chapter_from) break;
    found.push_back(std::move(*record));
  }
  std::ranges::reverse(found);
  return found;
}

Result<std::string> SqliteJournal::Reader::read_spec(const Tenant& tenant,
                                                     const std::string& digest) {
  Result<bool> row = spec.bind(digest, tenant.id()).step();
  if (!row) return fail(std::move(row.error()));
  std::string body(*row ? spec.text(0) : std::string_view());
  spec.reset();
  if (*row) return body;
  return fail(ErrorKind::not_found, fmt::format("no live run has the spec {}", digest));
}

SqliteJournal::SqliteJournal(std::unique_ptr<Writer> writer, std::unique_ptr<Reader> reader)
    : writer_(std::move(writer)), reader_(std::move(reader)) {}
SqliteJournal::~SqliteJournal() = default;

Result<void> SqliteJournal::create(const std::string& path) {
  return create_file(path, std::string(kRunTable) + ");" + std::string(kSchema), new_home_id());
}

Result<std::unique_ptr<SqliteJournal>> SqliteJournal::open(const std::string& path, Access access) {
  Result<Database> read = open_file(path, access);
  if (!read) return fail(std::move(read.error()));
  auto reader = std::make_unique<Reader>(std::move(*read));
  Result<void> prepared = reader->prepare();
  if (!prepared) return fail(std::move(prepared.error()));
  Result<Meta> meta = read_meta(reader->db);
  if (!meta) return fail(std::move(meta.error()));
  Result<bool> position = reader->position.step();
  if (!position) return fail(std::move(position.error()));
  const auto next_lsn = static_cast<std::uint64_t>(reader->position.integer(0));
  const RunId last_run = reader->position.integer(1);
  const auto lsn_max = static_cast<std::uint64_t>(reader->position.integer(2));
  reader->position.reset();
  if (!*position || lsn_max >= next_lsn) {
    return fail(ErrorKind::invalid,
                fmt::format("{} is damaged: it holds record {}, but gives out {} "
                            "next; restore it from a backup",
                            path, lsn_max, next_lsn));
  }
  std::unique_ptr<Writer> writer;
  if (access == Access::own) {
    Result<Database> write = open_file(path, access);
    if (!write) return fail(std::move(write.error()));
    writer = std::make_unique<Writer>(std::move(*write));
    writer->next_lsn = next_lsn;
    writer->last_run = last_run;
    prepared = writer->prepare();
    // Only now: later the runtime relies on every spec it has committed.
    if (prepared) {
      prepared = writer->db.execute("delete from spec where digest not in (select spec from run)");
    }
    if (!prepared) return fail(std::move(prepared.error()));
  }
  std::unique_ptr<SqliteJournal> journal(new SqliteJournal(std::move(writer), std::move(reader)));
  journal->home_ = std::move(meta->home);
  journal->next_lsn_ = next_lsn;
  return journal;
}

Result<std::uint64_t> SqliteJournal::commit(const Group& group) {
  if (!writer_) {
    return fail(ErrorKind::misuse, "commit: this store was opened for reading beside its owner");
  }
  if (writer_->failed) return fail(*writer_->failed);
  const std::uint64_t first = writer_->next_lsn;
  Result<void> done = writer_->write(group);
  if (!done) {
    Error& error = done.error();
    if (error.kind != ErrorKind::unavailable && error.kind != ErrorKind::misuse) {
      error.kind = ErrorKind::io;
      writer_->failed = error;
    }
    return fail(std::move(error));
  }
  next_lsn_ = writer_->next_lsn;
  // The group is durable whatever comes of this. Without space the log goes on growing, or commit
  // says so; after any other error nobody knows what is in the file: no further commit.
  Result<void> checkpoint = writer_->db.checkpoint(kWalPagesMax);
  if (!checkpoint && checkpoint.error().kind != ErrorKind::unavailable) {
    checkpoint.error().kind = ErrorKind::io;
    writer_->failed = std::move(checkpoint.error());
  }
  return first;
}

Result<std::vector<RunRow>> SqliteJournal::runs() {
  const std::lock_guard lock(reader_mutex_);
  return read_all<RunRow>(reader_->runs, read_run);
}

Result<std::vector<Record>> SqliteJournal::records(const Tenant& tenant, RunId run,
                                                   std::uint32_t chapter_from) {
  const std::lock_guard lock(reader_mutex_);
  return reader_->read_records(tenant, run, chapter_from);
}

Result<std::vector<WaitRow>> SqliteJournal::waits() {
  const std::lock_guard lock(reader_mutex_);
  return read_all<WaitRow>(reader_->waits, read_wait);
}

Result<std::vector<InboxRow>> SqliteJournal::inbox() {
  const std::lock_guard lock(reader_mutex_);
  return read_all<InboxRow>(reader_->inbox, read_inbox);
}

Result<std::string> SqliteJournal::spec(const Tenant& tenant, const std::string& digest) {
  const std::lock_guard lock(reader_mutex_);
  return reader_->read_spec(tenant, digest);
}

Result<std::optional<FiledRun>> SqliteJournal::run(const Tenant& tenant, RunId id) {
  const std::lock_guard lock(reader_mutex_);
  return read_whole(reader_->run_by_id.bind(id, tenant.id()), tenant);
}

Result<std::optional<FiledRun>> SqliteJournal::run(const Tenant& tenant, const std::string& uid) {
  const std::lock_guard lock(reader_mutex_);
  return read_whole(reader_->run_by_uid.bind(uid, tenant.id()), tenant);
}

Result<std::optional<FiledRun>> SqliteJournal::read_whole(Statement& find, const Tenant& tenant) {
  // `find` stays at its row until the end: its snapshot covers the statements after it.
  std::optional<FiledRun> found;
  Result<bool> row = find.step();
  if (!row) return fail(std::move(row.error()));
  if (!*row) return found;
  found.emplace().row = read_run(find);
  Result<std::vector<Record>> records = reader_->read_records(tenant, found->row.id, 0);
  Result<std::string> spec = reader_->read_spec(tenant, found->row.spec);
  find.reset();
  if (!records) return fail(std::move(records.error()));
  if (!spec && spec.error().kind != ErrorKind::not_found) return fail(std::move(spec.error()));
  found->records = std::move(*records);
  if (spec) found->spec = std::move(*spec);
  return found;
}

Result<RunId> SqliteJournal::last_run_id() {
  const std::lock_guard lock(reader_mutex_);
  Result<bool> row = reader_->position.step();
  if (!row) return fail(std::move(row.error()));
  const RunId last = reader_->position.integer(1);
  reader_->position.reset();
  return last;
}

}  // namespace ragent
