#include <cli/follow.h>

#include <cli/home.h>
#include <cli/render.h>

#include <algorithm>
#include <fmt/core.h>
#include <set>

namespace ragent::cli {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kTick{100};  // how soon Ctrl-C is heard

Exit exit_of_word(std::string_view outcome) {
  for (int i = 0; i <= static_cast<int>(Outcome::failed); ++i) {
    if (to_string(static_cast<Outcome>(i)) == outcome) return exit_of(static_cast<Outcome>(i));
  }
  return kExitError;
}

class Follower {
 public:
  Follower(Host& host, RunHandle& handle, const Args& args, const Console& console)
      : host_(host),
        handle_(handle),
        args_(args),
        console_(console),
        text_(console.out),
        progress_(console) {}

  int run() {
    progress_.say("starting");
    while (!exit_) {
      if (interrupts() > 0 && !std::exchange(cancelling_, true)) cancel();
      auto asked = std::chrono::steady_clock::now();
      if (std::optional<Event> event = handle_.next_event(kTick)) {
        on(*event);
      } else if (std::chrono::steady_clock::now() - asked < kTick) {
        // It answered before its time with nothing to tell: the run has ended or stands still.
        on_still(handle_.wait());
      } else if (std::string why = stopped_owner(host_); !why.empty() && !text_.mid_line()) {
        progress_.say(std::move(why));
      }
    }
    return *exit_;
  }

 private:
  void on(const Event& event) {
    std::string text = text_.on(event);  // counts, also when nothing of it is shown
    if (args_.json) {
      print_json(event_json(event));
    } else if (!args_.quiet) {
      progress_.print(stdout, text);
    }
    describe(event);
    if (event.kind == Event::Kind::state) on_state(event.body);
    if (event.kind == Event::Kind::ended) on_ended(event.body);
  }

  // What the progress line says while nothing is printed.
  void describe(const Event& event) {
    if (text_.mid_line()) return progress_.say("");
    if (std::string doing = doing_text(event); !doing.empty()) progress_.say(std::move(doing));
  }

  void on_state(const Json& body) {
    state_ = body.text("state");
    // While it works or sleeps there is nothing to decide.
    if (state_ != "working" && state_ != "waiting_timer" && state_ != "ended") look();
  }

  void on_still(const Result<Answer>& result) {
    if (result) {
      return on_ended(
          Json::object({{"outcome", to_string(result->outcome)}, {"text", result->text}}));
    }
    if (result.error().kind != ErrorKind::conflict) return leave(console_.report(result.error()));
    why_ = visible(result.error().message);
    look();
  }

  // What the run waits for, and whether it can be had here.
  void look() {
    progress_.say("");
    Result<std::vector<Ask>> asks = host_.asks();
    if (!asks) return leave(console_.report(asks.error()));
    std::erase_if(*asks, [&](const Ask& ask) { return ask.run != handle_.id(); });
    std::erase_if(*asks, [&](const Ask& ask) { return answered_.contains(ask.id); });
    if (!asks->empty()) return on_asks(*asks);
    std::vector<DoubtView> doubts = doubts_of(home_of(args_), handle_.id());
    if (!doubts.empty()) {
      return park("in_doubt", kExitInDoubt, doubts_text(console_.err, doubts, home()));
    }
    if (cannot_go_on(state_)) return park(state_, kExitStopped, why_);
    if (state_ == "waiting_message" || state_ == "queued") {
      return park(state_, kExitWaiting, why_);
    }
    // A decision is on its way, or the reason is in an event that is still to come.
    std::this_thread::sleep_for(kTick);
  }

  void on_asks(const std::vector<Ask>& asks) {
    std::vector<Ask> open;
    for (const Ask& ask : asks) {
      std::optional<Decision> decision = decide(ask);
      if (cancelling_) return;
      if (!decision) {
        open.push_back(ask);
        continue;
      }
      answered_.insert(ask.id);
      Result<void> done = host_.answer(ask.id, std::move(*decision));
      if (!done) return leave(console_.report(done.error()));
    }
    if (!open.empty()) park_on_asks(open);
  }

  std::optional<Decision> decide(const Ask& ask) {
    bool approval = ask.schema.is_null();
    if (args_.yes && approval) return Decision{.allowed = true, .who = user_name() + " (--yes)"};
    if (!console_.interactive || args_.json) return std::nullopt;
    progress_.print(stdout, text_.break_line());
    std::string mark = yellow(console_.err, "?");
    std::string question = visible(ask.question);
    for (;;) {
      std::optional<std::string> line =
          console_.ask(approval ? fmt::format("  {} {} [y/N] ", mark, question)
                                : fmt::format("  {} {}\n    ", mark, question));
      if (interrupts() > 0) {
        if (!std::exchange(cancelling_, true)) cancel();
        return std::nullopt;
      }
      if (!line) return std::nullopt;
      if (approval) {
        return Decision{.allowed = line->starts_with('y') || line->starts_with('Y'),
                        .who = user_name()};
      }
      Result<Json> answer = json_or_text(*line);
      if (answer) return Decision{.allowed = true, .answer = *answer, .who = user_name()};
      console_.report(answer.error());
    }
  }

  void park_on_asks(const std::vector<Ask>& asks) {
    std::string how;
    for (const Ask& ask : asks) {
      how += fmt::format("{}\n  ragent asks {}{} {}\n", visible(ask.question), ask.id, home(),
                         ask.schema.is_null() ? "--allow     or --deny" : "--answer JSON");
    }
    if (args_.json) {
      Json list = Json::array({});
      for (const Ask& ask : asks) {
        list.push_back(
            Json::object({{"ask", ask.id}, {"question", ask.question}, {"schema", ask.schema}}));
      }
      extra_ = Json::object({{"asks", std::move(list)}});
    }
    park("waiting_ask", kExitWaiting, how);
  }

  // The run stands still; a later command carries it on.
  void park(std::string_view state, Exit code, const std::string& how) {
    progress_.say("");
    if (args_.json) {
      print_result(state, "", "", code);
    } else {
      progress_.print(stdout, text_.break_line());
      std::string word = state_text(state, "");
      note(fmt::format("\n{} {}\n", yellow(console_.err, "parked:"), word));
      note(indented("  ", how));
    }
    leave(code);
  }

  void on_ended(const Json& body) {
    progress_.say("");
    std::string outcome = body.text("outcome");
    std::string answer = body.text("text");
    Exit code = exit_of_word(outcome);
    if (args_.json) {
      print_result("ended", outcome, answer, code);
    } else if (args_.quiet) {
      print(visible(answer) + "\n");
    }
    if (!args_.json) print_end(body, outcome, code);
    leave(code);
  }

  void print_end(const Json& body, const std::string& outcome, Exit code) {
    const Look& look = console_.err;
    std::string word = state_text("ended", outcome);
    if (code != kExitDone) {
      const Json* error = body.find("error");
      std::string why = error ? error->text("message") : "";
      if (!why.empty()) why = ": " + one_line(why);
      note(fmt::format("\n{}{}\n", red(look, word), why));
    }
    if (args_.quiet) return;
    const Totals& sum = text_.totals();
    std::string facts = dotted(look, {word + " in " + duration(took()), plural(sum.thinks, "think"),
                                      tokens_text(sum.usage), cost_text(sum.usage),
                                      "ragent trace " + handle_.id() + home()});
    note(fmt::format("\n{}\n", dim(look, facts)));
  }

  void print_result(std::string_view state, std::string_view outcome, std::string_view answer,
                    Exit code) {
    Json out = Json::object({{"event", "result"},
                             {"run", handle_.id()},
                             {"session", handle_.session()},
                             {"state", state},
                             {"outcome", outcome},
                             {"answer", answer},
                             {"usage", ragent::to_json(text_.totals().usage)},
                             {"ms", took()},
                             {"exit", static_cast<int>(code)}});
    if (const Json* asks = extra_.find("asks")) out["asks"] = *asks;
    print_json(out);
  }

  void print_json(const Json& json) { progress_.print(stdout, json.dump() + "\n"); }

  void cancel() {
    progress_.print(stderr, text_.break_line());
    note("cancelling at the next step; Ctrl-C again leaves at once\n");
    Result<void> done = handle_.cancel("Ctrl-C");
    if (!done) leave(console_.report(done.error()));
    progress_.say("cancelling");
  }

  std::int64_t took() const {
    auto lasted = std::chrono::steady_clock::now() - began_;
    return std::chrono::duration_cast<milliseconds>(lasted).count();
  }
  std::string home() const { return home_option(args_); }
  void leave(int code) {
    progress_.say("");
    if (!exit_) exit_ = code;
  }

  Host& host_;
  RunHandle& handle_;
  const Args& args_;
  const Console& console_;
  RunText text_;
  Progress progress_;
  std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
  std::set<std::string> answered_ = {};
  Json extra_ = {};
  std::string state_ = {};  // as the last event said
  std::string why_ = {};  // it stands still
  bool cancelling_ = false;
  std::optional<int> exit_ = {};
};

}  // namespace

int follow(Host& host, RunHandle& handle, const Args& args, const Console& console) {
  return Follower(host, handle, args, console).run();
}

int carry_on(const RunRow& run, const Args& args, const Console& console,
             const std::function<Result<void>(Host&)>& decide) {
  catch_interrupts();
  Result<std::unique_ptr<Host>> host = open_home(engine_options(args), args);
  if (!host) return report_home(host.error(), console);
  Result<RunHandle> handle = (*host)->attach(run.uid, run.n);
  if (!handle) return console.report(handle.error());
  Result<void> decided = decide ? decide(**host) : Result<void>();
  if (!decided) return console.report(decided.error());
  if (args.later) return kExitDone;
  return follow(**host, *handle, args, console);
}

int carry_on_all(const std::vector<RunRow>& rows, const Args& args, const Console& console,
                 void (*head)(const RunRow&, const Args&, const Console&)) {
  catch_interrupts();
  Result<std::unique_ptr<Host>> host = open_home(engine_options(args), args);
  if (!host) return report_home(host.error(), console);
  int first = kExitDone;
  for (const RunRow& row : rows) {
    head(row, args, console);
    Result<RunHandle> handle = (*host)->attach(row.uid, row.n);
    int code = handle ? follow(**host, *handle, args, console) : console.report(handle.error());
    if (first == kExitDone) first = code;
  }
  return first;
}

}  // namespace ragent::cli
