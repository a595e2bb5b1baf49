#include <store/sqlite/files.h>

#include <base/file.h>
#include <base/posix.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <random>

#include <fmt/core.h>

namespace ragent {
namespace {

// Nothing is synced on the way: the whole file is, before it is renamed into its place. It gets no
// log until it is complete: what a full disk kept in the log would be left behind.
constexpr std::string_view kSetUp =
    "pragma page_size=8192; pragma synchronous=off; pragma journal_mode=memory; begin;"
    "create table meta(format integer not null, home text not null,"
    " applied_lsn integer not null);";

Result<void> sync_path(const std::string& path, int flags) {
  const FileDescriptor file(::open(path.c_str(), flags | O_CLOEXEC));
  if (!file) return fail(system_error("open", path, errno));
  if (::fsync(file.get()) != 0) return fail(system_error("sync", path, errno));
  return {};
}

Result<void> fill(const std::string& path, std::string_view schema, std::string_view home_id) {
  Result<Database> file = Database::open(path, Database::Mode::create);
  if (!file) return fail(std::move(file.error()));
  Result<void> made = file->execute(std::string(kSetUp).append(schema));
  if (!made) return made;
  Result<Statement> insert =
      file->prepare("insert into meta(format, home, applied_lsn) values(?1, ?2, 0)");
  if (!insert) return fail(std::move(insert.error()));
  Result<void> inserted = insert->bind(kStoreFormat, home_id).run();
  if (!inserted) return inserted;
  return file->execute("commit; pragma journal_mode=wal");
}

Result<Database> open_checked(const std::string& path, Database::Mode mode) {
  Result<Database> file = Database::open(path, mode);
  if (!file) return file;
  Result<Meta> meta = read_meta(*file);
  if (!meta) return fail(std::move(meta.error()));
  return file;
}

}  // namespace

Result<void> create_file(const std::string& path, std::string_view schema,
                         std::string_view home_id) {
  if (file_exists(path + "-wal")) {
    return fail(ErrorKind::invalid,
                fmt::format("{0} is missing, but its log {0}-wal is there: put the file back, or "
                            "move the log away too",
                            path));
  }
  const std::string fresh = path + ".new";
  for (const char* suffix : {"", "-wal", "-shm", "-journal"}) ::unlink((fresh + suffix).c_str());
  Result<void> done = fill(fresh, schema, home_id);
  if (done) done = sync_path(fresh, O_RDONLY);
  if (done && ::rename(fresh.c_str(), path.c_str()) != 0) {
    done = fail(system_error("make", path, errno));
  }
  if (!done) return done;
  const std::string folder = std::filesystem::path(path).parent_path();
  return sync_path(folder.empty() ? "." : folder, O_RDONLY | O_DIRECTORY);
}

Result<Database> open_file(const std::string& path, Access access) {
  struct stat status = {};
  if (::stat(path.c_str(), &status) != 0) {
    if (errno != ENOENT) return fail(system_error("read", path, errno));
    return fail(ErrorKind::invalid, fmt::format("{} is missing: restore it from a backup", path));
  }
  if (status.st_size == 0) {
    return fail(ErrorKind::invalid,
                fmt::format("{} is empty: restore it from a backup, or move it away", path));
  }
  if (access == Access::own) return open_checked(path, Database::Mode::read_write);
  Result<Database> file = open_checked(path, Database::Mode::read_only);
  // A reader wants a log and its index beside the file. Where it may not make them and there is no
  // log, nobody writes: the file alone is complete.
  if (!file && file.error().kind != ErrorKind::invalid && !file_exists(path + "-wal")) {
    Result<Database> alone = open_checked(path, Database::Mode::immutable);
    if (alone) return alone;
  }
  return file;
}

Result<Meta> read_meta(Database& file) {
  Result<Statement> query = file.prepare("select format, home, applied_lsn from meta");
  if (!query) {
    if (query.error().message.find("no such") == std::string::npos) {
      return fail(std::move(query.error()));
    }
    return fail(ErrorKind::invalid,
                fmt::format("{} is a database, but not one of Ragent: move it away", file.path()));
  }
  Result<bool> row = query->step();
  if (!row) return fail(std::move(row.error()));
  const std::int64_t format = *row ? query->integer(0) : 0;
  if (format > kStoreFormat) {
    return fail(ErrorKind::invalid,
                fmt::format("{} has format {}, this release reads formats up to {}: use the "
                            "release that wrote it, or a newer one",
                            file.path(), format, kStoreFormat));
  }
  if (format < 1) {
    return fail(ErrorKind::invalid,
                fmt::format("{} says no format: damaged; restore it from a backup", file.path()));
  }
  return Meta{.home = std::string(query->text(1)),
              .applied_lsn = static_cast<std::uint64_t>(query->integer(2))};
}

std::string new_home_id() {
  std::random_device random;
  return fmt::format("{:08x}{:08x}", random(), random());
}

bool file_exists(const std::string& path) { return ::access(path.c_str(), F_OK) == 0; }

}  // namespace ragent
