// What reaches the disk, and what happens when it does not: the syncs of every call are counted,
// and a sync or a write can be made to fail.

#include <store/sqlite/files.h>
#include <store/test_home.h>

#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <fstream>

#include <gmock/gmock.h>
#include <sqlite3.h>

namespace {

std::atomic<int> syncs = 0;
std::atomic<bool> sync_fails = false;
std::atomic<int> writes_left = -1;  // before one finds the disk full; -1: there is space

int counted_sync(int file) {
  ++syncs;
  if (sync_fails) {
    errno = EIO;
    return -1;
  }
  return static_cast<int>(::syscall(SYS_fdatasync, file));
}

ssize_t scarce_write(int file, const void* bytes, std::size_t size, off_t at) {
  if (writes_left == 0) {
    errno = ENOSPC;
    return -1;
  }
  if (writes_left > 0) --writes_left;
  return ::pwrite(file, bytes, size, at);
}

// Also under the other name that SQLite may have been built to call; false when it uses neither.
bool replace_writes(bool scarce) {
  sqlite3_vfs* vfs = sqlite3_vfs_find(nullptr);
  const auto function = scarce ? reinterpret_cast<sqlite3_syscall_ptr>(scarce_write) : nullptr;
  bool replaced = false;
  for (const char* name : {"pwrite", "pwrite64"}) {
    if (vfs->xGetSystemCall(vfs, name) == nullptr) continue;
    replaced = vfs->xSetSystemCall(vfs, name, function) == SQLITE_OK || replaced;
  }
  return replaced;
}

}  // namespace

// The linker takes these for those of the C library, in SQLite too.
extern "C" int fdatasync(int file) { return counted_sync(file); }
extern "C" int fsync(int file) { return counted_sync(file); }

namespace ragent {
namespace {

using testing::HasSubstr;
using testing::SizeIs;

class FaultsTest : public testing::Test {
 protected:
  ~FaultsTest() override {
    sync_fails = false;
    writes_left = -1;
  }
  void open() {
    store_.reset();
    store_ = open_sqlite_store(home_.path()).value();
  }
  int syncs_of(const std::function<bool()>& call) {
    const int before = syncs;
    EXPECT_TRUE(call());
    return syncs - before;
  }
  bool commit(const Group& group) { return store_->journal().commit(group).has_value(); }

  const TestHome home_;
  const Tenant local_ = {};
  std::unique_ptr<Store> store_;
};

TEST_F(FaultsTest, ACommitIsOneSyncAndApplyingIsNone) {
  open();
  ASSERT_TRUE(commit({.runs = {run_row(1)}}));  // the first one of a log also syncs its head
  ASSERT_TRUE(commit({.records = {record(1, 1)}}));
  ASSERT_TRUE(store_->tenants().apply(local_, {{.lsn = 1}}));
  Group thousand;
  for (std::uint32_t n = 3; n <= 1000; ++n) thousand.records.push_back(record(1, n));
  EXPECT_EQ(syncs_of([&] { return commit({.records = {record(1, 2)}}); }), 1);
  EXPECT_EQ(syncs_of([&] { return commit(thousand); }), 1);
  EXPECT_EQ(syncs_of([&] { return commit(ended_run(2, 2)); }), 1);
  EXPECT_EQ(syncs_of([&] { return store_->tenants().apply(local_, {{.lsn = 1002}}).has_value(); }),
            0);
  EXPECT_GE(syncs_of([&] { return store_->tenants().file(local_, {2}).has_value(); }), 1);
  EXPECT_EQ(syncs_of([&] { return commit({.forget = {2}}); }), 1);
  EXPECT_GE(syncs_of([&] { return store_->artifacts().put(local_, "x").has_value(); }), 2);
}

TEST_F(FaultsTest, TheLogIsMovedIntoTheFileAndUsedAgain) {
  open();
  ASSERT_TRUE(commit({.runs = {run_row(1)}}));
  constexpr std::uintmax_t kLogMax = std::uintmax_t{kWalPagesMax} * 8192;
  std::uint32_t n = 0;
  for (std::uintmax_t written = 0; written < 2 * kLogMax; written += 64u << 15) {
    Group group;
    for (int i = 0; i < 64; ++i)
      group.records.push_back(record(1, ++n, std::string(1u << 15, 'x')));
    ASSERT_TRUE(commit(group));
  }
  EXPECT_LT(std::filesystem::file_size(home_.journal() + "-wal"), kLogMax + kLogMax / 4);
  EXPECT_GT(std::filesystem::file_size(home_.journal()), kLogMax);
}

TEST_F(FaultsTest, AFailedCheckpointIsAnError) {
  Database db = Database::open(home_.folder() + "/db", Database::Mode::create).value();
  ASSERT_TRUE(db.execute("pragma journal_mode=wal; create table t(a); insert into t values(1)"));
  ASSERT_TRUE(db.checkpoint(1000));
  sync_fails = true;
  EXPECT_EQ(db.checkpoint(1).error().kind, ErrorKind::io);
  sync_fails = false;
  EXPECT_TRUE(db.checkpoint(1));
}

TEST_F(FaultsTest, AfterAFailedSyncNothingIsCommittedAnyMore) {
  open();
  ASSERT_TRUE(commit({.runs = {run_row(1)}}));
  sync_fails = true;
  const Error error = store_->journal().commit({.records = {record(1, 1)}}).error();
  EXPECT_EQ(error.kind, ErrorKind::io);
  EXPECT_THAT(error.message, HasSubstr("journal.db"));
  sync_fails = false;
  EXPECT_EQ(syncs_of([&] { return !commit({.records = {record(1, 1)}}); }), 0);
  open();  // as a new process does: the record is there or it is not, and the lsns go on
  const std::size_t kept = store_->journal().records(local_, 1, 0)->size();
  EXPECT_LE(kept, 1u);
  const auto next = static_cast<std::uint32_t>(kept + 1);
  EXPECT_EQ(store_->journal().commit({.records = {record(1, next)}}), next);
}

TEST_F(FaultsTest, AFilingThatWasNotSyncedLeavesTheJournalAsItWas) {
  open();
  ASSERT_TRUE(commit(ended_run(1, 2)));
  ASSERT_TRUE(store_->tenants().apply(local_, {{.lsn = 2}}));
  sync_fails = true;
  EXPECT_EQ(store_->tenants().file(local_, {1}).error().kind, ErrorKind::io);
  sync_fails = false;
  EXPECT_EQ(store_->tenants().file(local_, {1}).error().kind, ErrorKind::io);
  EXPECT_THAT(store_->journal().records(local_, 1, 0).value(), SizeIs(2));
  open();
  EXPECT_TRUE(store_->tenants().file(local_, {1}));
}

// Whichever write finds the disk full, the group is refused whole and comes again as it was.
TEST_F(FaultsTest, ADiskThatIsFullAtAnyWriteOnlyDelaysTheGroup) {
  ASSERT_TRUE(replace_writes(true));
  open();
  std::uint32_t n = 0;
  std::uint64_t lsn = 1;
  int refused = 0;
  for (int writes = 0; writes < 60; ++writes) {
    Group group{.runs = {run_row(1)}};
    for (int i = 0; i < 30; ++i) group.records.push_back(record(1, ++n, std::string(1024, 'x')));
    writes_left = writes;
    Result<std::uint64_t> first = store_->journal().commit(group);
    writes_left = -1;
    if (!first) {
      ++refused;
      ASSERT_EQ(first.error().kind, ErrorKind::unavailable) << first.error().message;
      EXPECT_THAT(first.error().message, HasSubstr("no space left"));
      EXPECT_THAT(store_->journal().records(local_, 1, 0).value(), SizeIs(lsn - 1));
      first = store_->journal().commit(group);
    }
    ASSERT_EQ(first, lsn);
    lsn += 30;
  }
  EXPECT_GT(refused, 5);
  EXPECT_LT(refused, 60);
  ASSERT_TRUE(replace_writes(false));
  open();
  EXPECT_THAT(store_->journal().records(local_, 1, 0).value(), SizeIs(n));
}

// Whichever write of making a home finds the disk full: with room it can be made.
TEST_F(FaultsTest, ADiskThatIsFullAtAnyWriteOnlyDelaysANewHome) {
  ASSERT_TRUE(replace_writes(true));
  int refused = 0;
  for (int writes = 0; writes < 40; ++writes) {
    std::filesystem::remove_all(home_.path());
    writes_left = writes;
    Result<std::unique_ptr<Store>> made = open_sqlite_store(home_.path());
    writes_left = -1;
    if (!made) {
      ++refused;
      ASSERT_EQ(made.error().kind, ErrorKind::unavailable) << made.error().message;
    }
    made = fail(ErrorKind::unavailable, "closed");
    open();
    ASSERT_TRUE(commit(ended_run(1, 2))) << writes;
    ASSERT_TRUE(store_->tenants().apply(local_, {{.lsn = 2}})) << writes;
    store_.reset();
  }
  EXPECT_GT(refused, 3);
  EXPECT_LT(refused, 40);
  ASSERT_TRUE(replace_writes(false));
}

// What the faults above play, on a real file system. Only root may mount one; anybody else still
// runs the same fault in the test before this.
TEST_F(FaultsTest, AFullFileSystemOnlyDelaysTheGroup) {
  std::filesystem::create_directory(home_.path());
  if (::mount("tmpfs", home_.path().c_str(), "tmpfs", 0, "size=2m") != 0) {
    GTEST_SKIP() << "mounting a small file system needs root";
  }
  std::ofstream(home_.path() + "/ballast") << std::string(1u << 20, 'x');
  open();
  ASSERT_TRUE(commit({.runs = {run_row(1)}}));
  std::uint32_t n = 1;
  Result<std::uint64_t> lsn = 0;
  for (; n <= 100; ++n) {
    lsn = store_->journal().commit({.records = {record(1, n, std::string(32u << 10, 'x'))}});
    if (!lsn) break;
  }
  ASSERT_FALSE(lsn);
  EXPECT_EQ(lsn.error().kind, ErrorKind::unavailable) << lsn.error().message;
  EXPECT_FALSE(commit({.records = {record(1, n, std::string(32u << 10, 'x'))}}));
  EXPECT_EQ(store_->artifacts().put(local_, std::string(1u << 20, 'y')).error().kind,
            ErrorKind::unavailable);
  EXPECT_THAT(store_->journal().records(local_, 1, 0).value(), SizeIs(n - 1));
  std::filesystem::remove(home_.path() + "/ballast");
  EXPECT_EQ(store_->journal().commit({.records = {record(1, n, std::string(32u << 10, 'x'))}}), n);
  open();
  EXPECT_THAT(store_->journal().records(local_, 1, 0).value(), SizeIs(n));
  store_.reset();
  EXPECT_EQ(::umount(home_.path().c_str()), 0);
}

}  // namespace
}  // namespace ragent
