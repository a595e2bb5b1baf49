#include <tau_bench/house.h>

#include <ragent/typed.h>
#include <tau_bench/journalled.h>

#include <fmt/format.h>

#include <signal.h>

#include <algorithm>
#include <filesystem>

namespace ragent::tau_bench {
namespace {

using namespace std::chrono_literals;

constexpr auto kLifeMax = 300s;  // of one process, under a sanitizer too
constexpr auto kBytesTime = 10ms;  // for the first bytes of a hanging reply to come

}  // namespace

House::House(const Log& log)
    : path_(home_.path()),
      ledger_(home_.folder() + "/ledger"),
      speaker_(log),
      loop_(make_loop(Logger(LogLevel::off))),
      stub_(*loop_,
            {.script = [this](const stub::StubRequest& asked) { return speaker_.say(asked); }}),
      killers_(*loop_) {}

Task<void> House::kill_soon(House& house) {
  const pid_t child = house.child_;
  co_await house.loop_->sleep(kBytesTime);
  if (house.child_ == child && child != 0) ::kill(child, SIGKILL);
}

ProcessResult House::live(Drive drive) {
  drive.home = path_;
  drive.ledger = home_.folder() + "/ledger";
  drive.model = stub_.url() + "#gpt-4o";
  speaker_.fatal(drive.fatal, [this] { killers_.spawn(kill_soon(*this)); });
  const std::string self = std::filesystem::read_symlink("/proc/self/exe");
  Result<ProcessResult> ran = block_on(
      *loop_,
      run_process(*loop_, {.argv = {self, fmt::format("--gtest_filter={}", kDriverTest)},
                           .env = std::vector<std::string>{fmt::format("{}={}", kDriverVariable,
                                                                       to_json_value(drive).dump()),
                                                           "RAGENT_LOG=off"},
                           .time_max = kLifeMax,
                           .on_start = [this](pid_t child) { child_ = child; }}));
  child_ = 0;
  RAGENT_ASSERT(ran);
  return std::move(*ran);
}

Found House::found() const {
  const Result<std::unique_ptr<Store>> store = open_sqlite_store_read_only(path_);
  if (!store) return {.last = store.error().message};
  const Result<std::vector<RunRow>> runs = list_runs(**store, {});
  if (!runs || runs->empty()) return {.last = runs ? "no run" : runs.error().message};
  const RunRow& latest = runs->front();
  const Result<FiledRun> run = (*store)->tenants().run({}, latest.uid);
  if (!run) return {.last = run.error().message};
  const auto replies = std::ranges::count_if(run->records, [](const Record& record) {
    return record.kind == RecordKind::think && record.phase == Phase::outcome;
  });
  return {.state = latest.state,
          .last = last_of(run->records),
          .session = latest.session,
          .replies = static_cast<std::size_t>(replies)};
}

}  // namespace ragent::tau_bench
