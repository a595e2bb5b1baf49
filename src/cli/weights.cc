#include <cli/weights.h>

#include <base/scope.h>
#include <model/http/weights_fetch.h>

#include <filesystem>
#include <fmt/core.h>

namespace ragent::cli {
namespace {

using std::chrono::steady_clock;

constexpr std::chrono::milliseconds kLook{100};  // for a Ctrl-C
constexpr double kRateTime = 0.5;  // of seconds, before a rate says something

// "fetching x.gguf, 120 MB of 1.1 GB, 25 MB/s, 40 s left".
std::string told(const std::string& what, const FetchNews& news, double seconds) {
  std::string out = fmt::format("fetching {}, {}", what, bytes(news.bytes));
  if (news.total > 0) out += " of " + bytes(news.total);
  double rate = seconds > kRateTime ? static_cast<double>(news.bytes - news.before) / seconds : 0;
  if (rate < 1) return out;
  out += fmt::format(", {}/s", bytes(static_cast<std::uint64_t>(rate)));
  if (news.total <= news.bytes) return out;
  double left = static_cast<double>(news.total - news.bytes) / rate;
  return out + fmt::format(", {} left", duration(static_cast<std::int64_t>(left) * 1000));
}

Task<void> fetched(Loop& loop, HttpClient& client, WeightsFetch what,
                   std::optional<Result<std::string>>& out) {
  out.emplace(co_await fetch_weights(loop, client, std::move(what)).result());
}

}  // namespace

Result<std::string> bring(const WeightsUrl& weights, const Console& console) {
  std::string folder = models_folder();
  if (Result<std::string> here = present_weights(folder, weights)) return here;
  catch_interrupts();
  std::string what = one_line(std::filesystem::path(weights.url).filename().string());
  what = what.substr(0, what.find('?'));
  if (!console.drawing) note(fmt::format("fetching {}\n", one_line(weights.url)));
  Progress progress(console);
  progress.say("fetching " + what);
  auto begin = steady_clock::now();
  WeightsFetch fetch{.weights = weights, .folder = folder, .news = [&](const FetchNews& news) {
                       std::chrono::duration<double> took = steady_clock::now() - begin;
                       progress.detail(told(what, news, took.count()));
                     }};
  std::unique_ptr<Loop> loop = make_loop(Logger(LogLevel::off));
  std::unique_ptr<HttpClient> client = make_http_client(*loop);
  std::optional<Result<std::string>> out;
  int before = interrupts();
  Scope scope(*loop);
  scope.spawn(fetched(*loop, *client, std::move(fetch), out));
  while (!out && interrupts() == before) {
    loop->run([&] { return out.has_value(); }, loop->now() + kLook);
  }
  progress.say("");
  if (out) return std::move(*out);
  scope.cancel();
  return fail(ErrorKind::cancelled,
              fmt::format("stopped; what came of {} is kept, the next try goes on from there",
                          one_line(weights.url)));
}

Exit report_weights(const Error& error, const Console& console) {
  console.report(error);
  return error.kind == ErrorKind::cancelled ? kExitInterrupted : kExitError;
}

Result<void> bring_weights(const std::string& model, const Console& console) {
  for (std::string_view each : split(model, ',')) {
    Result<std::optional<WeightsUrl>> weights = weights_url(trim(each));
    if (!weights) return fail(std::move(weights.error()));
    if (!*weights) continue;
    if (Result<std::string> file = bring(**weights, console); !file) return fail(file.error());
  }
  return {};
}

}  // namespace ragent::cli
