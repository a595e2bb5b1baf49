// Chat: a conversation as it goes on: what is typed, what the runs of its session tell, what stands
// on the screen. It answers the bytes for the terminal and never touches one. Owned by its command;
// one thread (what blocks goes to its errands).
//
//   Chat chat(std::move(setup), terminal.size());
//   terminal.write(chat.begin());
//   while (!chat.over()) {
//     poll(input and chat.waits(), chat.patience());
//     terminal.write(chat.on_bytes(typed) + chat.on_news());
//   }
//   terminal.write(chat.end());
//
// A message becomes a run of the session at once, also while another works: then the engine queues
// and keeps it. Only the turn at work is shown.
#pragma once

#include <api/host.h>
#include <cli/chat/dev_agent.h>
#include <cli/chat/editor.h>
#include <cli/chat/errands.h>
#include <cli/chat/input_history.h>
#include <cli/chat/screen.h>
#include <cli/chat/slash.h>
#include <cli/render.h>

#include <deque>
#include <set>

namespace ragent::cli {

struct ChatSetup {
  Host* host = nullptr;  // outlives the chat
  std::string path = {};  // of the agent
  Agent agent = {};
  std::string session = {};  // empty: a new one
  std::string model = {};  // empty: the agent's own …
  std::string model_shown = {};  // … which is this one
  bool dev = false;
  Look look = {};
  std::string home = {};  // its folder
  std::string home_option = {};  // " --home DIR" where it is not the usual one
  std::string who = {};
};

class Chat {
 public:
  Chat(ChatSetup setup, WindowSize size);
  Chat(const Chat&) = delete;
  Chat& operator=(const Chat&) = delete;

  std::string begin();
  std::string on_bytes(std::string_view bytes);
  std::string on_news();  // what the runs and the errands tell
  std::string interrupt();  // Ctrl-C, also by a signal
  std::string resize(WindowSize size);
  std::string noise(std::string_view text);  // somebody wrote to stderr
  std::string wiped() { return screen_.wiped(); }  // before it is suspended
  std::string redraw();  // after it was suspended
  std::string end();

  std::vector<int> waits() const;  // readable: on_news() has something to do
  std::chrono::milliseconds patience() const;  // … and after this long in any case
  bool suspends() { return std::exchange(suspend_, false); }
  bool over() const { return over_; }

 private:
  using Clock = std::chrono::steady_clock;
  struct Image {
    std::string name = {};
    Media media = {};
  };
  struct Turn {
    explicit Turn(Look look) : view(look) {}
    std::uint64_t number = 0;
    std::string text = {};  // as it was said
    std::vector<Image> images = {};
    std::optional<RunHandle> handle = {};  // none: it is being started
    RunText view;
    std::string state = {};
    std::string doing = "starting";
    bool shown = false;  // what was said stands on the screen
    bool cancelled = false;
    bool told = false;  // why it stands still
    int stills = 0;
    Clock::time_point began = {};
    std::set<std::string> answered = {};
  };
  struct Pending {  // an ask that the person answers now
    std::uint64_t turn = 0;
    AskView view = {};
    std::string draft = {};  // what was being typed
  };

  // chat.cc: the screen and the keys
  std::string paint();
  Screen::Block block();
  std::vector<std::string> status_rows() const;
  std::string prompt() const;
  void on_key(const Key& key);
  void submit();
  void on_interrupt();
  void say(std::string_view text);  // lines of their own among what streams
  void say_error(const Error& error);
  void echo(const std::string& text, std::size_t images);
  void remember(const std::string& entry);
  bool unicode() const { return setup_.look.unicode; }

  // chat_turns.cc: runs
  Turn& new_turn(std::string text);
  void send(std::string text);
  void steer(std::string text);
  void started(std::uint64_t number, Result<RunHandle> handle);
  void steered(const std::string& text, Result<RunHandle> handle);
  void not_started(Turn& turn, const Error& error);
  void reloaded(const DevAgent::Reload& reload, Agent agent);
  void message(std::string text);  // as on_busy_ says
  void release(bool done);  // what was held, once nothing holds it
  void adopt(std::vector<std::string> runs);  // unfinished ones, or what became of steering
  bool listen(Turn& turn);  // true: it has ended
  void on_event(Turn& turn, const Event& event);
  void on_state(Turn& turn, const std::string& state);
  bool on_nothing(Turn& turn);  // readable, without an event; true: it has ended
  void explain(Turn& turn);  // why it cannot go on
  void on_ended(Turn& turn, const Json& body);
  void show(Turn& turn);
  void cancel(Turn& turn);
  void look(Turn& turn);
  void looked(std::uint64_t number, Result<std::vector<AskView>> asks,
              std::vector<DoubtView> doubts);
  void ask(std::uint64_t number, const AskView& view);
  void answer(const std::string& line);
  void asked_enough();
  Turn* turn_of(std::uint64_t number);
  bool has(const std::string& run) const;  // a turn of it
  bool errand(Errands::Errand job);  // false: too many wait, and that was said
  Result<std::vector<AskView>> asks_of(const std::string& run) const;  // on the errands' thread

  // chat_slash.cc: commands
  void command(const Slash& slash);
  bool refused();  // as a turn is at work, which was said
  void new_session(const std::string& name);
  void resume(const std::string& name);
  void join_session(const std::string& name);
  void show_sessions();
  void show_turns(const std::vector<ragent::Turn>& turns);
  void show_asks();
  void show_tools();
  void show_trace(const std::string& run);
  void set_model(const std::string& name);
  void set_busy(const std::string& word);
  void attach_image(std::string file);
  void image_attached(const std::string& file, Result<Media> image);
  void cancel_turns(const std::string& which);

  ChatSetup setup_;
  Screen screen_;
  Look look_;  // of what is written to the screen
  KeyReader keys_ = {};
  Editor editor_ = {};
  InputHistory history_;
  bool history_works_ = true;
  std::optional<DevAgent> dev_ = {};  // belongs to the errands' thread
  std::deque<Turn> turns_ = {};  // the first is at work
  std::uint64_t last_number_ = 0;
  std::string last_run_ = {};
  std::deque<std::string> ended_ = {};  // runs that a steering errand may still name
  std::optional<Pending> pending_ = {};
  std::vector<Image> images_ = {};  // for the next message
  std::size_t holding_ = 0;  // errands that the next message depends on …
  std::vector<std::string> held_ = {};  // … and what was said meanwhile
  std::string model_before_ = {};  // while nobody knows whether the new one works
  bool model_new_ = false;
  OnBusy on_busy_ = OnBusy::enqueue;
  bool full_ = false;  // the input: told once
  bool leaving_ = false;  // Ctrl-C where nothing works: once more leaves
  bool suspend_ = false;
  bool over_ = false;
  Clock::time_point escape_at_ = {};
  Errands errands_ = {};  // last: its thread uses what stands above
};

// A name for a conversation: when it began, and a little chance.
std::string new_session_name();

}  // namespace ragent::cli
