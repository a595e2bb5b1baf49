// csv: RFC 4180 text as a table with typed columns.
//
//   Result<CsvTable> flights = parse_csv(text, "flights.csv");
//   flights->columns[0]                      // {"id", Type::text}
//   flights->row(0)[0]                       // "BA117"
//
// The first row names the columns; UTF-8, with or without a mark at its beginning. A column is of
// integers or numbers when every cell that is not empty is one (007 is text), else of text. Value;
// any thread.
#pragma once

#include <ragent/result.h>

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ragent {

struct CsvTable {
  enum class Type : std::uint8_t { integer, number, text };
  struct Column {
    std::string name = {};
    Type type = Type::text;
  };
  std::vector<Column> columns = {};
  std::vector<std::string_view> cells = {};  // row by row, views of `text`
  std::vector<char> text = {};  // a vector: its bytes stay in place when it is moved

  std::size_t rows() const { return cells.size() / columns.size(); }
  std::span<const std::string_view> row(std::size_t index) const {
    return std::span(cells).subspan(index * columns.size(), columns.size());
  }
};

// Error{invalid}: "NAME:LINE: what was expected, what came".
Result<CsvTable> parse_csv(std::string_view text, const std::string& name);

}  // namespace ragent
