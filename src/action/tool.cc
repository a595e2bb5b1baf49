// ToolSpec as JSON, and the bodies of native tools.
#include <ragent/typed.h>

#include <action/near.h>

#include <fmt/format.h>

namespace ragent {
namespace {

constexpr std::string_view kEffects[] = {"read", "idempotent", "once"};
constexpr std::string_view kStatuses[] = {"done", "failed", "unknown", "refused"};
constexpr std::string_view kKinds[] = {"native", "sql", "exec"};
constexpr std::string_view kStates[] = {"happened", "cannot_happen", "unknown"};

template <class E, std::size_t N>
std::string_view name_of(E value, const std::string_view (&names)[N]) {
  auto index = static_cast<std::size_t>(value);
  RAGENT_ASSERT(index < N);
  return names[index];
}

// The value called `name`; `what` is for the error.
template <class E, std::size_t N>
Result<E> value_of(std::string_view name, const std::string_view (&names)[N],
                   std::string_view what) {
  for (std::size_t i = 0; i < N; ++i) {
    if (names[i] == name) return static_cast<E>(i);
  }
  return fail(ErrorKind::invalid,
              fmt::format("{}: expected one of {}, got \"{}\"{}", what, fmt::join(names, ", "),
                          name, did_you_mean(name, names)));
}

Json to_json(const std::vector<std::string>& texts) {
  Json out = Json::array({});
  for (const std::string& text : texts) out.push_back(text);
  return out;
}

Json to_json(const std::vector<SeenRule>& rules) {
  Json out = Json::array({});
  for (const SeenRule& rule : rules) {
    Json item = Json::object({{"argument", rule.argument}, {"key", rule.key}});
    if (!rule.tool.empty()) item["tool"] = rule.tool;
    out.push_back(std::move(item));
  }
  return out;
}

Result<void> read_words(const Json& json, ToolSpec& spec) {
  const Json* words = json.find("words");
  if (!words) return {};
  if (!words->array()) return fail(ErrorKind::invalid, "words: expected an array of strings");
  for (const Json& word : *words->array()) {
    if (!word.string()) return fail(ErrorKind::invalid, "words: expected an array of strings");
    spec.words.push_back(*word.string());
  }
  return {};
}

Result<void> read_seen(const Json& json, ToolSpec& spec) {
  const Json* rules = json.find("seen");
  if (!rules) return {};
  if (!rules->array()) return fail(ErrorKind::invalid, "seen: expected an array of rules");
  for (const Json& rule : *rules->array()) {
    SeenRule seen{
        .argument = rule.text("argument"), .key = rule.text("key"), .tool = rule.text("tool")};
    if (seen.argument.empty() || seen.key.empty()) {
      return fail(ErrorKind::invalid, "seen: expected {argument, key, tool?}, got " + rule.dump());
    }
    spec.seen.push_back(std::move(seen));
  }
  return {};
}

Result<void> read_resources(const Json& json, ToolSpec& spec) {
  const Json* resources = json.find("resources");
  if (!resources) return {};
  if (!resources->object()) return fail(ErrorKind::invalid, "resources: expected an object");
  for (const Json::Member& entry : *resources->object()) {
    std::optional<double> amount = entry.value.number();
    if (!amount) return fail(ErrorKind::invalid, "resources." + entry.key + ": expected a number");
    spec.resources.emplace_back(entry.key, *amount);
  }
  return {};
}

}  // namespace

std::string_view to_string(Effect effect) { return name_of(effect, kEffects); }
std::string_view to_string(Observation::Status status) { return name_of(status, kStatuses); }

// Only what is not the default, so that a new member never changes the digest of an old spec.
Json to_json(const ToolSpec& spec) {
  Json out = Json::object({{"name", spec.name},
                           {"description", spec.description},
                           {"parameters", spec.parameters},
                           {"effect", to_string(spec.effect)},
                           {"kind", name_of(spec.kind, kKinds)}});
  if (spec.query) out["query"] = true;
  auto put = [&](std::string_view key, const std::string& text) {
    if (!text.empty()) out[key] = text;
  };
  put("ask", spec.ask);
  put("undo", spec.undo);
  if (!spec.words.empty()) out["words"] = to_json(spec.words);
  if (!spec.seen.empty()) out["seen"] = to_json(spec.seen);
  for (const auto& [name, amount] : spec.resources) out["resources"][name] = amount;
  if (spec.timeout.count() != 0) out["timeout_ms"] = spec.timeout.count();
  if (!spec.label.trusted) out["label"]["trusted"] = false;
  if (spec.label.confidential) out["label"]["confidential"] = true;
  put("version", spec.version);
  put("source", spec.source);
  put("query_source", spec.query_source);
  return out;
}

Result<ToolSpec> tool_spec_from_json(const Json& json) {
  if (!json.is_object() || json.text("name").empty()) {
    return fail(ErrorKind::invalid, "a tool: expected an object with a name, got " + json.dump());
  }
  std::string name = json.text("name");
  auto where = [&](Error error) { return fail(within("tool " + name, std::move(error))); };
  Result<Effect> effect = value_of<Effect>(json.text("effect", "once"), kEffects, "effect");
  if (!effect) return where(std::move(effect.error()));
  auto kind = value_of<ToolSpec::Kind>(json.text("kind", "native"), kKinds, "kind");
  if (!kind) return where(std::move(kind.error()));
  ToolSpec spec{.name = name,
                .description = json.text("description"),
                .effect = *effect,
                .kind = *kind,
                .query = json.flag("query"),
                .ask = json.text("ask"),
                .undo = json.text("undo"),
                .timeout = std::chrono::milliseconds(json.integer("timeout_ms")),
                .version = json.text("version"),
                .source = json.text("source"),
                .query_source = json.text("query_source")};
  if (const Json* parameters = json.find("parameters")) spec.parameters = *parameters;
  if (const Json* label = json.find("label")) {
    spec.label = {.trusted = label->flag("trusted", true),
                  .confidential = label->flag("confidential")};
  }
  for (auto read : {read_words, read_seen, read_resources}) {
    if (Result<void> done = read(json, spec); !done) return where(std::move(done.error()));
  }
  return spec;
}

Task<QueryAnswer> ToolBody::query(ToolContext&, Json) { co_return QueryAnswer{}; }

namespace detail {
namespace {

// One C++ callable. The blocking pool may still be inside it when the call's coroutine is gone, so
// that work shares the body and has its own copy of the context.
class NativeBody : public ToolBody, public std::enable_shared_from_this<NativeBody> {
 public:
  NativeBody(std::string tool, BlockingCall call)
      : tool_(std::move(tool)), blocking_(std::move(call)) {}
  NativeBody(std::string tool, ShardCall call)
      : tool_(std::move(tool)), on_shard_(std::move(call)) {}

  Task<Json> call(ToolContext& context, Json arguments) override {
    if (on_shard_) return on_shard(context, std::move(arguments));
    return block(context, std::move(arguments), &NativeBody::blocking_);
  }

  Task<QueryAnswer> query(ToolContext& context, Json arguments) override {
    if (!query_) co_return QueryAnswer{};
    Json answer = co_await block(context, std::move(arguments), &NativeBody::query_);
    auto state = value_of<QueryAnswer::State>(answer.text("state"), kStates, "state");
    const Json* result = answer.find("result");
    co_return QueryAnswer{.state = co_await std::move(state), .result = result ? *result : Json()};
  }

  void set_query(BlockingCall query) { query_ = std::move(query); }

 private:
  Task<Json> on_shard(ToolContext& context, Json arguments) {
    std::shared_ptr<NativeBody> self = shared_from_this();  // outlives a Tool that is dropped
    co_return co_await on_shard_(std::move(arguments), context);
  }

  Task<Json> block(ToolContext& context, Json arguments, BlockingCall NativeBody::* which) {
    return context.host.blocking(
        [self = shared_from_this(), mine = context, arguments = std::move(arguments),
         which]() mutable { return self->guarded((*self).*which, arguments, mine); });
  }

  Result<Json> guarded(BlockingCall& call, const Json& arguments, ToolContext& context) {
    try {
      return call(arguments, context);
    } catch (...) {
      return fail(within("tool " + tool_, std::move(*error_from_current_exception())));
    }
  }

  std::string tool_;
  BlockingCall blocking_;
  ShardCall on_shard_;
  BlockingCall query_;
};

}  // namespace

std::shared_ptr<ToolBody> native_body(const std::string& tool, BlockingCall call) {
  return std::make_shared<NativeBody>(tool, std::move(call));
}

std::shared_ptr<ToolBody> native_body(const std::string& tool, ShardCall call) {
  return std::make_shared<NativeBody>(tool, std::move(call));
}

void set_query(ToolBody& native, BlockingCall query) {
  auto* body = dynamic_cast<NativeBody*>(&native);
  RAGENT_ASSERT(body);
  body->set_query(std::move(query));
}

Json to_json(const QueryAnswer& answer) {
  return Json::object({{"state", name_of(answer.state, kStates)}, {"result", answer.result}});
}

Error bad_arguments(Error error) {
  error.kind = ErrorKind::rejected;
  return within("arguments", std::move(error));
}

}  // namespace detail
}  // namespace ragent
