#include <store/sqlite/rows.h>

namespace ragent {

void bind_run(Statement& statement, const RunRow& row) {
  statement.bind(row.id, row.uid, row.tenant, row.session, row.parent, row.agent, row.spec,
                 row.planner, row.state, row.outcome, row.task, row.chapter, row.crashes,
                 row.started_at, row.ended_at);
}

RunRow read_run(const Statement& statement) {
  int column = 0;
  const auto integer = [&] { return statement.integer(column++); };
  const auto text = [&] { return std::string(statement.text(column++)); };
  RunRow row;
  row.id = integer();
  row.uid = text();
  row.tenant = text();
  row.session = text();
  row.parent = text();
  row.agent = text();
  row.spec = text();
  row.planner = text();
  row.state = text();
  row.outcome = text();
  row.task = text();
  row.chapter = static_cast<std::uint32_t>(integer());
  row.crashes = static_cast<std::uint32_t>(integer());
  row.started_at = integer();
  row.ended_at = integer();
  row.n = static_cast<std::uint32_t>(integer());
  return row;
}

}  // namespace ragent
