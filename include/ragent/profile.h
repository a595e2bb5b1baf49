// Profile: who an agent is. A value; rendered byte-stable into the system prompt.
#pragma once

#include <ragent/json.h>

namespace ragent {

// A worked conversation that shows the model how this agent uses its own tools.
struct Example {
  struct Call {
    std::string tool = {};
    Json arguments = {};
    Json result = {};
    friend bool operator==(const Call&, const Call&) = default;
  };
  std::string user = {};
  std::vector<Call> calls = {};
  std::string answer = {};
  friend bool operator==(const Example&, const Example&) = default;
};

struct Profile {
  std::string name = {};
  std::string role = {};      // persona: "a gentle travel assistant"
  std::string tone = {};
  std::string language = {};  // answer in this language; empty: the user's
  std::string instructions = {};
  std::vector<std::string> goals = {};
  std::vector<std::string> rules = {};  // what it must never do, or always
  std::vector<Example> examples = {};
  friend bool operator==(const Profile&, const Profile&) = default;
};

}  // namespace ragent
