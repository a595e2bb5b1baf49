// ForwardingStore: another store behind the same interface, for tests that count, refuse or crash
// at some of its calls: they override those.
//
//   struct Counting : ForwardingStore {
//     using ForwardingStore::ForwardingStore;
//     Result<std::uint64_t> commit(const Group& group) override { … }
//   };
//
// As thread-safe as the store behind it.
#pragma once

#include <store/store.h>

namespace ragent {

class ForwardingStore : public Store, protected Journal, protected Tenants {
 public:
  explicit ForwardingStore(std::unique_ptr<Store> inner) : inner_(std::move(inner)) {}
  Journal& journal() override { return *this; }
  Tenants& tenants() override { return *this; }
  Artifacts& artifacts() override { return inner_->artifacts(); }
  Result<RunId> last_run_id() override { return inner_->last_run_id(); }

 protected:
  Result<std::uint64_t> commit(const Group& group) override {
    return inner_->journal().commit(group);
  }
  Result<std::vector<RunRow>> runs() override { return inner_->journal().runs(); }
  Result<std::vector<Record>> records(const Tenant& tenant, RunId run,
                                      std::uint32_t chapter_from) override {
    return inner_->journal().records(tenant, run, chapter_from);
  }
  Result<std::vector<WaitRow>> waits() override { return inner_->journal().waits(); }
  Result<std::vector<InboxRow>> inbox() override { return inner_->journal().inbox(); }
  Result<std::string> spec(const Tenant& tenant, const std::string& digest) override {
    return inner_->journal().spec(tenant, digest);
  }

  Result<void> apply(const Tenant& tenant, const std::vector<Applied>& items) override {
    return inner_->tenants().apply(tenant, items);
  }
  Result<void> file(const Tenant& tenant, const std::vector<RunId>& runs) override {
    return inner_->tenants().file(tenant, runs);
  }
  Result<std::vector<Turn>> turns(const Tenant& tenant, const std::string& session,
                                  std::uint32_t number_from) override {
    return inner_->tenants().turns(tenant, session, number_from);
  }
  Result<std::vector<SessionRow>> sessions(const Tenant& tenant) override {
    return inner_->tenants().sessions(tenant);
  }
  Result<std::vector<UsageRow>> usage(const Tenant& tenant) override {
    return inner_->tenants().usage(tenant);
  }
  Result<std::vector<RunRow>> runs(const Tenant& tenant) override {
    return inner_->tenants().runs(tenant);
  }
  Result<FiledRun> run(const Tenant& tenant, const std::string& uid) override {
    return inner_->tenants().run(tenant, uid);
  }
  Result<std::uint64_t> applied_lsn(const Tenant& tenant) override {
    return inner_->tenants().applied_lsn(tenant);
  }

 private:
  std::unique_ptr<Store> inner_;
};

}  // namespace ragent
