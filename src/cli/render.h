// From runs to text: what `run`, `runs`, `trace` and `asks` show.
//
//   RunText text(look);
//   while (auto event = handle.next_event(100ms)) std::fputs(text.on(*event).c_str(), stdout);
//
// Pure functions from events and records to text, golden-tested; one thread.
#pragma once

#include <cli/text.h>
#include <runtime/view.h>

#include <map>

namespace ragent::cli {

// The transcript of one run as it happens: replies as they stream, one line a call with what it
// cost, the table of a query, the receipt of a `once` tool.
class RunText {
 public:
  explicit RunText(Look look) : look_(look) {}
  // What to print for this event; empty: nothing.
  std::string on(const Event& event);
  // True while a line is open: print nothing else before `break_line()`.
  bool mid_line() const { return mid_line_; }
  std::string break_line();
  const Totals& totals() const { return totals_; }
  void resize(std::size_t width) { look_.width = width; }  // of what is still to come

 private:
  struct Thought {
    std::int64_t ms = 0;
    Usage usage = {};
    bool shown = false;  // on the first of its calls
  };
  std::string text_of(const Event& event);
  std::string delta(const Event& event);
  std::string think_ended(const Event& event);
  std::string act_ended(const Event& event);
  std::string ask_ended(const Event& event);
  std::string ended(const Event& event);
  std::string paragraph();  // an empty line before what follows, once

  Look look_;
  Totals totals_ = {};
  std::map<std::string, Thought> thoughts_ = {};  // by path
  std::map<std::string, std::string> effects_ = {};  // by call: from its intent
  std::string streamed_ = {};  // the last reply of branch "0", as far as it is shown
  // Why the last think failed. It waits for the next event: where the run ends of it, whoever
  // follows the run says it.
  std::string failed_ = {};
  bool replying_ = false;      // … which is not complete yet
  bool mid_line_ = false;
  bool calls_above_ = false;
};

// "from Prague, to Porto": the arguments of a call for one line.
std::string arguments_line(const Json& arguments);
// A call and what it brought: its line, and below it a table, a receipt or the error.
// `note` stands at the right end: what it cost.
std::string call_text(const Look& look, const Json& call, std::string_view effect,
                      std::string_view note);
// The rows of an observation as a table; empty when it has none.
std::string rows_text(const Look& look, std::string_view indent, const Json& value);
bool counted(const Usage& usage);  // else its tokens say nothing
// "24 tokens evaluated, 790 reused".
std::string tokens_text(const Usage& usage);
// "$0.0042", "at least $0.0042 (not all is priced)", short: without why; empty: it was free, or
// nobody knows.
std::string cost_text(const Usage& usage, bool brief = false);
std::string usage_text(const Usage& usage);  // both

// A column before the last one of a table, where any of its rows cost something.
void put_costs(std::vector<std::string>& head, std::vector<std::vector<std::string>>& rows,
               const std::vector<std::string>& costs);
std::string runs_text(const Look& look, const std::vector<RunRow>& rows, const Used& used,
                      std::int64_t now);
// With the commands that decide; `home` ends them where it is not the usual one.
std::string doubts_text(const Look& look, const std::vector<DoubtView>& doubts,
                        std::string_view home);
std::string asks_text(const Look& look, const std::vector<AskView>& asks, std::string_view home);
// A waterfall: one line a step, indented by branch, with its bar, time and tokens.
std::string trace_text(const Look& look, const RunView& view);
// What a run does from this event on: "working", a tool's name, "waiting for MODEL", a tool's
// own note; empty: it says nothing of that.
std::string doing_text(const Event& event);
// The state of a run as people say it: "answered", "waits for an answer", "in doubt".
std::string state_text(std::string_view state, std::string_view outcome);
// The shortest length at which these ids differ, at least eight.
std::size_t id_length(const std::vector<RunRow>& rows);

// One step in words, without its cost: "think → search_flights", "book flight F1".
std::string step_text(const Look& look, const StepView& step);
// What the user asked for, whole.
std::string task_text(const RunView& view);
// The answer or the error with which a run ended; empty while it has not.
std::string ending_text(const RunView& view);

// One object a line of `--json` and `--jsonl`.
Json event_json(const Event& event);
Json run_json(const RunRow& row, const Used& used);
Json record_json(const Record& record, const std::string& run);
Json ask_json(const AskView& ask);
Json doubt_json(const DoubtView& doubt);

}  // namespace ragent::cli
