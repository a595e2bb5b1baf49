#include <action/exec.h>

#include <ragent/limits.h>

#include <base/file.h>
#include <base/posix.h>
#include <base/process.h>
#include <base/text.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <filesystem>

#include <fmt/format.h>
#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace ragent {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kShownBytesMax = 300;
constexpr std::size_t kEnvironmentBytesMax = 4u << 20;
constexpr int kReapPassesMax = 8;
constexpr int kReapWaitMs = 1000;  // for one to end, once killed
constexpr std::string_view kWorkspaceVariable = "RAGENT_WORKSPACE=";
constexpr std::string_view kKeyVariable = "RAGENT_KEY=";

std::string environment(const char* name, const char* fallback) {
  const char* value = std::getenv(name);  // at binding, not while threads may set it
  return value ? value : fallback;
}

bool is_program(const fs::path& path) {
  std::error_code error;
  return fs::is_regular_file(path, error) && ::access(path.c_str(), X_OK) == 0;
}

Result<fs::path> find_program(const std::string& name, const fs::path& folder) {
  fs::path inside = folder / name;
  if (is_program(inside)) return inside;
  std::error_code error;
  if (fs::exists(inside, error)) {
    return fail(ErrorKind::invalid,
                fs::is_directory(inside, error)
                    ? fmt::format("{} is a folder, expected a program", inside.string())
                    : fmt::format("{0} cannot be run: chmod +x {0}", inside.string()));
  }
  if (name.find('/') != name.npos) {
    return fail(ErrorKind::invalid, fmt::format("there is no program {}", inside.string()));
  }
  std::string path = environment("PATH", "/usr/local/bin:/usr/bin:/bin");
  for (std::string_view place : split(path, ':')) {
    fs::path candidate = fs::path(place) / name;
    if (!place.empty() && is_program(candidate)) return candidate;
  }
  return fail(ErrorKind::invalid, fmt::format("there is no program \"{}\" in {} nor in PATH ({})",
                                              name, folder.string(), path));
}

// A command line with its program found.
Result<std::vector<std::string>> resolve(std::string_view command, const fs::path& folder) {
  Result<std::vector<std::string>> argv = split_command(command);
  if (!argv) return argv;
  Result<fs::path> program = find_program(argv->front(), folder);
  if (!program) return fail(std::move(program.error()));
  argv->front() = program->string();
  return argv;
}

std::string last_line(std::string_view text) {
  text = trim(text);
  return printable(text.substr(text.find_last_of('\n') + 1), kShownBytesMax);
}

class ExecBody : public ToolBody {
 public:
  ExecBody(std::string folder, std::vector<std::string> argv, std::vector<std::string> query)
      : folder_(std::move(folder)),
        argv_(std::move(argv)),
        query_(std::move(query)),
        environment_{"PATH=" + environment("PATH", "/usr/local/bin:/usr/bin:/bin"),
                     "HOME=" + environment("HOME", "/"), "LANG=C.UTF-8"} {}

  Task<Json> call(ToolContext& context, Json arguments) override {
    Json out = co_await run(context, argv_, arguments.dump());
    const Json* error = out.find("error");
    if (!error || error->is_null()) co_return out;
    co_return Error{.kind = ErrorKind::rejected,
                    .message = error->string() ? *error->string() : error->dump()};
  }

  Task<QueryAnswer> query(ToolContext& context, Json arguments) override {
    if (query_.empty()) co_return QueryAnswer{};
    Json input = Json::object({{"key", context.key}, {"arguments", std::move(arguments)}});
    Json out = co_await run(context, query_, input.dump());
    using State = QueryAnswer::State;
    std::string state = out.text("state");
    const Json* result = out.find("result");
    if (state == "happened") {
      co_return QueryAnswer{.state = State::happened, .result = result ? *result : Json()};
    }
    if (state == "cannot_happen") co_return QueryAnswer{.state = State::cannot_happen};
    if (state == "unknown") co_return QueryAnswer{};
    co_return Error{.kind = ErrorKind::invalid,
                    .message = fmt::format("{}: expected {{\"state\": \"happened\", "
                                           "\"cannot_happen\" or \"unknown\"}}, got {}",
                                           query_.front(), printable(out.dump(), kShownBytesMax))};
  }

 private:
  Task<Json> run(ToolContext& context, std::vector<std::string> argv, std::string input);
  std::vector<std::string> environment_of(const ToolContext& context) const;

  std::string folder_;
  std::vector<std::string> argv_;
  std::vector<std::string> query_;  // empty: cannot be asked
  std::vector<std::string> environment_;
};

std::vector<std::string> ExecBody::environment_of(const ToolContext& context) const {
  std::vector<std::string> out = environment_;
  auto put = [&](std::string_view name, std::string_view value) {
    out.push_back(fmt::format("RAGENT_{}={}", name, value));
  };
  put("KEY", context.key);
  if (context.not_after != WallPoint()) {
    put("NOT_AFTER", fmt::to_string(context.not_after.time_since_epoch().count()));
  }
  put("AGENT_DIR", folder_);
  put("TENANT", context.tenant);
  put("SESSION", context.session);
  put("RUN", context.run);
  if (!context.workspace.empty()) {
    out.push_back(fmt::format("{}{}", kWorkspaceVariable, canonical_workspace(context.workspace)));
  }
  return out;
}

Task<Json> ExecBody::run(ToolContext& context, std::vector<std::string> argv, std::string input) {
  ProcessOptions options{.argv = std::move(argv),
                         .env = environment_of(context),
                         .directory = context.workspace,
                         .input = std::move(input)};
  if (!options.directory.empty()) {
    Result<Json> made = co_await context.host
                            .blocking([folder = options.directory]() -> Result<Json> {
                              Result<void> there = make_directories(folder);
                              if (!there) return fail(std::move(there.error()));
                              return Json();
                            })
                            .result();
    if (!made) {
      co_return Error{.kind = ErrorKind::rejected, .message = std::move(made.error().message)};
    }
  }
  Loop& loop = context.host.loop();
  if (context.not_after != WallPoint()) options.time_max = context.not_after - loop.wall();
  if (options.time_max.count() <= 0) {
    co_return Error{.kind = ErrorKind::rejected, .message = "no time was left to start it"};
  }
  std::string name = fs::path(options.argv.front()).filename().string();
  Result<ProcessResult> started = co_await run_process(loop, options).result();
  if (!started) {
    Error error = std::move(started.error());
    // Not there: certainly nothing ran.
    if (error.kind == ErrorKind::not_found) error.kind = ErrorKind::rejected;
    co_return std::move(error);
  }
  const ProcessResult& ran = *started;
  if (!ran.ok()) {
    std::string said = ran.err.empty() ? "" : ": " + last_line(ran.err);
    co_return Error{.kind = ran.timed_out ? ErrorKind::timeout : ErrorKind::unavailable,
                    .message = fmt::format("{}: {}{}", name, describe(ran, options), said)};
  }
  Result<Json> json = parse_json(trim(ran.out), {.bytes_max = limits::kToolOutputBytesMax,
                                                 .depth_max = limits::kJsonDepthMax});
  if (json) co_return std::move(*json);
  co_return Error{.kind = ErrorKind::invalid,
                  .message = fmt::format("{}: expected JSON on stdout, got \"{}\" ({})", name,
                                         printable(ran.out, kShownBytesMax), json.error().message)};
}

// The environment that a process was started with; empty: it is gone, or another user's.
std::string environment_of(const std::string& process) {
  return read_file(process + "/environ", kEnvironmentBytesMax).value_or("");
}

std::string_view variable_in(std::string_view environment, std::string_view prefix) {
  for (std::string_view entry : split(environment, '\0')) {
    if (entry.starts_with(prefix)) return entry.substr(prefix.size());
  }
  return {};
}

// Kills the processes with that environment and waits for their end. It survives `setsid` and the
// reuse of process ids; the descriptor pins a process between looking and killing.
std::size_t kill_marked(const std::function<bool(std::string_view environment)>& ours) {
  std::vector<FileDescriptor> killed;
  std::error_code error;
  fs::directory_iterator entry("/proc", error);
  for (; !error && entry != fs::end(entry); entry.increment(error)) {
    std::string name = entry->path().filename().string();
    if (name.find_first_not_of("0123456789") != name.npos) continue;
    auto pid = static_cast<pid_t>(std::strtol(name.c_str(), nullptr, 10));
    if (pid == ::getpid()) continue;
    FileDescriptor process(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
    if (!process) continue;
    if (!ours(environment_of(entry->path().string()))) continue;
    long sent = ::syscall(SYS_pidfd_send_signal, process.get(), SIGKILL, nullptr, 0);
    if (sent == 0) killed.push_back(std::move(process));
  }
  for (const FileDescriptor& process : killed) {
    pollfd ended{.fd = process.get(), .events = POLLIN, .revents = 0};
    ::poll(&ended, 1, kReapWaitMs);
  }
  return killed.size();
}

// Again while there were any: one may have forked meanwhile.
std::size_t kill_all_marked(const std::function<bool(std::string_view environment)>& ours) {
  std::size_t killed = 0;
  for (int pass = 0; pass < kReapPassesMax; ++pass) {
    std::size_t now = kill_marked(ours);
    killed += now;
    if (now == 0) break;
  }
  return killed;
}

}  // namespace

Result<std::vector<std::string>> split_command(std::string_view command) {
  std::vector<std::string> out;
  bool inside = false;  // of a word
  char quote = 0;
  for (std::size_t i = 0; i < command.size(); ++i) {
    char c = command[i];
    bool space = c == ' ' || c == '\t' || c == '\n';
    if (!quote && space) {
      inside = false;
      continue;
    }
    if (!inside) out.emplace_back();
    inside = true;
    if (c == '\\' && quote != '\'' && i + 1 < command.size()) {
      out.back() += command[++i];
    } else if (c == quote) {
      quote = 0;
    } else if (!quote && (c == '"' || c == '\'')) {
      quote = c;
    } else {
      out.back() += c;
    }
  }
  if (quote) {
    return fail(ErrorKind::invalid, fmt::format("expected a closing {} in the command: {}", quote,
                                                printable(command, kShownBytesMax)));
  }
  if (out.empty() || out.front().empty()) {
    return fail(ErrorKind::invalid, "expected a program, as in \"./book --query\"; got nothing");
  }
  return out;
}

Result<std::shared_ptr<ToolBody>> exec_body(const ToolSpec& spec, const std::string& folder) {
  std::error_code error;
  fs::path root = fs::absolute(folder, error).lexically_normal();
  Result<std::vector<std::string>> argv = resolve(spec.source, root);
  if (!argv) return fail(within("exec", std::move(argv.error())));
  std::vector<std::string> query;
  if (!spec.query_source.empty()) {
    Result<std::vector<std::string>> found = resolve(spec.query_source, root);
    if (!found) return fail(within("query", std::move(found.error())));
    query = std::move(*found);
  }
  return std::make_shared<ExecBody>(root.string(), std::move(*argv), std::move(query));
}

std::size_t reap_stale(const std::string& home) {
  std::error_code error;
  std::string root = fs::weakly_canonical(home, error).string() + "/";
  return kill_all_marked([&](std::string_view environment) {
    return variable_in(environment, kWorkspaceVariable).starts_with(root);
  });
}

std::string canonical_workspace(const std::string& workspace) {
  std::error_code error;
  return fs::weakly_canonical(workspace, error).string();
}

std::size_t reap_call(const std::string& workspace, const std::string& key) {
  if (workspace.empty() || key.empty()) return 0;
  return kill_all_marked([&](std::string_view environment) {
    return variable_in(environment, kWorkspaceVariable) == workspace &&
           variable_in(environment, kKeyVariable) == key;
  });
}

}  // namespace ragent
