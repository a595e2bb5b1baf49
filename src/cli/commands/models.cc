// ragent models: which models can be used here, and the weights of one, fetched.
#include <base/scope.h>
#include <cli/commands.h>
#include <cli/weights.h>
#include <model/http/model_list.h>
#include <model/http/prices.h>
#include <model/llama/llama_model.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fmt/core.h>

namespace ragent::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kNamesShown = 12;  // of an endpoint among others
constexpr std::string_view kWeights = ".gguf";
constexpr std::string_view kExpectedName =
    "https://HOST/…/FILE.gguf#sha256=HEX or hf:OWNER/REPO/FILE.gguf#sha256=HEX";

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

using Names = Result<std::vector<std::string>>;

// Asks all of them at once.
std::vector<Names> ask(const std::vector<AccountHere>& accounts) {
  std::unique_ptr<Loop> loop = make_loop(Logger(LogLevel::off));
  std::unique_ptr<HttpClient> client = make_http_client(*loop);
  std::vector<Task<std::vector<std::string>>> tasks;
  for (const AccountHere& here : accounts) {
    if (here.account) tasks.push_back(list_models(*client, *here.account));
  }
  std::vector<Names> answered;
  if (!tasks.empty()) {
    auto all = block_on(*loop, when_all(*loop, std::move(tasks)));
    if (all) answered = std::move(*all);
  }
  std::vector<Names> out;
  auto next = answered.begin();
  for (const AccountHere& here : accounts) {
    if (here.account && next != answered.end()) {
      out.push_back(std::move(*next++));
    } else {
      out.push_back(
          fail(here.account ? Error{.message = "it was not asked"} : here.account.error()));
    }
  }
  return out;
}

// GGUF files of the cache that no local name means.
std::vector<fs::path> other_files(const std::vector<LocalModel>& known) {
  std::vector<fs::path> out;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(models_folder(), error)) {
    bool named = std::ranges::any_of(
        known, [&](const LocalModel& model) { return fs::path(model.path) == entry.path(); });
    if (entry.path().extension() == kWeights && !named) out.push_back(entry.path());
  }
  std::ranges::sort(out);
  return out;
}

std::uint64_t size_of(const fs::path& file) {
  std::error_code error;
  std::uint64_t size = fs::file_size(file, error);
  return error ? 0 : size;
}

Json local_json(const LocalModel& model) {
  Json out = Json::object({{"kind", "local"},
                           {"model", model.name},
                           {"file", model.path},
                           {"present", model.present},
                           {"fetch", model.fetch}});
  if (model.present) out["bytes"] = static_cast<std::int64_t>(size_of(model.path));
  return out;
}

void print_local_json(const std::vector<LocalModel>& models, const std::vector<fs::path>& files) {
  for (const LocalModel& model : models) print(local_json(model).dump() + "\n");
  for (const fs::path& file : files) {
    print(Json::object({{"kind", "file"},
                        {"model", file.string()},
                        {"file", file.string()},
                        {"present", true},
                        {"bytes", static_cast<std::int64_t>(size_of(file))}})
              .dump() +
          "\n");
  }
}

void print_local(const Args& args, const Console& console) {
  std::vector<LocalModel> models = local_models();
  std::vector<fs::path> files = other_files(models);
  if (args.json) return print_local_json(models, files);
  std::vector<std::vector<std::string>> rows;
  for (const LocalModel& model : models) {
    rows.push_back({model.name, fs::path(model.path).filename().string(),
                    model.present ? bytes(size_of(model.path)) : model.size,
                    model.present ? "present" : model.fetch});
  }
  print(table(console.out, "", {"model", "file", "size", "fetched by"}, rows));
  // Names that somebody copies are never cut.
  print(dim(console.out, fmt::format("in {}\n", one_line(models_folder()))));
  if (!files.empty()) print("\nthere too, by their path:\n");
  for (const fs::path& file : files) {
    print(fmt::format("  {}  {}\n", one_line(file.string()), bytes(size_of(file))));
  }
}

void print_json(const AccountHere& here, const Names& names, const Prices& prices) {
  if (!names) {
    print(Json::object(
              {{"kind", "endpoint"}, {"endpoint", here.prefix}, {"error", names.error().message}})
              .dump() +
          "\n");
    return;
  }
  for (const std::string& name : *names) {
    Json line = Json::object(
        {{"kind", "endpoint"}, {"endpoint", here.prefix}, {"model", here.prefix + name}});
    Account account = *here.account;
    account.model = name;
    if (auto price = prices.of(here.prefix + name, account)) line["price"] = to_json(*price);
    print(line.dump() + "\n");
  }
}

// A few of its names; all of them by its own command.
void print_some(const AccountHere& here, const Names& names, const Look& look) {
  std::string endpoint = here.prefix.substr(0, here.prefix.size() - 1);
  std::string where = here.account ? " (" + one_line(here.account->base_url) + ")" : "";
  if (endpoint.contains("://")) where = "";
  print(fmt::format("\n{}{}\n", bold(look, one_line(endpoint)), dim(look, where)));
  if (!names) return print(wrapped(look, "  ", "error: " + one_line(names.error().message)));
  std::vector<std::string> shown(
      names->begin(),
      names->begin() + static_cast<std::ptrdiff_t>(std::min(kNamesShown, names->size())));
  std::string text = join(shown, ", ");
  if (names->size() > shown.size()) {
    text += fmt::format(" and {} more: `ragent models {}`", names->size() - shown.size(), endpoint);
  }
  print(wrapped(look, "  ", names->empty() ? "it lists no models" : text));
}

int list_endpoint(const Args& args, const Prices& prices, const Console& console) {
  std::vector<AccountHere> accounts = {account_named(args.what, std::getenv)};
  Names names = std::move(ask(accounts).front());
  if (args.json) print_json(accounts.front(), names, prices);
  if (!names && args.json) return kExitError;
  if (!names) return console.report(names.error());
  if (args.json) return kExitDone;
  for (const std::string& name : *names) print(one_line(accounts.front().prefix + name) + "\n");
  if (names->empty()) note("It lists no models.\n");
  return kExitDone;
}

std::string no_weights(const std::string& name) {
  if (name.empty()) return fmt::format("fetch what? expected {}", kExpectedName);
  for (const LocalModel& model : local_models()) {
    if (model.name != local_model_name(name)) continue;
    return fmt::format("{} is fetched by `{}`", model.name, model.fetch);
  }
  return fmt::format("`{}` names no weights to fetch: expected {}", printable(name, 200),
                     kExpectedName);
}

int fetch(const Args& args, const Console& console) {
  Result<std::optional<WeightsUrl>> weights = weights_url(args.name);
  if (!weights) return console.report(weights.error());
  if (!*weights) {
    return console.report({.kind = ErrorKind::invalid, .message = no_weights(args.name)});
  }
  Result<std::string> file = bring(**weights, console);
  if (!file) return report_weights(file.error(), console);
  if (args.json) {
    print(Json::object({{"model", args.name}, {"file", *file}}).dump() + "\n");
  } else {
    print(one_line(*file) + "\n");
  }
  return kExitDone;
}

}  // namespace

int models_command(const Args& args, const Console& console) {
  if (args.what == "fetch") return fetch(args, console);
  if (!args.name.empty()) {
    return console.report({.kind = ErrorKind::invalid,
                           .message = "expected `ragent models`, `ragent models ENDPOINT` or "
                                      "`ragent models fetch NAME`"});
  }
  Result<Prices> prices = Prices::from(std::getenv);
  if (!prices) return console.report(prices.error());
  if (!args.what.empty()) return list_endpoint(args, *prices, console);
  print_local(args, console);
  std::vector<AccountHere> accounts = accounts_here(std::getenv, variable("RAGENT_MODEL"));
  std::vector<Names> names = ask(accounts);
  bool well = true;
  for (std::size_t i = 0; i < accounts.size(); ++i) {
    well = well && names[i].has_value();
    if (args.json) {
      print_json(accounts[i], names[i], *prices);
    } else {
      print_some(accounts[i], names[i], console.out);
    }
  }
  if (accounts.empty() && !args.json) {
    print("\nNo endpoint: set OPENAI_API_KEY, ANTHROPIC_API_KEY, or RAGENT_MODEL=URL#NAME.\n");
  }
  return well ? kExitDone : kExitError;
}

}  // namespace ragent::cli
