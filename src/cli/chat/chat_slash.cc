// The slash commands of a chat.
#include <cli/chat/chat.h>

#include <base/written_json.h>
#include <cli/home.h>
#include <cli/image.h>
#include <profile/names.h>

#include <algorithm>
#include <cstdlib>
#include <ctime>
#include <fmt/core.h>
#include <random>

namespace ragent::cli {
namespace {

constexpr std::size_t kSessionsShown = 20;

std::int64_t now_ms() {
  auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
}

std::string text_of(const std::string& message) {
  Result<Json> json = parse_written_json(message);
  Result<Message> read = json ? message_from_json(*json) : fail(json.error());
  return read ? read->text() : "";
}

// As shells and file managers write the names of files.
std::string file_named(std::string name) {
  if (name.size() > 1 && (name[0] == '\'' || name[0] == '"') && name.back() == name[0]) {
    name = name.substr(1, name.size() - 2);
  }
  const char* home = std::getenv("HOME");
  if (home && name.starts_with("~/")) name = home + name.substr(1);
  return name;
}

Result<std::unique_ptr<Store>> open_store(const std::string& home) {
  Result<std::unique_ptr<Store>> store = read_home(home);
  if (store && !*store) return fail(ErrorKind::not_found, "nothing ever ran in " + home);
  return store;
}

// Newest first; also those whose first turn is not over.
Result<std::vector<SessionRow>> sessions_of(Store& store) {
  Result<std::vector<SessionRow>> rows = store.tenants().sessions(Tenant());
  Result<std::vector<RunRow>> runs = list_runs(store, Tenant());
  if (!rows) return rows;
  if (!runs) return fail(runs.error());
  for (const RunRow& run : *runs) {
    bool known =
        std::ranges::any_of(*rows, [&](const SessionRow& row) { return row.id == run.session; });
    if (!known) rows->push_back({.id = run.session, .changed_at = run.started_at});
  }
  std::ranges::sort(*rows, std::greater(),
                    [](const SessionRow& row) { return std::pair(row.changed_at, row.id); });
  return rows;
}

Result<std::string> session_named(const std::string& home, const std::string& name) {
  Result<std::unique_ptr<Store>> store = open_store(home);
  if (!store) return fail(store.error());
  Result<std::vector<SessionRow>> rows = sessions_of(**store);
  if (!rows) return fail(rows.error());
  std::vector<std::string> names;
  std::vector<std::string> begin_so;
  for (const SessionRow& row : *rows) {
    if (row.id == name) return name;
    names.push_back(row.id);
    if (row.id.starts_with(name)) begin_so.push_back(row.id);
  }
  if (begin_so.size() == 1) return begin_so.front();
  if (begin_so.size() > 1) {
    begin_so.resize(std::min(begin_so.size(), kSessionsShown));
    return fail(ErrorKind::conflict, fmt::format("`{}` could be {}", name, join(begin_so, " or ")));
  }
  std::optional<std::string> near = nearest(name, names);
  return fail(ErrorKind::not_found,
              fmt::format("there is no conversation `{}`{}; /sessions lists them",
                          printable(name, limits::kNameBytesMax),
                          near ? "; did you mean `" + *near + "`?" : ""));
}

}  // namespace

std::string new_session_name() {
  static constexpr std::string_view kLetters = "0123456789abcdefghjkmnpqrstvwxyz";
  std::time_t now = std::time(nullptr);
  std::tm local = {};
  ::localtime_r(&now, &local);
  std::string out(20, '\0');
  out.resize(std::strftime(out.data(), out.size(), "%Y%m%d-%H%M-", &local));
  std::random_device random;
  for (int i = 0; i < 4; ++i) out += kLetters[random() % kLetters.size()];
  return out;
}

void Chat::command(const Slash& slash) {
  const std::string& argument = slash.argument;
  switch (slash.name) {
    case Slash::Name::help: return say(slash_help(look_));
    case Slash::Name::fresh: return new_session(argument);
    case Slash::Name::sessions: return show_sessions();
    case Slash::Name::resume: return resume(argument);
    case Slash::Name::model: return set_model(argument);
    case Slash::Name::image: return attach_image(file_named(argument));
    case Slash::Name::steer: return steer(argument);
    case Slash::Name::busy: return set_busy(argument);
    case Slash::Name::cancel: return cancel_turns(argument);
    case Slash::Name::asks: return show_asks();
    case Slash::Name::tools: return show_tools();
    case Slash::Name::trace: return show_trace(argument);
    case Slash::Name::quit: over_ = true; return;
  }
}

bool Chat::refused() {
  if (turns_.empty()) return false;
  say_error({.kind = ErrorKind::conflict,
             .message = "a turn is at work here: wait for it, or /cancel it first"});
  return true;
}

void Chat::new_session(const std::string& name) {
  if (!name.empty() && !is_session_name(name)) {
    return say_error({.kind = ErrorKind::invalid,
                      .message = fmt::format("expected {}, got `{}`", kSessionExpected,
                                             printable(name, limits::kNameBytesMax))});
  }
  if (refused()) return;
  join_session(name.empty() ? new_session_name() : name);
  say(dim(look_, "session " + setup_.session));
}

void Chat::resume(const std::string& name) {
  if (refused()) return;
  ++holding_;
  bool going = errand([this, name]() -> Errands::Then {
    Result<std::string> found = session_named(setup_.home, name);
    return [this, found = std::move(found)] {
      if (found) {
        join_session(*found);
        say(dim(look_, "session " + setup_.session));
      } else {
        say_error(found.error());
      }
      release(found.has_value());
    };
  });
  if (!going) release(false);
}

void Chat::join_session(const std::string& name) {
  setup_.session = name;
  last_run_.clear();
  ++holding_;  // what is said next comes below what was said before
  bool going = errand([this, name]() -> Errands::Then {
    Result<std::unique_ptr<Store>> store = read_home(setup_.home);
    if (!store) {
      return [this, error = store.error()] {
        say_error(error);
        release(true);
      };
    }
    if (!*store) return [this] { release(true); };
    std::vector<ragent::Turn> turns;
    for (const SessionRow& row :
         (*store)->tenants().sessions(Tenant()).value_or(std::vector<SessionRow>())) {
      if (row.id != name || row.turns == 0) continue;
      std::uint32_t shown = limits::kChatTurnsShown;
      std::uint32_t from = row.turns > shown ? row.turns - shown + 1 : 1;
      turns = (*store)->tenants().turns(Tenant(), name, from).value_or(std::vector<ragent::Turn>());
    }
    std::vector<std::string> open;  // the oldest first
    for (const RunRow& run : list_runs(**store, Tenant()).value_or(std::vector<RunRow>())) {
      if (run.session == name && run.state != "ended") open.insert(open.begin(), run.uid);
    }
    return [this, name, turns = std::move(turns), open = std::move(open)]() mutable {
      show_turns(turns);
      std::erase_if(open, [&](const std::string& run) { return has(run); });
      adopt(std::move(open));
      release(true);
    };
  });
  if (!going) release(true);
}

void Chat::show_turns(const std::vector<ragent::Turn>& turns) {
  if (!turns.empty() && turns.front().number > 1) {
    say(dim(look_, fmt::format("({} before)", plural(turns.front().number - 1, "turn"))));
  }
  for (const ragent::Turn& turn : turns) {
    echo(text_of(turn.input), 0);
    say(visible(text_of(turn.answer)));
    last_run_ = turn.run;
    screen_.write("\n");
  }
}

void Chat::show_sessions() {
  errand([this]() -> Errands::Then {
    Result<std::unique_ptr<Store>> store = open_store(setup_.home);
    Result<std::vector<SessionRow>> rows =
        store ? sessions_of(**store) : Result<std::vector<SessionRow>>(fail(store.error()));
    Used used;
    if (rows) used = list_used(**store, Tenant()).value_or(Used());
    std::vector<std::string> head = {"session", "turns", "last", "said"};
    std::vector<std::string> costs;
    std::vector<std::vector<std::string>> cells;
    std::size_t all = rows ? rows->size() : 0;
    for (std::size_t i = 0; i < all && i < kSessionsShown; ++i) {
      const SessionRow& row = (*rows)[i];
      auto turns = (*store)->tenants().turns(Tenant(), row.id, row.turns);
      std::string last = turns && !turns->empty() ? text_of(turns->back().input) : "";
      cells.push_back({row.id, count(row.turns), age(now_ms() - row.changed_at), one_line(last)});
      costs.push_back(cost_text(used.sessions[row.id], true));
    }
    put_costs(head, cells, costs);
    return [this, all, head = std::move(head), cells = std::move(cells),
            error = rows ? std::nullopt : std::optional(rows.error())] {
      if (error) return say_error(*error);
      if (cells.empty()) return say("There is no conversation yet.");
      std::string more =
          all > cells.size() ? fmt::format("  and {} more\n", all - cells.size()) : "";
      say(table(look_, "  ", head, cells) + dim(look_, more));
    };
  });
}

void Chat::show_asks() {
  errand([this]() -> Errands::Then {
    Result<std::unique_ptr<Store>> store = open_store(setup_.home);
    Result<std::vector<AskView>> asks =
        store ? list_asks(**store, Tenant()) : Result<std::vector<AskView>>(fail(store.error()));
    return [this, asks = std::move(asks)] {
      if (!asks) return say_error(asks.error());
      say(asks->empty() ? "Nothing waits for you." : asks_text(look_, *asks, setup_.home_option));
    };
  });
}

void Chat::show_tools() {
  if (setup_.agent.tools.empty()) return say("The agent has no tools.");
  std::vector<std::vector<std::string>> rows;
  for (const Tool& tool : setup_.agent.tools) {
    const ToolSpec& spec = tool.spec;
    rows.push_back({spec.name, std::string(to_string(spec.effect)), one_line(spec.description)});
  }
  say(table(look_, "  ", {"tool", "effect", "what it does"}, rows));
}

void Chat::show_trace(const std::string& run) {
  std::string wanted = run.empty() ? last_run_ : run;
  if (wanted.empty()) return say("No turn has begun here yet.");
  errand([this, wanted]() -> Errands::Then {
    Result<std::unique_ptr<Store>> store = open_store(setup_.home);
    Result<RunView> view = fail(ErrorKind::not_found, "");
    if (!store) {
      view = fail(store.error());
    } else if (Result<RunRow> row = find_run(**store, Tenant(), wanted); row) {
      view = view_run(**store, Tenant(), row->uid);
    } else {
      view = fail(row.error());
    }
    return [this, view = std::move(view)] {
      if (!view) return say_error(view.error());
      say(trace_text(look_, *view));
    };
  });
}

void Chat::set_model(const std::string& name) {
  if (name.empty()) {
    return say("the model is " +
               one_line(setup_.model.empty() ? setup_.model_shown : setup_.model));
  }
  if (!std::exchange(model_new_, true)) model_before_ = setup_.model;
  setup_.model = name;
  say(dim(look_, "from the next message on: " + one_line(name)));
}

void Chat::set_busy(const std::string& word) {
  static constexpr std::string_view kWords[] = {"enqueue", "steer"};
  if (!word.empty()) {
    if (std::ranges::find(kWords, word) == std::end(kWords)) {
      std::optional<std::string> near = nearest(word, kWords);
      return say_error({.kind = ErrorKind::invalid,
                        .message = fmt::format("expected /busy steer or /busy enqueue, got `{}`{}",
                                               printable(word, limits::kNameBytesMax),
                                               near ? "; did you mean " + *near + "?" : "")});
    }
    on_busy_ = word == "steer" ? OnBusy::steer : OnBusy::enqueue;
  }
  say(dim(look_, on_busy_ == OnBusy::steer ? "a message is told to the turn at work"
                                           : "a message waits for the turn at work"));
}

void Chat::attach_image(std::string file) {
  if (images_.size() + holding_ >= limits::kChatImagesMax) {
    return say_error({.kind = ErrorKind::invalid,
                      .message = fmt::format("a message takes at most {} images: send these first",
                                             limits::kChatImagesMax)});
  }
  ++holding_;
  bool going = errand([this, file = std::move(file)]() -> Errands::Then {
    Result<Media> image = keep_image(*setup_.host, file);
    return [this, file, image = std::move(image)]() mutable {
      image_attached(file, std::move(image));
    };
  });
  if (!going) release(false);
}

void Chat::image_attached(const std::string& file, Result<Media> image) {
  if (image) {
    images_.push_back({.name = one_line(file), .media = std::move(*image)});
  } else {
    say_error(image.error());
  }
  release(image.has_value());
}

void Chat::cancel_turns(const std::string& which) {
  if (!which.empty() && which != "all") {
    return say_error({.kind = ErrorKind::invalid,
                      .message = "expected /cancel or /cancel all, got `" +
                                 printable(which, limits::kNameBytesMax) + "`"});
  }
  if (turns_.empty()) return say("No turn is at work.");
  if (pending_) asked_enough();
  for (Turn& turn : turns_) {
    if (!turn.cancelled) cancel(turn);
    if (which.empty()) return;
  }
}

}  // namespace ragent::cli
