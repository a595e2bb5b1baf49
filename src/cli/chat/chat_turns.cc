// The runs of a chat: how they begin, what they tell, what they ask and how they end.
#include <cli/chat/chat.h>

#include <cli/home.h>

#include <algorithm>
#include <fmt/core.h>
#include <poll.h>

namespace ragent::cli {
namespace {

constexpr std::size_t kEventsAtOnce = 256;  // then the screen and the keys have their turn
constexpr int kStillsMax = 3;  // readable without an event so often: it has ended

bool readable(int fd) {
  pollfd one = {.fd = fd, .events = POLLIN, .revents = 0};
  return ::poll(&one, 1, 0) == 1;
}

Error too_much() {
  return {.kind = ErrorKind::unavailable,
          .message = "too much waits for the engine already: try again in a moment"};
}

// What was left out of a conversation that is longer than the model's window.
std::string compact_text(const Json& note) {
  std::vector<std::string> parts;
  for (std::string_view what : {"turns", "observations", "calls"}) {
    std::int64_t number = note.integer(what);
    if (number > 0) parts.push_back(fmt::format("{} {}", count(number), what));
  }
  std::string left = parts.empty() ? "" : ": " + join(parts, ", ") + " shortened";
  return "(the conversation is longer than the model's window" + left + ")";
}

}  // namespace

bool Chat::errand(Errands::Errand job) {
  if (errands_.run(std::move(job))) return true;
  say_error(too_much());
  return false;
}

Chat::Turn* Chat::turn_of(std::uint64_t number) {
  auto found = std::ranges::find(turns_, number, &Turn::number);
  return found == turns_.end() ? nullptr : &*found;
}

bool Chat::has(const std::string& run) const {
  return std::ranges::any_of(
      turns_, [&](const Turn& turn) { return turn.handle && turn.handle->id() == run; });
}

void Chat::message(std::string text) {
  if (holding_ > 0) {
    if (held_.size() < limits::kChatErrandsMax) return held_.push_back(std::move(text));
    say_error(too_much());
    return editor_.set(std::move(text));
  }
  if (on_busy_ == OnBusy::steer && !turns_.empty() && images_.empty())
    return steer(std::move(text));
  send(std::move(text));
}

void Chat::release(bool done) {
  if (--holding_ > 0) return;
  std::vector<std::string> held = std::exchange(held_, {});
  if (!done) {  // it was meant otherwise: to be changed and sent again
    if (!held.empty()) editor_.set(join(held, "\n"));
    return;
  }
  for (std::string& text : held) message(std::move(text));
}

Chat::Turn& Chat::new_turn(std::string text) {
  Turn& turn = turns_.emplace_back(look_);
  turn.number = ++last_number_;
  turn.text = std::move(text);
  turn.began = Clock::now();
  return turn;
}

void Chat::send(std::string text) {
  Turn& turn = new_turn(text);
  turn.images = std::exchange(images_, {});
  Input input(std::move(text));
  for (const Image& image : turn.images) input.parts.emplace_back(image.media);
  StartRequest request{
      .agent = setup_.path,
      .input = std::move(input),
      .options = {.session = setup_.session, .on_busy = OnBusy::enqueue, .model = setup_.model}};
  auto job = [this, number = turn.number, request = std::move(request)]() mutable -> Errands::Then {
    DevAgent::Reload reload;
    Agent agent;
    if (dev_) {
      reload = dev_->reload();
      request.agent = reload.path;
      agent = dev_->agent();
    }
    Result<RunHandle> handle = setup_.host->start(std::move(request));
    return [this, number, reload = std::move(reload), agent = std::move(agent),
            handle = std::move(handle)]() mutable {
      if (!reload.path.empty()) reloaded(reload, std::move(agent));
      started(number, std::move(handle));
    };
  };
  if (turns_.size() == 1) show(turn);
  if (!errand(std::move(job))) {
    editor_.set(std::move(turn.text));
    turns_.pop_back();
  }
}

void Chat::reloaded(const DevAgent::Reload& reload, Agent agent) {
  setup_.agent = std::move(agent);
  if (reload.error) {
    say_error(*reload.error);
    say(yellow(look_, "the agent as it was before is kept until that is mended"));
  } else if (!reload.changed.empty()) {
    say(dim(look_, "agent reloaded: " + one_line(join(reload.changed, ", "))));
  }
}

void Chat::started(std::uint64_t number, Result<RunHandle> handle) {
  Turn* turn = turn_of(number);
  if (!turn) return;
  if (!handle) return not_started(*turn, handle.error());
  model_new_ = false;
  turn->handle.emplace(std::move(*handle));
  turn->doing = "working";
  last_run_ = turn->handle->id();
  if (turn->cancelled) cancel(*turn);
}

// The person gets back what they typed, to send it again.
void Chat::not_started(Turn& turn, const Error& error) {
  std::string text = turn.text;
  images_.insert(images_.begin(), turn.images.begin(), turn.images.end());
  std::erase_if(turns_, [&](const Turn& one) { return one.number == turn.number; });
  say_error(error);
  if (std::exchange(model_new_, false)) {
    setup_.model = model_before_;
    say(dim(look_, "the model is again what it was"));
  }
  screen_.write("\n");
  if (editor_.text().empty() && !pending_) editor_.set(std::move(text));
}

void Chat::steer(std::string text) {
  if (turns_.empty()) return send(std::move(text));
  StartRequest request{.agent = setup_.path,
                       .input = text,
                       .options = {.session = setup_.session, .on_busy = OnBusy::steer}};
  errand([this, text = std::move(text), request = std::move(request)]() mutable -> Errands::Then {
    Result<RunHandle> handle = setup_.host->start(std::move(request));
    return [this, text = std::move(text), handle = std::move(handle)]() mutable {
      steered(text, std::move(handle));
    };
  });
}

void Chat::steered(const std::string& text, Result<RunHandle> handle) {
  if (!handle) return say_error(handle.error());
  bool known = has(handle->id()) || std::ranges::find(ended_, handle->id()) != ended_.end();
  if (known) return say(dim(look_, fmt::format("{} {}", unicode() ? "↳" : "->", one_line(text))));
  // The run had ended: it is a turn of its own.
  started(new_turn(text).number, std::move(handle));
}

void Chat::adopt(std::vector<std::string> runs) {
  for (std::string& run : runs) {
    errand([this, run = std::move(run)]() -> Errands::Then {
      Result<RunRow> row = find_run_in(setup_.home, run);
      Result<RunHandle> handle = setup_.host->attach(run);
      return [this, row = std::move(row), handle = std::move(handle)]() mutable {
        if (!handle) return say_error(handle.error());
        started(new_turn(row ? row->task : "").number, std::move(handle));
      };
    });
  }
}

void Chat::show(Turn& turn) {
  if (std::exchange(turn.shown, true)) return;
  turn.began = Clock::now();
  echo(turn.text, turn.images.size());
}

bool Chat::listen(Turn& turn) {
  int fd = turn.handle->fd();
  for (std::size_t i = 0; i < kEventsAtOnce; ++i) {
    if (fd >= 0 && !readable(fd)) return false;
    std::optional<Event> event = turn.handle->next_event(std::chrono::milliseconds(0));
    if (!event) return fd >= 0 && on_nothing(turn);
    turn.stills = 0;
    on_event(turn, *event);
    if (event->kind == Event::Kind::ended) {
      on_ended(turn, event->body);
      return true;
    }
  }
  return false;
}

void Chat::on_event(Turn& turn, const Event& event) {
  screen_.write(turn.view.on(event));
  if (event.kind == Event::Kind::state) return on_state(turn, event.body.text("state"));
  if (turn.cancelled) return;
  if (event.kind == Event::Kind::delta) turn.doing = "writing";
  if (std::string doing = doing_text(event); !doing.empty()) turn.doing = std::move(doing);
  const Json* note = event.body.find("compact");
  if (note && event.kind == Event::Kind::step && event.intent) {
    say(dim(look_, compact_text(*note)));
  }
}

void Chat::on_state(Turn& turn, const std::string& state) {
  turn.state = state;
  if (state == "working") {
    turn.told = false;
    if (pending_ && pending_->turn == turn.number) asked_enough();
  }
  if (state == "waiting_ask" || state == "in_doubt") look(turn);
}

// It stands still, or its engine has stopped: then this is said again at once.
bool Chat::on_nothing(Turn& turn) {
  if (++turn.stills >= kStillsMax) {
    Result<Answer> result = turn.handle->wait();
    if (!result) say_error(result.error());
    return true;
  }
  if (cannot_go_on(turn.state)) {
    explain(turn);
  } else if (turn.state != "working") {
    look(turn);
  }
  return false;
}

void Chat::explain(Turn& turn) {
  if (std::exchange(turn.told, true)) return;
  Result<Answer> result = turn.handle->wait();
  if (!result) say_error(result.error());
  turn.doing = state_text(turn.state, "");
  say(dim(look_, "this conversation waits for it; /cancel gives it up, /trace shows it"));
}

void Chat::on_ended(Turn& turn, const Json& body) {
  ended_.push_back(turn.handle->id());
  if (ended_.size() > limits::kChatErrandsMax) ended_.pop_front();
  if (pending_ && pending_->turn == turn.number) asked_enough();
  std::string outcome = body.text("outcome");
  if (outcome != to_string(Outcome::answered)) {
    const Json* error = body.find("error");
    std::string why = error ? error->text("message") : "";
    std::string word = state_text("ended", outcome);
    word = outcome == "cancelled" ? yellow(look_, word) : red(look_, word);
    say(word + (why.empty() ? "" : ": " + one_line(why)));
  }
  if (setup_.dev) {
    // The check of the replay comes with the result.
    Result<Answer> result = turn.handle->wait();
    if (!result && result.error().kind == ErrorKind::diverged) say_error(result.error());
  }
  auto lasted = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - turn.began);
  const Totals& sum = turn.view.totals();
  std::vector<std::string> facts = {duration(lasted.count())};
  if (counted(sum.usage)) facts.push_back(tokens_text(sum.usage));
  facts.push_back(cost_text(sum.usage));
  say("  " + dim(look_, dotted(look_, facts)) + "\n\n");
  const Json* followers = body.find("followed_by");
  if (!followers || !followers->array()) return;
  std::vector<std::string> runs;
  for (const Json& run : *followers->array()) {
    if (run.string()) runs.push_back(*run.string());
  }
  adopt(std::move(runs));
}

void Chat::cancel(Turn& turn) {
  turn.cancelled = true;
  turn.doing = "stopping";
  if (!turn.handle) return;  // once it has begun
  errand([this, run = turn.handle->id()]() -> Errands::Then {
    Result<void> done = setup_.host->cancel(run, "Ctrl-C");
    return [this, done = std::move(done)] {
      // Gone already: it has ended by itself.
      if (!done && done.error().kind != ErrorKind::not_found) say_error(done.error());
    };
  });
}

Result<std::vector<AskView>> Chat::asks_of(const std::string& run) const {
  Result<std::vector<Ask>> open = setup_.host->asks();
  if (!open) return fail(std::move(open.error()));
  std::erase_if(*open, [&](const Ask& ask) { return ask.run != run; });
  std::vector<AskView> out;
  Result<std::unique_ptr<Store>> store = read_home(setup_.home);
  std::vector<AskView> known;
  if (store && *store) known = list_asks(**store, Tenant()).value_or(std::vector<AskView>());
  for (Ask& ask : *open) {
    auto found = std::ranges::find_if(known, [&](const AskView& v) { return v.ask.id == ask.id; });
    if (found != known.end()) {
      out.push_back(std::move(*found));
    } else {
      out.push_back({.ask = std::move(ask)});
    }
  }
  return out;
}

// What the run waits for.
void Chat::look(Turn& turn) {
  errand([this, number = turn.number, run = turn.handle->id()]() -> Errands::Then {
    Result<std::vector<AskView>> asks = asks_of(run);
    std::vector<DoubtView> doubts;
    if (asks && asks->empty()) doubts = doubts_of(setup_.home, run);
    Result<RunRow> row = find_run_in(setup_.home, run);
    return [this, number, asks = std::move(asks), doubts = std::move(doubts),
            state = row ? row->state : ""]() mutable {
      Turn* turn = turn_of(number);
      if (turn && turn->state.empty()) turn->state = state;  // of one that was taken up
      looked(number, std::move(asks), std::move(doubts));
    };
  });
}

void Chat::looked(std::uint64_t number, Result<std::vector<AskView>> asks,
                  std::vector<DoubtView> doubts) {
  Turn* turn = turn_of(number);
  if (!turn || turn->cancelled || pending_) return;
  if (!asks) return say_error(asks.error());
  for (const AskView& view : *asks) {
    if (!turn->answered.contains(view.ask.id)) return ask(number, view);
  }
  if (cannot_go_on(turn->state)) explain(*turn);
  if (doubts.empty() || std::exchange(turn->told, true)) return;
  turn->doing = "in doubt";
  say(yellow(look_, "in doubt:") + " nobody knows whether this happened\n" +
      doubts_text(look_, doubts, setup_.home_option));
}

void Chat::ask(std::uint64_t number, const AskView& view) {
  std::string text = fmt::format("  {} {}\n", yellow(look_, "?"), visible(view.ask.question));
  if (!view.tool.empty()) {
    text += fmt::format("    {}  {}\n", bold(look_, one_line(view.tool)),
                        arguments_line(view.arguments));
  }
  if (!view.ask.schema.is_null()) {
    std::string expected = expected_of(view.ask.schema);
    if (!expected.empty()) text += "    " + dim(look_, expected) + "\n";
  }
  say(text);
  pending_ = Pending{.turn = number, .view = view, .draft = editor_.take()};
}

// The prompt is that of messages again, with what was being typed.
void Chat::asked_enough() {
  editor_.set(std::move(pending_->draft));
  pending_.reset();
}

void Chat::answer(const std::string& line) {
  const AskView& view = pending_->view;
  Decision decision{.allowed = true, .who = setup_.who};
  if (view.ask.schema.is_null()) {
    std::optional<bool> yes = approval_from(line);
    if (!yes) return say(dim(look_, "expected y or n; /cancel stops the turn"));
    decision.allowed = *yes;
  } else {
    if (trim(line).empty()) return;
    Result<Json> value = answer_from(view.ask.schema, line);
    if (!value) return say_error(value.error());
    decision.answer = std::move(*value);
  }
  std::uint64_t number = pending_->turn;
  Turn* turn = turn_of(number);
  std::string id = view.ask.id;
  if (turn) turn->answered.insert(id);
  asked_enough();
  errand([this, number, id, decision = std::move(decision)]() mutable -> Errands::Then {
    Result<void> done = setup_.host->answer(id, std::move(decision));
    return [this, number, id, done = std::move(done)] {
      Turn* turn = turn_of(number);
      if (!done) {
        say_error(done.error());
        if (turn) turn->answered.erase(id);
      }
      if (turn && turn->handle && turn->state == "waiting_ask") look(*turn);
    };
  });
}

}  // namespace ragent::cli
