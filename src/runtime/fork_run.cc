#include <runtime/fork_run.h>

#include <action/schema.h>
#include <base/text.h>
#include <base/written_json.h>
#include <ragent/limits.h>

#include <algorithm>
#include <map>
#include <set>
#include <span>
#include <tuple>

namespace ragent {
namespace {

constexpr std::size_t kBranchesShown = 4;

Json body_of(const Record& record) { return parse_written_json(record.body).value_or(Json()); }

// Where the copy ends.
struct Point {
  std::string at = {};  // as it is written
  bool start = false;
  StepName step = {};
  bool call = false;  // one call of the step is named
};

Result<Point> parse_point(const std::string& at) {
  if (at == "start") return Point{.at = at, .start = true};
  Result<StepName> step = parse_step_name(at);
  if (!step) {
    Error error = std::move(step.error());
    error.message += ", or start";
    return fail(std::move(error));
  }
  const std::size_t colon = at.find(':');
  const bool call = at.find('.', colon == at.npos ? 0 : colon) != at.npos;
  std::string name =
      call ? call_name(step->path, step->step, step->call) : step_name(step->path, step->step);
  return Point{.at = std::move(name), .step = std::move(*step), .call = call};
}

bool of_step(const Record& record, const StepName& step) {
  return record.path == step.path && record.step == step.step;
}

// The records of the step, or of the one call of it.
std::vector<const Record*> records_at(std::span<const Record> records, const Point& point) {
  std::vector<const Record*> out;
  for (const Record& record : records) {
    if (of_step(record, point.step) && (!point.call || record.call == point.step.call)) {
      out.push_back(&record);
    }
  }
  return out;
}

std::string branch_steps(std::span<const Record> records, const std::string& path) {
  std::uint32_t last = 0;
  bool any = false;
  for (const Record& record : records) {
    if (record.path != path || record.step == kNoStep) continue;
    last = std::max(last, record.step);
    any = true;
  }
  if (!any) return "";
  return "branch " + path + " has the steps " + step_name(path, 0) + " to " + step_name(path, last);
}

// What there is instead of a step that there is not.
std::string instead_of(std::span<const Record> records, const Point& point) {
  if (point.call && !records_at(records, {.step = point.step}).empty()) {
    std::set<std::uint32_t> calls;
    for (const Record* record : records_at(records, {.step = point.step})) {
      calls.insert(record->call);
    }
    std::string out = "the calls of that step are ";
    for (std::uint32_t call : calls) {
      out +=
          (call == *calls.begin() ? "" : ", ") + call_name(point.step.path, point.step.step, call);
    }
    return out;
  }
  if (std::string steps = branch_steps(records, point.step.path); !steps.empty()) return steps;
  std::set<std::string> branches;
  for (const Record& record : records) {
    if (record.step != kNoStep) branches.insert(record.path);
  }
  if (branches.empty()) return "it has none yet, only its start";
  if (branches.size() == 1) return "it has no branch but " + *branches.begin();
  std::string out = "its branches are ";
  std::size_t shown = 0;
  for (const std::string& path : branches) {
    if (shown == kBranchesShown)
      return out + " and " + std::to_string(branches.size() - shown) + " more";
    out += (shown++ > 0 ? ", " : "") + path;
  }
  return out;
}

Error no_such_step(const FiledRun& source, std::span<const Record> chapter, const Point& point) {
  const std::uint32_t now = chapter.front().chapter;
  for (const Record& record : source.records) {
    if (record.chapter >= now || !of_step(record, point.step)) continue;
    return {.kind = ErrorKind::conflict,
            .message = "step " + point.at + " of run " + source.row.uid + " belongs to chapter " +
                       std::to_string(record.chapter) +
                       ", which has ended: a fork begins in the chapter at work, " +
                       std::to_string(now) + "; there " + instead_of(chapter, point)};
  }
  return {.kind = ErrorKind::not_found,
          .message = "run " + source.row.uid + " has recorded no step " + point.at + ": " +
                     instead_of(chapter, point) + "; `ragent trace " + source.row.uid +
                     "` shows them"};
}

// ---- what is copied

using CallKey = std::tuple<std::string, std::uint32_t, std::uint32_t, RecordKind>;

CallKey key_of(const Record& record) {
  const RecordKind kind = record.kind == RecordKind::resolve ? RecordKind::act : record.kind;
  return {record.path, record.step, record.call, kind};
}

bool is_unknown(const Record& outcome) {
  const Json body = body_of(outcome);
  const Json* seen = body.find("observation");
  return seen && seen->text("status") == "unknown";
}

std::vector<std::string> said_in(const Record& record) {
  std::vector<std::string> out;
  if (record.kind != RecordKind::think || record.phase != Phase::intent) return out;
  const Json body = body_of(record);
  const Json* texts = body.find("steer");
  if (!texts || !texts->array()) return out;
  for (const Json& text : *texts->array()) {
    if (text.string()) out.push_back(*text.string());
  }
  return out;
}

// Those of `prefix` that have their outcome in it. What had none, or one that nobody knew, has not
// been asked in the fork: it begins anew, an effect with a key of its own.
void copy_settled(std::span<const Record> prefix, ForkPlan& plan) {
  std::map<CallKey, bool> settled;
  for (const Record& record : prefix) {
    const bool unknown =
        record.kind == RecordKind::act && record.phase == Phase::outcome && is_unknown(record);
    settled[key_of(record)] = record.phase == Phase::outcome && !unknown;
  }
  for (const Record& record : prefix) {
    if (settled[key_of(record)]) {
      plan.records.push_back(record);
    } else {
      for (std::string& text : said_in(record)) plan.steering.push_back(std::move(text));
    }
  }
}

// ---- what is edited

Error unfit(const Point& point, std::string_view kind, std::string_view expected,
            const std::string& got) {
  return {.kind = ErrorKind::invalid,
          .message = "step " + point.at + " is " + std::string(kind) + ": its edit is " +
                     std::string(expected) + ", got " + utf8_prefix(got, limits::kTaskBytesMax)};
}

constexpr std::string_view kThinkExpected =
    "a reply, as the trace has it ({\"text\": \"…\", \"calls\": [{\"tool\": \"…\", \"arguments\": "
    "{…}}]}), or plain text: an answer";

bool is_reply(const Json& edit) {
  static constexpr std::string_view kMembers[] = {"text", "calls", "reasoning", "usage", "finish"};
  if (!edit.object()) return false;
  for (const Json::Member& member : *edit.object()) {
    if (std::ranges::find(kMembers, member.key) == std::end(kMembers)) return false;
  }
  const Json* text = edit.find("text");
  const Json* calls = edit.find("calls");
  if ((!text && !calls) || (text && !text->string()) || (calls && !calls->array())) return false;
  return !calls || std::ranges::all_of(*calls->array(), [](const Json& call) {
    const Json* arguments = call.find("arguments");
    return !call.text("tool").empty() && (!arguments || arguments->is_object());
  });
}

// The reply that a person gave; nobody is charged for it.
Result<Reply> edited_reply(const Json& edit, const Point& point, const Json& intent) {
  if (edit.string()) return Reply{.text = *edit.string()};
  if (is_reply(edit)) {
    Json whole = edit;
    const Json* calls = whole.find("calls");
    const bool acts = calls && calls->size() > 0;
    if (!whole.find("finish")) whole["finish"] = acts ? "calls" : "stop";
    Result<Reply> reply = reply_from_json(whole);
    if (!reply) return fail(within("the edit", std::move(reply.error())));
    reply->usage = {};
    if (reply->calls.size() > limits::kCallsPerStepMax) {
      return fail(unfit(point, "a think", kThinkExpected,
                        std::to_string(reply->calls.size()) + " calls, at most " +
                            std::to_string(limits::kCallsPerStepMax) + " are one step"));
    }
    for (std::size_t i = 0; i < reply->calls.size(); ++i) {
      if (std::string& id = reply->calls[i].id; id.empty()) {
        id = call_name(point.step.path, point.step.step, static_cast<std::uint32_t>(i));
      }
    }
    return reply;
  }
  const Json* params = intent.find("params");
  const bool typed = params && params->find("schema");
  if (!edit.is_object() || typed) return Reply{.text = edit.dump()};  // text that is JSON, too
  return fail(unfit(point, "a think", kThinkExpected, edit.dump()));
}

Result<void> edit_think(ForkPlan& plan, const Point& point, std::span<const Record* const> there,
                        const AgentSpec& spec, const ForkOptions& options) {
  Record intent = *there.front();
  intent.phase = Phase::intent;
  intent.attempt = 1;
  Json asked = there.front()->phase == Phase::intent
                   ? body_of(*there.front())
                   : Json::object({{"model", spec.model}, {"params", Json::object({})}});
  Result<Reply> reply = edited_reply(*options.edit, point, asked);
  if (!reply) return fail(std::move(reply.error()));
  asked["reserve"] = 0;
  Json said = Json::Array{};
  for (const Record* record : there) {
    for (std::string& text : said_in(*record)) said.push_back(std::move(text));
  }
  if (said.size() > 0) asked["steer"] = std::move(said);
  intent.body = asked.dump();
  Record outcome = intent;
  outcome.phase = Phase::outcome;
  outcome.body =
      Json::object({{"reply", to_json(*reply)}, {"ms", 0}, {"edited", true}, {"who", options.who}})
          .dump();
  plan.records.push_back(std::move(intent));
  plan.records.push_back(std::move(outcome));
  return {};
}

Result<void> edit_act(ForkPlan& plan, const Point& point, std::span<const Record* const> there,
                      const AgentSpec& spec, const ForkOptions& options) {
  std::set<std::uint32_t> calls;
  for (const Record* record : there) calls.insert(record->call);
  if (calls.size() > 1) {
    return fail(ErrorKind::invalid,
                "step " + point.at + " has " + std::to_string(calls.size()) +
                    " calls, and an edit is the observation of one: name it, " +
                    call_name(point.step.path, point.step.step, *calls.begin()) + " to " +
                    call_name(point.step.path, point.step.step, *calls.rbegin()));
  }
  const std::string value = options.edit->dump();
  if (value.size() > limits::kObservationBytesMax) {
    return fail(
        unfit(point, "an act",
              "a value of at most " + std::to_string(limits::kObservationBytesMax) + " bytes",
              std::to_string(value.size())));
  }
  const Json asked = body_of(*there.front());
  const Json* arguments = asked.find("arguments");
  Observation seen{.value = *options.edit};
  const auto tool = std::ranges::find(spec.tools, asked.text("tool"), &ToolSpec::name);
  if (tool != spec.tools.end()) seen.label = tool->label;  // what it says is believed no more
  Record outcome = *there.front();
  outcome.kind = RecordKind::act;
  outcome.phase = Phase::outcome;
  outcome.attempt = 1;
  outcome.body = Json::object({{"tool", asked.text("tool")},
                               {"arguments", arguments ? *arguments : Json::object({})},
                               {"observation", to_json(seen)},
                               {"ms", 0},
                               {"edited", true},
                               {"who", options.who}})
                     .dump();
  plan.records.push_back(std::move(outcome));
  return {};
}

Result<Decision> edited_decision(const Json& edit, const Point& point, const Json* schema,
                                 const std::string& who) {
  Decision decision{.allowed = true, .who = who};
  const Json* allowed = edit.find("allowed");
  const bool whole = allowed && allowed->is_bool();  // as the trace has it
  if (whole) {
    decision = decision_from_json(edit);
    if (decision.who.empty()) decision.who = who;
  } else if (schema) {
    decision.answer = edit;
  } else if (edit.is_bool() || edit == Json("allow") || edit == Json("deny")) {
    decision.allowed = edit == Json(true) || edit == Json("allow");
  } else {
    return fail(unfit(point, "an ask",
                      "a decision: true, false, or {\"allowed\": true, \"answer\": …}",
                      edit.dump()));
  }
  if (!schema) return decision;
  if (std::vector<std::string> wrong = validate(*schema, decision.answer); !wrong.empty()) {
    return fail(ErrorKind::invalid, "the edit of step " + point.at +
                                        " is the answer to its question: " + wrong.front());
  }
  return decision;
}

Result<void> edit_ask(ForkPlan& plan, const Point& point, std::span<const Record* const> there,
                      const ForkOptions& options) {
  const Json shown = body_of(*there.front());
  Result<Decision> decision =
      edited_decision(*options.edit, point, shown.find("schema"), options.who);
  if (!decision) return fail(std::move(decision.error()));
  Record outcome = *there.front();
  outcome.phase = Phase::outcome;
  Json body = to_json(*decision);
  body["edited"] = true;
  outcome.body = body.dump();
  plan.records.push_back(*there.front());
  plan.records.push_back(std::move(outcome));
  return {};
}

Result<void> edit_start(ForkPlan& plan, const Point& point, const ForkOptions& options) {
  const std::string* text = options.edit->string();
  const std::string given = text ? *text : options.edit->dump();
  if (given.size() > limits::kInputBytesMax || !valid_utf8(given)) {
    return fail(
        unfit(point, "the input",
              "text in UTF-8 of at most " + std::to_string(limits::kInputBytesMax) + " bytes",
              visible(std::string_view(given).substr(0, limits::kTaskBytesMax))));
  }
  Result<Message> said = message_from_json(*plan.start.find("input"));
  if (!said) return fail(within("the input of the source", std::move(said.error())));
  std::erase_if(said->parts, [](const Part& part) { return std::holds_alternative<Text>(part); });
  said->parts.insert(said->parts.begin(), Text{given});
  plan.start["input"] = to_json(*said);
  plan.start["edited"] = true;
  plan.start["who"] = options.who;
  return {};
}

Result<void> edit_step(ForkPlan& plan, const Point& point, std::span<const Record* const> there,
                       const AgentSpec& spec, const ForkOptions& options) {
  if (options.edit->dump().size() > limits::kInputBytesMax) {
    return fail(ErrorKind::invalid,
                "an edit has at most " + std::to_string(limits::kInputBytesMax) + " bytes");
  }
  const Record& first = *there.front();
  switch (first.kind) {
    case RecordKind::think: return edit_think(plan, point, there, spec, options);
    case RecordKind::act: return edit_act(plan, point, there, spec, options);
    case RecordKind::ask:
      // The approval of a call is a part of its step.
      return body_of(first).find("tool") ? edit_act(plan, point, there, spec, options)
                                         : edit_ask(plan, point, there, options);
    default:
      return fail(ErrorKind::invalid,
                  "step " + point.at + " is a record of kind " +
                      std::string(to_string(first.kind)) +
                      ": what can be edited is the outcome of a think, an act or an ask, and the "
                      "input, at start");
  }
}

// The start of the fork: its source's, without what held only there.
Json start_of(const Json& source) {
  Json out = Json::object({});
  for (const Json::Member& member : *source.object()) {
    static constexpr std::string_view kNot[] = {"deadline", "edited", "who", "forked", "usage"};
    if (std::ranges::find(kNot, member.key) != std::end(kNot)) continue;
    out[member.key] = member.value;
  }
  return out;
}

// Of the session of the source: how far it saw it.
void look_back(const FiledRun& source, const Json& start, ForkPlan& plan) {
  if (const ForkedFrom from = forked_from(start); from.records > 0) {
    plan.from.origin = from.origin;
    plan.looked = true;
    return;
  }
  plan.from.origin.session = source.row.session;
  for (const Record& record : source.records) {
    if (record.kind != RecordKind::open) continue;
    const auto head = static_cast<std::uint32_t>(body_of(record).integer("head"));
    plan.from.origin.turns = std::max(plan.from.origin.turns, head);
    plan.looked = true;
  }
}

}  // namespace

Result<ForkPlan> plan_fork(const FiledRun& source, const AgentSpec& spec,
                           const ForkOptions& options) {
  if (source.row.state == to_string(RunState::diverged)) {
    return fail(ErrorKind::conflict,
                "run " + source.row.uid +
                    " diverged: its planner no longer asks what its journal has, so a fork could "
                    "not go on either; run it with the planner it began with");
  }
  Result<Point> point = parse_point(options.at);
  if (!point) return fail(std::move(point.error()));
  const auto begin = std::ranges::find_if(source.records, [&](const Record& record) {
    return record.chapter == source.records.back().chapter;
  });
  const std::span<const Record> chapter(begin, source.records.end());
  if (chapter.empty() || chapter.front().kind != RecordKind::start) {
    return fail(ErrorKind::diverged,
                "the journal of run " + source.row.uid + " has no start record: it is damaged");
  }
  const Json start = body_of(chapter.front());
  if (!start.object() || !start.find("input")) {
    return fail(ErrorKind::diverged,
                "the start record of run " + source.row.uid + " cannot be read");
  }
  ForkPlan plan{.start = start_of(start), .from = {.run = source.row.uid, .at = point->at}};
  look_back(source, start, plan);
  std::vector<const Record*> there;
  if (!point->start) {
    there = records_at(chapter, *point);
    if (there.empty()) return fail(no_such_step(source, chapter, *point));
    const std::uint32_t n = there.front()->n - chapter.front().n;
    copy_settled(chapter.subspan(1, n - 1), plan);
    if (!options.edit) {
      for (const Record* record : there) {
        for (std::string& text : said_in(*record)) plan.steering.push_back(std::move(text));
      }
    }
  }
  const std::size_t copied = plan.records.size();
  if (options.edit) {
    Result<void> edited = point->start ? edit_start(plan, *point, options)
                                       : edit_step(plan, *point, there, spec, options);
    if (!edited) return fail(std::move(edited.error()));
  }
  plan.edited = plan.records.size() - copied;
  for (std::size_t i = 0; i < plan.records.size(); ++i) {
    plan.records[i].n = static_cast<std::uint32_t>(i) + 2;
    plan.records[i].lsn = 0;
  }
  plan.from.records = static_cast<std::uint32_t>(plan.records.size()) + 1;
  return plan;
}

}  // namespace ragent
