// sql: read-only parametrised queries over the CSV and SQLite files of an agent's folder.
//
//   Result<std::shared_ptr<SqlData>> data = SqlData::load("agents/travel");
//   Result<std::shared_ptr<ToolBody>> body = sql_body(spec, *data);
//
// A CSV file is a table named by its stem, loaded once into memory; an SQLite file (.db, .sqlite,
// .sqlite3) is attached for reading under its stem. Shared by the tools of the folder, one query at
// a time; loading and queries block, so they belong on the blocking pool. Any thread.
#pragma once

#include <ragent/tool.h>

#include <store/sqlite/database.h>

#include <mutex>

namespace ragent {

class SqlData {
 public:
  // Files in `folder` and its visible subfolders. Error{invalid} names file and line.
  static Result<std::shared_ptr<SqlData>> load(const std::string& folder);
  explicit SqlData(Database database) : database_(std::move(database)) {}

  // What is wrong with a query that has these arguments (a JSON Schema); nothing: it can run.
  Result<void> check(const std::string& sql, const Json& parameters);
  // An array of objects, columns in order. Error{timeout} at `deadline`, Error{cancelled} when a
  // stop is asked for, Error{invalid} for more than limits::kSqlRowsMax rows.
  Result<Json> query(const std::string& sql, const Json& arguments,
                     std::chrono::steady_clock::time_point deadline, const std::stop_token& stop);

 private:
  std::mutex mutex_;
  Database database_;  // under the mutex
};

// Error: as SqlData::check says. The body shares `data` with the folder's other tools.
Result<std::shared_ptr<ToolBody>> sql_body(const ToolSpec& spec, std::shared_ptr<SqlData> data);

}  // namespace ragent
