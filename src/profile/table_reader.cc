#include <profile/table_reader.h>

#include <base/text.h>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>

namespace ragent {
namespace {

constexpr std::size_t kShownBytesMax = 60;

std::string quoted(const Toml& value) {
  if (value.type != Toml::Type::scalar) return std::string(value.type_name());
  const std::string* text = value.scalar.string();
  if (text) return fmt::format("\"{}\"", printable(*text, kShownBytesMax));
  return fmt::format("{} {}", value.type_name(), value.scalar.dump());
}

}  // namespace

std::string did_you_mean(std::string_view got, const std::vector<std::string>& known) {
  std::optional<std::string> near = nearest(got, known);
  return near ? fmt::format(" (did you mean \"{}\"?)", *near) : "";
}

std::optional<std::chrono::milliseconds> parse_duration(std::string_view text) {
  std::int64_t amount = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), amount);
  if (error != std::errc() || amount < 0) return std::nullopt;
  std::string_view unit = text.substr(static_cast<std::size_t>(end - text.data()));
  using std::chrono::milliseconds;
  constexpr std::pair<std::string_view, std::int64_t> kUnits[] = {
      {"ms", 1}, {"s", 1000}, {"m", 60'000}, {"h", 3'600'000}, {"d", 86'400'000}};
  constexpr std::int64_t kYear = 365LL * 86'400'000;
  for (const auto& [name, factor] : kUnits) {
    if (unit == name && amount <= kYear / factor) return milliseconds(amount * factor);
  }
  return std::nullopt;
}

TableReader::TableReader(const std::string& file, std::string name, const Toml& table,
                         std::vector<std::string_view> keys)
    : file_(file), name_(std::move(name)), table_(table) {
  for (const Toml& member : table_.items) {
    if (std::ranges::find(keys, member.key) != keys.end()) continue;
    std::optional<std::string> near = nearest(member.key, std::span<const std::string_view>(keys));
    fail_at_line(member.line, member.key,
                 near ? fmt::format("unknown key; did you mean \"{}\"?", *near)
                      : fmt::format("unknown key; expected one of {}", fmt::join(keys, ", ")));
  }
}

void TableReader::fail_at_line(std::uint32_t line, std::string_view key, std::string message) {
  std::string where = fmt::format("{}:{}: {}", file_, line, name_);
  if (!key.empty()) where += (name_.empty() ? "" : ".") + std::string(key);
  pass(Error{.kind = ErrorKind::invalid, .message = where + ": " + std::move(message)});
}

void TableReader::fail_at(std::string_view key, std::string message) {
  const Toml* member = find(key);
  fail_at_line(member ? member->line : table_.line, key, std::move(message));
}

void TableReader::pass(Error error) {
  if (!error_) error_ = std::move(error);
}

const Toml* TableReader::scalar(std::string_view key, std::string_view expected,
                                bool fits(const Json&)) {
  const Toml* value = find(key);
  if (!value) return nullptr;
  if (value->type == Toml::Type::scalar && fits(value->scalar)) return value;
  fail_at(key, fmt::format("expected {}, got {}", expected, quoted(*value)));
  return nullptr;
}

void TableReader::text(std::string_view key, std::string& out) {
  const Toml* value = scalar(key, "a string", [](const Json& json) { return json.is_string(); });
  if (value) out = trim(*value->scalar.string());
}

void TableReader::required_text(std::string_view key, std::string& out) {
  text(key, out);
  if (!has(key)) fail_at("", fmt::format("expected a key \"{}\" (a string)", key));
  if (out.empty()) fail_at(key, "expected a text that is not empty");
}

void TableReader::texts(std::string_view key, std::vector<std::string>& out) {
  const Toml* value = find(key);
  if (!value) return;
  if (value->type != Toml::Type::array) {
    return fail_at(key, fmt::format("expected an array of strings, got {}", quoted(*value)));
  }
  for (const Toml& item : value->items) {
    const std::string* text = item.scalar.string();
    if (!text || trim(*text).empty()) {
      return fail_at_line(item.line, key,
                          fmt::format("expected strings that are not empty, got {}", quoted(item)));
    }
    out.emplace_back(trim(*text));
  }
}

void TableReader::count(std::string_view key, std::int64_t& out) {
  const Toml* value = scalar(key, "an integer from 0 on", [](const Json& json) {
    return json.is_integer() && *json.integer() >= 0;
  });
  if (value) out = *value->scalar.integer();
}

void TableReader::flag(std::string_view key, bool& out) {
  const Toml* value = scalar(key, "true or false", [](const Json& json) { return json.is_bool(); });
  if (value) out = *value->scalar.boolean();
}

void TableReader::duration(std::string_view key, std::chrono::milliseconds& out) {
  const Toml* value =
      scalar(key, "a duration such as \"2m\", \"30s\" or \"1500ms\"",
             [](const Json& json) { return json.string() && parse_duration(*json.string()); });
  if (value) out = *parse_duration(*value->scalar.string());
}

std::optional<std::size_t> TableReader::index_of(std::string_view key,
                                                 const std::vector<std::string_view>& names) {
  const Toml* value = find(key);
  if (!value) return std::nullopt;
  const std::string* text = value->scalar.string();
  for (std::size_t i = 0; text && i < names.size(); ++i) {
    if (names[i] == *text) return i;
  }
  std::optional<std::string> near =
      text ? nearest(*text, std::span<const std::string_view>(names)) : std::nullopt;
  fail_at(key, fmt::format("expected one of {}, got {}{}", fmt::join(names, ", "), quoted(*value),
                           near ? fmt::format(" (did you mean \"{}\"?)", *near) : ""));
  return std::nullopt;
}

const Toml* TableReader::table(std::string_view key) {
  const Toml* value = find(key);
  if (!value || value->type == Toml::Type::table) return value;
  fail_at(key, fmt::format("expected a table, got {}", quoted(*value)));
  return nullptr;
}

std::vector<const Toml*> TableReader::tables(std::string_view key) {
  const Toml* value = find(key);
  if (!value) return {};
  std::vector<const Toml*> out;
  for (const Toml& item : value->items) {
    if (item.type == Toml::Type::table) out.push_back(&item);
  }
  if (value->type != Toml::Type::array || out.size() != value->items.size()) {
    fail_at(key, fmt::format("expected an array of tables, got {}", quoted(*value)));
    return {};
  }
  return out;
}

}  // namespace ragent
