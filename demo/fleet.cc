// fleet: many sessions of the travel agent in one process, each booking one flight. Kill it and
// start it again: it carries on what it finds in its home, and starts what was not started.
//
//   fleet AGENT HOME LEDGER [SESSIONS [MODEL_MS]]      1,000 sessions, models of 400 ms
//
// The agent is the folder AGENT with its real search; the model is scripted, and `book` is native,
// since an `exec` tool would start a process a booking. It keeps what its agent.toml promises:
// `once`, asked by `query`, ids `seen`, offered on its `words`; it books without asking a person.
// Prints a line whenever its numbers change; ends with 0 when every session was answered.

#include <ragent/engine.h>

#include <base/file.h>
#include <base/loop.h>
#include <base/posix.h>
#include <base/text.h>
#include <model/scripted.h>
#include <store/store.h>

#include <fcntl.h>
#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <thread>

#include <fmt/core.h>

namespace ragent {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kLedgerBytesMax = 64u << 20;
constexpr std::size_t kStarters = 32;    // threads; each waits until its run is durable
constexpr std::size_t kFilesPerRun = 2;  // a run's handle holds a descriptor
constexpr auto kAnswerDelay = 100ms;     // the airline has booked, and we do not know it yet
constexpr auto kBookTime = 2s;
constexpr auto kLookEvery = 100ms;

struct Options {
  std::string agent = {};
  std::string home = {};
  std::string ledger = {};
  std::size_t sessions = 1000;
  std::chrono::milliseconds latency = 400ms;
};

// The airline's book: a line a booking, "SESSION KEY FLIGHT". It never looks for an earlier one
// with the same key: called twice, it books twice. Any thread.
class Ledger {
 public:
  Result<void> open(const std::string& path) {
    file_ = FileDescriptor(::open(path.c_str(), O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0644));
    if (!file_) return fail(system_error("open", path, errno));
    Result<std::string> text = read_file(path, kLedgerBytesMax);
    if (!text) return fail(std::move(text.error()));
    bool torn = !text->empty() && text->back() != '\n';  // killed within a line: no booking
    std::vector<std::string_view> lines = split(*text, '\n');
    lines.pop_back();
    for (std::string_view line : lines) {
      if (std::vector<std::string_view> fields = words(line); fields.size() == 3) {
        booked_.emplace(fields[1], fields[2]);
      }
    }
    return torn ? write("\n") : Result<void>();
  }

  Result<void> book(const ToolContext& call, const std::string& flight) {
    std::lock_guard lock(mutex_);
    if (std::chrono::system_clock::now() > call.not_after) {
      return fail(ErrorKind::rejected, "too late: the engine has given this booking up");
    }
    Result<void> written = write(fmt::format("{} {} {}\n", call.session, call.key, flight));
    if (written) booked_.emplace(call.key, flight);
    return written;
  }

  // Asked once no attempt can still write: what is not here cannot happen.
  QueryAnswer query(const std::string& key) {
    std::lock_guard lock(mutex_);
    ++asked_;
    auto found = booked_.find(key);
    if (found == booked_.end()) return {.state = QueryAnswer::State::cannot_happen};
    return {.state = QueryAnswer::State::happened,
            .result = Json::object({{"booked", found->second}})};
  }

  std::size_t bookings() {
    std::lock_guard lock(mutex_);
    return booked_.size();
  }
  std::size_t asked() {
    std::lock_guard lock(mutex_);
    return asked_;
  }

 private:
  Result<void> write(std::string_view line) {
    if (::write(file_.get(), line.data(), line.size()) == static_cast<ssize_t>(line.size()))
      return {};
    return fail(system_error("write", "the ledger", errno));
  }

  std::mutex mutex_;
  FileDescriptor file_;
  std::map<std::string, std::string> booked_;  // key → flight
  std::size_t asked_ = 0;
};

struct Booking {
  std::string flight = {};
};

Task<Json> book_flight(Ledger& ledger, Booking booking, ToolContext& call) {
  auto write = [&ledger, &call, flight = booking.flight]() -> Result<Json> {
    Result<void> written = ledger.book(call, flight);
    if (!written) return fail(std::move(written.error()));
    return Json::object({{"booked", flight}});
  };
  Json receipt = co_await call.host.blocking(std::move(write));
  co_await call.host.loop().sleep(kAnswerDelay);
  co_return receipt;
}

// The agent of the folder, its `book` replaced by one over `ledger`.
Result<Agent> make_agent(const std::string& folder, Ledger& ledger) {
  Result<Agent> agent = load_agent(folder);
  if (!agent) return agent;
  auto place =
      std::ranges::find(agent->tools, "book", [](const Tool& each) { return each.spec.name; });
  if (place == agent->tools.end()) {
    return fail(ErrorKind::invalid, folder + ": expected an agent with a tool \"book\"");
  }
  Tool book = tool("book", place->spec.description,
                   [&ledger](Booking booking, ToolContext& call) {
                     return book_flight(ledger, std::move(booking), call);
                   })
                  .once()
                  .query([&ledger](Booking, ToolContext& call) { return ledger.query(call.key); });
  book.spec.words = place->spec.words;
  book.spec.seen = place->spec.seen;
  book.spec.timeout = kBookTime;
  *place = std::move(book);
  agent->model = "scripted/clerk";
  return agent;
}

// Searches as it was told, books the first flight found, says so. Its choice depends on the
// request alone, so that a step that is asked again after a crash gets the same reply.
Result<Reply> clerk(const ModelRequest& request) {
  const Transcript& chat = request.transcript;
  std::size_t replies = chat.replies();
  if (replies == 0) {
    std::string said = chat.last().text();
    std::vector<std::string_view> said_words = words(said);  // "… from AAA to BBB on DATE …"
    auto from = std::ranges::find(said_words, "from");
    if (said_words.end() - from < 6) return fail(ErrorKind::invalid, "clerk: no task: " + said);
    return Reply{.calls = {{.tool = "search_flights",
                            .arguments = Json::object(
                                {{"from", from[1]}, {"to", from[3]}, {"date", from[5]}})}}};
  }
  const auto* result = std::get_if<ToolResult>(&chat.last().parts.front());
  if (!result) return fail(ErrorKind::invalid, "clerk: expected the result of a call");
  const Json& value = result->observation.value;
  if (result->tool == "book") return Reply{.text = "Booked: " + value.text("booked") + "."};
  const Json::Array* flights = value.array();
  if (!flights || flights->empty()) return Reply{.text = "There is no flight."};
  return Reply{.calls = {{.tool = "book",
                          .arguments = Json::object({{"flight", flights->front().text("id")}})}}};
}

// A different route for each session, from the agent's own timetable.
Result<std::vector<std::string>> make_tasks(const Options& options) {
  std::string path = options.agent + "/data/flights.csv";
  Result<std::string> text = read_file(path, limits::kCsvBytesMax);
  if (!text) return fail(std::move(text.error()));
  std::set<std::pair<std::string, std::string>> routes;
  for (std::string_view line : split(*text, '\n')) {
    std::vector<std::string_view> cells = split(line, ',');
    if (cells.size() > 2 && cells[0] != "flight") routes.emplace(cells[1], cells[2]);
  }
  if (routes.size() < options.sessions) {
    return fail(ErrorKind::invalid, fmt::format("{}: expected {} routes, found {}", path,
                                                options.sessions, routes.size()));
  }
  std::vector<std::string> tasks;
  for (const auto& [from, to] : routes) {
    if (tasks.size() == options.sessions) break;
    tasks.push_back(
        fmt::format("Please book the cheapest flight from {} to {} on 2027-03-03", from, to));
  }
  return tasks;
}

std::string session_name(std::size_t number) { return fmt::format("s{:04}", number + 1); }

Result<std::vector<RunRow>> runs_of(const std::string& home) {
  std::error_code error;
  if (!std::filesystem::exists(home + "/journal.db", error)) return std::vector<RunRow>();
  Result<std::unique_ptr<Store>> store = open_sqlite_store_read_only(home);
  if (!store) return fail(std::move(store.error()));
  return list_runs(**store, Tenant());
}

// Starts the sessions that have no run yet, on threads of its own: each start returns when the run
// is durable. Joins them when it goes.
class Starters {
 public:
  Starters(Engine& engine, const Agent& agent, const std::vector<std::string>& tasks,
           const std::vector<RunRow>& before) {
    std::set<std::string> known;
    for (const RunRow& row : before) known.insert(row.session);
    for (std::size_t i = 0; i < tasks.size(); ++i) {
      if (!known.contains(session_name(i))) missing_.push_back(i);
    }
    auto start_some = [&engine, &agent, &tasks, this] {
      for (std::size_t i = next_++; i < missing_.size() && !error(); i = next_++) {
        std::size_t number = missing_[i];
        Result<RunHandle> run =
            engine.start(agent, {tasks[number]}, {.session = session_name(number)});
        std::lock_guard lock(mutex_);
        if (!run) error_ = std::move(run.error());
      }
    };
    for (std::size_t i = 0; i < kStarters; ++i) threads_.emplace_back(start_some);
  }

  std::optional<Error> error() {
    std::lock_guard lock(mutex_);
    return error_;
  }

 private:
  std::vector<std::size_t> missing_;
  std::atomic<std::size_t> next_ = 0;
  std::mutex mutex_;
  std::optional<Error> error_;
  std::vector<std::jthread> threads_;
};

struct Count {
  std::size_t ended = 0;
  std::size_t answered = 0;
  std::string standing = {};  // what became of one that will not be answered by waiting
};

Count count(const std::vector<RunRow>& rows) {
  Count out;
  for (const RunRow& row : rows) {
    bool ended = row.state == "ended";
    if (ended) ++out.ended;
    if (row.outcome == "answered") ++out.answered;
    if ((ended && row.outcome != "answered") || (!ended && row.state != "working")) {
      out.standing =
          fmt::format("run {} of {}: {} {}", row.uid, row.session, row.state, row.outcome);
    }
  }
  return out;
}

// Follows the home until every session has ended, or stands still.
Result<void> follow(const Options& options, Ledger& ledger, Starters& starters) {
  std::string shown;
  for (;;) {
    Result<std::vector<RunRow>> rows = runs_of(options.home);
    if (!rows) return fail(std::move(rows.error()));
    Count now = count(*rows);
    std::string line = fmt::format("{} sessions, {} booked, {} answered, {} asked by query\n",
                                   rows->size(), ledger.bookings(), now.answered, ledger.asked());
    if (line != shown) fmt::print("{}", line);
    std::fflush(stdout);
    shown = line;
    if (std::optional<Error> error = starters.error()) return fail(std::move(*error));
    if (!now.standing.empty()) return fail(ErrorKind::conflict, now.standing);
    if (now.answered == options.sessions) return {};
    std::this_thread::sleep_for(kLookEvery);
  }
}

Result<void> run_fleet(const Options& options) {
  Ledger ledger;
  if (Result<void> opened = ledger.open(options.ledger); !opened) return opened;
  Result<Agent> agent = make_agent(options.agent, ledger);
  if (!agent) return fail(std::move(agent.error()));
  Result<std::vector<std::string>> tasks = make_tasks(options);
  if (!tasks) return fail(std::move(tasks.error()));
  Result<std::vector<RunRow>> before = runs_of(options.home);
  if (!before) return fail(std::move(before.error()));

  EngineOptions engine_options;
  engine_options.home = options.home;
  engine_options.threads = 2;
  engine_options.planners = {react()};
  engine_options.agents = {*agent};
  engine_options.models.push_back(
      [latency = options.latency](const std::string& name,
                                  Loop& loop) -> Result<std::unique_ptr<Model>> {
        if (name != "scripted/clerk") return nullptr;
        return make_scripted_model(loop, clerk, latency);
      });
  Engine engine(std::move(engine_options));
  if (Result<void> opened = engine.open(); !opened) return opened;
  Starters starters(engine, *agent, *tasks, *before);
  return follow(options, ledger, starters);
}

// A thousand runs need more descriptors than many shells allow at first.
void allow_files(std::size_t runs) {
  rlimit limit = {};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur =
      std::max<rlim_t>(limit.rlim_cur, std::min<rlim_t>(limit.rlim_max, 256 + kFilesPerRun * runs));
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace
}  // namespace ragent

int main(int count, char** words) {
  if (count < 4 || count > 6) {
    fmt::print(stderr, "usage: fleet AGENT HOME LEDGER [SESSIONS [MODEL_MS]]\n");
    return 2;
  }
  ragent::Options options{.agent = words[1], .home = words[2], .ledger = words[3]};
  if (count > 4) options.sessions = std::strtoul(words[4], nullptr, 10);
  if (count > 5) options.latency = std::chrono::milliseconds(std::strtol(words[5], nullptr, 10));
  ragent::allow_files(options.sessions);
  ragent::Result<void> ran = ragent::run_fleet(options);
  if (ran) return 0;
  fmt::print(stderr, "fleet: {}\n", ran.error().message);
  return 1;
}
