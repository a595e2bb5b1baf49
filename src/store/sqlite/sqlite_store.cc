#include <store/sqlite/artifacts.h>
#include <store/sqlite/lock.h>
#include <store/sqlite/tenants.h>

#include <base/file.h>

#include <algorithm>
#include <cerrno>
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

// What shows that a home without a journal had one: a second one would give numbers again that the
// tenant files have seen, and a reader would take it for new.
Result<void> never_had_journal(const std::string& home) {
  std::string evidence;
  if (HomeLock::had_journal(home)) evidence = home + "/lock names it";
  for (const char* folder : {"/artifacts", "/tenants"}) {
    std::error_code ignored;
    for (const auto& entry : std::filesystem::directory_iterator(home + folder, ignored)) {
      if (entry.is_directory() || entry.path().extension() == ".db") {
        evidence = entry.path().string() + " is there";
      }
    }
  }
  if (evidence.empty()) return {};
  return fail(ErrorKind::invalid,
              fmt::format("{0}/journal.db is missing, but {1}: restore the journal from a backup, "
                          "or move the folder {0} away to begin anew",
                          home, evidence));
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
  if (!file_exists(path)) {
    done = never_had_journal(home);
    if (done) done = SqliteJournal::create(path);
    if (!done) return fail(std::move(done.error()));
  }
  Result<std::unique_ptr<SqliteJournal>> journal = SqliteJournal::open(path, Access::own);
  if (!journal) return fail(std::move(journal.error()));
  lock->note_journal();
  return std::make_unique<SqliteStore>(home, std::move(*lock), std::move(*journal), Access::own);
}

bool is_owned(const std::string& home) { return HomeLock::held(home); }

Result<std::unique_ptr<Store>> open_sqlite_store_read_only(const std::string& home) {
  const std::string path = home + "/journal.db";
  if (!file_exists(path)) {
    // A home of somebody else is not one where nothing ran.
    if (errno == EACCES) return fail(system_error("read", path, EACCES));
    if (Result<void> fresh = never_had_journal(home); !fresh) return fail(fresh.error());
    return fail(
        ErrorKind::not_found,
        fmt::format("there is no Ragent home at {}: no {}; `ragent run` makes one", home, path));
  }
  Result<std::unique_ptr<SqliteJournal>> journal = SqliteJournal::open(path, Access::read);
  if (!journal) return fail(std::move(journal.error()));
  return std::make_unique<SqliteStore>(home, std::nullopt, std::move(*journal), Access::read);
}

}  // namespace ragent
