// What durability costs: records a second through the journal, with and without filing, beside
// what the disk does by itself. `store_bench [FOLDER] [SECONDS]`; the folder must not exist.

#include <ragent/limits.h>

#include <base/posix.h>
#include <store/store.h>

#include <fcntl.h>

#include <cstdlib>
#include <filesystem>

#include <fmt/core.h>

namespace ragent {
namespace {

using Clock = std::chrono::steady_clock;

struct Rate {
  double records = 0;  // a second
  double commits = 0;
};

template <class T>
T must(Result<T> result) {
  if (result) {
    if constexpr (!std::is_void_v<T>) return std::move(*result);
    return T();
  }
  fmt::print(stderr, "store_bench: {}\n", result.error().message);
  std::exit(1);
}

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// Appends of `bytes`, each followed by fdatasync: the most any journal could do here.
double raw_syncs(const std::string& path, std::size_t bytes, double seconds) {
  const FileDescriptor file(::open(path.c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0600));
  const std::string block(bytes, 'x');
  std::size_t count = 0;
  const Clock::time_point start = Clock::now();
  for (; seconds_since(start) < seconds; ++count) {
    if (::write(file.get(), block.data(), block.size()) < 0 || ::fdatasync(file.get()) != 0) {
      fmt::print(stderr, "store_bench: {} cannot be written\n", path);
      std::exit(1);
    }
  }
  const double rate = static_cast<double>(count) / seconds_since(start);
  std::filesystem::remove(path);
  return rate;
}

// `width` runs of ten 1 KB records each, one record of every run a commit; what has ended is filed
// and forgotten, or stays.
Rate append(const std::string& home, std::size_t width, bool filing, double seconds) {
  const std::unique_ptr<Store> store = must(open_sqlite_store(home));
  constexpr std::uint32_t kRecords = 10;
  const Tenant tenant;
  const std::string body(1024, 'x');
  std::size_t records = 0, commits = 0;
  RunId next = 1;
  std::vector<RunId> forget;
  const Clock::time_point start = Clock::now();
  while (seconds_since(start) < seconds) {
    std::vector<Applied> applied;
    std::vector<RunId> ended;
    for (std::uint32_t n = 1; n <= kRecords; ++n) {
      Group group;
      group.forget = std::exchange(forget, {});
      for (std::size_t i = 0; i < width; ++i) {
        const RunId run = next + static_cast<RunId>(i);
        if (n == 1 || n == kRecords) {
          group.runs.push_back({.id = run,
                                .uid = fmt::format("run{}", run),
                                .tenant = tenant.id(),
                                .state = n == 1 ? "working" : "ended"});
        }
        group.records.push_back({.run = run, .n = n, .kind = RecordKind::think, .body = body});
      }
      const std::uint64_t first = must(store->journal().commit(group));
      records += width;
      ++commits;
      for (std::size_t i = 0; n == kRecords && i < width; ++i) {
        ended.push_back(next + static_cast<RunId>(i));
        applied.push_back({.lsn = first + i});
      }
    }
    next += static_cast<RunId>(width);
    if (!filing) continue;
    must(store->tenants().apply(tenant, applied));
    for (std::size_t at = 0; at < ended.size(); at += limits::kFileBatchRuns) {
      const std::size_t end = std::min(at + limits::kFileBatchRuns, ended.size());
      must(store->tenants().file(tenant, {ended.data() + at, ended.data() + end}));
    }
    forget = ended;
  }
  const double spent = seconds_since(start);
  return {static_cast<double>(records) / spent, static_cast<double>(commits) / spent};
}

int bench(const std::string& folder, double seconds) {
  std::filesystem::create_directories(folder);
  fmt::print("{:<34}{:>12}{:>12}{:>18}\n", "1 KB records", "records/s", "commits/s",
             "commits / raw sync");
  for (const std::size_t width : {1, 100, 1000}) {
    for (const bool filing : {false, true}) {
      const double before = raw_syncs(folder + "/raw", width * 1100, seconds / 2);
      const std::string home = folder + "/home";
      const Rate rate = append(home, width, filing, seconds);
      const double after = raw_syncs(folder + "/raw", width * 1100, seconds / 2);
      std::filesystem::remove_all(home);
      fmt::print("{:<34}{:>12.0f}{:>12.0f}{:>18.2f}\n",
                 fmt::format("{} runs{}", width, filing ? ", filed when ended" : ""), rate.records,
                 rate.commits, rate.commits / ((before + after) / 2));
    }
  }
  std::filesystem::remove_all(folder);
  return 0;
}

}  // namespace
}  // namespace ragent

int main(int argc, char** argv) {
  const std::string folder = argc > 1 ? argv[1] : "store_bench.tmp";
  if (std::filesystem::exists(folder)) {
    fmt::print(stderr, "store_bench: {} exists: name a folder that does not\n", folder);
    return 1;
  }
  return ragent::bench(folder, argc > 2 ? std::atof(argv[2]) : 2.0);
}
