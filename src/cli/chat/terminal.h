// Terminal: the edge between a chat and the terminal it runs in: raw mode, what is typed, the size,
// signals. Whatever happens, it leaves the terminal as it found it: at the end, on Ctrl-Z, and when
// the program crashes. What others of this process write to stderr comes out of noise().
//
//   Terminal terminal;
//   if (Result<void> ready = terminal.enter(); !ready) …
//   terminal.write(chat.begin());
//   poll(terminal.input(), terminal.signals(), terminal.noise()) …
//
// One of it in a process; main thread.
#pragma once

#include <base/posix.h>
#include <cli/chat/screen.h>
#include <ragent/result.h>

#include <optional>

namespace ragent::cli {

class Terminal {
 public:
  struct Heard {
    bool resized = false;
    bool interrupted = false;
    bool suspended = false;
    bool resumed = false;  // somebody else may have drawn and set the terminal meanwhile
    int ended_by = 0;  // a signal that asks to leave
  };

  Terminal() = default;
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;
  ~Terminal();

  Result<void> enter();
  void write(std::string_view bytes);
  // What was typed; nothing at all: the terminal is gone.
  std::optional<std::string> read();
  WindowSize size() const;
  Heard heard();
  std::string read_noise();
  // Stops the process as Ctrl-Z does; returns once it goes on.
  void suspend();
  void resume();  // raw again, after somebody else stopped us

  int input() const;
  int signals() const { return signals_.get(); }
  int noise() const { return noise_.get(); }  // -1: stderr goes elsewhere

 private:
  void raw() const;
  void leave() const;
  void take_stderr();

  FileDescriptor signals_ = {};
  FileDescriptor noise_ = {};
  FileDescriptor stderr_ = {};  // as it was
  bool entered_ = false;
};

}  // namespace ragent::cli
