#include <model/http/weights_part.h>

#include <base/file.h>

#include <cerrno>
#include <fcntl.h>
#include <filesystem>
#include <fmt/core.h>
#include <sys/file.h>
#include <sys/stat.h>

namespace ragent {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kReadBytes = 1u << 20;
constexpr std::size_t kEtagBytesMax = 1024;
constexpr mode_t kMode = 0644;
constexpr int kOpensMax = 10;  // of files that others take away between opening and locking
constexpr double kMegabyte = 1e6;

std::string etag_path(const std::string& path) { return path + ".etag"; }

}  // namespace

Result<WeightsPart> WeightsPart::open(const std::string& file) {
  WeightsPart part(file);
  for (int opens = 0; !part.stands(); ++opens) {
    part.opened_.reset(::open(part.path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, kMode));
    if (!part.opened_) return fail(system_error("open", part.path_, errno));
    if (::flock(part.opened_.get(), LOCK_EX | LOCK_NB) != 0 || opens == kOpensMax) {
      return fail(ErrorKind::conflict,
                  part.path_ + " is being fetched by another process: wait for it");
    }
  }
  if (Result<void> read = part.read_again(); !read) return fail(std::move(read.error()));
  if (part.size_ > 0) {
    part.etag_ = read_file(etag_path(part.path_), kEtagBytesMax).value_or("");
  }
  return part;
}

bool WeightsPart::stands() const {
  struct stat opened = {};
  struct stat named = {};
  return opened_ && ::fstat(opened_.get(), &opened) == 0 && ::stat(path_.c_str(), &named) == 0 &&
         opened.st_dev == named.st_dev && opened.st_ino == named.st_ino;
}

Result<void> WeightsPart::read_again() {
  std::string bytes(kReadBytes, '\0');
  for (;;) {
    ssize_t got = ::read(opened_.get(), bytes.data(), bytes.size());
    if (got == 0) return {};
    if (got < 0 && errno != EINTR) return fail(system_error("read", path_, errno));
    if (got < 0) continue;
    hash_->add(std::string_view(bytes).substr(0, static_cast<std::size_t>(got)));
    size_ += static_cast<std::uint64_t>(got);
  }
}

void WeightsPart::set_etag(const std::string& etag) {
  if (etag == etag_ || etag.size() > kEtagBytesMax) return;
  // Without it the hash at the end still tells.
  if (write_file_atomic(etag_path(path_), etag)) etag_ = etag;
}

Result<void> WeightsPart::add(std::string_view bytes) {
  hash_->add(bytes);
  while (!bytes.empty()) {
    ssize_t put = ::write(opened_.get(), bytes.data(), bytes.size());
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) {
      Error error = system_error("write", path_, errno);
      error.message += "; what came is kept: make room, and the next try goes on from there";
      return fail(std::move(error));
    }
    size_ += static_cast<std::uint64_t>(put);
    bytes.remove_prefix(static_cast<std::size_t>(put));
  }
  return {};
}

Result<void> WeightsPart::begin_anew() {
  std::error_code ignored;
  fs::remove(etag_path(path_), ignored);
  etag_.clear();
  size_ = 0;
  hash_ = std::make_unique<Sha256>();
  if (::ftruncate(opened_.get(), 0) == 0 && ::lseek(opened_.get(), 0, SEEK_SET) == 0) return {};
  return fail(system_error("empty", path_, errno));
}

void WeightsPart::remove() {
  if (!stands()) return;
  std::error_code ignored;
  fs::remove(path_, ignored);
  fs::remove(etag_path(path_), ignored);
}

Result<void> WeightsPart::check_room(std::uint64_t bytes) const {
  std::error_code error;
  fs::space_info space = fs::space(fs::path(path_).parent_path(), error);
  if (error || space.available >= bytes) return {};
  return fail(ErrorKind::unavailable,
              fmt::format("no room for {}: {:.0f} MB more are needed, {:.0f} MB are free; make "
                          "room, or set RAGENT_CACHE to a folder on another disk",
                          file_, static_cast<double>(bytes) / kMegabyte,
                          static_cast<double>(space.available) / kMegabyte));
}

Result<void> WeightsPart::keep(const std::string& sha256) {
  std::string found = hash_->hex();
  if (found != sha256) {
    remove();
    return fail(ErrorKind::invalid,
                fmt::format("the file has another hash, and was removed: expected sha256 {}, got "
                            "{}; either the name has a slip, or what lies there was changed",
                            sha256, found));
  }
  if (::fsync(opened_.get()) != 0) return fail(system_error("sync", path_, errno));
  if (!stands()) {
    return fail(ErrorKind::conflict, path_ + " was removed while it was fetched: fetch it again");
  }
  if (::rename(path_.c_str(), file_.c_str()) != 0) {
    return fail(system_error("rename", path_, errno));
  }
  std::error_code ignored;
  fs::remove(etag_path(path_), ignored);
  std::string folder = fs::path(file_).parent_path();
  FileDescriptor opened(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!opened || ::fsync(opened.get()) != 0) return fail(system_error("sync", folder, errno));
  return {};
}

}  // namespace ragent
