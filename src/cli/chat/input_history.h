// InputHistory: what was typed into the chats of a home, in its file `chat_history`: one input
// a line, oldest first, a line feed in it written as \n and a backslash as \\. Only its owner may
// read it. Blocking; one thread, but several processes may add at once.
//
//   InputHistory history(home + "/chat_history");
//   for (std::string& entry : history.load()) editor.remember(std::move(entry));
//   Result<void> kept = history.add("Find a flight");
#pragma once

#include <ragent/result.h>

#include <vector>

namespace ragent::cli {

class InputHistory {
 public:
  explicit InputHistory(std::string file) : file_(std::move(file)) {}
  // The newest limits::kChatHistoryMax; none where the file is not there or cannot be read. A file
  // that has grown to twice of that is cut.
  std::vector<std::string> load();
  // Too long ones are left out.
  Result<void> add(const std::string& entry);

 private:
  std::string file_;
};

}  // namespace ragent::cli
