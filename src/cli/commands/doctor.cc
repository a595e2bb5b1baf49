// ragent doctor: what is missing on this machine, and what to do about it.
#include <base/loop.h>
#include <base/text.h>
#include <cli/commands.h>
#include <cli/home.h>
#include <model/http/model_list.h>
#include <model/llama/llama_model.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <filesystem>
#include <fmt/core.h>
#include <optional>

#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

namespace ragent::cli {
namespace {

namespace fs = std::filesystem;
using std::chrono::steady_clock;

constexpr std::uintmax_t kSpaceLow = 1'000'000'000;   // of bytes free
constexpr std::chrono::milliseconds kSyncTime{300};   // how long the disk is measured
constexpr int kSyncsMax = 500;
constexpr int kSyncsSlow = 50;                        // a second: runs will feel it

enum class State : std::uint8_t { good, note, bad };

struct Finding {
  State state = State::good;
  std::string what = {};
  std::string found = {};
  std::string todo = {};
};

std::string word(State state) {
  static constexpr std::array<std::string_view, 3> kWords = {"ok", "note", "missing"};
  return std::string(kWords[static_cast<std::size_t>(state)]);
}

// Durable writes a second, measured in `folder`; nothing when no file can be made there, which
// permissions alone do not tell: everything is allowed to root.
std::optional<int> syncs_per_second(const fs::path& folder) {
  std::string path = (folder / "doctor-XXXXXX").string();
  int fd = ::mkstemp(path.data());
  if (fd < 0) return std::nullopt;
  ::unlink(path.c_str());
  std::array<char, 4096> block = {};
  int count = 0;
  auto begin = steady_clock::now();
  while (count < kSyncsMax && steady_clock::now() - begin < kSyncTime) {
    bool written = ::pwrite(fd, block.data(), block.size(), 0) == std::ssize(block);
    if (!written || ::fdatasync(fd) != 0) break;
    ++count;
  }
  std::chrono::duration<double> took = steady_clock::now() - begin;
  ::close(fd);
  return took.count() > 0 ? static_cast<int>(count / took.count()) : 0;
}

// The folder that exists and would hold the home.
fs::path standing_folder(const std::string& home) {
  std::error_code error;
  fs::path path = fs::absolute(home, error);
  while (path.has_relative_path() && !fs::exists(path, error)) path = path.parent_path();
  return path;
}

void look_at_home(const std::string& home, std::vector<Finding>& out) {
  fs::path folder = standing_folder(home);
  std::optional<int> rate = syncs_per_second(folder);
  bool writable = rate.has_value();
  out.push_back(writable ? Finding{State::good, "home", one_line(home)}
                         : Finding{State::bad, "home",
                                   fmt::format("{} cannot be written", one_line(home)),
                                   "make it writable, or name another with --home"});
  if (!writable) return;
  std::error_code error;
  fs::space_info space = fs::space(folder, error);
  if (!error) {
    bool low = space.available < kSpaceLow;
    out.push_back({low ? State::note : State::good, "disk", bytes(space.available) + " free",
                   low ? "make room: where the disk is full, a command waits 2 seconds and ends "
                         "with an error; `ragent resume` carries its run on"
                       : ""});
  }
  bool slow = *rate < kSyncsSlow;
  out.push_back({slow ? State::note : State::good, "durable writes", count(*rate) + " a second",
                 slow ? "every step waits for one: a local disk is faster" : ""});
}

void look_at_store(const std::string& home, std::vector<Finding>& out) {
  Result<std::unique_ptr<Store>> store = read_home(home);
  Result<std::vector<RunRow>> rows;
  if (store && *store) rows = list_runs(**store, Tenant());
  const Error* error = !store ? &store.error() : !rows ? &rows.error() : nullptr;
  if (error) {
    out.push_back({State::bad, "store", one_line(error->message),
                   "keep a copy of the home, then use the version that wrote it"});
    return;
  }
  out.push_back({State::good, "store",
                 *store ? plural(static_cast<std::int64_t>(rows->size()), "run") : "none yet"});
}

// None is asked: `ragent models` does that.
bool look_at_endpoints(std::vector<Finding>& out) {
  const char* model = std::getenv("RAGENT_MODEL");
  bool any = false;
  for (const AccountHere& here : accounts_here(std::getenv, model ? model : "")) {
    std::string name = one_line(here.prefix.substr(0, here.prefix.size() - 1));
    any = any || here.account.has_value();
    out.push_back(here.account ? Finding{State::good, name, one_line(here.account->base_url)}
                               : Finding{State::note, name, "not usable",
                                         one_line(here.account.error().message)});
  }
  return any;
}

void look_at_models(std::vector<Finding>& out) {
  std::unique_ptr<Loop> loop = make_loop();
  bool any = look_at_endpoints(out);
  std::vector<Finding> found;
  for (std::string name : {"local/default", "local/small"}) {
    Result<std::unique_ptr<Model>> model = open_llama_model(*loop, {.model = name});
    any = any || model.has_value();
    if (model) {
      found.push_back({State::good, name, "present"});
    } else {
      found.push_back({State::note, name, "not present", one_line(model.error().message)});
    }
  }
  for (Finding& finding : found) {
    // One of them, or an endpoint, is enough to begin with.
    if (!any && finding.what == "local/default") finding.state = State::bad;
    out.push_back(std::move(finding));
  }
}

void look_at_machine(const Console& console, std::vector<Finding>& out) {
  cpu_set_t set;
  CPU_ZERO(&set);
  int cores = ::sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
  out.push_back({cores > 1 ? State::good : State::note, "cores", std::to_string(cores),
                 cores > 1 ? "" : "the local model and the runs share one"});
  bool terminal = ::isatty(STDOUT_FILENO) == 1;
  std::string shown = !terminal             ? "no terminal"
                      : console.out.unicode ? fmt::format("{} columns, UTF-8", console.out.width)
                                            : fmt::format("{} columns", console.out.width);
  bool ascii = terminal && !console.out.unicode;
  out.push_back({ascii ? State::note : State::good, "terminal", shown,
                 ascii ? "LANG=C.UTF-8 shows accents and marks" : ""});
}

// A program is found in the agent's folder, or by PATH when it has no slash.
bool program_found(const std::string& program, const fs::path& folder) {
  if (program.find('/') != program.npos) {
    fs::path path = fs::path(program).is_absolute() ? fs::path(program) : folder / program;
    return ::access(path.c_str(), X_OK) == 0 && fs::is_regular_file(path);
  }
  const char* variable = std::getenv("PATH");
  std::string path = variable ? variable : "/usr/bin:/bin";
  for (std::string_view part : split(path, ':')) {
    if (::access((fs::path(part) / program).c_str(), X_OK) == 0) return true;
  }
  return false;
}

void look_at_agent(const std::string& name, std::vector<Finding>& out) {
  Result<std::string> path = find_agent(name);
  Result<Agent> agent = path ? load_agent(*path) : fail(path.error());
  if (!agent) {
    out.push_back({State::bad, "agent", one_line(agent.error().message), "change it as it says"});
    return;
  }
  out.push_back({State::good, "agent", agent->profile.name});
  for (const Tool& tool : agent->tools) {
    for (const std::string& source : {tool.spec.source, tool.spec.query_source}) {
      if (tool.spec.kind != ToolSpec::Kind::exec || source.empty()) continue;
      std::vector<std::string_view> parts = words(source);
      std::string program(parts.empty() ? std::string_view() : parts[0]);
      if (program_found(program, agent->folder)) continue;
      out.push_back({State::bad, "tool " + tool.spec.name,
                     fmt::format("`{}` is no program that can be run", one_line(program)),
                     "put it into the agent's folder and make it executable (chmod +x)"});
    }
  }
}

void print_findings(const std::vector<Finding>& findings, const Look& look) {
  std::size_t width = 0;
  for (const Finding& finding : findings) width = std::max(width, width_of(finding.what));
  for (const Finding& finding : findings) {
    std::string state = pad(word(finding.state), 7);
    state = finding.state == State::good   ? green(look, state)
            : finding.state == State::note ? yellow(look, state)
                                           : red(look, state);
    print(fmt::format("{}  {}  {}\n", state, pad(finding.what, width), finding.found));
    if (!finding.todo.empty()) print(indented(std::string(11 + width, ' '), finding.todo));
  }
}

}  // namespace

int doctor_command(const Args& args, const Console& console) {
  std::vector<Finding> findings;
  look_at_home(home_of(args), findings);
  look_at_store(home_of(args), findings);
  look_at_models(findings);
  look_at_machine(console, findings);
  if (!args.agent.empty()) look_at_agent(args.agent, findings);
  bool bad = std::ranges::any_of(findings, [](const Finding& f) { return f.state == State::bad; });
  if (args.json) {
    for (const Finding& finding : findings) {
      print(Json::object({{"what", finding.what},
                          {"state", word(finding.state)},
                          {"found", finding.found},
                          {"todo", finding.todo}})
                .dump() +
            "\n");
    }
  } else {
    print_findings(findings, console.out);
  }
  return bad ? kExitError : kExitDone;
}

}  // namespace ragent::cli
