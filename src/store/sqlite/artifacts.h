// FileArtifacts: artifacts/<tenant>/<id>, one file each, named by the SHA-256 of what is in it.
//
//   FileArtifacts artifacts(home + "/artifacts", Access::own);
//   Result<std::string> id = artifacts.put(tenant, bytes);
//
// Owned by the store; any thread.
#pragma once

#include <store/sqlite/files.h>
#include <store/store.h>

namespace ragent {

class FileArtifacts : public Artifacts {
 public:
  FileArtifacts(std::string folder, Access access) : folder_(std::move(folder)), access_(access) {}
  Result<std::string> put(const Tenant& tenant, std::string_view bytes) override;
  Result<std::string> get(const Tenant& tenant, const std::string& id) override;

 private:
  std::string folder_;
  Access access_;
};

}  // namespace ragent
