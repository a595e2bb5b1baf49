#include <action/schema.h>

#include <ragent/limits.h>

#include <action/near.h>
#include <base/text.h>

#include <algorithm>
#include <chrono>

#include <fmt/format.h>

namespace ragent {
namespace {

using Faults = std::vector<std::string>;

constexpr std::size_t kShownBytesMax = 60;
constexpr std::string_view kTypes[] = {"string", "integer", "number", "boolean",
                                       "array",  "object",  "null"};
constexpr std::string_view kKeywords[] = {
    "type",        "properties", "required",  "additionalProperties",
    "items",       "enum",       "const",     "minimum",
    "maximum",     "minLength",  "maxLength", "minItems",
    "maxItems",    "format",     "anyOf",     "title",
    "description", "default",    "examples",  "$schema"};

std::string shown(const Json& json) {
  if (json.is_null()) return "null";
  return fmt::format("{} {}", json.type_name(), printable(json.dump(), kShownBytesMax));
}

bool has_type(const Json& value, std::string_view type) {
  if (type == "integer") return value.integer().has_value();
  if (type == "number") return value.is_number();
  return value.type_name() == type;
}

std::string member(const std::string& path, std::string_view name) {
  return path.empty() ? std::string(name) : fmt::format("{}.{}", path, name);
}

std::size_t characters(std::string_view text) {
  return static_cast<std::size_t>(
      std::ranges::count_if(text, [](char c) { return (c & 0xC0) != 0x80; }));
}

std::string listed(const Json::Array& values) {
  std::string out;
  for (const Json& value : values) out += (out.empty() ? "" : ", ") + value.dump();
  return out;
}

class Check {
 public:
  void value(const Json& schema, const Json& value, const std::string& path);
  Faults take() { return std::move(faults_); }

 private:
  void fault(const std::string& path, std::string_view text) {
    if (faults_.size() >= limits::kFaultsMax) return;
    faults_.push_back(fmt::format("{}{}{}", path, path.empty() ? "" : ": ", text));
  }
  bool type(const Json& schema, const Json& value, const std::string& path);
  void choice(const Json& schema, const Json& value, const std::string& path);
  void number(const Json& schema, const Json& value, const std::string& path);
  void string(const Json& schema, const std::string& text, const std::string& path);
  void array(const Json& schema, const Json::Array& items, const std::string& path);
  void object(const Json& schema, const Json& value, const std::string& path);
  void any_of(const Json::Array& schemas, const Json& value, const std::string& path);

  Faults faults_;
};

// Answers false when the type is wrong: then nothing else about the value is worth saying.
bool Check::type(const Json& schema, const Json& value, const std::string& path) {
  const Json* type = schema.find("type");
  if (!type) return true;
  std::vector<std::string_view> types;
  if (type->string()) types.push_back(*type->string());
  if (type->array()) {
    for (const Json& one : *type->array()) {
      if (one.string()) types.push_back(*one.string());
    }
  }
  for (std::string_view one : types) {
    if (has_type(value, one)) return true;
  }
  fault(path, fmt::format("expected {}, got {}{}", fmt::join(types, " or "), shown(value),
                          value.is_null() ? "; leave it out when there is none" : ""));
  return false;
}

void Check::choice(const Json& schema, const Json& value, const std::string& path) {
  if (const Json* only = schema.find("const"); only && *only != value) {
    fault(path, fmt::format("expected {}, got {}", only->dump(), shown(value)));
  }
  const Json* choices = schema.find("enum");
  if (!choices || !choices->array()) return;
  if (std::ranges::find(*choices->array(), value) != choices->array()->end()) return;
  std::vector<std::string_view> names;
  for (const Json& choice : *choices->array()) {
    if (choice.string()) names.push_back(*choice.string());
  }
  fault(path, fmt::format("expected one of {}, got {}{}", listed(*choices->array()), shown(value),
                          value.string() ? did_you_mean(*value.string(), names) : ""));
}

void Check::number(const Json& schema, const Json& value, const std::string& path) {
  const Json* least = schema.find("minimum");
  if (least && least->number() && *value.number() < *least->number()) {
    fault(path, fmt::format("expected at least {}, got {}", least->dump(), value.dump()));
  }
  const Json* most = schema.find("maximum");
  if (most && most->number() && *value.number() > *most->number()) {
    fault(path, fmt::format("expected at most {}, got {}", most->dump(), value.dump()));
  }
}

void Check::string(const Json& schema, const std::string& text, const std::string& path) {
  auto length = static_cast<std::int64_t>(characters(text));
  if (length < schema.integer("minLength", 0)) {
    fault(path, fmt::format("expected at least {} characters, got {}", schema.integer("minLength"),
                            length));
  }
  if (length > schema.integer("maxLength", length)) {
    fault(path, fmt::format("expected at most {} characters, got {}", schema.integer("maxLength"),
                            length));
  }
  if (schema.text("format") == "date" && !is_calendar_date(text)) {
    fault(path,
          fmt::format("expected a date of the calendar as YYYY-MM-DD, got {}", shown(Json(text))));
  }
}

void Check::array(const Json& schema, const Json::Array& items, const std::string& path) {
  auto size = static_cast<std::int64_t>(items.size());
  if (size < schema.integer("minItems", 0)) {
    std::int64_t least = schema.integer("minItems");
    fault(path, fmt::format("expected at least {} items, got {}", least, size));
  }
  if (size > schema.integer("maxItems", size)) {
    std::int64_t most = schema.integer("maxItems");
    fault(path, fmt::format("expected at most {} items, got {}", most, size));
  }
  const Json* each = schema.find("items");
  if (!each) return;
  for (std::size_t i = 0; i < items.size(); ++i) {
    value(*each, items[i], fmt::format("{}[{}]", path, i));
  }
}

void Check::object(const Json& schema, const Json& object, const std::string& path) {
  if (const Json* required = schema.find("required"); required && required->array()) {
    for (const Json& name : *required->array()) {
      if (!name.string() || object.find(*name.string())) continue;
      fault(member(path, *name.string()), "is required and missing");
    }
  }
  const Json* properties = schema.find("properties");
  std::vector<std::string_view> names;
  if (properties && properties->object()) {
    for (const Json::Member& property : *properties->object()) names.push_back(property.key);
  }
  const Json* more = schema.find("additionalProperties");
  for (const Json::Member& entry : *object.object()) {
    const Json* property = properties ? properties->find(entry.key) : nullptr;
    std::string at = member(path, printable(entry.key, kShownBytesMax));
    if (property) {
      value(*property, entry.value, at);
    } else if (more && more->is_object()) {
      value(*more, entry.value, at);
    } else if (more && more->boolean() == false) {
      fault(at, fmt::format("is unknown{}; known: {}", did_you_mean(entry.key, names),
                            names.empty() ? "nothing" : fmt::format("{}", fmt::join(names, ", "))));
    }
  }
}

void Check::any_of(const Json::Array& schemas, const Json& value, const std::string& path) {
  std::string forms;
  for (const Json& schema : schemas) {
    Faults faults = validate(schema, value);
    if (faults.empty()) return;
    forms += (forms.empty() ? "" : "; or ") + faults.front();
  }
  fault(path, fmt::format("fits none of {} forms: {}", schemas.size(), forms));
}

void Check::value(const Json& schema, const Json& value, const std::string& path) {
  if (!type(schema, value, path)) return;
  choice(schema, value, path);
  if (value.is_number()) number(schema, value, path);
  if (value.string()) string(schema, *value.string(), path);
  if (value.array()) array(schema, *value.array(), path);
  if (value.is_object()) object(schema, value, path);
  const Json* forms = schema.find("anyOf");
  if (forms && forms->array()) any_of(*forms->array(), value, path);
}

// The schema of schemas, as code: what each keyword must be.
class SchemaCheck {
 public:
  void schema(const Json& schema, const std::string& path, std::size_t depth);
  Faults take() { return std::move(faults_); }

 private:
  void expected(const std::string& path, std::string_view what, const Json& got) {
    if (faults_.size() >= limits::kFaultsMax) return;
    faults_.push_back(fmt::format("{}: expected {}, got {}", path, what, shown(got)));
  }
  void keyword(std::string_view key, const Json& value, const std::string& path, std::size_t depth);
  void type(const Json& value, const std::string& path);
  void schemas(const Json& value, const std::string& path, std::size_t depth);

  Faults faults_;
};

void SchemaCheck::type(const Json& value, const std::string& path) {
  Json::Array types = value.array() ? *value.array() : Json::Array{value};
  for (const Json& one : types) {
    bool known = one.string() && std::ranges::find(kTypes, *one.string()) != std::end(kTypes);
    if (known) continue;
    std::string near = one.string() ? did_you_mean(*one.string(), kTypes) : "";
    expected(path, fmt::format("one of {}{}", fmt::join(kTypes, ", "), near), one);
  }
  if (types.empty()) expected(path, "at least one type", value);
}

void SchemaCheck::schemas(const Json& value, const std::string& path, std::size_t depth) {
  if (value.object()) {
    for (const Json::Member& entry : *value.object()) {
      schema(entry.value, member(path, entry.key), depth);
    }
  }
  if (!value.array()) return;
  for (std::size_t i = 0; i < value.size(); ++i) {
    schema((*value.array())[i], fmt::format("{}[{}]", path, i), depth);
  }
}

void SchemaCheck::keyword(std::string_view key, const Json& value, const std::string& path,
                          std::size_t depth) {
  if (key == "type") return type(value, path);
  if (key == "properties") {
    if (!value.is_object()) return expected(path, "an object of schemas", value);
    return schemas(value, path, depth);
  }
  if (key == "anyOf") {
    if (!value.array() || value.size() == 0) return expected(path, "a list of schemas", value);
    return schemas(value, path, depth);
  }
  if (key == "items") return schema(value, path, depth);
  if (key == "additionalProperties") {
    if (!value.is_bool()) schema(value, path, depth);
    return;
  }
  if (key == "required") {
    bool names = value.array() && std::ranges::all_of(*value.array(), &Json::is_string);
    if (!names) expected(path, "a list of names", value);
  } else if (key == "enum") {
    if (!value.array() || value.size() == 0) expected(path, "a list of values", value);
  } else if (key == "minimum" || key == "maximum") {
    if (!value.is_number()) expected(path, "a number", value);
  } else if (key.starts_with("min") || key.starts_with("max")) {
    if (value.integer().value_or(-1) < 0) expected(path, "an integer from 0", value);
  } else if (key == "format") {
    if (value != Json("date")) expected(path, "\"date\", the only format here", value);
  }
}

void SchemaCheck::schema(const Json& schema, const std::string& path, std::size_t depth) {
  if (!schema.is_object()) return expected(path.empty() ? "schema" : path, "an object", schema);
  if (depth > limits::kSchemaDepthMax) {
    return expected(path, fmt::format("at most {} levels", limits::kSchemaDepthMax), schema);
  }
  for (const Json::Member& entry : *schema.object()) {
    std::string at = member(path, entry.key);
    if (std::ranges::find(kKeywords, entry.key) != std::end(kKeywords)) {
      keyword(entry.key, entry.value, at, depth + 1);
    } else if (faults_.size() < limits::kFaultsMax) {
      faults_.push_back(fmt::format("{}: is no keyword of schemas here{}; known: {}", at,
                                    did_you_mean(entry.key, kKeywords),
                                    fmt::join(kKeywords, ", ")));
    }
  }
}

}  // namespace

std::vector<std::string> validate(const Json& schema, const Json& value) {
  Check check;
  check.value(schema, value, "");
  return check.take();
}

std::vector<std::string> validate_schema(const Json& schema) {
  SchemaCheck check;
  check.schema(schema, "", 0);
  return check.take();
}

bool is_calendar_date(std::string_view text) {
  if (text.size() != 10 || text[4] != '-' || text[7] != '-') return false;
  auto number = [&](std::size_t from, std::size_t size) {
    int value = 0;
    for (char c : text.substr(from, size)) {
      if (c < '0' || c > '9') return -1;
      value = value * 10 + (c - '0');
    }
    return value;
  };
  int year = number(0, 4);
  int month = number(5, 2);
  int day = number(8, 2);
  if (year < 0 || month < 0 || day < 0) return false;
  return std::chrono::year_month_day(std::chrono::year(year),
                                     std::chrono::month(static_cast<unsigned>(month)),
                                     std::chrono::day(static_cast<unsigned>(day)))
      .ok();
}

}  // namespace ragent
