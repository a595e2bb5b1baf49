// Host: the engine of a home as a command sees it, whoever owns it. The first process on a home
// owns it and listens on ragent.sock; the others attach there and share its engine and its model.
// When the owner ends, one of them takes over: handles go on, nothing is lost.
//
//   Result<std::unique_ptr<Host>> host = open_host(embedded({.home = ".ragent"}));
//   Result<RunHandle> run = (*host)->start({.agent = "agents/travel", .input = "Find a flight"});
//   while (auto event = run->next_event(100ms)) …
//
// Owned by the command; any thread; handles outlive it, but end with Error{unavailable}. Errors are
// those of Engine, and: unavailable: the owner went away and neither it nor another answered within
// limits::kTakeOverTime; timeout: the owner hangs, and is named.
#pragma once

#include <ragent/engine.h>

namespace ragent {

struct StartRequest {
  std::string agent = {};  // the folder or file of an agent, as load_agent takes it
  Input input = {};
  RunOptions options = {};
};

class Host {
 public:
  virtual ~Host() = default;
  virtual Result<RunHandle> start(StartRequest request) = 0;
  // A parked run goes on. Events begin with the records above `after`, then go on live. One that
  // has ended has its records and its end.
  virtual Result<RunHandle> attach(const std::string& run, std::uint64_t after = 0) = 0;
  // A new run, as Engine::fork makes it. Events begin behind what was copied.
  virtual Result<RunHandle> fork(const std::string& run, ForkOptions options) = 0;
  virtual Result<std::vector<Ask>> asks() = 0;
  virtual Result<void> answer(const std::string& ask, Decision decision) = 0;
  virtual Result<void> resolve(const std::string& run, const std::string& step,
                               Resolution resolution) = 0;
  virtual Result<void> cancel(const std::string& run, std::string reason) = 0;
  virtual Result<std::string> artifact(std::string bytes) = 0;
  // The process that owns the home now; this one: nothing was attached, or it took over.
  virtual std::int64_t owner() const = 0;
};

// Owns the home when nobody does, else attaches to who does. Error{conflict}: it is owned by a
// process that does not share it (EngineOptions::share), or speaks another version of the API. The
// options are those of the engine that takes over; a `model` in them counts for attached runs too.
Result<std::unique_ptr<Host>> open_host(EngineOptions options);

}  // namespace ragent
