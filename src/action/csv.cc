#include <action/csv.h>

#include <ragent/limits.h>

#include <base/text.h>

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

namespace ragent {
namespace {

using Type = CsvTable::Type;

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

// Reads cells one by one; quoted ones are unescaped in place, so that all are views.
class Reader {
 public:
  Reader(std::vector<char>& text, const std::string& name) : text_(text), name_(name) {}

  bool at_end() const { return at_ == text_.size(); }
  std::size_t line() const { return line_; }
  std::unexpected<Error> fault(std::size_t line, const std::string& what) const {
    return fail(ErrorKind::invalid, fmt::format("{}:{}: {}", name_, line, what));
  }

  // The cells of the next row; empty for an empty line.
  Result<void> row(std::vector<std::string_view>& cells);

 private:
  Result<std::string_view> cell();
  Result<std::string_view> quoted();
  bool at_line_end() const {
    return text_[at_] == '\n' ||
           (text_[at_] == '\r' && at_ + 1 < text_.size() && text_[at_ + 1] == '\n');
  }

  std::vector<char>& text_;
  const std::string& name_;
  std::size_t at_ = 0;
  std::size_t line_ = 1;
};

Result<std::string_view> Reader::quoted() {
  std::size_t first_line = line_;
  std::size_t begin = ++at_;
  std::size_t end = begin;
  for (; at_ < text_.size(); ++at_) {
    if (text_[at_] == '"') {
      bool escaped = at_ + 1 < text_.size() && text_[at_ + 1] == '"';
      if (!escaped) {
        ++at_;
        return std::string_view(text_.data() + begin, end - begin);
      }
      ++at_;
    }
    if (text_[at_] == '\n') ++line_;
    text_[end++] = text_[at_];
  }
  return fault(first_line, "expected the closing quote of this cell, got the end of the file");
}

Result<std::string_view> Reader::cell() {
  std::size_t begin = at_;
  if (at_ < text_.size() && text_[at_] == '"') {
    Result<std::string_view> content = quoted();
    if (content && at_ < text_.size() && text_[at_] != ',' && !at_line_end()) {
      return fault(line_, fmt::format("expected a comma or the end of the line after a quoted "
                                      "cell, got '{}'; a quote inside is written \"\"",
                                      printable(std::string_view(&text_[at_], 1), 8)));
    }
    return content;
  }
  for (; at_ < text_.size() && text_[at_] != ',' && !at_line_end(); ++at_) {
    if (text_[at_] == '"') {
      return fault(line_, "expected a cell with quotes in it to be quoted: \"say \"\"hi\"\"\"");
    }
  }
  return std::string_view(text_.data() + begin, at_ - begin);
}

Result<void> Reader::row(std::vector<std::string_view>& cells) {
  cells.clear();
  for (;;) {
    Result<std::string_view> next = cell();
    if (!next) return fail(std::move(next.error()));
    cells.push_back(*next);
    if (cells.size() > limits::kCsvColumnsMax) {
      return fault(line_, fmt::format("expected at most {} columns", limits::kCsvColumnsMax));
    }
    if (at_end() || text_[at_] != ',') break;
    ++at_;
  }
  bool empty = cells.size() == 1 && cells[0].empty();
  if (!at_end()) {
    at_ += text_[at_] == '\r' ? 2 : 1;
    ++line_;
  }
  if (empty) cells.clear();
  return {};
}

bool is_integer(std::string_view text) {
  std::string_view digits = text.starts_with('-') ? text.substr(1) : text;
  if (digits.size() > 1 && digits[0] == '0') return false;  // a code, not a number
  std::int64_t value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size();
}

bool is_number(std::string_view text) {
  if (text.find_first_not_of("+-.eE0123456789") != text.npos) return false;  // not inf, not nan
  std::string_view digits = text.starts_with('-') ? text.substr(1) : text;
  if (digits.size() > 1 && digits[0] == '0' && digits[1] != '.') return false;
  double value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size();
}

void type_columns(CsvTable& table) {
  for (std::size_t column = 0; column < table.columns.size(); ++column) {
    bool any = false;
    bool integers = true;
    bool numbers = true;
    for (std::size_t i = column; i < table.cells.size() && numbers; i += table.columns.size()) {
      std::string_view cell = table.cells[i];
      if (cell.empty()) continue;
      any = true;
      integers = integers && is_integer(cell);
      numbers = integers || is_number(cell);
    }
    if (any && numbers) table.columns[column].type = integers ? Type::integer : Type::number;
  }
}

Result<void> name_columns(const std::vector<std::string_view>& cells, const Reader& reader,
                          CsvTable& table) {
  for (std::string_view cell : cells) {
    std::string name(trim(cell));
    if (name.empty()) {
      std::size_t number = table.columns.size() + 1;
      return reader.fault(1, fmt::format("expected a name for column {}", number));
    }
    for (const CsvTable::Column& other : table.columns) {
      if (to_lower(other.name) == to_lower(name)) {
        return reader.fault(1, fmt::format("expected different column names, got \"{}\" twice",
                                           printable(name, 60)));
      }
    }
    table.columns.push_back({.name = std::move(name)});
  }
  return {};
}

}  // namespace

Result<CsvTable> parse_csv(std::string_view text, const std::string& name) {
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  CsvTable table;
  table.text.assign(text.begin(), text.end());
  Reader reader(table.text, name);
  if (std::size_t zero = text.find('\0'); zero != text.npos || !valid_utf8(text)) {
    return fail(ErrorKind::invalid,
                fmt::format("{}: expected text in UTF-8, got {}; save it as UTF-8", name,
                            zero != text.npos ? "a zero byte" : "other bytes"));
  }
  std::vector<std::string_view> cells;
  while (!reader.at_end()) {
    std::size_t line = reader.line();
    if (Result<void> read = reader.row(cells); !read) return fail(std::move(read.error()));
    if (cells.empty()) continue;
    if (table.columns.empty()) {
      if (auto named = name_columns(cells, reader, table); !named) {
        return fail(std::move(named.error()));
      }
      continue;
    }
    if (cells.size() != table.columns.size()) {
      return reader.fault(line, fmt::format("expected {} cells as in the first row, got {}",
                                            table.columns.size(), cells.size()));
    }
    if (table.cells.size() + cells.size() > limits::kCsvCellsMax) {
      return reader.fault(line, fmt::format("expected at most {} cells; put larger tables into an "
                                            "SQLite file",
                                            limits::kCsvCellsMax));
    }
    table.cells.insert(table.cells.end(), cells.begin(), cells.end());
  }
  if (table.columns.empty()) return reader.fault(1, "expected column names in the first row");
  type_columns(table);
  return table;
}

}  // namespace ragent
