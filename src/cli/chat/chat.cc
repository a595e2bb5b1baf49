#include <cli/chat/chat.h>

#include <cli/home.h>

#include <algorithm>
#include <fmt/core.h>

namespace ragent::cli {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kFrame{100};        // of what turns while a turn works
constexpr milliseconds kEscapeWait{50};    // then an Esc was an Esc
constexpr milliseconds kPatience{60'000};
constexpr std::size_t kInputRowsMax = 10;
constexpr std::size_t kQueuedShown = 3;
constexpr std::size_t kLowWindow = 8;  // rows; in a lower one only what must be is shown

std::int64_t seconds_since(std::chrono::steady_clock::time_point begin) {
  auto lasted = std::chrono::steady_clock::now() - begin;
  return std::chrono::duration_cast<std::chrono::seconds>(lasted).count();
}

}  // namespace

Chat::Chat(ChatSetup setup, WindowSize size)
    : setup_(std::move(setup)),
      screen_(size),
      look_(setup_.look),
      history_(setup_.home + "/chat_history") {
  look_.width = screen_.width();
  if (setup_.dev) dev_.emplace(setup_.path, setup_.agent);
  for (std::string& entry : history_.load()) editor_.remember(std::move(entry));
}

std::string Chat::begin() {
  bool resumed = !setup_.session.empty();
  if (!resumed) setup_.session = new_session_name();
  std::vector<std::string> facts = {setup_.agent.profile.name, setup_.model_shown,
                                    "session " + setup_.session, "/help"};
  say(dim(look_, dotted(look_, facts)));
  if (setup_.dev && setup_.host->owner() != ::getpid()) {
    say(yellow(look_, fmt::format("process {} owns this home: replays are checked as it was "
                                  "started to",
                                  setup_.host->owner())));
  }
  screen_.write("\n");
  if (resumed) join_session(setup_.session);
  return paint();
}

std::string Chat::paint() {
  screen_.block(block());
  return screen_.paint();
}

std::string Chat::redraw() {
  screen_.forget();
  return paint();
}

std::string Chat::prompt() const {
  if (pending_) return pending_->view.ask.schema.is_null() ? "[y/N] " : "answer: ";
  return unicode() ? "› " : "> ";
}

std::vector<std::string> Chat::status_rows() const {
  std::vector<std::string> rows;
  std::string_view dot = unicode() ? " · " : " - ";
  if (!turns_.empty() && !pending_) {
    const Turn& turn = turns_.front();
    auto frame = static_cast<std::size_t>((Clock::now() - turn.began) / kFrame);
    std::string_view mark = spinner(look_, frame);
    if (turn.told) mark = unicode() ? "•" : "*";
    std::string row = fmt::format("{} {}{}{} s", mark, turn.doing, dot, seconds_since(turn.began));
    if (!turn.cancelled) row += fmt::format("{}Ctrl-C stops", dot);
    if (std::string why = stopped_owner(*setup_.host); !why.empty()) row = std::move(why);
    rows.push_back(dim(look_, fit(look_, row, screen_.width())));
  }
  if (screen_.height() < kLowWindow) return rows;
  for (std::size_t i = 1; i < turns_.size() && i <= kQueuedShown; ++i) {
    bool more = i == kQueuedShown && turns_.size() > i + 1;
    std::string text =
        more ? fmt::format("and {} more", turns_.size() - i) : one_line(turns_[i].text);
    rows.push_back(dim(look_, fit(look_, "  queued: " + text, screen_.width())));
  }
  if (!images_.empty()) {
    std::vector<std::string> names;
    for (const Image& image : images_) names.push_back(image.name);
    std::string row = "  with the next message: " + join(names, ", ");
    rows.push_back(dim(look_, fit(look_, row, screen_.width())));
  }
  return rows;
}

Screen::Block Chat::block() {
  std::vector<std::string> above = status_rows();
  std::size_t room = screen_.height() > above.size() + 2 ? screen_.height() - above.size() - 2 : 1;
  InputRows input = input_rows(editor_, prompt(), screen_.width(), std::min(kInputRowsMax, room));
  Screen::Block out{.rows = std::move(above)};
  out.cursor_row = out.rows.size() + input.cursor_row;
  out.cursor_column = input.cursor_column;
  out.rows.insert(out.rows.end(), input.rows.begin(), input.rows.end());
  return out;
}

void Chat::say(std::string_view text) {
  if (!turns_.empty()) turns_.front().view.break_line();
  if (screen_.mid_line()) screen_.write("\n");
  screen_.write(text);
  if (screen_.mid_line()) screen_.write("\n");
}

void Chat::say_error(const Error& error) { say(error_text(look_, error)); }

void Chat::echo(const std::string& text, std::size_t images) {
  std::string out;
  for (std::string_view line : split(text, '\n')) {
    std::string mark = out.empty() ? (unicode() ? "› " : "> ") : "  ";
    out += dim(look_, mark) + bold(look_, visible(line)) + "\n";
  }
  if (images > 0) {
    out += "  " + dim(look_, plural(static_cast<std::int64_t>(images), "image")) + "\n";
  }
  say(out);
}

void Chat::remember(const std::string& entry) {
  editor_.remember(entry);
  if (!history_works_) return;
  Result<void> kept = history_.add(entry);
  if (kept) return;
  history_works_ = false;
  say(dim(look_, "what you type is not kept: " + visible(kept.error().message)));
}

std::string Chat::on_bytes(std::string_view bytes) {
  for (const Key& key : keys_.feed(bytes)) on_key(key);
  if (keys_.pending()) escape_at_ = Clock::now();
  return paint();
}

std::string Chat::noise(std::string_view text) {
  say(dim(look_, visible(trim(text))));
  return paint();
}

std::string Chat::interrupt() {
  on_interrupt();
  return paint();
}

std::string Chat::resize(WindowSize size) {
  screen_.resize(size);
  look_.width = screen_.width();
  for (Turn& turn : turns_) turn.view.resize(look_.width);
  return paint();
}

void Chat::on_key(const Key& key) {
  if (over_) return;
  Editor::Does does = editor_.on(key);
  if (does != Editor::Does::interrupt) leaving_ = false;
  bool told = std::exchange(full_, does == Editor::Does::full);
  switch (does) {
    case Editor::Does::nothing:
    case Editor::Does::changed: return;
    case Editor::Does::full:
      if (told) return;
      return say(yellow(look_, fmt::format("an input has at most {} bytes: the rest was left out",
                                           limits::kInputBytesMax)));
    case Editor::Does::submit: return submit();
    case Editor::Does::complete: return editor_.set(completed(editor_.text()));
    case Editor::Does::interrupt: return on_interrupt();
    case Editor::Does::leave: over_ = true; return;
    case Editor::Does::suspend: suspend_ = true; return;
    case Editor::Does::redraw: screen_.clear(); return;
  }
}

void Chat::on_interrupt() {
  if (!turns_.empty()) {
    Turn& turn = turns_.front();
    if (pending_) asked_enough();
    if (!turn.cancelled) return cancel(turn);
    return say(dim(look_, "it stops at its next step; Ctrl-D leaves and keeps it"));
  }
  if (!editor_.text().empty()) {
    editor_.take();
    return;
  }
  if (std::exchange(leaving_, true)) {
    over_ = true;
  } else {
    say(dim(look_, "Ctrl-C once more leaves, and so does Ctrl-D"));
  }
}

void Chat::submit() {
  std::string line = editor_.take();
  bool empty = trim(line).empty();
  if (pending_) {
    Result<std::optional<Slash>> slash = parse_slash(line);
    if (!slash || !*slash) return answer(line);
    return command(**slash);
  }
  if (empty) return;
  Result<std::optional<Slash>> slash = parse_slash(line);
  if (!slash) {
    say_error(slash.error());
    return editor_.set(std::move(line));
  }
  remember(line);
  if (*slash) return command(**slash);
  message(message_of(line));
}

std::vector<int> Chat::waits() const {
  std::vector<int> out = {errands_.fd()};
  if (!turns_.empty() && turns_.front().handle) {
    if (int fd = turns_.front().handle->fd(); fd >= 0) out.push_back(fd);
  }
  return out;
}

milliseconds Chat::patience() const {
  if (keys_.pending()) return kEscapeWait;
  return turns_.empty() && !errands_.busy() ? kPatience : kFrame;
}

std::string Chat::on_news() {
  if (keys_.pending() && Clock::now() - escape_at_ >= kEscapeWait) {
    for (const Key& key : keys_.flush()) on_key(key);
  }
  errands_.deliver();
  while (!turns_.empty() && turns_.front().handle) {
    show(turns_.front());
    if (!listen(turns_.front())) break;
    turns_.pop_front();
  }
  if (!turns_.empty()) show(turns_.front());
  return paint();
}

std::string Chat::end() {
  std::string out = screen_.wiped();
  std::string again = fmt::format("ragent chat {} --session {}{}", one_line(setup_.path),
                                  setup_.session, setup_.home_option);
  auto begun = [](const Turn& turn) { return turn.handle.has_value(); };
  auto kept = std::ranges::count_if(turns_, begun);
  std::string text;
  if (kept > 0) {
    text = fmt::format("{} kept: `{}` carries on\n", kept == 1 ? "the turn is" : "the turns are",
                       again);
  } else if (!last_run_.empty()) {
    text = fmt::format("`{}` goes on with this conversation\n", again);
  }
  for (const Turn& turn : turns_) {
    if (begun(turn)) continue;
    text += fmt::format("it is not sure that this was kept: {}\n", one_line(turn.text));
  }
  if (std::cmp_less(kept, turns_.size())) text += "it is waited for; Ctrl-C leaves at once\n";
  screen_.write(dim(look_, text));
  return out + screen_.wiped();
}

}  // namespace ragent::cli
