// SqliteJournal: journal.db. One connection writes (commit), one reads (everything else, behind a
// mutex): in WAL mode neither waits for the other.
//
//   Result<std::unique_ptr<SqliteJournal>> journal = SqliteJournal::open(path, Access::own);
//   Result<std::uint64_t> lsn = (*journal)->commit(group);
//
// Owned by the store; threads as store.h says.
#pragma once

#include <store/sqlite/files.h>
#include <store/store.h>

#include <atomic>
#include <mutex>

namespace ragent {

class SqliteJournal : public Journal {
 public:
  static Result<void> create(const std::string& path);
  static Result<std::unique_ptr<SqliteJournal>> open(const std::string& path, Access access);

  Result<std::uint64_t> commit(const Group& group) override;
  Result<std::vector<RunRow>> runs() override;
  Result<std::vector<Record>> records(const Tenant& tenant, RunId run,
                                      std::uint32_t chapter_from) override;
  Result<std::vector<WaitRow>> waits() override;
  Result<std::vector<InboxRow>> inbox() override;
  Result<std::string> spec(const Tenant& tenant, const std::string& digest) override;

  // For the tenant files. A run with records and spec as of one moment; nothing when it is not (or
  // no longer) in the journal, or another tenant's.
  Result<std::optional<FiledRun>> run(const Tenant& tenant, RunId id);
  Result<std::optional<FiledRun>> run(const Tenant& tenant, const std::string& uid);
  const std::string& home() const { return home_; }
  std::uint64_t next_lsn() const { return next_lsn_.load(); }
  Result<RunId> last_run_id();

 private:
  struct Writer;
  struct Reader;
  SqliteJournal(std::unique_ptr<Writer> writer, std::unique_ptr<Reader> reader);
  Result<std::optional<FiledRun>> read_whole(Statement& find, const Tenant& tenant);

  std::unique_ptr<Writer> writer_;  // null: opened for reading
  std::mutex reader_mutex_;
  std::unique_ptr<Reader> reader_;  // under the mutex
  std::string home_;
  std::atomic<std::uint64_t> next_lsn_ = 1;

 public:
  ~SqliteJournal() override;
};

}  // namespace ragent
