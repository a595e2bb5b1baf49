// ragent chat: a conversation: in a terminal with an input line that is always there, else line by
// line.
#include <cli/chat/chat.h>
#include <cli/chat/terminal.h>
#include <cli/commands.h>
#include <cli/follow.h>
#include <cli/home.h>
#include <cli/weights.h>
#include <ragent/limits.h>

#include <array>
#include <cstdlib>
#include <fmt/core.h>
#include <poll.h>

namespace ragent::cli {
namespace {

constexpr std::chrono::minutes kFullDiskWait{10};  // who is there is told, and makes room
constexpr int kSignalBase = 128;  // of an exit code, as shells count

bool on_terminal() {
  const char* term = std::getenv("TERM");
  bool dumb = !term || !*term || std::string_view(term) == "dumb";
  return ::isatty(STDIN_FILENO) == 1 && ::isatty(STDOUT_FILENO) == 1 && !dumb;
}

// The agent that is named; of a session its last one; the only one there is.
Result<std::string> agent_of(const Args& args) {
  if (!args.agent.empty()) return find_agent(args.agent);
  if (!args.session.empty()) {
    Result<std::unique_ptr<Store>> store = read_home(home_of(args));
    if (!store) return fail(store.error());
    std::vector<RunRow> runs;
    if (*store) runs = list_runs(**store, Tenant()).value_or(std::vector<RunRow>());
    for (const RunRow& run : runs) {  // newest first
      if (run.session == args.session) return find_agent(run.agent);
    }
  }
  std::vector<std::string> names = agent_names();
  if (names.size() == 1) return find_agent(names.front());
  return fail(ErrorKind::invalid,
              names.empty()
                  ? "there is no agent in ./agents: `ragent new NAME` makes one"
                  : "which agent? in ./agents are " + join(names, ", ") + ": `ragent chat AGENT`");
}

void hear(Terminal& terminal, Chat& chat, int& ended_by) {
  Terminal::Heard heard = terminal.heard();
  if (heard.ended_by != 0) ended_by = heard.ended_by;
  if (heard.resumed) {
    terminal.resume();
    terminal.write(chat.redraw());
  }
  if (heard.resized || heard.resumed) terminal.write(chat.resize(terminal.size()));
  if (heard.interrupted) terminal.write(chat.interrupt());
  if (heard.suspended || chat.suspends()) {
    terminal.write(chat.wiped());
    terminal.suspend();
    terminal.write(chat.redraw());
    terminal.write(chat.resize(terminal.size()));
  }
}

int converse(Chat& chat, Terminal& terminal) {
  int ended_by = 0;
  bool gone = false;
  terminal.write(chat.begin());
  while (!chat.over() && ended_by == 0 && !gone) {
    std::vector<pollfd> fds;
    for (int fd : {terminal.input(), terminal.signals(), terminal.noise()}) {
      fds.push_back({.fd = fd, .events = POLLIN, .revents = 0});  // poll leaves out -1
    }
    for (int fd : chat.waits()) fds.push_back({.fd = fd, .events = POLLIN, .revents = 0});
    ::poll(fds.data(), fds.size(), static_cast<int>(chat.patience().count()));
    if (fds[0].revents != 0) {
      std::optional<std::string> typed = terminal.read();
      gone = !typed;
      if (typed) terminal.write(chat.on_bytes(*typed));
    }
    if (fds[2].revents != 0) terminal.write(chat.noise(terminal.read_noise()));
    hear(terminal, chat, ended_by);
    terminal.write(chat.on_news());
  }
  if (!gone) terminal.write(chat.end());
  return ended_by != 0 ? kSignalBase + ended_by : kExitDone;
}

int in_terminal(ChatSetup setup, const Console& console) {
  std::optional<Terminal> terminal(std::in_place);
  if (Result<void> ready = terminal->enter(); !ready) return console.report(ready.error());
  Chat chat(std::move(setup), terminal->size());
  int code = converse(chat, *terminal);
  // What the chat still asks of the home is waited for when it goes: signals end that.
  terminal.reset();
  return code;
}

// A line that ends in \ goes on in the next one. Nothing: the input is over.
std::optional<std::string> next_message(const Console& console) {
  std::string out;
  for (;;) {
    if (console.interactive) note(out.empty() ? "> " : "  ");
    std::optional<std::string> line = read_line();
    if (!line) return out.empty() ? std::nullopt : std::optional(std::move(out));
    out += input_text(*line);
    if (!out.ends_with('\\') || out.size() > limits::kInputBytesMax) return out;
    out.back() = '\n';
  }
}

bool parked(int code) {
  return code == kExitWaiting || code == kExitInDoubt || code == kExitStopped;
}

// Each line is a message, answered before the next is read. The exit code is that of the first turn
// that was not answered.
int by_lines(Host& host, ChatSetup setup, Args args, const Console& console) {
  catch_interrupts();
  if (setup.session.empty()) setup.session = new_session_name();
  args.session = setup.session;
  std::optional<DevAgent> dev;
  if (setup.dev) dev.emplace(setup.path, setup.agent);
  int first = kExitDone;
  while (interrupts() == 0) {
    std::optional<std::string> text = next_message(console);
    if (!text || interrupts() > 0) break;
    if (trim(*text).empty()) continue;
    StartRequest request{.agent = setup.path,
                         .input = std::move(*text),
                         .options = {.session = setup.session, .model = setup.model}};
    if (dev) {
      DevAgent::Reload reload = dev->reload();
      request.agent = reload.path;
      if (reload.error) console.report(*reload.error);
      if (!reload.changed.empty()) note("agent reloaded: " + join(reload.changed, ", ") + "\n");
    }
    Result<RunHandle> handle = host.start(std::move(request));
    int code = handle ? follow(host, *handle, args, console) : console.report(handle.error());
    if (first == kExitDone) first = code;
    if (parked(code)) break;  // what comes next would wait behind it
    print("\n");
    std::fflush(stdout);
  }
  note(dim(console.err, fmt::format("session {}", setup.session)) + "\n");
  return first;
}

}  // namespace

int chat_command(const Args& args, const Console& console) {
  Result<std::string> path = agent_of(args);
  if (!path) return console.report(path.error());
  Result<Agent> agent = load_agent(*path);
  if (!agent) return console.report(agent.error());
  EngineOptions options = engine_options(args);
  options.check_replay = args.dev;
  if (on_terminal()) options.full_disk_wait = kFullDiskWait;
  options.agents.push_back(*agent);
  std::string model = model_of(args, options, *agent);
  if (Result<void> here = bring_weights(model, console); !here) {
    return report_weights(here.error(), console);
  }
  Result<std::unique_ptr<Host>> host = open_home(std::move(options), args);
  if (!host) return report_home(host.error(), console);
  ChatSetup setup{.host = host->get(),
                  .path = std::move(*path),
                  .agent = std::move(*agent),
                  .session = args.session,
                  .model = args.model,
                  .model_shown = std::move(model),
                  .dev = args.dev,
                  .look = console.out,
                  .home = home_of(args),
                  .home_option = home_option(args),
                  .who = user_name()};
  if (on_terminal()) return in_terminal(std::move(setup), console);
  return by_lines(**host, std::move(setup), args, console);
}

}  // namespace ragent::cli
