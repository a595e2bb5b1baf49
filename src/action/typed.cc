// Turns the constant tables of typed.h into schema, parsing and printing.
#include <ragent/typed.h>

#include <action/near.h>

#include <ragent/limits.h>

#include <cstring>
#include <limits>

#include <fmt/format.h>

namespace ragent::detail {
namespace {

using Kind = Shape::Kind;
using Faults = std::vector<std::string>;

constexpr std::size_t kShownBytesMax = 60;

std::int64_t load_integer(const Shape& shape, const void* value) {
  std::uint64_t bits = 0;  // little-endian machines only, as everywhere in this project
  std::memcpy(&bits, value, shape.size);
  if (!shape.is_signed || shape.size == sizeof(bits)) return static_cast<std::int64_t>(bits);
  unsigned unused = 64 - 8U * shape.size;
  return static_cast<std::int64_t>(bits << unused) >> unused;
}

// Answers whether the number fits.
bool store_integer(const Shape& shape, std::int64_t number, void* value) {
  if (!shape.is_signed && number < 0) return false;
  if (shape.size < sizeof(number)) {
    std::int64_t range = std::int64_t{1} << (8U * shape.size - (shape.is_signed ? 1 : 0));
    if (number >= range || number < -range) return false;
  }
  std::memcpy(value, &number, shape.size);
  return true;
}

double load_number(const Shape& shape, const void* value) {
  if (shape.size == sizeof(double)) return *static_cast<const double*>(value);
  return static_cast<double>(*static_cast<const float*>(value));
}

// Calls `function(key, item)` for what a container holds.
template <class F>
void each(const Shape& shape, const void* value, F function) {
  shape.each(
      value,
      [](void* context, std::string_view key, const void* item) {
        (*static_cast<F*>(context))(key, item);
      },
      &function);
}

// Calls `function(object)` with a default-made object of the shape.
template <class F>
void with_default(const Shape& shape, F function) {
  shape.with_default(
      [](void* context, std::string_view, const void* object) {
        (*static_cast<F*>(context))(const_cast<void*>(object));
      },
      &function);
}

std::vector<void*> addresses_of(const Shape& shape, const void* object) {
  std::vector<void*> fields(shape.fields.size());
  shape.addresses(const_cast<void*>(object), fields.data());
  return fields;
}

bool is_required(const Shape& shape, const void* value);

bool is_zero(const Shape& shape, const void* value) {
  bool zero = true;
  switch (shape.kind) {
    case Kind::boolean: return !*static_cast<const bool*>(value);
    case Kind::integer:
    case Kind::choice: return load_integer(shape, value) == 0;
    case Kind::number: return load_number(shape, value) == 0;
    case Kind::string: return static_cast<const std::string*>(value)->empty();
    case Kind::json: return static_cast<const Json*>(value)->is_null();
    case Kind::optional:
    case Kind::list:
    case Kind::map: each(shape, value, [&](std::string_view, const void*) { zero = false; }); break;
    case Kind::object:
      with_default(shape,
                   [&](void* fresh) { zero = to_json(shape, value) == to_json(shape, fresh); });
      break;
  }
  return zero;
}

// A field without a default of its own. An object is one when a field of it is.
bool is_required(const Shape& shape, const void* value) {
  if (shape.kind == Kind::optional || !is_zero(shape, value)) return false;
  if (shape.kind != Kind::object) return true;
  std::vector<void*> fields = addresses_of(shape, value);
  for (std::size_t i = 0; i < fields.size(); ++i) {
    if (is_required(*shape.fields[i], fields[i])) return true;
  }
  return false;
}

Json schema_at(const Shape& shape, std::size_t depth);

void object_schema(const Shape& shape, std::size_t depth, Json& schema) {
  schema["type"] = "object";
  Json properties = Json::object({});
  Json required = Json::array({});
  with_default(shape, [&](void* object) {
    std::vector<void*> fields = addresses_of(shape, object);
    for (std::size_t i = 0; i < fields.size(); ++i) {
      const Shape& field = *shape.fields[i];
      Json property = schema_at(field, depth + 1);
      if (is_required(field, fields[i])) {
        required.push_back(Json(shape.names[i]));
      } else if (!is_zero(field, fields[i])) {
        property["default"] = to_json(field, fields[i]);
      }
      properties[shape.names[i]] = std::move(property);
    }
  });
  schema["properties"] = std::move(properties);
  if (required.size() > 0) schema["required"] = std::move(required);
  schema["additionalProperties"] = false;
}

void integer_schema(const Shape& shape, Json& schema) {
  schema["type"] = "integer";
  if (!shape.is_signed) schema["minimum"] = 0;
  if (shape.size > 2) return;  // wider bounds would only cost the model tokens
  std::int64_t range = std::int64_t{1} << (8U * shape.size - (shape.is_signed ? 1 : 0));
  if (shape.is_signed) schema["minimum"] = -range;
  schema["maximum"] = range - 1;
}

Json schema_at(const Shape& shape, std::size_t depth) {
  Json schema = Json::object({});
  if (depth > limits::kSchemaDepthMax) return schema;
  switch (shape.kind) {
    case Kind::boolean: schema["type"] = "boolean"; break;
    case Kind::integer: integer_schema(shape, schema); break;
    case Kind::number: schema["type"] = "number"; break;
    case Kind::string: schema["type"] = "string"; break;
    case Kind::json: break;
    case Kind::choice: {
      schema["type"] = "string";
      Json choices = Json::array({});
      for (std::string_view name : shape.names) {
        if (!name.empty()) choices.push_back(Json(name));
      }
      schema["enum"] = std::move(choices);
      break;
    }
    case Kind::optional: schema = schema_at(*shape.inner, depth); break;
    case Kind::list:
      schema["type"] = "array";
      schema["items"] = schema_at(*shape.inner, depth + 1);
      break;
    case Kind::map:
      schema["type"] = "object";
      schema["additionalProperties"] = schema_at(*shape.inner, depth + 1);
      break;
    case Kind::object: object_schema(shape, depth, schema); break;
  }
  if (!shape.description.empty()) schema["description"] = shape.description;
  return schema;
}

std::string shown(const Json& json) {
  if (json.is_null()) return "null";
  return fmt::format("{} {}", json.type_name(), printable(json.dump(), kShownBytesMax));
}

std::string integer_words(const Shape& shape) {
  if (shape.size == sizeof(std::int64_t)) return shape.is_signed ? "integer" : "integer from 0";
  std::int64_t range = std::int64_t{1} << (8U * shape.size - (shape.is_signed ? 1 : 0));
  return fmt::format("integer from {} to {}", shape.is_signed ? -range : 0, range - 1);
}

class Reader {
 public:
  void read(const Shape& shape, const Json& json, void* value, std::string path, std::size_t depth);
  const Faults& faults() const { return faults_; }

 private:
  void fault(const std::string& path, const std::string& text) {
    if (faults_.size() >= limits::kFaultsMax) return;
    faults_.push_back(path.empty() ? text : path + ": " + text);
  }
  void expected(const std::string& path, std::string_view what, const Json& json) {
    fault(path, fmt::format("expected {}, got {}", what, shown(json)));
  }
  void read_choice(const Shape& shape, const Json& json, void* value, const std::string& path);
  void read_list(const Shape& shape, const Json& json, void* value, const std::string& path,
                 std::size_t depth);
  void read_map(const Shape& shape, const Json& json, void* value, const std::string& path,
                std::size_t depth);
  void read_object(const Shape& shape, const Json& json, void* value, const std::string& path,
                   std::size_t depth);

  Faults faults_;
};

std::string member(const std::string& path, std::string_view name) {
  return path.empty() ? std::string(name) : fmt::format("{}.{}", path, name);
}

void Reader::read_choice(const Shape& shape, const Json& json, void* value,
                         const std::string& path) {
  std::vector<std::string_view> names;
  for (std::size_t i = 0; i < shape.names.size(); ++i) {
    if (shape.names[i].empty()) continue;
    names.push_back(shape.names[i]);
    if (json.string() && *json.string() == shape.names[i]) {
      store_integer(shape, static_cast<std::int64_t>(i), value);
      return;
    }
  }
  std::string near = json.string() ? did_you_mean(*json.string(), names) : "";
  expected(path, fmt::format("one of {}", fmt::join(names, ", ")), json);
  if (!near.empty() && !faults_.empty()) faults_.back() += near;
}

void Reader::read_list(const Shape& shape, const Json& json, void* value, const std::string& path,
                       std::size_t depth) {
  const Json::Array* items = json.array();
  if (!items) return expected(path, "array", json);
  shape.clear(value);
  for (std::size_t i = 0; i < items->size(); ++i) {
    std::string at = fmt::format("{}[{}]", path, i);
    read(*shape.inner, (*items)[i], shape.add(value, {}), std::move(at), depth + 1);
  }
}

void Reader::read_map(const Shape& shape, const Json& json, void* value, const std::string& path,
                      std::size_t depth) {
  const Json::Object* members = json.object();
  if (!members) return expected(path, "object", json);
  shape.clear(value);
  for (const Json::Member& entry : *members) {
    std::string at = member(path, entry.key);
    read(*shape.inner, entry.value, shape.add(value, entry.key), std::move(at), depth + 1);
  }
}

void Reader::read_object(const Shape& shape, const Json& json, void* value, const std::string& path,
                         std::size_t depth) {
  const Json::Object* members = json.object();
  if (!members) return expected(path, "object", json);
  std::vector<void*> fields = addresses_of(shape, value);
  for (std::size_t i = 0; i < fields.size(); ++i) {
    const Json* found = json.find(shape.names[i]);
    if (found) {
      read(*shape.fields[i], *found, fields[i], member(path, shape.names[i]), depth + 1);
    } else if (is_required(*shape.fields[i], fields[i])) {
      fault(member(path, shape.names[i]), "is required and missing");
    }
  }
  for (const Json::Member& entry : *members) {
    bool known = false;
    for (std::string_view name : shape.names) known = known || name == entry.key;
    if (known) continue;
    std::string at = member(path, printable(entry.key, kShownBytesMax));
    fault(at, "is not a known field" + did_you_mean(entry.key, shape.names));
  }
}

void Reader::read(const Shape& shape, const Json& json, void* value, std::string path,
                  std::size_t depth) {
  if (depth > limits::kJsonDepthMax) {
    return fault(path, fmt::format("is nested deeper than {}", limits::kJsonDepthMax));
  }
  switch (shape.kind) {
    case Kind::boolean:
      if (!json.is_bool()) return expected(path, "true or false", json);
      *static_cast<bool*>(value) = *json.boolean();
      return;
    case Kind::integer:
      if (!json.integer() || !store_integer(shape, *json.integer(), value)) {
        expected(path, integer_words(shape), json);
      }
      return;
    case Kind::number:
      if (!json.is_number()) return expected(path, "number", json);
      if (shape.size == sizeof(double))
        *static_cast<double*>(value) = *json.number();
      else
        *static_cast<float*>(value) = static_cast<float>(*json.number());
      return;
    case Kind::string:
      if (!json.is_string()) return expected(path, "string", json);
      *static_cast<std::string*>(value) = *json.string();
      return;
    case Kind::json: *static_cast<Json*>(value) = json; return;
    case Kind::choice: return read_choice(shape, json, value, path);
    case Kind::optional:
      shape.clear(value);
      if (!json.is_null()) read(*shape.inner, json, shape.add(value, {}), std::move(path), depth);
      return;
    case Kind::list: return read_list(shape, json, value, path, depth);
    case Kind::map: return read_map(shape, json, value, path, depth);
    case Kind::object: return read_object(shape, json, value, path, depth);
  }
}

Json choice_to_json(const Shape& shape, const void* value) {
  std::int64_t number = load_integer(shape, value);
  auto index = static_cast<std::size_t>(number);
  bool named = number >= 0 && index < shape.names.size() && !shape.names[index].empty();
  return named ? Json(shape.names[index]) : Json(number);
}

}  // namespace

Json schema_of(const Shape& shape) { return schema_at(shape, 0); }

Result<void> from_json(const Shape& shape, const Json& json, void* value) {
  Reader reader;
  reader.read(shape, json, value, "", 0);
  if (reader.faults().empty()) return {};
  return fail(ErrorKind::invalid, fmt::format("{}", fmt::join(reader.faults(), "; ")));
}

Json to_json(const Shape& shape, const void* value) {
  Json out;
  switch (shape.kind) {
    case Kind::boolean: return *static_cast<const bool*>(value);
    case Kind::integer:
      out = load_integer(shape, value);
      if (!shape.is_signed) out = static_cast<std::uint64_t>(load_integer(shape, value));
      return out;
    case Kind::number: return load_number(shape, value);
    case Kind::string: return *static_cast<const std::string*>(value);
    case Kind::json: return *static_cast<const Json*>(value);
    case Kind::choice: return choice_to_json(shape, value);
    case Kind::optional:
      each(shape, value,
           [&](std::string_view, const void* item) { out = to_json(*shape.inner, item); });
      return out;
    case Kind::list:
      out = Json::array({});
      each(shape, value,
           [&](std::string_view, const void* item) { out.push_back(to_json(*shape.inner, item)); });
      return out;
    case Kind::map: {
      Json::Object members;
      each(shape, value, [&](std::string_view key, const void* item) {
        members.push_back({std::string(key), to_json(*shape.inner, item)});
      });
      return members;
    }
    case Kind::object: {
      Json::Object members;
      std::vector<void*> fields = addresses_of(shape, value);
      for (std::size_t i = 0; i < fields.size(); ++i) {
        members.push_back({std::string(shape.names[i]), to_json(*shape.fields[i], fields[i])});
      }
      return members;
    }
  }
  return out;
}

}  // namespace ragent::detail
