// Any bytes: a CSV file is refused with a message that names it, or read as a table whose cells,
// written with quotes, read back as the same table.
#include <action/csv.h>

#include <algorithm>
#include <cstdint>

namespace {

void write_row(std::string& out, const auto& cells) {
  for (std::size_t i = 0; i < cells.size(); ++i) {
    out += i > 0 ? ",\"" : "\"";
    for (char c : cells[i]) out += c == '"' ? "\"\"" : std::string(1, c);
    out += '"';
  }
  out += '\n';
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ragent;
  Result<CsvTable> table = parse_csv({reinterpret_cast<const char*>(data), size}, "t.csv");
  if (!table) {
    RAGENT_ASSERT(table.error().kind == ErrorKind::invalid);
    RAGENT_ASSERT(table.error().message.starts_with("t.csv:"));
    return 0;
  }
  RAGENT_ASSERT(!table->columns.empty() && table->cells.size() % table->columns.size() == 0);
  std::vector<std::string> names;
  for (const CsvTable::Column& column : table->columns) names.push_back(column.name);
  std::string text;
  write_row(text, names);
  for (std::size_t i = 0; i < table->rows(); ++i) {
    // One empty cell alone is an empty line, which is no row.
    if (table->columns.size() == 1 && table->row(i)[0].empty()) return 0;
    write_row(text, table->row(i));
  }
  Result<CsvTable> back = parse_csv(text, "t.csv");
  RAGENT_ASSERT(back && std::ranges::equal(back->cells, table->cells));
  for (std::size_t i = 0; i < names.size(); ++i) {
    RAGENT_ASSERT(back->columns[i].name == names[i]);
    RAGENT_ASSERT(back->columns[i].type == table->columns[i].type);
  }
  return 0;
}
