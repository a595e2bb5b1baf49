// Database, Statement, Transaction: thin owners of one SQLite connection and of what it prepares.
// The only door to SQLite: no other header of the project includes sqlite3.h.
//
//   Result<Database> db = Database::open("flights.db", Database::Mode::read_only);
//   Result<Statement> query = db->prepare("select id, price from flight where price < ?1");
//   for (query->bind(100); query->step().value_or(false);) add(query->text(0), query->integer(1));
//
// One thread at a time (SQLite is built with SQLITE_THREADSAFE=2). Statements must not outlive
// their Database. Errors name the file: unavailable (no space, or locked by another process),
// invalid (not a database, damaged, or SQL that does not parse), conflict (a constraint), rejected
// (a write to what is read-only), cancelled (its deadline passed), io (everything else).
#pragma once

#include <ragent/result.h>

#include <concepts>
#include <span>
#include <stop_token>

struct sqlite3;
struct sqlite3_stmt;

namespace ragent {

using Blob = std::span<const std::byte>;

class Statement {
 public:
  enum class Type : std::uint8_t { null, integer, real, text, blob };

  Statement() = default;  // of nothing: only to be assigned to
  Statement(Statement&& other) noexcept;
  Statement& operator=(Statement&& other) noexcept;
  ~Statement();

  // Resets, then gives values to the parameters 1, 2, … Text and blobs are not copied: they must
  // live until the next reset or bind. An error of binding is answered by step().
  template <class... T>
  Statement& bind(const T&... values) {
    reset();
    int index = 0;
    (bind_at(++index, values), ...);
    return *this;
  }
  void bind_at(int index, std::int64_t value);
  void bind_at(int index, double value);
  void bind_at(int index, std::string_view text);
  void bind_at(int index, Blob blob);
  void bind_at(int index, std::nullptr_t);
  template <std::integral I>
    requires(!std::same_as<I, std::int64_t>)
  void bind_at(int index, I value) {
    bind_at(index, static_cast<std::int64_t>(value));
  }

  Result<bool> step();  // true: a row is there; false: it is done
  Result<void> run();   // steps to the end and resets
  void reset();         // values stay bound

  // Columns 0, 1, … of the row. Views live until the next step or reset.
  std::int64_t integer(int column) const;
  double real(int column) const;
  std::string_view text(int column) const;
  Blob blob(int column) const;
  Type type(int column) const;
  int columns() const;
  std::string_view column_name(int column) const;

  int parameters() const;                             // how many it has
  std::string_view parameter_name(int index) const;   // ":from"; empty for a bare ?
  bool read_only() const;                             // it does not change the database

 private:
  friend class Database;
  explicit Statement(sqlite3_stmt* statement) : statement_(statement) {}
  void bound(int code);

  sqlite3_stmt* statement_ = nullptr;
  int bind_error_ = 0;
};

class Database {
 public:
  enum class Mode : std::uint8_t {
    create,      // made when absent
    read_write,
    read_only,
    immutable,   // read-only, and certain that nobody writes: takes no locks, makes no files
  };
  // Nothing is read from the file yet: an unfit file shows at the first statement.
  static Result<Database> open(const std::string& path, Mode mode);
  static Result<Database> open_memory();  // files may be attached to it by URI
  Database(Database&&) noexcept;
  Database& operator=(Database&&) noexcept;
  ~Database();

  Result<Statement> prepare(std::string_view sql);  // exactly one statement
  Result<void> execute(std::string_view sql);       // any number of them; rows are dropped
  const std::string& path() const;                  // as errors name it
  bool in_transaction() const;
  // Statements that run beyond this end with Error{cancelled}.
  // So do those that run when `stop` is asked for, or begin after it.
  void deadline(std::chrono::steady_clock::time_point when, std::stop_token stop = {});
  // Any thread: the statement that is running, if one is, ends with Error{cancelled}.
  void interrupt();

  // WAL: SQLite's own checkpoints drop their errors, so they are off; a writer calls this after
  // its commits. Moves the log into the file once it has `pages_max` pages.
  Result<void> checkpoint(int pages_max);

 private:
  struct Connection;
  explicit Database(std::unique_ptr<Connection> connection);
  std::unique_ptr<Connection> connection_;
};

// Prepares many statements and keeps the first error: check it once, before any of them runs.
class Preparer {
 public:
  explicit Preparer(Database& database) : database_(database) {}
  Statement operator()(std::string_view sql);
  Result<void> result() const;

 private:
  Database& database_;
  std::optional<Error> error_ = {};
};

// Rolls back unless committed.
class Transaction {
 public:
  static Result<Transaction> begin(Database& database);  // takes the write lock at once
  Transaction(Transaction&& other) noexcept : database_(std::exchange(other.database_, nullptr)) {}
  Transaction& operator=(Transaction&&) = delete;
  ~Transaction();
  Result<void> commit();

 private:
  explicit Transaction(Database* database) : database_(database) {}
  Database* database_;
};

}  // namespace ragent
