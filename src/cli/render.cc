#include <cli/render.h>

#include <algorithm>
#include <fmt/core.h>

namespace ragent::cli {
namespace {

constexpr std::size_t kRowsShown = 20;      // of a query's table
constexpr std::size_t kNoteColumns = 28;    // kept free for the cost of a call
constexpr std::size_t kColumnsOfText = 20;   // text gets at least this much

struct Mark {
  std::string_view unicode;
  std::string_view ascii;
};

std::string mark(const Look& look, std::string_view status) {
  auto pick = [&](Mark mark) { return look.unicode ? mark.unicode : mark.ascii; };
  if (status == "done") return green(look, pick({"✓", "*"}));
  if (status == "failed") return red(look, pick({"✗", "x"}));
  if (status == "refused") return yellow(look, pick({"–", "-"}));
  return yellow(look, "?");
}

const Json& member(const Json& json, std::string_view key) {
  static const Json kNone;
  const Json* found = json.find(key);
  return found ? *found : kNone;
}

bool flat(const Json& value) { return !value.is_array() && !value.is_object(); }

// The rows of a query: an array of flat objects, alone or under "rows".
const Json::Array* rows_of(const Json& value) {
  const Json& list = value.is_object() ? member(value, "rows") : value;
  const Json::Array* rows = list.array();
  if (!rows || rows->empty()) return nullptr;
  for (const Json& row : *rows) {
    if (!row.object() || row.size() == 0) return nullptr;
    if (!std::ranges::all_of(*row.object(), [](const auto& m) { return flat(m.value); })) {
      return nullptr;
    }
  }
  return rows;
}

// "key  value" lines behind a bar: what a `once` tool answered.
std::string receipt_text(const Look& look, std::string_view indent, const Json& value) {
  std::string bar = look.unicode ? "│" : "|";
  Json::Object whole;
  if (!value.object()) whole.push_back({"result", value});
  const Json::Object& members = value.object() ? *value.object() : whole;
  std::size_t width = 0;
  for (const auto& entry : members) width = std::max(width, width_of(one_line(entry.key)));
  std::string out;
  for (const auto& entry : members) {
    std::size_t used = indent.size() + width + 4;
    std::size_t room = look.width > used + kColumnsOfText ? look.width - used : kColumnsOfText;
    out += fmt::format("{}{} {}  {}\n", indent, dim(look, bar),
                       dim(look, pad(one_line(entry.key), width)),
                       fit(look, plain(entry.value), room));
  }
  return out;
}

// The files that a program left: name (quoted, as the program chose it), size, where they are kept.
std::string files_text(const Look& look, std::string_view indent, const Json& observation) {
  const Json::Array* files = member(observation, "files").array();
  if (!files) return "";
  std::string out;
  for (const Json& file : *files) {
    auto size = static_cast<std::uint64_t>(file.integer("bytes"));
    std::string why = file.text("left_out");
    std::string where = why.empty() ? "artifact://" + file.text("artifact") : "not kept: " + why;
    std::string name = one_line(Json(file.text("name")).dump());
    std::string line = fmt::format("{}  {}  {}", name, bytes(size), one_line(where));
    out += fmt::format("{}{}\n", indent, dim(look, fit(look, line, look.width - indent.size())));
  }
  return out;
}

// What a call brought, below its line.
std::string value_text(const Look& look, std::string_view indent, const Json& observation,
                       std::string_view effect) {
  const Json& value = member(observation, "value");
  std::string status = observation.text("status", "done");
  if (status != "done") {
    std::string why = value.text("error", value.is_null() ? "" : value.dump());
    if (why.empty()) return "";
    return indented(indent, fit(look, one_line(why), look.width - indent.size()));
  }
  if (std::string rows = rows_text(look, indent, value); !rows.empty()) return rows;
  if (effect == "once" && !value.is_null()) return receipt_text(look, indent, value);
  return "";
}

std::string call_key(const Event& event) {
  return call_name(event.path, event.step, static_cast<std::uint32_t>(event.call));
}

}  // namespace

std::string doing_text(const Event& event) {
  const Json& body = event.body;
  if (event.kind == Event::Kind::progress) {
    return one_line(body.string() ? *body.string() : body.text("note"));
  }
  if (event.kind != Event::Kind::step) return "";
  if (event.intent && event.record == "act") return one_line(body.text("tool"));
  if (event.intent && event.record == "think") return "waiting for " + one_line(body.text("model"));
  return "working";
}

std::string arguments_line(const Json& arguments) {
  if (!arguments.object()) return plain(arguments);
  std::string out;
  for (const auto& [key, value] : *arguments.object()) {
    if (value.is_null()) continue;
    out += fmt::format("{}{} {}", out.empty() ? "" : ", ", one_line(key), plain(value));
  }
  return out;
}

bool counted(const Usage& usage) { return usage.tokens_input + usage.tokens_output > 0; }

std::string tokens_text(const Usage& usage) {
  std::int64_t evaluated = usage.tokens_input - usage.tokens_cached + usage.tokens_output;
  std::string out = fmt::format("{} evaluated", plural(evaluated, "token"));
  if (usage.tokens_cached > 0) out += fmt::format(", {} reused", count(usage.tokens_cached));
  return out;
}

std::string cost_text(const Usage& usage, bool brief) {
  if (usage.cost_nanodollars.value_or(0) <= 0) return "";
  std::string out = dollars(*usage.cost_nanodollars);
  if (!usage.cost_partial) return out;
  return "at least " + out + (brief ? "" : " (not all is priced)");
}

std::string usage_text(const Usage& usage) {
  std::string cost = cost_text(usage);
  return tokens_text(usage) + (cost.empty() ? "" : ", " + cost);
}

std::string rows_text(const Look& look, std::string_view indent, const Json& value) {
  const Json::Array* rows = rows_of(value);
  if (!rows) return "";
  std::vector<std::string> head;
  for (const Json& row : *rows) {
    for (const auto& entry : *row.object()) {
      std::string name = one_line(entry.key);
      if (std::ranges::find(head, name) == head.end()) head.push_back(name);
    }
  }
  std::vector<std::vector<std::string>> cells;
  for (const Json& row : *rows) {
    if (cells.size() == kRowsShown) break;
    std::vector<std::string>& line = cells.emplace_back();
    for (const std::string& name : head) line.push_back(plain(member(row, name)));
  }
  std::string out = table(look, indent, head, cells);
  std::size_t more = rows->size() - cells.size();
  if (more > 0) out += std::string(indent) + dim(look, fmt::format("and {} more", more)) + "\n";
  return out;
}

std::string call_text(const Look& look, const Json& call, std::string_view effect,
                      std::string_view note) {
  const Json& observation = member(call, "observation");
  std::string status = observation.text("status", "done");
  std::string tool = one_line(call.text("tool"));
  std::string arguments = arguments_line(member(call, "arguments"));
  std::size_t used = 4 + width_of(tool) + 2;
  std::size_t kept = std::max(kNoteColumns, width_of(note) + 2);
  std::size_t room = look.width > used + kept ? look.width - used - kept : 0;
  arguments = room < 8 ? "" : fit(look, arguments, room);
  std::string line = fmt::format("  {} {}  {}", mark(look, status), bold(look, tool), arguments);
  std::size_t end = look.width > width_of(note) ? look.width - width_of(note) : 0;
  line = pad(line, end) + dim(look, note);
  while (line.ends_with(' ')) line.pop_back();
  std::string_view indent = "    ";
  return line + "\n" + value_text(look, indent, observation, effect) +
         files_text(look, indent, observation);
}

std::string RunText::break_line() { return std::exchange(mid_line_, false) ? "\n" : ""; }

std::string RunText::paragraph() { return std::exchange(calls_above_, false) ? "\n" : ""; }

std::string RunText::on(const Event& event) {
  std::string failed = std::exchange(failed_, "");
  std::string text = text_of(event);
  if (failed.empty()) return text;
  bool ends = event.kind == Event::Kind::ended;
  if (ends && member(event.body, "error").text("message") == failed) return text;
  if (text.empty() && failed_.empty() && !ends) {
    failed_ = std::move(failed);
    return text;
  }
  return indented("  ", yellow(look_, "the model: " + one_line(failed))) + text;
}

std::string RunText::text_of(const Event& event) {
  switch (event.kind) {
    case Event::Kind::delta: return delta(event);
    case Event::Kind::attempt_started:
      if (event.path != "0" || !std::exchange(replying_, false)) return "";
      return break_line() + dim(look_, "(asking the model again)") + "\n";
    case Event::Kind::ended: return ended(event);
    case Event::Kind::state:
    case Event::Kind::progress: return "";
    case Event::Kind::step: break;
  }
  if (event.record == "act" && event.intent) effects_[call_key(event)] = event.body.text("effect");
  if (event.intent) return "";
  if (event.record == "think") return think_ended(event);
  if (event.record == "act") return act_ended(event);
  if (event.record == "ask") return ask_ended(event);
  return "";
}

std::string RunText::delta(const Event& event) {
  // Branches think side by side: only the trunk streams.
  if (event.path != "0" || event.record != "text" || !event.body.string()) return "";
  std::string text = visible(*event.body.string());
  if (text.empty()) return "";
  std::string before;
  if (!std::exchange(replying_, true)) {
    before = break_line() + paragraph();
    streamed_.clear();
  }
  streamed_ += text;
  mid_line_ = true;
  return before + text;
}

std::string RunText::think_ended(const Event& event) {
  const Json& reply = member(event.body, "reply");
  Usage usage = usage_from_json(member(reply, "usage"));
  ++totals_.thinks;
  totals_.usage += usage;
  if (event.path == "0") replying_ = false;
  thoughts_[event.path] = {.ms = event.body.integer("ms"), .usage = usage};
  const Json& error = member(event.body, "error");
  if (error.is_null()) return "";
  failed_ = error.text("message");
  return break_line();
}

std::string RunText::act_ended(const Event& event) {
  ++totals_.calls;
  calls_above_ = true;
  streamed_.clear();
  std::int64_t ms = event.body.integer("ms");
  std::string note = duration(ms);
  Thought& thought = thoughts_[event.path];
  if (!std::exchange(thought.shown, true) && counted(thought.usage)) {
    note = fmt::format("{} {} {}", duration(ms + thought.ms), look_.unicode ? "·" : "-",
                       tokens_text(thought.usage));
  }
  auto effect = effects_.find(call_key(event));
  return break_line() +
         call_text(look_, event.body, effect == effects_.end() ? "" : effect->second, note);
}

std::string RunText::ask_ended(const Event& event) {
  bool allowed = event.body.flag("allowed");
  const Json& answer = member(event.body, "answer");
  std::string said = answer.is_null() ? (allowed ? "allowed" : "denied") : plain(answer);
  std::string who = one_line(event.body.text("who"));
  calls_above_ = true;
  return break_line() + "  " + mark(look_, allowed || !answer.is_null() ? "done" : "refused") +
         " " + said + dim(look_, who.empty() ? "" : " by " + who) + "\n";
}

std::string RunText::ended(const Event& event) {
  std::string answer = visible(event.body.text("text"));
  std::string out = break_line();
  if (!answer.empty() && streamed_ == answer) return out;
  if (!answer.empty()) out += paragraph() + answer + (answer.ends_with('\n') ? "" : "\n");
  return out;
}

}  // namespace ragent::cli
