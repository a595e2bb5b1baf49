#include <store/sqlite/artifacts.h>

#include <ragent/limits.h>

#include <base/file.h>
#include <base/hash.h>

#include <algorithm>

#include <fmt/core.h>

namespace ragent {
namespace {

// Anything else would be a path out of the folder.
bool is_id(std::string_view id) {
  return id.size() == 64 && id.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

}  // namespace

Result<std::string> FileArtifacts::put(const Tenant& tenant, std::string_view bytes) {
  if (access_ == Access::read) {
    return fail(ErrorKind::misuse, "put: this store was opened for reading beside its owner");
  }
  if (bytes.size() > limits::kArtifactBytesMax) {
    return fail(ErrorKind::invalid, fmt::format("an artifact has at most {} bytes, this one has {}",
                                                limits::kArtifactBytesMax, bytes.size()));
  }
  std::string id = sha256_hex(bytes);
  const std::string folder = folder_ + "/" + tenant.id();
  const std::string path = folder + "/" + id;
  if (file_exists(path)) return id;
  Result<void> done = make_directories(folder, 0700);
  if (done) done = write_file_atomic(path, bytes, 0600);
  if (!done) return fail(std::move(done.error()));
  return id;
}

Result<std::string> FileArtifacts::get(const Tenant& tenant, const std::string& id) {
  const std::string path = folder_ + "/" + tenant.id() + "/" + id;
  if (!is_id(id) || !file_exists(path)) {
    return fail(ErrorKind::not_found, fmt::format("there is no artifact {}", id));
  }
  Result<std::string> bytes = read_file(path, limits::kArtifactBytesMax);
  if (bytes && sha256_hex(*bytes) != id) {
    return fail(ErrorKind::invalid,
                fmt::format("{} is damaged: its content is not what its name says; restore it from "
                            "a backup",
                            path));
  }
  return bytes;
}

}  // namespace ragent
