#include <profile/toml.h>

#include <base/text.h>

#include <fmt/format.h>

#include <algorithm>
#include <sstream>

// Debian's shared library is built with exceptions, and one binary should need no library.
#define TOML_EXCEPTIONS 0
#define TOML_HEADER_ONLY 1
#define TOML_ENABLE_FORMATTERS 0
// It asserts, and without assertions assumes, what broken files break ("[&"); its checks that follow
// say so in an error.
#undef NDEBUG
#define TOML_ASSERT(expression) static_cast<void>(0)
#include <toml++/toml.h>

namespace ragent {
namespace {

template <class T>
std::string printed(const T& value) {  // dates and times
  std::ostringstream out;
  out << value;
  return out.str();
}

Json scalar_of(const toml::node& node) {
  if (const auto* text = node.as_string()) return text->get();
  if (const auto* integer = node.as_integer()) return integer->get();
  if (const auto* number = node.as_floating_point()) return number->get();
  if (const auto* flag = node.as_boolean()) return flag->get();
  if (const auto* date = node.as_date()) return printed(date->get());
  if (const auto* time = node.as_time()) return printed(time->get());
  if (const auto* moment = node.as_date_time()) return printed(moment->get());
  return {};
}

Toml converted(const toml::node& node) {
  Toml out{.line = node.source().begin.line};
  if (const toml::array* array = node.as_array()) {
    out.type = Toml::Type::array;
    for (const toml::node& item : *array) out.items.push_back(converted(item));
    return out;
  }
  const toml::table* table = node.as_table();
  if (!table) {
    out.type = Toml::Type::scalar;
    out.scalar = scalar_of(node);
    return out;
  }
  std::vector<std::pair<std::pair<std::uint32_t, std::uint32_t>, Toml>> members;
  for (auto&& [key, value] : *table) {
    toml::source_position at = key.source().begin;
    Toml member = converted(value);
    member.key = key.str();
    member.line = at.line;
    members.emplace_back(std::pair(at.line, at.column), std::move(member));
  }
  std::ranges::sort(members, {}, [](const auto& member) { return member.first; });
  for (auto& member : members) out.items.push_back(std::move(member.second));
  return out;
}

}  // namespace

const Toml* Toml::find(std::string_view name) const {
  auto found = std::ranges::find(items, name, &Toml::key);
  return found == items.end() ? nullptr : &*found;
}

std::string_view Toml::type_name() const {
  if (type == Type::array) return "an array";
  if (type == Type::table) return "a table";
  if (scalar.is_string()) return "a string";
  if (scalar.is_integer()) return "an integer";
  return scalar.is_bool() ? "a boolean" : "a number";
}

Json Toml::json() const {
  if (type == Type::scalar) return scalar;
  Json out = type == Type::array ? Json::array({}) : Json::object({});
  for (const Toml& item : items) {
    if (type == Type::array) {
      out.push_back(item.json());
    } else {
      out[item.key] = item.json();
    }
  }
  return out;
}

Result<Toml> parse_toml(std::string_view text, const std::string& file) {
  std::uint32_t line = 1;
  for (std::size_t at = 0; at < text.size();) {
    std::size_t length = utf8_length(text.substr(at));
    if (length == 0) {
      return fail(ErrorKind::invalid,
                  fmt::format("{}:{}: expected UTF-8 text, got the byte 0x{:02X}; save the file as "
                              "UTF-8",
                              file, line, static_cast<unsigned char>(text[at])));
    }
    if (text[at] == '\n') ++line;
    at += length;
  }
  toml::parse_result parsed = toml::parse(text);
  if (!parsed) {
    const toml::parse_error& error = parsed.error();
    return fail(ErrorKind::invalid, fmt::format("{}:{}: broken TOML: {}", file,
                                                error.source().begin.line, error.description()));
  }
  return converted(parsed.table());
}

}  // namespace ragent
