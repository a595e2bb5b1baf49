#include <cli/html.h>

#include <cli/render.h>

#include <algorithm>
#include <fmt/core.h>

namespace ragent::cli {
namespace {

constexpr std::string_view kStyle = R"(
:root { color-scheme: light dark; --line: #8883; --soft: #777; --think: #5b7fd6;
        --act: #3a9a6b; --ask: #c98a1b; --other: #999; --bad: #c0453b; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 2.5rem auto;
       padding: 0 1.25rem; }
h1 { font-size: 1.35rem; font-weight: 600; margin: 0; }
.soft { color: var(--soft); font-size: .85rem; }
.said { white-space: pre-wrap; overflow-wrap: anywhere; border-left: 3px solid var(--line);
        padding: .1rem 0 .1rem 1rem; margin: 1.25rem 0; }
details { border-top: 1px solid var(--line); }
summary { display: grid; grid-template-columns: 7rem minmax(0, 1fr) 16rem 5.5rem;
          gap: .9rem; align-items: center; padding: .35rem 0; cursor: pointer;
          list-style: none; }
summary:hover { background: #8881; }
summary::-webkit-details-marker { display: none; }
.name, .time, pre { font-family: ui-monospace, monospace; font-size: .82rem; }
.name { color: var(--soft); }
.text { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.time { text-align: right; color: var(--soft); }
.lane { position: relative; height: .7rem; background: #8881; border-radius: 2px; }
.lane i { position: absolute; top: 0; bottom: 0; min-width: 2px; border-radius: 2px;
          background: var(--other); }
.think .lane i { background: var(--think); } .act .lane i { background: var(--act); }
.ask .lane i { background: var(--ask); } .bad .lane i { background: var(--bad); }
.cancelled { opacity: .5; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; margin: .2rem 0 1rem 7.9rem; }
h2 { font-size: .8rem; color: var(--soft); font-weight: 500; margin: .4rem 0 0 7.9rem; }
)";

std::string class_of(const StepView& step) {
  std::string out(to_string(step.kind));
  const Json* observation = step.outcome.find("observation");
  bool failed = observation && observation->text("status", "done") != "done";
  if (failed || step.outcome.find("error")) out += " bad";
  if (step.cancelled || step.copied) out += " cancelled";
  return out;
}

std::string body_html(std::string_view title, const Json& body) {
  if (body.is_null()) return "";
  return fmt::format("<h2>{}</h2><pre>{}</pre>\n", title, escape_html(body.pretty()));
}

std::string step_html(const StepView& step, std::int64_t from, std::int64_t to) {
  Look look{.unicode = true};
  std::int64_t end = step.ended_at > 0 ? step.ended_at : to;
  double whole = static_cast<double>(std::max<std::int64_t>(to - from, 1));
  double left = step.copied ? 0 : 100 * static_cast<double>(step.began_at - from) / whole;
  double width =
      step.copied
          ? 0
          : 100 * static_cast<double>(std::max<std::int64_t>(end - step.began_at, 0)) / whole;
  std::string text = step_text(look, step);
  if (step.attempts > 1) text += fmt::format(" (attempt {})", step.attempts);
  if (step.copied) text += " (copied)";
  if (step.ended_at == 0) text += " (open)";
  std::string cost;
  const Json* reply = step.outcome.find("reply");
  const Json* usage = reply ? reply->find("usage") : nullptr;
  if (usage) {
    cost = fmt::format(" <span class=\"soft\">{}</span>", usage_text(usage_from_json(*usage)));
  }
  return fmt::format(
      "<details class=\"{}\"><summary><span class=\"name\" style=\"padding-left:{}rem\">{}</span>"
      "<span class=\"text\">{}{}</span>"
      "<span class=\"lane\"><i style=\"left:{:.2f}%;width:{:.2f}%\"></i></span>"
      "<span class=\"time\">{}</span></summary>\n{}{}</details>\n",
      class_of(step), step.depth, escape_html(step.name()), escape_html(text), cost, left, width,
      duration(end - step.began_at), body_html("asked", step.intent),
      body_html("recorded", step.outcome));
}

}  // namespace

std::string escape_html(std::string_view text) {
  std::string out;
  for (char c : visible(text)) {
    switch (c) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '"': out += "&quot;"; break;
      case '\'': out += "&#39;"; break;
      default: out += c;
    }
  }
  return out;
}

std::string trace_html(const RunView& view) {
  const RunRow& row = view.row;
  std::vector<StepView> all = steps(view);
  std::int64_t from = row.started_at;
  std::int64_t to = from + 1;
  for (const StepView& step : all) {
    if (!step.copied) from = std::min(from, step.began_at);
    to = std::max({to, step.began_at, step.ended_at});
  }
  Totals sum = totals(view);
  std::string facts = state_text(row.state, row.outcome);
  if (row.ended_at > 0) facts += " in " + duration(row.ended_at - row.started_at);
  facts += fmt::format(" · {} · {} · {}", plural(sum.thinks, "think"), plural(sum.calls, "call"),
                       tokens_text(sum.usage));
  if (std::string cost = cost_text(sum.usage); !cost.empty()) facts += " · " + cost;
  std::string of = fork_text(row.parent);
  if (!of.empty()) of += " · ";
  std::string ids = fmt::format("run {} · {}session {} · {} · {}", row.uid, of, row.session,
                                row.planner, view.spec.model);
  std::string out = fmt::format(
      "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src "
      "'unsafe-inline'\">\n<meta name=\"viewport\" content=\"width=device-width\">\n"
      "<title>{0}: {1}</title>\n<style>{2}</style></head>\n<body>\n<h1>{0}</h1>\n"
      "<div>{3}</div>\n<div class=\"soft\">{4}</div>\n<div class=\"said\">{5}</div>\n",
      escape_html(row.agent), escape_html(row.uid), kStyle, escape_html(facts), escape_html(ids),
      escape_html(task_text(view)));
  for (const StepView& step : all) out += step_html(step, from, to);
  if (std::string ending = ending_text(view); !ending.empty()) {
    out += fmt::format("<div class=\"said\">{}</div>\n", escape_html(ending));
  }
  return out + "</body></html>\n";
}

}  // namespace ragent::cli
