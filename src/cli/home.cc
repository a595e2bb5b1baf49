#include <cli/home.h>

#include <base/home.h>
#include <base/process.h>
#include <base/text.h>
#include <model/scripted.h>
#include <profile/names.h>

#include <algorithm>
#include <filesystem>
#include <fmt/core.h>
#include <unistd.h>

namespace ragent::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kAgentFile = "agent.toml";
constexpr std::string_view kAgentsFolder = "agents";
constexpr std::chrono::seconds kFullDiskWait{2};  // a person waits
constexpr std::size_t kShownBytesMax = 60;  // of what was given, in a message
constexpr std::string_view kScripted = "scripted:";  // of a model's name; a file follows

Result<std::unique_ptr<Model>> open_scripted(const std::string& name, Loop& loop) {
  if (!name.starts_with(kScripted)) return nullptr;
  Result<Script> script = load_script(name.substr(kScripted.size()));
  if (!script) return fail(std::move(script.error()));
  return make_scripted_model(loop, std::move(*script));
}

Result<void> check_home(const std::string& home) {
  std::error_code error;
  if (fs::is_directory(home, error)) return {};
  // With a slash at its end a name is what the link leads to.
  fs::path named = home.ends_with('/') ? fs::path(home).parent_path() : fs::path(home);
  if (!fs::exists(home, error) && fs::is_symlink(named, error)) {
    fs::path target = fs::read_symlink(named, error);
    static_cast<void>(fs::status(named, error));
    bool circle = error == std::errc::too_many_symbolic_link_levels;
    return fail(ErrorKind::invalid,
                fmt::format("the home {} is a symbolic link to {}, which {}; expected a folder: "
                            "mend the link, or name another with --home or RAGENT_HOME",
                            home, target.string(), circle ? "leads in a circle" : "is not there"));
  }
  if (!fs::exists(home, error)) return {};
  return fail(ErrorKind::invalid,
              fmt::format("the home {} is a file, expected a folder (it is made if it is not "
                          "there); --home or RAGENT_HOME names another",
                          home));
}

}  // namespace

Result<std::unique_ptr<Store>> read_home(const std::string& home) {
  if (Result<void> folder = check_home(home); !folder) return fail(std::move(folder.error()));
  Result<std::unique_ptr<Store>> store = open_sqlite_store_read_only(home);
  if (!store && store.error().kind == ErrorKind::not_found) return nullptr;
  return store;
}

Result<RunRow> find_run_in(const std::string& home, const std::string& prefix) {
  Result<std::unique_ptr<Store>> store = read_home(home);
  if (!store) return fail(store.error());
  if (!*store) {
    return fail(
        ErrorKind::not_found,
        fmt::format("nothing ever ran in the home {}; --home or RAGENT_HOME names another", home));
  }
  return find_run(**store, Tenant(), prefix);
}

std::vector<DoubtView> doubts_of(const std::string& home, const std::string& run) {
  Result<std::unique_ptr<Store>> store = read_home(home);
  if (!store || !*store) return {};
  Result<std::vector<DoubtView>> doubts = list_doubts(**store, Tenant());
  if (!doubts) return {};
  std::erase_if(*doubts, [&](const DoubtView& doubt) { return doubt.run.uid != run; });
  return std::move(*doubts);
}

std::vector<std::string> agent_names() {
  std::vector<std::string> names;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(kAgentsFolder, error)) {
    if (fs::exists(entry.path() / kAgentFile, error)) names.push_back(entry.path().filename());
  }
  std::ranges::sort(names);
  return names;
}

Result<std::string> find_agent(const std::string& name) {
  std::error_code error;
  fs::path path(name);
  if (fs::is_regular_file(path, error) || fs::exists(path / kAgentFile, error)) return name;
  fs::path named = fs::path(kAgentsFolder) / path;
  if (fs::exists(named / kAgentFile, error)) return named.string();
  if (fs::is_directory(path, error)) {
    return fail(ErrorKind::not_found, fmt::format("the folder {} has no {}", name, kAgentFile));
  }
  std::vector<std::string> names = agent_names();
  std::string message = fmt::format("there is no agent `{}`", name);
  message += is_name(name) ? fmt::format(", neither ./{} nor ./{}/{} in {}", name, kAgentsFolder,
                                         name, fs::current_path(error).string())
                           : fmt::format(" (looked in {})", fs::current_path(error).string());
  if (auto near = nearest(path.filename().string(), names)) {
    message += fmt::format("; did you mean `{}`?", *near);
  } else if (!names.empty()) {
    message += fmt::format("; in ./{} are {}", kAgentsFolder, join(names, ", "));
  } else if (is_name(name)) {
    message += fmt::format("; `ragent new {}` makes one", name);
  }
  return fail(ErrorKind::not_found, std::move(message));
}

EngineOptions engine_options(const Args& args) {
  // Only the run of this command goes on; `ragent resume` is there for the others.
  EngineOptions options;
  options.home = home_of(args);
  options.resume = false;
  options.full_disk_wait = kFullDiskWait;
  options.models.emplace_back(open_scripted);
  return embedded(std::move(options));
}

std::string model_of(const Args& args, const EngineOptions& options, const Agent& agent) {
  if (!args.model.empty()) return args.model;
  return options.model.empty() ? agent.model : options.model;
}

Result<std::unique_ptr<Host>> open_home(EngineOptions options, const Args& args) {
  if (Result<void> folder = check_home(home_of(args)); !folder) {
    return fail(std::move(folder.error()));
  }
  return open_host(std::move(options));
}

Exit report_home(const Error& error, const Console& console) {
  console.report(error);
  return error.kind == ErrorKind::conflict ? kExitHomeOwned : kExitError;
}

std::string stopped_owner(const Host& host) {
  std::int64_t owner = host.owner();
  if (owner == ::getpid() || !is_stopped(owner)) return "";
  return fmt::format("process {}, which owns the home, is stopped: `fg` lets it go on", owner);
}

std::string home_of(const Args& args) { return home_folder(args.home); }

std::string home_option(const Args& args) {
  std::string home = home_of(args);
  if (args.home.empty() && home == kHomeDefault) return "";
  static constexpr std::string_view kPlain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-+@%:=,";
  if (home.find_first_not_of(kPlain) == home.npos) return " --home " + home;
  std::string quoted;
  for (char c : home) quoted += c == '\'' ? "'\\''" : std::string(1, c);
  return " --home '" + visible(quoted) + "'";
}

Result<Json> json_or_text(const std::string& text) {
  Result<Json> json = parse_json(text);
  if (json) return json;
  std::string shown = "`" + printable(text, kShownBytesMax) + "`";
  // What was meant as JSON must not become text because of a slip.
  bool meant = text.find_first_of("{[\"") == 0;
  if (meant) return fail(within(shown + " is not JSON", std::move(json.error())));
  if (!valid_utf8(text)) return fail(ErrorKind::invalid, "expected text in UTF-8, got " + shown);
  return Json(text);
}

}  // namespace ragent::cli
