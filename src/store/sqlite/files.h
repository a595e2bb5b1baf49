// The database files of a home: how one is made, opened and refused. Every one has a row
// meta(format, home, applied_lsn); a file is made beside its place and renamed into it, so an
// empty or half-made file at that place is never ours.
//
//   Result<void> made = create_file(path, kJournalSchema, new_home_id());
//   Result<Database> journal = open_file(path, Access::own);
//   Result<Meta> meta = read_meta(*journal);
//
// Functions; any thread.
#pragma once

#include <store/sqlite/database.h>

#include <cstdint>

namespace ragent {

inline constexpr std::int64_t kStoreFormat = 1;
inline constexpr int kWalPagesMax = 8000;  // of the log, before it is moved into the file

enum class Access : std::uint8_t { own, read };

struct Meta {
  std::string home = {};          // made once per home: its files belong together
  std::uint64_t applied_lsn = 0;  // of a tenant file: `final` records up to here are in it
};

// `schema` makes what is needed besides `meta`. Error{invalid}: a log of an earlier file is there.
Result<void> create_file(const std::string& path, std::string_view schema,
                         std::string_view home_id);
// Error{invalid}: missing, empty, damaged, not ours, or of a newer format; it is left as it is.
// Access::read works beside the owner, and in a folder that allows no writing.
Result<Database> open_file(const std::string& path, Access access);
Result<Meta> read_meta(Database& file);
std::string new_home_id();

bool file_exists(const std::string& path);  // where not, errno says why

}  // namespace ragent
