// How runs and records stand in tables: the columns that journal and tenant files share, and their
// reading. Only for the .cc files of this folder.
#pragma once

#include <store/sqlite/database.h>
#include <store/store.h>

namespace ragent {

// Columns of a RunRow but `n`, in the order of run_columns() and read_run().
inline constexpr std::string_view kRunTable =
    "create table run(id integer primary key, uid text not null unique, tenant text not null,"
    " session text not null, parent text not null, agent text not null, spec text not null,"
    " planner text not null, state text not null, outcome text not null, task text not null,"
    " chapter integer not null, crashes integer not null, started_at integer not null,"
    " ended_at integer not null";  // the table goes on with its own columns
inline constexpr std::string_view kRunColumns =
    "id, uid, tenant, session, parent, agent, spec, planner, state, outcome, task, chapter,"
    " crashes, started_at, ended_at";
inline constexpr std::string_view kRunParameters =
    "?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15";

// Text is not copied: `row` must live until the statement's next reset.
void bind_run(Statement& statement, const RunRow& row);
RunRow read_run(const Statement& statement);  // kRunColumns, then n

// All rows of a query whose parameters are bound.
template <class Row, class Read>
Result<std::vector<Row>> read_all(Statement& query, Read read) {
  std::vector<Row> rows;
  for (;;) {
    Result<bool> more = query.step();
    if (!more) return fail(std::move(more.error()));
    if (!*more) return rows;
    rows.push_back(read(query));
  }
}

}  // namespace ragent
