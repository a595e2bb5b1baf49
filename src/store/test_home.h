// For the tests of stores: a folder that goes away again, and rows to write. The folder is on the
// RAM disk where there is one: what is synced is counted, not waited for.
//
//   TestHome home;
//   auto store = open_sqlite_store(home.path());
//   (*store)->journal().commit({.runs = {run_row(1)}, .records = {record(1, 1)}});
#pragma once

#include <store/store.h>

#include <unistd.h>

#include <cstdlib>
#include <filesystem>

namespace ragent {

class TestHome {
 public:
  TestHome() {
    const bool ram = ::access("/dev/shm", W_OK) == 0;
    const std::string place = ram ? "/dev/shm" : std::filesystem::temp_directory_path().string();
    std::string name = place + "/ragent-store-XXXXXX";
    const char* made = ::mkdtemp(name.data());
    RAGENT_ASSERT(made != nullptr);
    folder_ = name;
  }
  TestHome(const TestHome&) = delete;
  TestHome& operator=(const TestHome&) = delete;
  ~TestHome() {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }
  const std::string& folder() const { return folder_; }
  std::string path() const { return folder_ + "/home"; }
  std::string journal() const { return path() + "/journal.db"; }
  std::string tenant(const std::string& id) const { return path() + "/tenants/" + id + ".db"; }

 private:
  std::string folder_;
};

inline RunRow run_row(RunId id, std::string tenant = "local", std::string state = "working") {
  return {.id = id,
          .uid = "uid" + std::to_string(id),
          .tenant = std::move(tenant),
          .session = "s1",
          .agent = "clerk",
          .spec = "d1",
          .planner = "react@1",
          .state = std::move(state),
          .task = "What is 2 + 3?",
          .started_at = 1000 + id};
}

inline Record record(RunId run, std::uint32_t n, std::string body = R"({"text":"…"})",
                     RecordKind kind = RecordKind::think) {
  return {.run = run,
          .n = n,
          .step = n,
          .kind = kind,
          .at = 5000 + n,
          .digest = {.high = 0xfedcba9876543210u + n, .low = static_cast<std::uint64_t>(run)},
          .body = std::move(body)};
}

// A run with `count` records whose last is `final`: what may be applied and filed.
inline Group ended_run(RunId run, std::uint32_t count, std::string tenant = "local") {
  Group group{.specs = {{.digest = "d1", .body = R"({"name":"clerk"})"}},
              .runs = {run_row(run, std::move(tenant), "ended")}};
  for (std::uint32_t n = 1; n < count; ++n) group.records.push_back(record(run, n));
  group.records.push_back(record(run, count, R"({"outcome":"answered"})", RecordKind::final));
  return group;
}

}  // namespace ragent
