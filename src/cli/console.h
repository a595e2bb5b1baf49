// Console: the terminal of one command. Owned by main(); main thread, but for Progress, whose own
// thread draws.
//
//   Console console;
//   Progress progress(console);
//   progress.say("loading local/default");   // drawn on stderr once it has lasted a second
//   progress.print(stdout, text);            // wipes what was drawn first
#pragma once

#include <cli/exit.h>
#include <cli/text.h>

#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <mutex>
#include <optional>
#include <thread>

namespace ragent::cli {

struct Console {
  Console();  // asks the environment: terminals, NO_COLOR, locale, width
  Look out = {};
  Look err = {};
  bool drawing = false;      // stderr is a terminal that can be overwritten
  bool interactive = false;  // somebody can be asked

  // "error: …" on stderr. The exit code to leave with.
  Exit report(const Error& error) const;
  // A line typed by the person; nothing at the end of input or on Ctrl-C.
  std::optional<std::string> ask(const std::string& prompt) const;
};

// A line of standard input without its end; nothing: there is no more, or Ctrl-C. What is longer
// than an input may be is cut just behind that, so that the engine still refuses it.
std::optional<std::string> read_line();
// All of standard input, `what` in errors. Error{invalid}: more than an input may have.
Result<std::string> read_input(std::string_view what);

// Text on stdout, and what is beside it on stderr. A full disk or a closed pipe shows at the end.
void print(std::string_view text);
void note(std::string_view text);
// Whether it was the reader of stdout who closed it, as `head` does.
bool reader_left();

// What goes on, on stderr, once it has lasted longer than a second; silent without a terminal.
class Progress {
 public:
  explicit Progress(const Console& console);
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  ~Progress();

  void say(std::string what);  // starts the clock; empty: nothing goes on
  void detail(std::string what);  // the same thing goes on: the clock as well
  void print(std::FILE* to, std::string_view text);

 private:
  void work();
  void wipe();  // with the lock

  const Console& console_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::string what_ = {};
  std::chrono::steady_clock::time_point since_ = {};
  bool drawn_ = false;
  bool over_ = false;
  std::thread thread_ = {};
};

// Ctrl-C: counted from here on; the second one leaves at once.
void catch_interrupts();
int interrupts();
std::string user_name();

}  // namespace ragent::cli
