// The trace of a run as a waterfall of text.
#include <base/written_json.h>
#include <cli/render.h>

#include <algorithm>
#include <fmt/core.h>

namespace ragent::cli {
namespace {

constexpr std::size_t kBarColumns = 24;
constexpr std::size_t kBarColumnsNarrow = 8;  // where the text would get too little
constexpr std::size_t kTextColumns = 30;
constexpr std::size_t kTextColumnsMin = 8;
constexpr std::size_t kTimeColumns = 8;

const Json& member(const Json& json, std::string_view key) {
  static const Json kNone;
  const Json* found = json.find(key);
  return found ? *found : kNone;
}

std::string think_text(const Look& look, const Json& outcome) {
  std::string arrow = look.unicode ? "→ " : "-> ";
  if (outcome.find("refused")) return "refused: " + plain(member(outcome, "refused"));
  if (const Json* error = outcome.find("error"))
    return "error: " + one_line(error->text("message"));
  std::string tools;
  if (const Json::Array* calls = member(member(outcome, "reply"), "calls").array()) {
    for (const Json& call : *calls) {
      std::string name = call.text("tool", call.text("name"));
      tools += (tools.empty() ? "" : ", ") + one_line(name);
    }
  }
  return arrow + (tools.empty() ? "answer" : tools);
}

std::string act_text(const StepView& step) {
  const Json& call = step.outcome.is_null() ? step.intent : step.outcome;
  std::string out = one_line(call.text("tool"));
  std::string arguments = arguments_line(member(call, "arguments"));
  if (!arguments.empty()) out += " " + arguments;
  const Json& observation = member(step.outcome, "observation");
  std::string status = observation.text("status", step.outcome.is_null() ? "" : "done");
  const Json& value = member(observation, "value");
  const Json& rows = value.is_object() ? member(value, "rows") : value;
  if (status == "done" && rows.array()) {
    return out + fmt::format("  ({})", plural(static_cast<std::int64_t>(rows.size()), "row"));
  }
  if (status != "done" && !status.empty()) {
    out += "  (" + status + (value.find("error") ? ": " + plain(member(value, "error")) : "") + ")";
  }
  return out;
}

std::string ask_text(const StepView& step) {
  std::string out = plain(member(step.intent, "question"));
  if (step.outcome.is_null()) return out;
  const Json& answer = member(step.outcome, "answer");
  std::string said = step.outcome.flag("allowed") ? "allowed" : "denied";
  out += "  " + (answer.is_null() ? said : plain(answer));
  std::string who = one_line(step.outcome.text("who"));
  return who.empty() ? out : out + " by " + who;
}

std::string children_text(const Json& outcome) {
  const Json& children = member(outcome, "children");
  if (!children.array()) return plain(children);
  std::string out;
  for (const Json& child : *children.array()) out += (out.empty() ? "" : ", ") + plain(child);
  return out;
}

std::string detail(const Look& look, const StepView& step) {
  const Json& out = step.outcome;
  switch (step.kind) {
    case RecordKind::think: return out.is_null() ? "" : think_text(look, out);
    case RecordKind::act: return act_text(step);
    case RecordKind::ask: return ask_text(step);
    case RecordKind::value: return out.text("what") + " " + plain(member(out, "value"));
    case RecordKind::patched: return plain(member(out, "name"));
    case RecordKind::wait: return out.is_null() ? "" : plain(member(out, "fired"));
    case RecordKind::fork: return children_text(out) + " branches";
    case RecordKind::next: return "child " + plain(member(out, "child"));
    case RecordKind::cancel: return children_text(out) + ": " + plain(member(out, "reason"));
    case RecordKind::resolve:
      return plain(member(out, "verdict")) + " by " + plain(member(out, "who"));
    case RecordKind::stop: return plain(member(out, "reason"));
    case RecordKind::final: return plain(member(out, "outcome"));
    default: return "";
  }
}

// One bar of the waterfall: where in the run's time this step was, in eighths of a column.
std::string bar(const Look& look, std::size_t columns, std::int64_t begin, std::int64_t end,
                std::int64_t from, std::int64_t to) {
  double scale =
      static_cast<double>(columns) / static_cast<double>(std::max<std::int64_t>(to - from, 1));
  auto at = [&](std::int64_t when) {
    double place = static_cast<double>(std::clamp(when, from, to) - from) * scale;
    return std::min(static_cast<std::size_t>(place), columns);
  };
  std::size_t first = std::min(at(begin), columns - 1);
  std::size_t length = std::max<std::size_t>(at(end) > first ? at(end) - first : 0, 1);
  bool blink = end - begin < (to - from) / static_cast<std::int64_t>(columns * 2);
  std::string_view full = look.unicode ? (blink ? "▏" : "█") : (blink ? "|" : "#");
  return pad(std::string(first, ' ') + repeat(full, length), columns);
}

std::string cost(const Look& look, const StepView& step) {
  if (step.kind != RecordKind::think) return "";
  const Json& usage = member(member(step.outcome, "reply"), "usage");
  return usage.is_null() ? "" : "  " + dim(look, usage_text(usage_from_json(usage)));
}

struct Row {
  std::string name;
  std::string text;
  const StepView* step;
};

std::vector<Row> rows_of(const Look& look, const std::vector<StepView>& all) {
  std::vector<Row> rows;
  for (const StepView& step : all) {
    if (step.kind == RecordKind::start) continue;
    std::string text = step_text(look, step);
    if (step.attempts > 1) text += fmt::format("  (attempt {})", step.attempts);
    if (step.copied) text += "  (copied)";
    if (step.cancelled) text += "  (cancelled)";
    if (step.ended_at == 0) text += "  (open)";
    rows.push_back({std::string(2 * step.depth, ' ') + step.name(), std::move(text), &step});
  }
  return rows;
}

std::string head_text(const Look& look, const RunView& view) {
  const RunRow& row = view.row;
  Totals sum = totals(view);
  std::string took = row.ended_at > 0 ? duration(row.ended_at - row.started_at) : "";
  std::string name = one_line(row.agent);
  std::string out =
      dotted(look, {name, state_text(row.state, row.outcome), took, plural(sum.thinks, "think"),
                    plural(sum.calls, "call"), tokens_text(sum.usage), cost_text(sum.usage)});
  out.replace(0, name.size(), bold(look, name));
  std::string ids = dotted(
      look, {"run " + row.uid, fork_text(row.parent), "session " + row.session, row.planner});
  return out + "\n" + dim(look, ids) + "\n";
}

}  // namespace

std::string step_text(const Look& look, const StepView& step) {
  std::string text = detail(look, step);
  if (step.outcome.flag("edited")) {
    text += "  (edited by " + one_line(step.outcome.text("who")) + ")";
  }
  // A tool's name says more than "act".
  if (step.kind == RecordKind::act) return text;
  std::string kind(to_string(step.kind));
  if (step.step == kNoStep) return text;
  return text.empty() ? kind : kind + " " + text;
}

std::string task_text(const RunView& view) {
  for (const Record& record : view.records) {
    if (record.kind != RecordKind::start) continue;
    Result<Json> body = parse_written_json(record.body);
    const Json* input = body ? body->find("input") : nullptr;
    Result<Message> message = input ? message_from_json(*input) : Message{};
    if (message && !message->text().empty()) return visible(message->text());
  }
  return visible(view.row.task);
}

std::string ending_text(const RunView& view) {
  for (auto record = view.records.rbegin(); record != view.records.rend(); ++record) {
    if (record->kind != RecordKind::final) continue;
    Result<Json> body = parse_written_json(record->body);
    if (!body) return "";
    const Json* error = body->find("error");
    return visible(error ? error->text("message", body->text("text")) : body->text("text"));
  }
  return "";
}

std::string trace_text(const Look& look, const RunView& view) {
  std::vector<StepView> all = steps(view);
  std::vector<Row> rows = rows_of(look, all);
  std::int64_t from = view.row.started_at;
  std::int64_t to = from + 1;
  std::size_t name_width = 0;
  std::size_t text_width = 0;
  std::size_t cost_width = 0;
  for (const StepView& step : all) {
    if (!step.copied) from = std::min(from, step.began_at);
  }
  for (const Row& row : rows) {
    to = std::max({to, row.step->ended_at, row.step->began_at});
    name_width = std::max(name_width, width_of(row.name));
    text_width = std::max(text_width, width_of(row.text));
    cost_width = std::max(cost_width, width_of(cost(look, *row.step)));
  }
  // The bar gives way first, then the text; what a thought cost goes where there is no room at all.
  std::size_t fixed = 2 + name_width + 2 + 2 + kTimeColumns;
  auto room = [&](std::size_t taken) { return look.width > taken ? look.width - taken : 0; };
  std::size_t columns = kBarColumns;
  if (room(fixed + cost_width + columns) < std::min(text_width, kTextColumns)) {
    columns = kBarColumnsNarrow;
  }
  bool costs = room(fixed + cost_width + columns) >= kTextColumnsMin;
  if (!costs) cost_width = 0;
  text_width = std::min(text_width, std::max(room(fixed + cost_width + columns), kTextColumnsMin));

  std::string out = head_text(look, view);
  out += "\n" + indented("  ", task_text(view)) + "\n";
  for (const Row& row : rows) {
    std::int64_t end = row.step->ended_at > 0 ? row.step->ended_at : to;
    bool own = !row.step->copied;  // what is copied was not in this run's time
    std::string text = pad(fit(look, row.text, text_width), text_width);
    std::string line = fmt::format(
        "  {}  {}  {}{}", dim(look, pad(row.name, name_width)),
        row.step->cancelled || row.step->copied ? dim(look, text) : text,
        own ? bar(look, columns, row.step->began_at, end, from, to) : std::string(columns, ' '),
        pad_left(duration(end - row.step->began_at), kTimeColumns));
    out += line + (costs ? cost(look, *row.step) : "") + "\n";
  }
  if (std::string ending = ending_text(view); !ending.empty()) {
    out += "\n" + indented("  ", ending);
  }
  return out;
}

}  // namespace ragent::cli
