#include <action/arguments.h>

#include <ragent/limits.h>

#include <action/near.h>
#include <base/text.h>

#include <algorithm>

#include <fmt/format.h>

namespace ragent {
namespace {

constexpr std::string_view kTypes[] = {"string", "integer", "number", "boolean",
                                       "date",   "one of",  "seen"};
// What people write who know other languages.
constexpr std::pair<std::string_view, std::string_view> kOtherNames[] = {
    {"int", "integer"}, {"float", "number"}, {"double", "number"}, {"bool", "boolean"},
    {"str", "string"},  {"text", "string"},  {"enum", "one of"},   {"choice", "one of"}};

struct Declared {
  std::string_view type = {};
  bool optional = false;
  std::string_view rest = {};  // after the colon
};

Declared split_type(std::string_view text) {
  std::size_t colon = text.find(':');
  Declared out{.type = trim(text.substr(0, colon))};
  if (colon != text.npos) out.rest = trim(text.substr(colon + 1));
  out.optional = out.type.ends_with('?');
  if (out.optional) out.type = trim(out.type.substr(0, out.type.size() - 1));
  return out;
}

bool is_name(std::string_view text) {
  auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; };
  auto digit = [](char c) { return c >= '0' && c <= '9'; };
  return !text.empty() && text.size() <= limits::kNameBytesMax && letter(text[0]) &&
         std::ranges::all_of(text, [&](char c) { return letter(c) || digit(c); });
}

std::unexpected<Error> unknown_type(std::string_view type) {
  std::string hint = did_you_mean(type, kTypes);
  for (const auto& [other, ours] : kOtherNames) {
    if (to_lower(type) == other) hint = fmt::format(" (did you mean \"{}\"?)", ours);
  }
  return fail(ErrorKind::invalid,
              fmt::format("expected a type, one of {}; got \"{}\"{}; a description stands after a "
                          "colon, as in \"string: city or airport code\"",
                          fmt::join(kTypes, ", "), printable(type, 60), hint));
}

Result<Json> choices(std::string_view rest) {
  Json values = Json::array({});
  for (std::string_view value : split(rest, ',')) {
    if (trim(value).empty()) {
      return fail(ErrorKind::invalid, fmt::format("expected values separated by commas, as in "
                                                  "\"one of: economy, business\"; got \"{}\"",
                                                  printable(rest, 60)));
    }
    values.push_back(trim(value));
  }
  return Json::object({{"type", "string"}, {"enum", std::move(values)}});
}

Result<SeenRule> seen_rule(const std::string& argument, std::string_view rest) {
  std::vector<std::string_view> parts = words(rest);
  bool whole = parts.size() == 3 && parts[1] == "from";
  if (!whole && parts.size() != 1) {
    return fail(ErrorKind::invalid,
                fmt::format("expected \"seen: KEY from TOOL\", as in \"seen: id from "
                            "search_flights\"; got \"seen: {}\"",
                            printable(rest, 60)));
  }
  return SeenRule{.argument = argument,
                  .key = std::string(parts[0]),
                  .tool = whole ? std::string(parts[2]) : ""};
}

Result<Json> property(const std::string& name, const Declared& declared, ParsedArguments& out) {
  if (declared.type == "one of") return choices(declared.rest);
  Json schema = Json::object({});
  if (declared.type == "seen") {
    Result<SeenRule> rule = seen_rule(name, declared.rest);
    if (!rule) return fail(std::move(rule.error()));
    out.seen.push_back(std::move(*rule));
    schema["type"] = "string";
  } else if (declared.type == "date") {
    schema["type"] = "string";
    schema["format"] = "date";
  } else if (std::ranges::find(kTypes, declared.type) != std::end(kTypes)) {
    schema["type"] = declared.type;
  } else {
    return unknown_type(declared.type);
  }
  if (!declared.rest.empty()) schema["description"] = declared.rest;
  return schema;
}

}  // namespace

Result<ParsedArguments> parse_arguments(
    const std::vector<std::pair<std::string, std::string>>& arguments) {
  if (arguments.size() > limits::kParameterFieldsMax) {
    return fail(ErrorKind::invalid, fmt::format("expected at most {} arguments, got {}",
                                                limits::kParameterFieldsMax, arguments.size()));
  }
  ParsedArguments out;
  Json properties = Json::object({});
  Json required = Json::array({});
  for (const auto& [name, text] : arguments) {
    if (!is_name(name)) {
      return fail(ErrorKind::invalid, fmt::format("argument \"{}\": expected a name of letters, "
                                                  "digits and _, not beginning with a digit",
                                                  printable(name, 60)));
    }
    Declared declared = split_type(text);
    Result<Json> schema = property(name, declared, out);
    if (!schema) return fail(within("argument " + name, std::move(schema.error())));
    properties[name] = std::move(*schema);
    if (!declared.optional) required.push_back(name);
  }
  out.schema = Json::object({{"type", "object"}, {"properties", std::move(properties)}});
  if (required.size() > 0) out.schema["required"] = std::move(required);
  out.schema["additionalProperties"] = false;
  return out;
}

}  // namespace ragent
