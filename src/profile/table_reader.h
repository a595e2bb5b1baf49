// TableReader: takes the members of one TOML table out by name, and says clearly what is wrong.
//
//   TableReader budget(file, "budget", table, {"steps", "tokens", "time"});
//   budget.count("steps", agent.budget.steps);       // absent: left as it is
//   if (!budget.ok()) return fail(budget.error());
//
// Keeps the first error: a caller may read on and ask once, at the end. Not shared by threads.
#pragma once

#include <profile/toml.h>

#include <chrono>

namespace ragent {

class TableReader {
 public:
  // An error at once when a key is not one of `keys`; `name` is "tools.book", empty for the root.
  TableReader(const std::string& file, std::string name, const Toml& table,
              std::vector<std::string_view> keys);

  const Toml* find(std::string_view key) const { return table_.find(key); }
  bool has(std::string_view key) const { return find(key) != nullptr; }
  void text(std::string_view key, std::string& out);
  void required_text(std::string_view key, std::string& out);  // there, and not empty
  void texts(std::string_view key, std::vector<std::string>& out);
  void count(std::string_view key, std::int64_t& out);  // an integer from 0 on
  void flag(std::string_view key, bool& out);
  void duration(std::string_view key, std::chrono::milliseconds& out);
  template <class E>  // the enumerator whose name is there
  void choice(std::string_view key, const std::vector<std::string_view>& names, E& out) {
    if (std::optional<std::size_t> index = index_of(key, names)) out = static_cast<E>(*index);
  }
  // The tables called `key`: one when it is a table, each item when it is an array of tables.
  const Toml* table(std::string_view key);
  std::vector<const Toml*> tables(std::string_view key);

  bool ok() const { return !error_; }
  const Error& error() const { return *error_; }
  // The first error counts. `key` empty: the table itself.
  void fail_at(std::string_view key, std::string message);
  void fail_at_line(std::uint32_t line, std::string_view key, std::string message);
  void pass(Error error);  // an error which says already where it is

 private:
  std::optional<std::size_t> index_of(std::string_view key,
                                      const std::vector<std::string_view>& names);
  const Toml* scalar(std::string_view key, std::string_view expected, bool fits(const Json&));

  const std::string& file_;
  std::string name_;
  const Toml& table_;
  std::optional<Error> error_;
};

// "90s", "2m", "1500ms", "1h"; nothing when it is no duration or longer than a year.
std::optional<std::chrono::milliseconds> parse_duration(std::string_view text);
// ` (did you mean "book"?)`, or nothing.
std::string did_you_mean(std::string_view got, const std::vector<std::string>& known);

}  // namespace ragent
