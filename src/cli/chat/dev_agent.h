// DevAgent: an agent that is being edited while one talks to it: `ragent chat --dev`. Before each
// turn its folder is read again. While its agent.toml is broken the last good text is used, from a
// file beside it that is there only as long.
//
//   DevAgent dev("agents/desk", agent);
//   DevAgent::Reload reload = dev.reload();     // reload.changed: {"instructions", "tool book"}
//   host.start({.agent = reload.path, …});
//
// Blocking; one thread at a time.
#pragma once

#include <ragent/agent.h>

#include <optional>

namespace ragent::cli {

class DevAgent {
 public:
  struct Reload {
    std::string path = {};                  // to start with
    std::vector<std::string> changed = {};  // since the last time, in words
    std::optional<Error> error = {};        // what is wrong; the old agent is kept
  };

  DevAgent(std::string path, const Agent& agent);
  DevAgent(const DevAgent&) = delete;
  DevAgent& operator=(const DevAgent&) = delete;
  ~DevAgent();  // the file with the old text goes
  Reload reload();
  const Agent& agent() const { return agent_; }

 private:
  Result<std::string> keep_old();

  std::string path_;
  std::string file_;  // its agent.toml
  std::string kept_;  // where the old text stands while it is needed
  std::string text_ = {};  // the last good one
  Agent agent_;
  bool keeping_ = false;
};

// What differs between two readings of an agent, in words.
std::vector<std::string> changes(const Agent& before, const Agent& after);

}  // namespace ragent::cli
