#include <store/sqlite/database.h>

#include <cerrno>
#include <cstring>

#include <fmt/core.h>
#include <sqlite3.h>

namespace ragent {
namespace {

constexpr int kBusyMs = 5000;  // another process may hold the write lock for this long
const std::string kMemory = ":memory:";
constexpr int kDeadlineInstructions = 4000;  // of SQLite's machine between two looks at the clock

// No space, wherever in SQLite it was met, except in fsync: after that nobody knows what is on
// the disk, so it stays an io error.
bool no_space(int code, int system_error) {
  if ((code & 0xff) == SQLITE_FULL) return true;
  if ((code & 0xff) != SQLITE_IOERR) return false;
  if (code == SQLITE_IOERR_FSYNC || code == SQLITE_IOERR_DIR_FSYNC) return false;
  return system_error == ENOSPC || system_error == EDQUOT;
}

ErrorKind kind_of(int code) {
  switch (code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED: return ErrorKind::unavailable;
    case SQLITE_ERROR:
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_MISMATCH:
    case SQLITE_RANGE:
    case SQLITE_TOOBIG: return ErrorKind::invalid;
    case SQLITE_CONSTRAINT: return ErrorKind::conflict;
    case SQLITE_READONLY:
    case SQLITE_AUTH: return ErrorKind::rejected;
    case SQLITE_INTERRUPT: return ErrorKind::cancelled;
    default: return ErrorKind::io;
  }
}

std::string_view advice(int code) {
  switch (code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED: return "; another process holds a lock on it: end that one";
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return "; restore it from a backup, or move it away (`sqlite3 FILE .recover` may save rows)";
    case SQLITE_READONLY: return "; it was opened for reading, or its folder allows no writing";
    case SQLITE_INTERRUPT: return "; it ran for longer than it may";
    default: return "";
  }
}

Error error_of(sqlite3* connection, int code, std::string_view path) {
  const int system_error = sqlite3_system_errno(connection);
  if (no_space(code, system_error)) {
    return {.kind = ErrorKind::unavailable,
            .message = fmt::format("{}: no space left on the device; make room", path)};
  }
  // The connection's message says more than the code's, when it is about this code.
  const bool current = sqlite3_extended_errcode(connection) == code;
  std::string text = current ? sqlite3_errmsg(connection) : sqlite3_errstr(code);
  const int family = code & 0xff;
  if ((family == SQLITE_IOERR || family == SQLITE_CANTOPEN) && system_error != 0) {
    text = fmt::format("{} ({})", text, std::strerror(system_error));
  }
  return {.kind = kind_of(code), .message = fmt::format("{}: {}{}", path, text, advice(code))};
}

std::string_view file_of(sqlite3* connection) {
  const char* name = sqlite3_db_filename(connection, "main");
  return name != nullptr && *name != '\0' ? name : "in-memory database";
}

// A path as part of an SQLite URI.
std::string escaped(std::string_view path) {
  std::string out;
  for (const char c : path) {
    if (c == '?' || c == '#' || c == '%') {
      out += fmt::format("%{:02x}", static_cast<unsigned char>(c));
    } else {
      out += c;
    }
  }
  return out;
}

}  // namespace

// Statement

Statement::Statement(Statement&& other) noexcept
    : statement_(std::exchange(other.statement_, nullptr)), bind_error_(other.bind_error_) {}

Statement& Statement::operator=(Statement&& other) noexcept {
  std::swap(statement_, other.statement_);
  std::swap(bind_error_, other.bind_error_);
  return *this;
}

Statement::~Statement() { sqlite3_finalize(statement_); }

void Statement::bound(int code) {
  if (code != SQLITE_OK && bind_error_ == SQLITE_OK) bind_error_ = code;
}
void Statement::bind_at(int index, std::int64_t value) {
  bound(sqlite3_bind_int64(statement_, index, value));
}
void Statement::bind_at(int index, double value) {
  bound(sqlite3_bind_double(statement_, index, value));
}
void Statement::bind_at(int index, std::string_view text) {
  // A null pointer would bind NULL.
  const char* data = text.data() == nullptr ? "" : text.data();
  bound(sqlite3_bind_text64(statement_, index, data, text.size(), SQLITE_STATIC, SQLITE_UTF8));
}
void Statement::bind_at(int index, Blob blob) {
  const void* data = blob.data() == nullptr ? static_cast<const void*>("") : blob.data();
  bound(sqlite3_bind_blob64(statement_, index, data, blob.size(), SQLITE_STATIC));
}
void Statement::bind_at(int index, std::nullptr_t) { bound(sqlite3_bind_null(statement_, index)); }

Result<bool> Statement::step() {
  sqlite3* connection = sqlite3_db_handle(statement_);
  const int code = bind_error_ != SQLITE_OK ? bind_error_ : sqlite3_step(statement_);
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  Error error = error_of(connection, code, file_of(connection));
  reset();
  return fail(std::move(error));
}

Result<void> Statement::run() {
  for (;;) {
    Result<bool> row = step();
    if (!row) return fail(std::move(row.error()));
    if (!*row) break;
  }
  reset();
  return {};
}

void Statement::reset() {
  sqlite3_reset(statement_);
  bind_error_ = SQLITE_OK;
}

std::int64_t Statement::integer(int column) const {
  return sqlite3_column_int64(statement_, column);
}
double Statement::real(int column) const { return sqlite3_column_double(statement_, column); }
std::string_view Statement::text(int column) const {
  const unsigned char* text = sqlite3_column_text(statement_, column);
  const int size = sqlite3_column_bytes(statement_, column);
  if (text == nullptr) return {};
  return {reinterpret_cast<const char*>(text), static_cast<std::size_t>(size)};
}
Blob Statement::blob(int column) const {
  const void* bytes = sqlite3_column_blob(statement_, column);
  const int size = sqlite3_column_bytes(statement_, column);
  return {static_cast<const std::byte*>(bytes), static_cast<std::size_t>(size)};
}
Statement::Type Statement::type(int column) const {
  switch (sqlite3_column_type(statement_, column)) {
    case SQLITE_INTEGER: return Type::integer;
    case SQLITE_FLOAT: return Type::real;
    case SQLITE_TEXT: return Type::text;
    case SQLITE_BLOB: return Type::blob;
    default: return Type::null;
  }
}
int Statement::columns() const { return sqlite3_column_count(statement_); }
std::string_view Statement::column_name(int column) const {
  const char* name = sqlite3_column_name(statement_, column);
  return name != nullptr ? name : "";
}
int Statement::parameters() const { return sqlite3_bind_parameter_count(statement_); }
std::string_view Statement::parameter_name(int index) const {
  const char* name = sqlite3_bind_parameter_name(statement_, index);
  return name != nullptr ? name : "";
}
bool Statement::read_only() const { return sqlite3_stmt_readonly(statement_) != 0; }

// Database

struct Database::Connection {
  sqlite3* handle = nullptr;
  std::string path = {};
  int wal_pages = 0;
  std::chrono::steady_clock::time_point deadline = {};
  std::stop_token stop = {};
  ~Connection() { sqlite3_close_v2(handle); }
};

Database::Database(std::unique_ptr<Connection> connection) : connection_(std::move(connection)) {}
Database::Database(Database&&) noexcept = default;
Database& Database::operator=(Database&&) noexcept = default;
Database::~Database() = default;

Result<Database> Database::open(const std::string& path, Mode mode) {
  auto connection = std::make_unique<Connection>();
  connection->path = path;
  int flags = SQLITE_OPEN_EXRESCODE;
  std::string name = path;
  if (mode == Mode::create) flags |= SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
  if (mode == Mode::read_write) flags |= SQLITE_OPEN_READWRITE;
  if (mode == Mode::read_only) flags |= SQLITE_OPEN_READONLY;
  if (path == kMemory) flags |= SQLITE_OPEN_URI;
  if (mode == Mode::immutable) {
    flags |= SQLITE_OPEN_READONLY | SQLITE_OPEN_URI;
    name = fmt::format("file:{}?immutable=1", escaped(path));
  }
  const int code = sqlite3_open_v2(name.c_str(), &connection->handle, flags, nullptr);
  if (code != SQLITE_OK) return fail(error_of(connection->handle, code, path));
  sqlite3_busy_timeout(connection->handle, kBusyMs);
  sqlite3_wal_hook(
      connection->handle,
      [](void* self, sqlite3*, const char*, int pages) {
        static_cast<Connection*>(self)->wal_pages = pages;
        return SQLITE_OK;
      },
      connection.get());
  return Database(std::move(connection));
}

Result<Database> Database::open_memory() { return open(kMemory, Mode::create); }

Result<Statement> Database::prepare(std::string_view sql) {
  sqlite3_stmt* statement = nullptr;
  const char* rest = nullptr;
  const int code = sqlite3_prepare_v3(connection_->handle, sql.data(), static_cast<int>(sql.size()),
                                      SQLITE_PREPARE_PERSISTENT, &statement, &rest);
  if (code != SQLITE_OK) return fail(error_of(connection_->handle, code, connection_->path));
  Statement out(statement);
  // What follows may only be space and comments: it prepares to nothing.
  const std::string_view tail = sql.substr(static_cast<std::size_t>(rest - sql.data()));
  sqlite3_stmt* second = nullptr;
  const int tail_code = sqlite3_prepare_v3(connection_->handle, tail.data(),
                                           static_cast<int>(tail.size()), 0, &second, nullptr);
  const Statement more(second);
  if (statement == nullptr || tail_code != SQLITE_OK || second != nullptr) {
    return fail(ErrorKind::invalid,
                fmt::format("{}: expected one SQL statement, got {}", connection_->path,
                            statement == nullptr ? "none" : fmt::format("more: {}", tail)));
  }
  return out;
}

Result<void> Database::execute(std::string_view sql) {
  const int code =
      sqlite3_exec(connection_->handle, std::string(sql).c_str(), nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) return fail(error_of(connection_->handle, code, connection_->path));
  return {};
}

const std::string& Database::path() const { return connection_->path; }

bool Database::in_transaction() const { return sqlite3_get_autocommit(connection_->handle) == 0; }

void Database::deadline(std::chrono::steady_clock::time_point when, std::stop_token stop) {
  connection_->deadline = when;
  connection_->stop = std::move(stop);
  sqlite3_progress_handler(
      connection_->handle, kDeadlineInstructions,
      [](void* self) {
        const auto& connection = *static_cast<Connection*>(self);
        const bool late = std::chrono::steady_clock::now() > connection.deadline;
        return late || connection.stop.stop_requested() ? 1 : 0;
      },
      connection_.get());
}

void Database::interrupt() { sqlite3_interrupt(connection_->handle); }

Result<void> Database::checkpoint(int pages_max) {
  if (connection_->wal_pages < pages_max) return {};
  const int code = sqlite3_wal_checkpoint_v2(connection_->handle, "main", SQLITE_CHECKPOINT_PASSIVE,
                                             nullptr, nullptr);
  if (code != SQLITE_OK) return fail(error_of(connection_->handle, code, connection_->path));
  return {};
}

// Preparer

Statement Preparer::operator()(std::string_view sql) {
  Result<Statement> statement = database_.prepare(sql);
  if (statement) return std::move(*statement);
  if (!error_) error_ = std::move(statement.error());
  return {};
}

Result<void> Preparer::result() const {
  if (error_) return fail(*error_);
  return {};
}

// Transaction

Result<Transaction> Transaction::begin(Database& database) {
  Result<void> begun = database.execute("begin immediate");
  if (!begun) return fail(std::move(begun.error()));
  return Transaction(&database);
}

Transaction::~Transaction() {
  // Some errors have rolled it back already. Should this fail, the next begin says so.
  if (database_ != nullptr && database_->in_transaction()) {
    static_cast<void>(database_->execute("rollback"));
  }
}

Result<void> Transaction::commit() { return database_->execute("commit"); }

}  // namespace ragent
