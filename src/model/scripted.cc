#include <model/scripted.h>

#include <ragent/limits.h>

#include <base/file.h>
#include <base/loop.h>
#include <base/text.h>
#include <model/messages.h>

#include <algorithm>
#include <limits>
#include <map>

namespace ragent {
namespace {

using std::chrono::milliseconds;

// "RUN/PATH:STEP" → "PATH:STEP".
std::string_view place_of(std::string_view key) {
  auto slash = key.rfind('/');
  return slash == key.npos ? key : key.substr(slash + 1);
}

bool stands_at(std::string_view key, std::string_view at) {
  std::string_view place = place_of(key);
  return at.empty() || place == at || place.substr(0, place.find(':')) == at;
}

std::int64_t tokens_of(std::size_t bytes) { return static_cast<std::int64_t>((bytes + 3) / 4); }

// Four bytes count as a token, of the message that came last and of the reply.
Usage estimate(const ModelRequest& request, const Reply& reply) {
  std::size_t input = 0;
  if (request.transcript.size() > 0) input = to_json(request.transcript.last()).dump().size();
  std::size_t output = reply.text.size();
  for (const ToolCall& call : reply.calls) {
    output += call.tool.size() + call.arguments.dump().size();
  }
  return {.tokens_input = tokens_of(input),
          .tokens_output = std::max<std::int64_t>(1, tokens_of(output))};
}

// Words with the space before them: what a model streams.
std::vector<std::string_view> words_of(std::string_view text) {
  std::vector<std::string_view> out;
  while (!text.empty()) {
    std::size_t end = std::min(text.find(' ', 1), text.size());
    out.push_back(text.substr(0, end));
    text.remove_prefix(end);
  }
  return out;
}

struct Choice {
  Result<Reply> reply;
  milliseconds latency = {};
};

class ScriptedModel : public Model {
 public:
  using Choose = std::move_only_function<Choice(const ModelRequest&)>;
  ScriptedModel(Loop& loop, std::string name, milliseconds pace, Choose choose)
      : loop_(loop), pace_(pace), choose_(std::move(choose)) {
    info_.name = std::move(name);
    // The number of replies chooses the next one: nothing may be left out of the conversation.
    info_.context_tokens = std::numeric_limits<std::uint32_t>::max();
  }

  const ModelInfo& info() const override { return info_; }

  Task<Reply> reply(ModelRequest request, DeltaSink& deltas) override {
    Choice choice = choose_(request);
    std::vector<std::string_view> words;
    if (choice.reply) words = words_of(choice.reply->text);
    milliseconds needed = choice.latency + pace_ * static_cast<std::int64_t>(words.size());
    if (request.time_max.count() > 0 && needed > request.time_max) {
      co_await loop_.sleep(request.time_max);
      co_return fail(ErrorKind::timeout, info_.name + " did not answer within " +
                                             std::to_string(request.time_max.count()) + " ms");
    }
    if (choice.latency.count() > 0) co_await loop_.sleep(choice.latency);
    Reply reply = co_await std::move(choice.reply);
    for (std::string_view word : words_of(reply.text)) {
      if (pace_.count() > 0) co_await loop_.sleep(pace_);
      if (deltas) deltas({.text = std::string(word)});
    }
    if (reply.usage == Usage{}) reply.usage = estimate(request, reply);
    if (!reply.calls.empty()) reply.finish = Finish::calls;
    co_return reply;
  }

 private:
  Loop& loop_;
  milliseconds pace_;
  Choose choose_;
  ModelInfo info_ = {};
};

// Chooses by the request alone, but for `times` of a fault.
class Chooser {
 public:
  explicit Chooser(Script script) : script_(std::move(script)) {}

  Choice operator()(const ModelRequest& request) {
    const Message* user = request.transcript.last_user();
    std::string said = to_lower(user ? user->text() : std::string());
    auto dialogue = std::ranges::find_if(script_.dialogues, [&](const Script::Dialogue& each) {
      return stands_at(request.key, each.at) && said.find(to_lower(each.user)) != said.npos;
    });
    if (dialogue == script_.dialogues.end()) {
      return {fail(ErrorKind::invalid, script_.model + " has no dialogue for \"" +
                                           printable(said, 80) + "\" at " +
                                           std::string(place_of(request.key)) +
                                           ": add {\"user\": …} and replies to the script")};
    }
    std::size_t number = request.transcript.replies();
    if (number >= dialogue->lines.size()) {
      return {fail(ErrorKind::invalid,
                   script_.model + " has " + std::to_string(dialogue->lines.size()) +
                       " replies for {\"user\": \"" + dialogue->user + "\"}, the run asks for " +
                       std::to_string(number + 1) + ": add a line to the script")};
    }
    const Script::Line& line = dialogue->lines[number];
    milliseconds latency = line.latency.value_or(script_.latency);
    if (line.fault && faulty(line, request, number)) return {fail(*line.fault), latency};
    return {line.reply, latency};
  }

 private:
  bool faulty(const Script::Line& line, const ModelRequest& request, std::size_t number) {
    if (line.fault_times == 0) return true;
    std::string branch = request.key.substr(0, request.key.rfind(':'));
    auto [entry, added] = faults_.try_emplace({std::move(branch), number}, 0);
    if (++entry->second <= line.fault_times) return true;
    faults_.erase(entry);  // answered: the run goes on to the next reply
    return false;
  }

  Script script_;
  std::map<std::pair<std::string, std::size_t>, std::uint32_t> faults_;  // runs now failing
};

Result<ToolCall> call_from(const Json& json) {
  const Json* tool = json.find("tool");
  if (!tool || !tool->is_string()) {
    return fail(ErrorKind::invalid, "expected {\"tool\": name, \"args\": {…}}, got " + json.dump());
  }
  const Json* args = json.find("args");
  if (args && !args->is_object()) {
    return fail(ErrorKind::invalid, "args: expected an object, got " + args->dump());
  }
  return ToolCall{.tool = *tool->string(), .arguments = args ? *args : Json::object({})};
}

Result<Error> fault_from(const Json& json) {
  Error out{.message = json.text("message", "a fault of the script")};
  std::string kind = json.text("fault");
  if (kind == "unavailable") {
    out.kind = ErrorKind::unavailable;
  } else if (kind == "timeout") {
    out.kind = ErrorKind::timeout;
  } else if (kind == "invalid") {
    out.kind = ErrorKind::invalid;
  } else {
    return fail(ErrorKind::invalid,
                "fault: expected unavailable, timeout or invalid, got \"" + kind + "\"");
  }
  if (json.find("retry_after_ms")) out.retry_after = milliseconds(json.integer("retry_after_ms"));
  return out;
}

Result<Script::Line> line_from(const Json& json) {
  Script::Line out;
  if (json.find("tool")) {
    Result<ToolCall> call = call_from(json);
    if (!call) return fail(std::move(call.error()));
    out.reply.calls.push_back(std::move(*call));
  }
  if (const Json* calls = json.find("calls")) {
    if (!calls->is_array()) return fail(ErrorKind::invalid, "calls: expected an array of calls");
    for (const Json& item : *calls->array()) {
      Result<ToolCall> call = call_from(item);
      if (!call) return fail(std::move(call.error()));
      out.reply.calls.push_back(std::move(*call));
    }
  }
  const Json* answer = json.find("answer");
  if (answer) out.reply.text = answer->is_string() ? *answer->string() : answer->dump();
  if (const Json* thought = json.find("reasoning")) {
    out.reply.reasoning.push_back({.text = thought->string() ? *thought->string() : ""});
  }
  if (json.text("finish") == "length") out.reply.finish = Finish::length;
  if (const Json* usage = json.find("usage")) out.reply.usage = usage_from_json(*usage);
  if (json.find("latency_ms")) out.latency = milliseconds(json.integer("latency_ms"));
  if (json.find("fault")) {
    Result<Error> fault = fault_from(json);
    if (!fault) return fail(std::move(fault.error()));
    out.fault = std::move(*fault);
    out.fault_times = static_cast<std::uint32_t>(std::max<std::int64_t>(0, json.integer("times")));
  }
  if (!answer && out.reply.calls.empty() && !out.fault) {
    return fail(ErrorKind::invalid, "a reply needs answer, tool, calls or fault");
  }
  return out;
}

Result<void> check_keys(const Json& json) {
  static constexpr std::string_view kKeys[] = {
      "model",  "latency_ms", "pace_ms", "user",  "at",    "tool",           "args",  "calls",
      "answer", "reasoning",  "finish",  "usage", "fault", "retry_after_ms", "times", "message"};
  if (!json.is_object()) return fail(ErrorKind::invalid, "expected an object, got " + json.dump());
  for (const Json::Member& member : *json.object()) {
    if (std::ranges::find(kKeys, member.key) != std::end(kKeys)) continue;
    std::optional<std::string> near = nearest(member.key, std::span(kKeys));
    return fail(ErrorKind::invalid, "unknown key \"" + member.key + "\"" +
                                        (near ? ", did you mean \"" + *near + "\"?" : "") +
                                        " (the keys are listed in model/scripted.h)");
  }
  return {};
}

Result<void> add_line(Script& script, const Json& json) {
  if (Result<void> known = check_keys(json); !known) return known;
  if (json.find("model") || json.find("pace_ms")) {
    script.model = json.text("model", "scripted");
    script.latency = milliseconds(json.integer("latency_ms"));
    script.pace = milliseconds(json.integer("pace_ms"));
    return {};
  }
  if (json.find("user") || json.find("at")) {
    script.dialogues.push_back({.user = json.text("user"), .at = json.text("at")});
    return {};
  }
  Result<Script::Line> line = line_from(json);
  if (!line) return fail(std::move(line.error()));
  if (script.dialogues.empty()) script.dialogues.emplace_back();  // for every message
  script.dialogues.back().lines.push_back(std::move(*line));
  return {};
}

}  // namespace

Result<Script> parse_script(std::string_view text) {
  Script out;
  int number = 0;
  while (!text.empty()) {
    std::size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end == text.npos ? text.size() : end + 1);
    ++number;
    std::size_t begin = line.find_first_not_of(" \t\r");
    if (begin == line.npos || line[begin] == '#') continue;
    Result<Json> json = parse_json(line);
    Result<void> added = json ? add_line(out, *json) : fail(std::move(json.error()));
    if (!added) return fail(within("line " + std::to_string(number), std::move(added.error())));
  }
  return out;
}

Result<Script> load_script(const std::string& path) {
  Result<std::string> text = read_file(path, limits::kJsonBytesMax);
  if (!text) {
    text.error().message += "; expected a script of JSON lines ({\"answer\": …})";
    return fail(std::move(text.error()));
  }
  Result<Script> script = parse_script(*text);
  if (!script) return fail(within(path, std::move(script.error())));
  return script;
}

std::unique_ptr<Model> make_scripted_model(Loop& loop, Script script) {
  std::string name = script.model;
  milliseconds pace = script.pace;
  return std::make_unique<ScriptedModel>(loop, std::move(name), pace, Chooser(std::move(script)));
}

std::unique_ptr<Model> make_scripted_model(Loop& loop, ScriptedReply reply, milliseconds latency) {
  return std::make_unique<ScriptedModel>(
      loop, "scripted", milliseconds(0),
      [reply = std::move(reply), latency](const ModelRequest& request) -> Choice {
        return {reply(request), latency};
      });
}

}  // namespace ragent
