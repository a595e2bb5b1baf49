#include <simulation/planners.h>

#include <simulation/outside.h>

#include <algorithm>

namespace ragent::simulation {

using std::chrono::milliseconds;

namespace {

std::uint64_t pick(std::uint64_t salt, std::string_view text) { return hash64(salt, text); }

std::string text_of(const Result<std::string>& result) {
  return result ? *result : "!" + std::string(to_string(result.error().kind)).substr(0, 2);
}

Task<std::string> think(Run& run, std::string prompt) {
  Transcript chat;
  chat.add(Message::of(Role::user, std::move(prompt)));
  co_return (co_await run.think(std::move(chat))).text;
}

ToolCall call_of(std::string tool, std::string what) {
  return {.tool = std::move(tool), .arguments = Json::object({{"what", std::move(what)}})};
}

std::string shown(const Observation& seen) {
  return seen.status == Observation::Status::done
             ? seen.text()
             : std::string(to_string(seen.status)).substr(0, 1);
}

Task<std::string> act(Run& run, std::string tool, std::string what) {
  co_return shown(co_await run.act(call_of(std::move(tool), std::move(what))));
}

// A helper shares the branch of its caller: two steps.
Task<std::string> consider(Run& run, std::string what) {
  std::string rated = co_await think(run, "rate " + what);
  co_return what + rated + co_await act(run, "look", what);
}

// ---- beam

Task<std::string> leaf(Run& run, std::string idea) {
  Result<std::string> rated = co_await consider(run, idea).result();
  std::string paid = co_await act(run, "pay", idea);  // refused: it only speculates
  co_return text_of(rated) + paid;
}

// Keeps the first two of three; the third is pruned while it works, or by the end of the branch.
Task<std::string> expand(Run& run, std::string idea) {
  std::string text = co_await think(run, "expand " + idea);
  std::vector<std::string> ideas = {text + "a", text + "b", text + "c"};
  Fork<std::string> fork = co_await run.fork(std::move(ideas), leaf);
  std::string out;
  std::uint32_t last = 3;
  for (int i = 0; i < 2; ++i) {
    Ended<std::string> ended = co_await fork.next();
    last -= ended.index;
    out += std::to_string(ended.index) + text_of(ended.value);
  }
  if (pick(3, text) % 2 == 0) co_await fork.cancel({last}, "pruned");
  co_return out;
}

Task<Answer> beam(Run& run, Input input) {
  (void)co_await run.open(std::move(input));
  std::string best = "root";
  for (int depth = 0; depth < 2; ++depth) {
    std::vector<std::string> ideas = {best + "1", best + "2", best + "3", best + "4"};
    Fork<std::string> fork = co_await run.fork(std::move(ideas), expand, true);
    std::vector<std::string> top;
    std::vector<bool> gone(4, false);
    std::string order;
    while (fork.open() > 1) {
      Ended<std::string> ended = co_await fork.next();
      gone[ended.index] = true;
      order += std::to_string(ended.index);
      if (ended.value) top.push_back(*ended.value);
      if (top.size() != 2) continue;
      auto weakest = static_cast<std::uint32_t>(pick(7, order) % 4);
      if (!gone[weakest]) co_await fork.cancel({weakest}, "weak");
      gone[weakest] = true;
      best = text_of(co_await think(run, "judge " + order).result());
    }
    std::ranges::sort(top, {}, [](const std::string& text) { return pick(9, text); });
    best = order + (top.empty() ? best : top.front().substr(0, 9));
  }
  co_return Answer{.text = best};
}

// ---- picky

Task<std::string> guess(Run& run, std::string what) {
  std::string text = co_await consider(run, what);
  if (pick(5, text) % 3 == 0) co_await fail(ErrorKind::rejected, "not good enough");
  co_return text + co_await think(run, "polish " + text);
}

// The first good guess of several; of the next round one is cancelled by what was found.
Task<Answer> picky(Run& run, Input input) {
  (void)co_await run.open(std::move(input));
  std::string best = "p";
  for (int round = 0; round < 2; ++round) {
    std::vector<std::string> ideas = {best + "1", best + "2", best + "3", best + "4"};
    Fork<std::string> fork = co_await run.fork(std::move(ideas), guess);
    if (round == 1) {
      co_await fork.cancel({static_cast<std::uint32_t>(pick(11, best) % 4)}, "hunch");
    }
    Ended<std::string> ended = co_await fork.any();
    best = std::to_string(ended.index) + text_of(ended.value);
  }
  co_return Answer{.text = best};
}

// ---- race

struct Job {
  std::string tool;  // empty: a timer
  int n = 1;         // rounds, or milliseconds
};

Task<std::string> racer(Run& run, Job job) {
  if (job.tool.empty()) {
    co_await run.sleep(milliseconds(job.n));
    co_return "timeout";
  }
  std::string out;
  for (int i = 0; i < job.n; ++i) {
    out += co_await act(run, job.tool, std::to_string(i));
    out += co_await think(run, "go on after " + out);
  }
  co_return out;
}

Task<std::string> nested_race(Run& run, Job job) {
  std::vector<Job> jobs = {{"put", job.n}, {"pay", job.n}, {"", 60}};
  Fork<std::string> fork = co_await run.fork(std::move(jobs), racer);
  Ended<std::string> ended = co_await fork.any();
  co_return std::to_string(ended.index) + text_of(ended.value);
}

Task<Answer> race(Run& run, Input input) {
  (void)co_await run.open(std::move(input));
  std::string out;
  for (int i = 0; i < 3; ++i) {
    std::vector<Job> jobs = {{"put", 2}, {"", 25}, {"wire", 1}};
    Fork<std::string> fork = co_await run.fork(std::move(jobs), i == 1 ? nested_race : racer);
    Ended<std::string> ended = co_await fork.first();
    out += std::to_string(ended.index) + text_of(ended.value) + ";";
    out += text_of(co_await think(run, "after " + out).result());
  }
  co_return Answer{.text = out};
}

// ---- map_join

Task<std::string> worker(Run& run, Job job) {
  std::string out = co_await act(run, job.tool, std::to_string(job.n));
  out += co_await think(run, "sum " + out);
  co_return out;
}

Task<Answer> map_join(Run& run, Input input) {
  (void)co_await run.open(std::move(input));
  std::string out;
  for (int round = 0; round < 2; ++round) {
    std::vector<Job> jobs = {{"look", 1}, {"put", 2}, {"pay", 3},
                             {"wire", 4}, {"put", 5}, {"wire", 6}};
    Fork<std::string> fork = co_await run.fork(std::move(jobs), worker);
    for (const Result<std::string>& result : co_await fork.all()) out += text_of(result) + ",";
    out += co_await act(run, "pay", "round " + std::to_string(round));
  }
  co_return Answer{.text = out};
}

// ---- loop

Task<Answer> loop(Run& run, Input input) {
  (void)co_await run.open(std::move(input));
  std::string text = "q";
  std::string log;
  for (int i = 0; i < 4; ++i) {
    text = text_of(co_await consider(run, text.substr(0, 6)).result());
    if (pick(1, text) % 2 == 0) {
      text += text_of(co_await consider(run, "b" + text.substr(0, 4)).result());
    }
    std::string saved = co_await act(run, "put", text);
    log += saved.size() > 1 ? "+" : "-";
    std::vector<ToolCall> calls = {call_of("look", text), call_of("put", "x"), call_of("look", "y"),
                                   call_of("wire", "z")};
    for (const Observation& seen : co_await run.act_all(std::move(calls))) log += shown(seen);
  }
  co_return Answer{.text = text + log};
}

// ---- busy

Task<Answer> busy(Run& run, Input input) {
  (void)co_await run.open(std::move(input));
  std::vector<std::string> ideas = {"a", "b", "c", "d"};
  Fork<std::string> fork = co_await run.fork(std::move(ideas), consider);
  std::string out;
  for (int i = 0; i < 4; ++i) {
    out += text_of(co_await act(run, "wire", std::to_string(i)).result()) + ",";
  }
  while (fork.open() > 0) {
    Result<Ended<std::string>> ended = co_await fork.next().result();
    if (!ended) break;
    out += std::to_string(ended->index) + text_of(ended->value) + ",";
  }
  out += text_of(co_await act(run, "wire", "last").result());
  co_return Answer{.text = out};
}

}  // namespace

std::vector<Planner> planners() {
  return {{"beam", 1, beam}, {"race", 1, race}, {"map_join", 1, map_join},
          {"loop", 1, loop}, {"busy", 1, busy}, {"picky", 1, picky}};
}

}  // namespace ragent::simulation
