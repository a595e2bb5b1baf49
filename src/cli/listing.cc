// Lists of runs, asks and doubts, and their JSON lines.
#include <base/written_json.h>
#include <cli/render.h>

#include <algorithm>
#include <fmt/core.h>
#include <set>

namespace ragent::cli {
namespace {

constexpr std::size_t kIdMin = 8;

std::string colored_state(const Look& look, const RunRow& row) {
  std::string text = state_text(row.state, row.outcome);
  if (row.outcome == "answered") return green(look, text);
  if (row.state == "ended" || row.state == "diverged" || row.state == "quarantined") {
    return red(look, text);
  }
  return yellow(look, text);
}

// The runs that wait behind an older one of their session, though they are kept as working.
std::set<std::string> queued_of(const std::vector<RunRow>& rows) {
  std::set<std::string> queued;
  std::set<std::string> busy;  // sessions
  for (auto row = rows.rbegin(); row != rows.rend(); ++row) {  // oldest first
    if (row->state == "ended" || row->session.empty() || !row->parent.empty()) continue;
    if (!busy.insert(row->session).second && row->state == "working") queued.insert(row->uid);
  }
  return queued;
}

}  // namespace

std::string state_text(std::string_view state, std::string_view outcome) {
  if (state == "ended") return outcome == "gave_up" ? "gave up" : std::string(outcome);
  if (state == "waiting_ask") return "asks you";
  if (state == "waiting_timer") return "sleeps";
  if (state == "waiting_message") return "waits for a message";
  if (state == "queued") return "queued behind another run of its session";
  if (state == "in_doubt") return "in doubt";
  return std::string(state);
}

std::size_t id_length(const std::vector<RunRow>& rows) {
  std::vector<std::string_view> ids;
  for (const RunRow& row : rows) ids.push_back(row.uid);
  std::ranges::sort(ids);
  std::size_t length = kIdMin;
  for (std::size_t i = 1; i < ids.size(); ++i) {
    auto differ = std::ranges::mismatch(ids[i - 1], ids[i]);
    length = std::max(length, static_cast<std::size_t>(differ.in1 - ids[i - 1].begin()) + 1);
  }
  return length;
}

void put_costs(std::vector<std::string>& head, std::vector<std::vector<std::string>>& rows,
               const std::vector<std::string>& costs) {
  if (std::ranges::all_of(costs, &std::string::empty)) return;
  head.insert(head.end() - 1, "cost");
  for (std::size_t i = 0; i < rows.size(); ++i) rows[i].insert(rows[i].end() - 1, costs[i]);
}

std::string runs_text(const Look& look, const std::vector<RunRow>& rows, const Used& used,
                      std::int64_t now) {
  std::size_t id = id_length(rows);
  std::vector<std::string> costs;
  std::vector<std::string> head = {"run", "agent", "state", "took", "started", "task"};
  std::vector<std::vector<std::string>> cells;
  std::set<std::string> queued = queued_of(rows);
  for (const RunRow& row : rows) {
    std::string state =
        queued.contains(row.uid) ? yellow(look, "queued") : colored_state(look, row);
    std::string took = row.ended_at > 0 ? duration(row.ended_at - row.started_at) : std::string("");
    std::string fork = fork_text(row.parent);
    if (!fork.empty()) {
      const std::string_view parent = row.parent;
      fork = fork_text(std::string(parent.substr(0, id)).append(parent.substr(parent.find('@'))));
      fork += ": ";
    }
    cells.push_back({row.uid.substr(0, id), one_line(row.agent), state, took,
                     age(now - row.started_at), fork + one_line(row.task)});
    auto found = used.runs.find(row.uid);
    costs.push_back(found == used.runs.end() ? "" : cost_text(found->second, true));
  }
  put_costs(head, cells, costs);
  return table(look, "", head, cells);
}

std::string doubts_text(const Look& look, const std::vector<DoubtView>& doubts,
                        std::string_view home) {
  std::string out;
  for (const DoubtView& doubt : doubts) {
    out += fmt::format("{} {}  {}\n", yellow(look, "?"), doubt.run.uid,
                       bold(look, one_line(doubt.tool)));
    out += wrapped(look, "    ", arguments_line(doubt.arguments));
    out += "    Nobody knows whether this call happened. Look, then say one of\n";
    std::string begin = fmt::format("    ragent resolve {} {}{} ", doubt.run.uid, doubt.step, home);
    out += begin + "--happened '{\"…\": …}'\n";
    out += begin + "--did-not-happen\n";
    out += begin + "--abandon\n";
  }
  return out;
}

std::string asks_text(const Look& look, const std::vector<AskView>& asks, std::string_view home) {
  std::string out;
  for (const AskView& view : asks) {
    std::string agent = one_line(view.run.agent);
    Look beside = look;  // of the agent's name
    beside.width -= std::min(look.width, 2 + width_of(agent));
    std::string question = wrapped(beside, "  ", view.ask.question);
    out +=
        fmt::format("{} {}  {}\n", yellow(look, "?"), bold(look, trim(question)), dim(look, agent));
    if (!view.tool.empty()) {
      out += wrapped(look, "    ", view.tool + " " + arguments_line(view.arguments));
    }
    if (view.ask.schema.is_null()) {
      out += fmt::format("    ragent asks {}{} --allow     or --deny\n", view.ask.id, home);
    } else {
      out += fmt::format("    ragent asks {}{} --answer JSON\n", view.ask.id, home);
      out += dim(look, wrapped(look, "    ", "as " + view.ask.schema.dump()));
    }
  }
  return out;
}

Json event_json(const Event& event) {
  Json out = Json::object({{"event", to_json_value(event.kind)}});
  if (event.id > 0) out["id"] = static_cast<std::int64_t>(event.id);
  bool of_step = event.kind != Event::Kind::state && event.kind != Event::Kind::ended;
  if (of_step && event.step != kNoStep) {
    out["step"] = call_name(event.path, event.step, static_cast<std::uint32_t>(event.call));
  }
  if (event.attempt > 0) out["attempt"] = event.attempt;
  if (!event.record.empty()) out["record"] = event.record;
  if (event.kind == Event::Kind::step) out["phase"] = event.intent ? "intent" : "outcome";
  out["body"] = event.body;
  return out;
}

Json run_json(const RunRow& row, const Used& used) {
  Json out = Json::object({{"run", row.uid},
                           {"agent", row.agent},
                           {"session", row.session},
                           {"state", row.state},
                           {"outcome", row.outcome},
                           {"task", row.task},
                           {"planner", row.planner},
                           {"spec", row.spec},
                           {"records", row.n},
                           {"started_at", row.started_at},
                           {"ended_at", row.ended_at}});
  if (!row.parent.empty()) out["parent"] = row.parent;
  if (auto found = used.runs.find(row.uid); found != used.runs.end()) {
    out["usage"] = ragent::to_json(found->second);
  }
  return out;
}

Json record_json(const Record& record, const std::string& run) {
  Result<Json> body = parse_written_json(record.body);
  Json out = Json::object(
      {{"run", run},
       {"n", record.n},
       {"lsn", static_cast<std::int64_t>(record.lsn)},
       {"chapter", record.chapter},
       {"kind", to_string(record.kind)},
       {"phase", record.phase == Phase::intent ? "intent" : "outcome"},
       {"attempt", record.attempt},
       {"at", record.at},
       {"digest", fmt::format("{:016x}{:016x}", record.digest.high, record.digest.low)}});
  if (record.step != kNoStep) out["step"] = call_name(record.path, record.step, record.call);
  out["body"] = body ? std::move(*body) : Json(record.body);
  return out;
}

Json ask_json(const AskView& view) {
  return Json::object({{"ask", view.ask.id},
                       {"run", view.ask.run},
                       {"agent", view.run.agent},
                       {"question", view.ask.question},
                       {"schema", view.ask.schema},
                       {"tool", view.tool},
                       {"arguments", view.arguments},
                       {"digest", view.ask.digest}});
}

Json doubt_json(const DoubtView& doubt) {
  return Json::object({{"run", doubt.run.uid},
                       {"agent", doubt.run.agent},
                       {"step", doubt.step},
                       {"tool", doubt.tool},
                       {"arguments", doubt.arguments},
                       {"since", doubt.since}});
}

}  // namespace ragent::cli
