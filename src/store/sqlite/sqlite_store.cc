#include <store/sqlite/artifacts.h>
#include <store/sqlite/lock.h>
#include <store/sqlite/tenants.h>

#include <base/file.h>

#include <algorithm>
#include <filesystem>

#include <fmt/core.h>

namespace ragent {
namespace {

class SqliteStore : public Store {
 public:
  SqliteStore(const std::string& home, std::optional<HomeLock> lock,
              std::unique_ptr<SqliteJournal> journal, Access access)
      : lock_(std::move(lock)),
        journal_(std::move(journal)),
        tenants_(home + "/tenants", *journal_, access),
        artifacts_(home + "/artifacts", access) {}

  Journal& journal() override { return *journal_; }
  Tenants& tenants() override { return tenants_; }
  Artifacts& artifacts() override { return artifacts_; }
  Result<RunId> last_run_id() override { return journal_->last_run_id(); }

 private:
  std::optional<HomeLock> lock_;  // let go last, when every file is closed
  std::unique_ptr<SqliteJournal> journal_;
  SqliteTenants tenants_;
  FileArtifacts artifacts_;
};

// A journal is only made for a home that never had one: a second one would give numbers again
// that the tenant files have seen.
Result<void> make_journal(const std::string& home, const std::string& path) {
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(home + "/tenants", ignored)) {
    if (entry.path().extension() != ".db") continue;
    return fail(ErrorKind::invalid,
                fmt::format("{} is missing, but {} is there: restore the journal from a backup, or "
                            "move the folder tenants away too",
                            path, entry.path().string()));
  }
  return SqliteJournal::create(path);
}

Result<void> make_home(const std::string& home) {
  for (const char* folder : {"", "/tenants", "/artifacts"}) {
    Result<void> made = make_directories(home + folder, 0700);
    if (made) continue;
    Error error = std::move(made.error());
    if (error.kind != ErrorKind::unavailable) {
      error.message += "; make it writable or choose another home";
    }
    return fail(std::move(error));
  }
  return {};
}

}  // namespace

Result<std::unique_ptr<Store>> open_sqlite_store(const std::string& home) {
  Result<void> done = make_home(home);
  if (!done) return fail(std::move(done.error()));
  Result<HomeLock> lock = HomeLock::take(home);
  if (!lock) return fail(std::move(lock.error()));
  const std::string path = home + "/journal.db";
  if (!file_exists(path)) done = make_journal(home, path);
  if (!done) return fail(std::move(done.error()));
  Result<std::unique_ptr<SqliteJournal>> journal = SqliteJournal::open(path, Access::own);
  if (!journal) return fail(std::move(journal.error()));
  return std::make_unique<SqliteStore>(home, std::move(*lock), std::move(*journal), Access::own);
}

Result<std::unique_ptr<Store>> open_sqlite_store_read_only(const std::string& home) {
  const std::string path = home + "/journal.db";
  if (!file_exists(path)) {
    return fail(
        ErrorKind::not_found,
        fmt::format("there is no Ragent home at {}: no {}; `ragent run` makes one", home, path));
  }
  Result<std::unique_ptr<SqliteJournal>> journal = SqliteJournal::open(path, Access::read);
  if (!journal) return fail(std::move(journal.error()));
  return std::make_unique<SqliteStore>(home, std::nullopt, std::move(*journal), Access::read);
}

}  // namespace ragent
