#include <model/llama/grammar.h>

#include <algorithm>

namespace ragent {
namespace {

constexpr std::size_t kNestingMax = 6;         // of schemas; deeper values are plain strings
constexpr std::size_t kStringBoundMax = 2048;  // a longer maxLength is no bound
constexpr std::size_t kItemsBoundMax = 64;
constexpr std::size_t kDigitsMax = 15;         // what a double holds exactly
constexpr std::size_t kForcedBytesMax = 4096;

std::size_t bound(const Json& schema, std::string_view key, std::size_t fallback) {
  std::int64_t value = schema.integer(key, static_cast<std::int64_t>(fallback));
  return value < 0 ? fallback : static_cast<std::size_t>(value);
}

void write(std::string& out, const Json& json) {
  if (const Json::Object* object = json.object()) {
    out += '{';
    for (const Json::Member& member : *object) {
      if (&member != object->data()) out += ", ";
      out += Json(member.key).dump() + ": ";
      write(out, member.value);
    }
    out += '}';
  } else if (const Json::Array* array = json.array()) {
    out += '[';
    for (const Json& item : *array) {
      if (&item != array->data()) out += ", ";
      write(out, item);
    }
    out += ']';
  } else {
    out += json.dump();
  }
}

bool required(const Json& schema, std::string_view name) {
  const Json* names = schema.find("required");
  if (!names || !names->is_array()) return false;
  return std::ranges::any_of(
      *names->array(), [&](const Json& each) { return each.string() && *each.string() == name; });
}

const Json& any_value() {
  static const Json kAny = Json::object({});
  return kAny;
}

}  // namespace

std::string spaced(const Json& json) {
  std::string out;
  write(out, json);
  return out;
}

Grammar::State Grammar::add() {
  nodes_.emplace_back();
  return static_cast<State>(nodes_.size() - 1);
}

void Grammar::end(State state) {
  end_ = state;
  std::vector<std::vector<State>> back(nodes_.size());
  for (State from = 0; from < nodes_.size(); ++from) {
    for (State to : nodes_[from].links) back[to].push_back(from);
    for (const Edge& edge : nodes_[from].edges) back[edge.to].push_back(from);
  }
  std::vector<bool> leads(nodes_.size());
  std::vector<State> open = {end_};
  leads[end_] = true;
  while (!open.empty()) {
    State to = open.back();
    open.pop_back();
    for (State from : back[to]) {
      if (!leads[from]) open.push_back(from);
      leads[from] = true;
    }
  }
  for (Node& node : nodes_) {
    std::erase_if(node.links, [&](State to) { return !leads[to]; });
    std::erase_if(node.edges, [&](const Edge& edge) { return !leads[edge.to]; });
  }
}

bool Grammar::possible() const {
  return end_ == kStart || !nodes_[kStart].links.empty() || !nodes_[kStart].edges.empty();
}

Grammar::State Grammar::literal(State from, std::string_view text) {
  for (char byte : text) from = one_of(from, std::string_view(&byte, 1));
  return from;
}

Grammar::State Grammar::one_of(State from, std::string_view bytes) {
  State to = add();
  for (char byte : bytes) {
    auto code = static_cast<unsigned char>(byte);
    range(from, code, code, to);
  }
  return to;
}

Grammar::State Grammar::digits(State from, std::size_t min, std::size_t max) {
  State to = add();
  for (std::size_t i = 0; i < max; ++i) {
    if (i >= min) link(from, to);
    State next = add();
    range(from, '0', '9', next);
    from = next;
  }
  link(from, to);
  return to;
}

Grammar::State Grammar::any_of(State from, const std::vector<std::string>& texts) {
  State to = add();
  for (const std::string& text : texts) link(literal(from, text), to);
  return to;
}

// One character of a JSON string, as UTF-8 (Unicode 15, table 3-7) or a short escape.
Grammar::State Grammar::character(State from, bool space) {
  State to = add();
  range(from, space ? 0x20 : 0x21, 0x21, to);
  range(from, 0x23, 0x5b, to);
  range(from, 0x5d, 0x7e, to);
  link(one_of(literal(from, "\\"), "\"\\/bfnrt"), to);
  State last = add();  // one byte to come
  State two = add();
  State three = add();
  range(last, 0x80, 0xbf, to);
  range(two, 0x80, 0xbf, last);
  range(three, 0x80, 0xbf, two);
  range(from, 0xc2, 0xdf, last);
  range(from, 0xe1, 0xec, two);
  range(from, 0xee, 0xef, two);
  range(from, 0xf1, 0xf3, three);
  auto restricted = [&](unsigned char lead, unsigned char low, unsigned char high, State then) {
    State second = add();
    range(from, lead, lead, second);
    range(second, low, high, then);
  };
  restricted(0xe0, 0xa0, 0xbf, last);
  restricted(0xed, 0x80, 0x9f, last);
  restricted(0xf0, 0x90, 0xbf, two);
  restricted(0xf4, 0x80, 0x8f, two);
  return to;
}

Grammar::State Grammar::string(State from, std::size_t min, std::size_t max) {
  State at = literal(from, "\"");
  // A word does not begin with a space: the models' tokens with one come by habit, not by sense.
  for (std::size_t i = 0; i < min && !full(); ++i) at = character(at, i > 0);
  State close = add();
  link(at, close);
  if (max == 0 || max > kStringBoundMax || full()) {
    link(character(at, true), at);
  } else {
    for (std::size_t i = min; i < max; ++i) {
      at = character(at, true);
      link(at, close);
    }
  }
  return literal(close, "\"");
}

Grammar::State Grammar::number(State from, const Json& schema, bool integer) {
  State begin = add();
  link(from, begin);
  const Json* minimum = schema.find("minimum");
  bool negative = !minimum || minimum->number().value_or(-1) < 0;
  if (negative) link(literal(from, "-"), begin);
  State to = add();
  link(literal(begin, "0"), to);
  State first = add();
  range(begin, '1', '9', first);
  link(digits(first, 0, kDigitsMax - 1), to);
  if (integer) return to;
  State end = add();
  link(to, end);
  link(digits(literal(to, "."), 1, kDigitsMax), end);
  return end;
}

Grammar::State Grammar::date(State from) {
  State at = digits(one_of(literal(from, "\""), "12"), 3, 3);
  at = literal(at, "-");
  State month = add();
  State tail = add();
  range(literal(at, "0"), '1', '9', month);
  range(literal(at, "1"), '0', '2', month);
  at = literal(month, "-");
  range(literal(at, "0"), '1', '9', tail);
  range(one_of(at, "12"), '0', '9', tail);
  range(literal(at, "3"), '0', '1', tail);
  return literal(tail, "\"");
}

Grammar::State Grammar::array(State from, const Json& schema, std::size_t depth) {
  const Json* given = schema.find("items");
  const Json& items = given ? *given : any_value();
  std::size_t min = bound(schema, "minItems", 0);
  std::size_t max = std::min(bound(schema, "maxItems", kItemsBoundMax), kItemsBoundMax);
  State at = literal(from, "[");
  State close = add();
  if (min == 0) link(at, close);
  if (max == 0) return literal(close, "]");
  // A first item, then either a counted line of items or, where nothing counts, a circle.
  State item = value(at, items, depth + 1);
  if (min <= 1) link(item, close);
  bool counted = schema.find("maxItems") || min > 1;
  for (std::size_t i = 1; counted && i < std::max(min, max) && !full(); ++i) {
    item = value(literal(item, ", "), items, depth + 1);
    if (i + 1 >= min) link(item, close);
  }
  if (!counted || full()) {
    link(item, close);
    link(value(literal(item, ", "), items, depth + 1), item);
  }
  return literal(close, "]");
}

Grammar::State Grammar::object(State from, const Json& schema, std::size_t depth) {
  State none = literal(from, "{");  // no member yet
  State some = add();               // at least one
  bool first_only = true;           // nothing reaches `some` yet
  const Json* properties = schema.find("properties");
  if (properties && properties->is_object()) {
    for (const Json::Member& member : *properties->object()) {
      std::string key = Json(member.key).dump() + ": ";
      State value_begins = add();
      State next = add();
      if (none != kStart) link(literal(none, key), value_begins);
      if (!first_only) link(literal(some, ", " + key), value_begins);
      link(value(value_begins, member.value, depth + 1), next);
      if (required(schema, member.key)) {
        none = kStart;  // no way round this member: the object is not empty
      } else if (!first_only) {
        link(some, next);
      }
      some = next;
      first_only = false;
    }
  } else if (const Json* rest = schema.find("additionalProperties"); rest && rest->is_object()) {
    State member = value(literal(string(none, 1, 0), ": "), *rest, depth + 1);
    link(member, some);
    link(value(literal(string(literal(some, ", "), 1, 0), ": "), *rest, depth + 1), some);
    first_only = false;
  }
  State close = add();
  if (none != kStart) link(none, close);
  if (!first_only) link(some, close);
  return literal(close, "}");
}

Grammar::State Grammar::typed(State from, const Json& schema, std::string_view type,
                              std::size_t depth) {
  if (type == "string") {
    if (schema.text("format") == "date") return date(from);
    std::size_t max = bound(schema, "maxLength", 0);
    return string(from, std::min(bound(schema, "minLength", 1), max ? max : kStringBoundMax), max);
  }
  if (type == "integer") return number(from, schema, true);
  if (type == "number") return number(from, schema, false);
  if (type == "boolean") return any_of(from, {"true", "false"});
  if (type == "null") return literal(from, "null");
  if (type == "array") return array(from, schema, depth);
  return object(from, schema, depth);
}

Grammar::State Grammar::value(State from, const Json& schema, std::size_t depth) {
  if (const Json* only = schema.find("const")) return literal(from, spaced(*only));
  if (const Json* listed = schema.find("enum"); listed && listed->is_array()) {
    std::vector<std::string> texts;
    for (const Json& each : *listed->array()) texts.push_back(spaced(each));
    return any_of(from, texts);
  }
  State to = add();
  const Json* any = schema.find("anyOf");
  if (!any) any = schema.find("oneOf");
  if (any && any->is_array() && depth < kNestingMax) {
    for (const Json& each : *any->array()) link(value(from, each, depth + 1), to);
    return to;
  }
  const Json* type = schema.find("type");
  if (type && type->is_array()) {
    for (const Json& each : *type->array()) {
      if (each.string()) link(typed(from, schema, *each.string(), depth), to);
    }
    return to;
  }
  if (type && type->string() && depth < kNestingMax) {
    return typed(from, schema, *type->string(), depth);
  }
  // Any JSON value without depth: the model may say what it likes, as a leaf.
  for (std::string_view each : {"string", "number", "boolean", "null"}) {
    link(typed(from, any_value(), each, depth), to);
  }
  return to;
}

namespace {

// The arguments of an offer, with the values seen so far in place of the schema's own.
Json arguments_schema(const Offer& offer) {
  Json schema = offer.tool.parameters;
  for (const auto& [argument, values] : offer.allowed) {
    Json* properties = schema.find("properties");
    Json* property = properties ? properties->find(argument) : nullptr;
    if (!property) continue;
    bool quoted = property->text("type", "string") == "string";
    Json::Array listed;
    for (const std::string& each : values) {
      Result<Json> bare = quoted ? Json(each) : parse_json(each);
      if (bare) listed.push_back(std::move(*bare));
    }
    *property = Json::object({{"enum", Json(std::move(listed))}});
  }
  return schema;
}

}  // namespace

Grammar reply_grammar(const ReplyForm& form) {
  Grammar grammar;
  Grammar::State branch = grammar.literal(Grammar::kStart, "{\"");
  Grammar::State close = grammar.add();
  if (form.tools && !form.offers.empty()) {
    Grammar::State tool = grammar.literal(branch, "tool\": \"");
    for (const Offer& offer : form.offers) {
      Grammar::State args = grammar.literal(tool, offer.tool.name + "\", \"args\": ");
      Json schema = arguments_schema(offer);
      if (!schema.find("type")) schema["type"] = "object";
      grammar.link(grammar.value(args, schema), close);
    }
  }
  if (form.answer) {
    Grammar::State answer = grammar.literal(branch, "answer\": ");
    grammar.link(form.schema ? grammar.value(answer, *form.schema) : grammar.string(answer, 1, 0),
                 close);
  }
  grammar.end(grammar.literal(close, "}"));
  return grammar;
}

Grammar schema_grammar(const Json& schema) {
  Grammar grammar;
  grammar.end(grammar.value(Grammar::kStart, schema));
  return grammar;
}

Matcher::Matcher(const Grammar& grammar) : grammar_(grammar), set_{Grammar::kStart} { close(set_); }

void Matcher::close(Set& set) const {
  for (std::size_t i = 0; i < set.size(); ++i) {
    for (Grammar::State to : grammar_.nodes_[set[i]].links) {
      if (std::ranges::find(set, to) == set.end()) set.push_back(to);
    }
  }
}

Matcher::Set Matcher::advance(const Set& set, unsigned char byte) const {
  Set out;
  for (Grammar::State state : set) {
    for (const Grammar::Edge& edge : grammar_.nodes_[state].edges) {
      bool fits = edge.low <= byte && byte <= edge.high;
      if (fits && std::ranges::find(out, edge.to) == out.end()) out.push_back(edge.to);
    }
  }
  close(out);
  return out;
}

bool Matcher::ends(const Set& set) const {
  return std::ranges::find(set, grammar_.end_) != set.end();
}

bool Matcher::accept(std::string_view bytes) {
  Set set = set_;
  for (char byte : bytes) {
    set = advance(set, static_cast<unsigned char>(byte));
    if (set.empty()) return false;
  }
  set_ = std::move(set);
  return true;
}

bool Matcher::accepts(std::string_view bytes) const {
  Matcher copy(*this);
  return copy.accept(bytes);
}

std::string Matcher::forced() const {
  std::string out;
  Set set = set_;
  while (!ends(set) && out.size() < kForcedBytesMax) {
    std::optional<unsigned char> only;
    for (Grammar::State state : set) {
      for (const Grammar::Edge& edge : grammar_.nodes_[state].edges) {
        if (edge.low != edge.high || (only && *only != edge.low)) return out;
        only = edge.low;
      }
    }
    if (!only) return out;
    out += static_cast<char>(*only);
    set = advance(set, *only);
  }
  return out;
}

bool Matcher::done() const {
  return ends(set_) && std::ranges::all_of(set_, [&](Grammar::State state) {
           return grammar_.nodes_[state].edges.empty();
         });
}

}  // namespace ragent
