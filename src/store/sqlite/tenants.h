// SqliteTenants: tenants/<id>.db, one file a tenant at rest; an LRU of open ones. A file is made by
// the first apply or file of its tenant; until then reading it answers what is empty.
//
//   SqliteTenants tenants(home + "/tenants", journal, Access::own);
//   Result<void> done = tenants.apply(tenant, items);
//
// Owned by the store, and must not outlive its journal. Any thread: calls for one tenant wait for
// one another, those for different tenants do not.
#pragma once

#include <store/sqlite/journal.h>

#include <list>
#include <map>

namespace ragent {

class SqliteTenants : public Tenants {
 public:
  SqliteTenants(std::string folder, SqliteJournal& journal, Access access);
  ~SqliteTenants() override;

  Result<void> apply(const Tenant& tenant, const std::vector<Applied>& items) override;
  Result<void> file(const Tenant& tenant, const std::vector<RunId>& runs) override;
  Result<std::vector<Turn>> turns(const Tenant& tenant, const std::string& session,
                                  std::uint32_t number_from) override;
  Result<std::vector<SessionRow>> sessions(const Tenant& tenant) override;
  Result<std::vector<UsageRow>> usage(const Tenant& tenant) override;
  Result<std::vector<RunRow>> runs(const Tenant& tenant) override;
  Result<FiledRun> run(const Tenant& tenant, const std::string& uid) override;
  Result<std::uint64_t> applied_lsn(const Tenant& tenant) override;

 private:
  struct File;
  enum class Missing : std::uint8_t { make, leave };
  Result<std::shared_ptr<File>> open(const Tenant& tenant, Missing missing);
  Result<void> writable(std::string_view call) const;
  Result<void> file_run(File& file, const Tenant& tenant, RunId id);

  std::string folder_;
  SqliteJournal& journal_;
  Access access_;
  std::mutex mutex_;  // of the two below
  // Shared with the calls at work on it: one that is closed meanwhile ends with the last of them.
  std::map<std::string, std::shared_ptr<File>> files_;
  std::list<std::string> recent_;  // the keys of files_, latest first
};

}  // namespace ragent
