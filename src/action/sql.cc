#include <action/sql.h>

#include <ragent/limits.h>

#include <action/csv.h>
#include <action/near.h>
#include <base/file.h>
#include <base/loop.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <filesystem>

#include <fmt/format.h>

namespace ragent {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr int kFolderDepthMax = 4;
constexpr std::size_t kColumnBytesMax = 600;  // of names in a message

std::string quoted_name(std::string_view name) {
  std::string out = "\"";
  for (char c : name) out += c == '"' ? std::string("\"\"") : std::string(1, c);
  return out + "\"";
}

// A path as an SQLite URI inside an SQL string.
std::string read_only_uri(const std::string& path) {
  std::string out = "'file:";
  for (char c : fs::absolute(path).string()) {
    if (c == '?' || c == '#' || c == '%') {
      out += fmt::format("%{:02x}", static_cast<unsigned char>(c));
    } else {
      out += c == '\'' ? std::string("''") : std::string(1, c);
    }
  }
  return out + "?mode=ro'";
}

bool is_csv(const fs::path& path) { return path.extension() == ".csv"; }
bool is_database(const fs::path& path) {
  return path.extension() == ".db" || path.extension() == ".sqlite" ||
         path.extension() == ".sqlite3";
}

// The data files of a folder, sorted: the order of a directory is nobody's.
Result<std::vector<fs::path>> data_files(const std::string& folder) {
  std::error_code error;
  std::vector<fs::path> files;
  fs::recursive_directory_iterator entry(folder, error);
  for (; !error && entry != fs::end(entry); entry.increment(error)) {
    bool hidden = entry->path().filename().string().starts_with('.');
    if (entry->is_directory(error) && (hidden || entry.depth() >= kFolderDepthMax)) {
      entry.disable_recursion_pending();
    }
    if (!hidden && entry->is_regular_file(error) &&
        (is_csv(entry->path()) || is_database(entry->path()))) {
      files.push_back(entry->path());
    }
    if (files.size() > limits::kSqlFilesMax) {
      return fail(ErrorKind::invalid, fmt::format("{}: expected at most {} CSV and SQLite files",
                                                  folder, limits::kSqlFilesMax));
    }
  }
  if (error) return fail(system_error("read the folder", folder, error.value()));
  std::ranges::sort(files);
  return files;
}

Result<void> distinct_names(const std::vector<fs::path>& files) {
  for (std::size_t i = 0; i < files.size(); ++i) {
    std::string name = to_lower(files[i].stem().string());
    if (name.starts_with("sqlite_") || name == "main" || name == "temp") {
      return fail(ErrorKind::invalid,
                  fmt::format("{}: expected another name: SQL keeps \"{}\" for itself",
                              files[i].string(), name));
    }
    for (std::size_t j = 0; j < i; ++j) {
      if (to_lower(files[j].stem().string()) != name) continue;
      return fail(ErrorKind::invalid,
                  fmt::format("{} and {}: expected different names, both would be \"{}\" in SQL",
                              files[j].string(), files[i].string(), name));
    }
  }
  return {};
}

void bind_cell(Statement& insert, int index, std::string_view cell, CsvTable::Type type) {
  if (cell.empty()) return insert.bind_at(index, nullptr);
  if (type == CsvTable::Type::integer) {
    std::int64_t value = 0;
    std::from_chars(cell.data(), cell.data() + cell.size(), value);
    insert.bind_at(index, value);
  } else if (type == CsvTable::Type::number) {
    double value = 0;
    std::from_chars(cell.data(), cell.data() + cell.size(), value);
    insert.bind_at(index, value);
  } else {
    insert.bind_at(index, cell);
  }
}

Result<void> fill_table(Database& database, const std::string& name, const CsvTable& table) {
  constexpr std::string_view types[] = {"integer", "real", "text"};
  std::string columns;
  std::string places;
  for (const CsvTable::Column& column : table.columns) {
    std::string_view separator = columns.empty() ? "" : ", ";
    std::string_view type = types[static_cast<std::size_t>(column.type)];
    columns += fmt::format("{}{} {}", separator, quoted_name(column.name), type);
    places += fmt::format("{}?", separator);
  }
  std::string place = quoted_name(name);
  Result<void> made = database.execute(fmt::format("create table {}({})", place, columns));
  if (!made) return made;
  Result<Statement> insert =
      database.prepare(fmt::format("insert into {} values ({})", place, places));
  if (!insert) return fail(std::move(insert.error()));
  for (std::size_t i = 0; i < table.rows(); ++i) {
    std::span<const std::string_view> row = table.row(i);
    for (std::size_t column = 0; column < row.size(); ++column) {
      bind_cell(*insert, static_cast<int>(column) + 1, row[column], table.columns[column].type);
    }
    if (Result<void> ran = insert->run(); !ran) return ran;
  }
  return {};
}

Result<void> load_csv(Database& database, const fs::path& path, std::size_t& bytes_left) {
  Result<std::string> text = read_file(path.string(), bytes_left);
  if (!text) return fail(std::move(text.error()));
  bytes_left -= text->size();
  Result<CsvTable> table = parse_csv(*text, path.string());
  if (!table) return fail(std::move(table.error()));
  Result<Transaction> transaction = Transaction::begin(database);
  if (!transaction) return fail(std::move(transaction.error()));
  Result<void> filled = fill_table(database, path.stem().string(), *table);
  if (!filled) return fail(within(path.string(), std::move(filled.error())));
  return transaction->commit();
}

Result<void> attach(Database& database, const fs::path& path) {
  std::string name = quoted_name(path.stem().string());
  Result<void> done =
      database.execute(fmt::format("attach {} as {}", read_only_uri(path.string()), name));
  // A file that is not a database shows only when it is read.
  if (done) done = database.execute(fmt::format("select count(*) from {}.sqlite_schema", name));
  if (!done) return fail(within(path.string(), std::move(done.error())));
  return {};
}

std::string tables_of(Database& database) {
  std::string out;
  Result<Statement> names = database.prepare(
      "select iif(schema = 'main', name, schema || '.' || name) from pragma_table_list "
      "where name not like 'sqlite_%' order by 1");
  while (names && names->step().value_or(false)) {
    out += (out.empty() ? "" : ", ") + std::string(names->text(0));
  }
  return out.empty() ? "none: there is no CSV or SQLite file in the folder" : out;
}

// "seat(id, price), flight(…)", as far as a message goes.
std::string columns_of(Database& database) {
  std::string out;
  std::string table;
  Result<Statement> columns = database.prepare(
      "select iif(t.schema = 'main', t.name, t.schema || '.' || t.name) as place, c.name "
      "from pragma_table_list t, pragma_table_info(t.name, t.schema) c "
      "where t.name not like 'sqlite_%' order by place, c.cid");
  while (columns && columns->step().value_or(false)) {
    std::string place(columns->text(0));
    if (place != table) {
      out += (table.empty() ? "" : "), ") + place + "(";
    } else {
      out += ", ";
    }
    table = std::move(place);
    out += columns->text(1);
    if (out.size() > kColumnBytesMax) return out + ", …)";
  }
  return table.empty() ? tables_of(database) : out + ")";
}

std::string_view first_word(std::string_view sql) {
  for (;;) {
    sql.remove_prefix(std::min(sql.find_first_not_of(" \t\r\n;"), sql.size()));
    std::string_view end = sql.starts_with("--") ? "\n" : sql.starts_with("/*") ? "*/" : "";
    if (end.empty()) break;
    sql.remove_prefix(std::min(sql.find(end, 2), sql.size() - end.size()) + end.size());
  }
  std::size_t size = 0;
  while (size < sql.size() && std::isalpha(static_cast<unsigned char>(sql[size]))) ++size;
  return sql.substr(0, size);
}

// Names of parameters carry a mark in SQL: ":from", "@from", "$from".
std::string_view argument_of(std::string_view parameter) {
  return parameter.empty() ? parameter : parameter.substr(1);
}

Result<void> check_parameters(const Statement& statement, const Json& schema) {
  std::vector<std::string_view> known;
  const Json* properties = schema.find("properties");
  if (properties && properties->object()) {
    for (const Json::Member& property : *properties->object()) known.push_back(property.key);
  }
  for (int i = 1; i <= statement.parameters(); ++i) {
    std::string_view name = argument_of(statement.parameter_name(i));
    if (name.empty()) {
      return fail(ErrorKind::invalid, "expected parameters by name, as in \":from\"; got \"?\"");
    }
    if (std::ranges::find(known, name) != known.end()) continue;
    return fail(ErrorKind::invalid,
                fmt::format(":{} is not an argument of the tool{}; its arguments: {}", name,
                            did_you_mean(name, known),
                            known.empty() ? "none" : fmt::format("{}", fmt::join(known, ", "))));
  }
  return {};
}

Result<void> check_columns(const Statement& statement) {
  for (int i = 0; i < statement.columns(); ++i) {
    for (int j = 0; j < i; ++j) {
      if (statement.column_name(i) != statement.column_name(j)) continue;
      return fail(ErrorKind::invalid,
                  fmt::format("expected different columns, got \"{}\" twice; rename one with AS",
                              statement.column_name(i)));
    }
  }
  return {};
}

// Binds one parameter; `texts` keeps what SQLite only points to.
void bind_argument(Statement& statement, int index, const Json* value,
                   std::vector<std::unique_ptr<std::string>>& texts) {
  if (!value || value->is_null()) return statement.bind_at(index, nullptr);
  if (value->is_bool()) return statement.bind_at(index, *value->boolean() ? 1 : 0);
  if (value->integer()) return statement.bind_at(index, *value->integer());
  if (value->is_number()) return statement.bind_at(index, *value->number());
  texts.push_back(
      std::make_unique<std::string>(value->string() ? *value->string() : value->dump()));
  statement.bind_at(index, std::string_view(*texts.back()));
}

Json column_value(const Statement& row, int column) {
  switch (row.type(column)) {
    case Statement::Type::null: return {};
    case Statement::Type::integer: return row.integer(column);
    case Statement::Type::real: {
      double value = row.real(column);
      return std::isfinite(value) ? Json(value) : Json();
    }
    case Statement::Type::text: return to_utf8(row.text(column));
    case Statement::Type::blob: return fmt::format("({} bytes)", row.blob(column).size());
  }
  return {};
}

// What the pool still works at is to end when the call that waited for it is gone.
struct StopAtEnd {
  std::stop_source source = {};
  ~StopAtEnd() { source.request_stop(); }
};

class SqlBody : public ToolBody {
 public:
  SqlBody(std::string sql, std::shared_ptr<SqlData> data)
      : sql_(std::move(sql)), data_(std::move(data)) {}

  Task<Json> call(ToolContext& context, Json arguments) override {
    auto left = std::chrono::milliseconds(limits::kToolTimeDefault);
    if (context.not_after != WallPoint()) left = context.not_after - context.host.loop().wall();
    const StopAtEnd gone;
    const std::stop_callback asked(context.stop,
                                   [source = gone.source]() mutable { source.request_stop(); });
    // The pool may still be at it when this coroutine is gone: it gets copies, and shares the data.
    co_return co_await context.host.blocking([data = data_, sql = sql_,
                                              arguments = std::move(arguments), left,
                                              stop = gone.source.get_token()]() {
      return data->query(sql, arguments, Clock::now() + left, stop);
    });
  }

 private:
  std::string sql_;
  std::shared_ptr<SqlData> data_;  // with the folder's other sql tools
};

}  // namespace

Result<std::shared_ptr<SqlData>> SqlData::load(const std::string& folder) {
  Result<std::vector<fs::path>> files = data_files(folder);
  if (!files) return fail(std::move(files.error()));
  if (auto distinct = distinct_names(*files); !distinct) return fail(std::move(distinct.error()));
  Result<Database> database = Database::open_memory();
  if (!database) return fail(std::move(database.error()));
  std::size_t bytes_left = limits::kCsvBytesMax;
  for (const fs::path& path : *files) {
    Result<void> loaded =
        is_csv(path) ? load_csv(*database, path, bytes_left) : attach(*database, path);
    if (!loaded) return fail(std::move(loaded.error()));
  }
  if (auto set = database->execute("pragma query_only = on"); !set) {
    return fail(std::move(set.error()));
  }
  return std::make_shared<SqlData>(std::move(*database));
}

Result<void> SqlData::check(const std::string& sql, const Json& parameters) {
  std::lock_guard lock(mutex_);
  std::string word = to_lower(first_word(sql));
  if (word != "select" && word != "with" && word != "values") {
    return fail(ErrorKind::invalid,
                fmt::format("expected a query that begins with SELECT, WITH or VALUES, got \"{}\"; "
                            "an sql tool only reads",
                            printable(first_word(sql), 40)));
  }
  database_.deadline(Clock::time_point::max());
  Result<Statement> statement = database_.prepare(sql);
  if (!statement) {
    std::string_view text = statement.error().message;
    if (text.starts_with(database_.path())) text.remove_prefix(database_.path().size() + 2);
    bool column = text.contains("no such column");
    return fail(ErrorKind::invalid,
                column ? fmt::format("{}; columns: {}", text, columns_of(database_))
                       : fmt::format("{}; tables: {}", text, tables_of(database_)));
  }
  if (!statement->read_only()) {
    return fail(ErrorKind::invalid, "expected a query that only reads, got one that writes");
  }
  Result<void> named = check_parameters(*statement, parameters);
  return named ? check_columns(*statement) : named;
}

Result<Json> SqlData::query(const std::string& sql, const Json& arguments,
                            Clock::time_point deadline, const std::stop_token& stop) {
  std::lock_guard lock(mutex_);
  if (stop.stop_requested()) return fail(ErrorKind::cancelled, "the query was cancelled");
  database_.deadline(deadline, stop);
  std::stop_callback interrupt(stop, [this] { database_.interrupt(); });
  Result<Statement> statement = database_.prepare(sql);
  if (!statement) return fail(std::move(statement.error()));
  std::vector<std::unique_ptr<std::string>> texts;
  for (int i = 1; i <= statement->parameters(); ++i) {
    bind_argument(*statement, i, arguments.find(argument_of(statement->parameter_name(i))), texts);
  }
  Json::Array rows;
  std::size_t bytes = 0;
  for (;;) {
    Result<bool> row = statement->step();
    if (stop.stop_requested()) return fail(ErrorKind::cancelled, "the query was cancelled");
    if (!row && row.error().kind == ErrorKind::cancelled) {
      return fail(ErrorKind::timeout, "the query did not end in time; ask for less");
    }
    if (!row) return fail(std::move(row.error()));
    if (!*row) return rows;
    if (rows.size() == limits::kSqlRowsMax) {
      return fail(ErrorKind::invalid,
                  fmt::format("the query has more than {} rows; ask for less, or give its SQL a "
                              "LIMIT",
                              limits::kSqlRowsMax));
    }
    Json::Object object;
    for (int column = 0; column < statement->columns(); ++column) {
      if (statement->type(column) == Statement::Type::text) bytes += statement->text(column).size();
      if (bytes > limits::kToolOutputBytesMax) {
        return fail(ErrorKind::invalid,
                    fmt::format("the query has more than {} bytes of text; ask for less",
                                limits::kToolOutputBytesMax));
      }
      object.push_back(
          {std::string(statement->column_name(column)), column_value(*statement, column)});
    }
    rows.push_back(std::move(object));
  }
}

Result<std::shared_ptr<ToolBody>> sql_body(const ToolSpec& spec, std::shared_ptr<SqlData> data) {
  if (auto fit = data->check(spec.source, spec.parameters); !fit) {
    return fail(std::move(fit.error()));
  }
  return std::make_shared<SqlBody>(spec.source, std::move(data));
}

}  // namespace ragent
