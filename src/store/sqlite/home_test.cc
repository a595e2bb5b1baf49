// A home that cannot be used says which file, why, and what to do, and is left as it was.

#include <base/file.h>
#include <store/sqlite/database.h>
#include <store/test_home.h>

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <functional>

#include <gmock/gmock.h>

namespace ragent {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::SizeIs;

constexpr std::size_t kFileMax = 64u << 20;

void write_file(const std::string& path, std::string_view bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

// A home with one filed run of tenant `local` and one live run, closed.
void fill(const TestHome& home) {
  const auto store = open_sqlite_store(home.path()).value();
  ASSERT_TRUE(store->journal().commit(ended_run(1, 2)));
  ASSERT_TRUE(store->tenants().apply({}, {{.lsn = 2}}));
  ASSERT_TRUE(store->tenants().file({}, {1}));
  ASSERT_TRUE(store->journal().commit({.runs = {run_row(2)}, .forget = {1}}));
}

void execute(const std::string& path, std::string_view sql) {
  Database db = Database::open(path, Database::Mode::create).value();
  ASSERT_TRUE(db.execute(sql));
}

// Opens the home, which must fail and change nothing; answers the error.
Error refusal(const TestHome& home) {
  const auto before = read_file(home.journal(), kFileMax);
  auto store = open_sqlite_store(home.path());
  EXPECT_FALSE(store);
  EXPECT_EQ(read_file(home.journal(), kFileMax), before);
  const auto read_only = open_sqlite_store_read_only(home.path());
  EXPECT_FALSE(read_only);
  return store ? Error{} : store.error();
}

// What `body` answers when it runs in a child process without any privilege.
std::string as_nobody(const std::function<std::string()>& body) {
  int ends[2] = {};
  RAGENT_ASSERT(::pipe(ends) == 0);
  const pid_t child = ::fork();
  if (child == 0) {
    const bool dropped = ::getuid() != 0 || (::setgid(65534) == 0 && ::setuid(65534) == 0);
    const std::string answer = dropped ? body() : "cannot drop privileges";
    const ssize_t put = ::write(ends[1], answer.data(), answer.size());
    ::_exit(put == static_cast<ssize_t>(answer.size()) ? 0 : 1);
  }
  ::close(ends[1]);
  std::string answer(4096, '\0');
  const ssize_t got = ::read(ends[0], answer.data(), answer.size());
  answer.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
  ::close(ends[0]);
  ::waitpid(child, nullptr, 0);
  return answer;
}

TEST(Home, ASecondOwnerLearnsThePidOfTheFirst) {
  const TestHome home;
  int ends[2] = {};
  ASSERT_EQ(::pipe(ends), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    const auto store = open_sqlite_store(home.path());
    const ssize_t put = ::write(ends[1], store ? "y" : "n", 1);
    if (put == 1) ::pause();
    ::_exit(1);
  }
  char opened = 0;
  ASSERT_EQ(::read(ends[0], &opened, 1), 1);
  ASSERT_EQ(opened, 'y');
  const Error error = open_sqlite_store(home.path()).error();
  EXPECT_EQ(error.kind, ErrorKind::conflict);
  EXPECT_THAT(error.message, AllOf(HasSubstr("process " + std::to_string(child) + ":"),
                                   HasSubstr(home.path()), HasSubstr("another home")));
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  EXPECT_TRUE(open_sqlite_store(home.path())) << "the lock ends with its process";
  ::close(ends[0]);
  ::close(ends[1]);
}

TEST(Home, AnEmptyJournalIsRefused) {
  const TestHome home;
  fill(home);
  write_file(home.journal(), "");
  EXPECT_THAT(refusal(home).message,
              AllOf(HasSubstr("journal.db is empty"), HasSubstr("from a backup")));
}

TEST(Home, ATruncatedJournalIsRefused) {
  const TestHome home;
  fill(home);
  const auto size = std::filesystem::file_size(home.journal());
  for (const auto kept : {size / 2, size - 8192, std::uintmax_t{100}}) {
    std::filesystem::resize_file(home.journal(), kept);
    const Error error = refusal(home);
    EXPECT_EQ(error.kind, ErrorKind::invalid);
    EXPECT_THAT(error.message, AllOf(HasSubstr("journal.db"), HasSubstr("from a backup")));
  }
}

TEST(Home, SomethingElseInThePlaceOfTheJournalIsRefused) {
  const TestHome home;
  fill(home);
  write_file(home.journal(), std::string(10'000, 'x'));
  EXPECT_THAT(refusal(home).message,
              AllOf(HasSubstr("journal.db: file is not a database"), HasSubstr("move it away")));
  std::filesystem::remove(home.journal());
  execute(home.journal(), "create table flight(id)");
  EXPECT_THAT(refusal(home).message, HasSubstr("journal.db is a database, but not one of Ragent"));
}

TEST(Home, ANewerFormatIsRefused) {
  const TestHome home;
  fill(home);
  execute(home.journal(), "update meta set format=2");
  EXPECT_THAT(refusal(home).message,
              AllOf(HasSubstr("journal.db has format 2, this release reads formats up to 1"),
                    HasSubstr("a newer one")));
}

TEST(Home, AJournalThatWouldGiveAnLsnTwiceIsRefused) {
  const TestHome home;
  fill(home);
  execute(home.journal(),
          "insert into record values(9, 2, 1, 0, '0', 1, 0, 'think', 'outcome', 1, 0, x'', '')");
  EXPECT_THAT(refusal(home).message, HasSubstr("holds record 9, but gives out 3 next"));
}

TEST(Home, AMissingJournalIsNotReplacedByANewOne) {
  const TestHome home;
  fill(home);
  std::filesystem::rename(home.journal(), home.folder() + "/away");
  auto refused = [&](const char* evidence) {
    for (const Error& error : {open_sqlite_store(home.path()).error(),
                               open_sqlite_store_read_only(home.path()).error()}) {
      EXPECT_EQ(error.kind, ErrorKind::invalid);
      EXPECT_THAT(error.message, AllOf(HasSubstr("journal.db is missing"), HasSubstr(evidence)));
    }
  };
  refused("local.db is there");
  std::filesystem::remove_all(home.path() + "/tenants");
  refused("lock names it");
  refused("lock names it");  // looking, or being refused, does not make it forget
  std::filesystem::remove(home.path() + "/lock");
  std::filesystem::create_directories(home.path() + "/artifacts/local");
  refused("artifacts/local is there");
  std::filesystem::remove_all(home.path() + "/artifacts");
  write_file(home.journal() + "-wal", "frames");
  EXPECT_THAT(open_sqlite_store(home.path()).error().message, HasSubstr("journal.db-wal is there"));
  EXPECT_THAT(open_sqlite_store_read_only(home.folder()).error().message,
              HasSubstr("there is no Ragent home"));
}

// A first opening that could not make the journal leaves a home that is still new.
TEST(Home, AHomeWithoutAJournalThatNeverHadOneIsNew) {
  const TestHome home;
  std::filesystem::create_directories(home.path() + "/journal.db.new/in the way");
  EXPECT_FALSE(open_sqlite_store(home.path()));
  EXPECT_EQ(open_sqlite_store_read_only(home.path()).error().kind, ErrorKind::not_found);
  std::filesystem::remove_all(home.path() + "/journal.db.new");
  EXPECT_TRUE(open_sqlite_store(home.path()));
  EXPECT_TRUE(open_sqlite_store(home.path()));
}

TEST(Home, AHalfMadeJournalIsMadeAgain) {
  const TestHome home;
  ASSERT_TRUE(make_directories(home.path()));
  write_file(home.journal() + ".new", "half");
  write_file(home.journal() + ".new-wal", "half");
  EXPECT_TRUE(open_sqlite_store(home.path()));
}

TEST(Home, ADamagedRecordNamesItselfAndIsNeverSkipped) {
  const TestHome home;
  fill(home);
  execute(home.journal(),
          "insert into record values(3, 2, 1, 0, '0', 1, 0, 'thick', 'outcome', 1, 0, x'', '');"
          "update meta set next_lsn=4");
  const auto store = open_sqlite_store(home.path()).value();
  EXPECT_THAT(store->journal().records({}, 2, 0).error().message,
              AllOf(HasSubstr("record 1 of run 2 is damaged"), HasSubstr("\"thick\"")));
  EXPECT_FALSE(store->tenants().run({}, "uid2"));
}

TEST(Home, AnUnfitTenantFileIsRefusedAndTheOthersWork) {
  const TestHome home;
  fill(home);
  const Tenant other = Tenant::parse("other").value();
  const auto whole = read_file(home.tenant("local"), kFileMax).value();
  const auto refused = [&](std::string_view why) {
    const auto store = open_sqlite_store(home.path()).value();
    EXPECT_THAT(store->tenants().runs({}).error().message,
                AllOf(HasSubstr("tenants/local.db"), HasSubstr(std::string(why))));
    EXPECT_FALSE(store->tenants().apply({}, {{.lsn = 9}}));
    EXPECT_FALSE(store->tenants().run({}, "uid1"));
    EXPECT_TRUE(store->tenants().apply(other, {{.lsn = 1}}));
  };
  write_file(home.tenant("local"), "");
  refused("is empty");
  write_file(home.tenant("local"), whole.substr(0, whole.size() / 2));
  refused("malformed");
  write_file(home.tenant("local"), whole);
  execute(home.tenant("local"), "update meta set home='elsewhere'");
  refused("belongs to home elsewhere");
  write_file(home.tenant("local"), whole);
  execute(home.tenant("local"), "update meta set applied_lsn=77");
  refused("applied record 77, but journal.db is older");
  write_file(home.tenant("local"), whole);
  execute(home.tenant("local"), "update run set records=x'0107'");
  const auto store = open_sqlite_store(home.path()).value();
  EXPECT_THAT(store->tenants().run({}, "uid1").error().message,
              AllOf(HasSubstr("run uid1"), HasSubstr("damaged")));
}

TEST(Home, ADamagedArtifactIsNotServed) {
  const TestHome home;
  const auto store = open_sqlite_store(home.path()).value();
  const std::string id = store->artifacts().put({}, "whole").value();
  write_file(home.path() + "/artifacts/local/" + id, "whol");
  EXPECT_THAT(store->artifacts().get({}, id).error().message, HasSubstr("is damaged"));
}

TEST(Home, APlaceThatCannotBeWrittenSaysSo) {
  const TestHome home;
  write_file(home.path(), "a file");
  EXPECT_THAT(open_sqlite_store(home.path()).error().message,
              AllOf(HasSubstr(home.path()), HasSubstr("another home")));
  std::filesystem::remove(home.path());
  ASSERT_EQ(::chmod(home.folder().c_str(), 0555), 0);
  const std::string no_folder = as_nobody([&] {
    const auto store = open_sqlite_store(home.path());
    return store ? "opened" : store.error().message;
  });
  EXPECT_THAT(no_folder, AllOf(HasSubstr("Permission denied"), HasSubstr("another home")));
  ASSERT_EQ(::chmod(home.folder().c_str(), 0755), 0);
}

TEST(Home, AHomeWithoutWritingIsStillRead) {
  const TestHome home;
  fill(home);
  for (const auto& entry : std::filesystem::recursive_directory_iterator(home.path())) {
    ASSERT_EQ(::chmod(entry.path().c_str(), entry.is_directory() ? 0555 : 0444), 0);
  }
  ASSERT_EQ(::chmod(home.folder().c_str(), 0555), 0);
  ASSERT_EQ(::chmod(home.path().c_str(), 0555), 0);
  EXPECT_EQ(as_nobody([&]() -> std::string {
              auto owner = open_sqlite_store(home.path());
              if (owner) return "owned";
              auto store = open_sqlite_store_read_only(home.path());
              if (!store) return store.error().message;
              const auto rows = list_runs(**store, {});
              return rows ? std::to_string(rows->size()) + " runs" : rows.error().message;
            }),
            "2 runs");
  ASSERT_EQ(::chmod(home.journal().c_str(), 0000), 0);
  EXPECT_THAT(as_nobody([&]() -> std::string {
                auto store = open_sqlite_store_read_only(home.path());
                return store ? "opened" : store.error().message;
              }),
              AllOf(HasSubstr("journal.db"), HasSubstr("Permission denied")));
  ASSERT_EQ(::chmod(home.folder().c_str(), 0755), 0);
  ASSERT_EQ(::chmod(home.path().c_str(), 0755), 0);
}

TEST(Home, AHomeThatMayNotBeEnteredIsNotTakenForANewOne) {
  const TestHome home;
  fill(home);
  ASSERT_EQ(::chmod(home.folder().c_str(), 0755), 0);
  ASSERT_EQ(::chmod(home.path().c_str(), 0000), 0);
  EXPECT_THAT(as_nobody([&]() -> std::string {
                auto store = open_sqlite_store_read_only(home.path());
                return store ? "opened" : store.error().message;
              }),
              AllOf(HasSubstr("cannot read"), HasSubstr("Permission denied")));
  ASSERT_EQ(::chmod(home.path().c_str(), 0755), 0);
}

TEST(Home, ReadersWorkBesideTheOwnerAndMayNotWrite) {
  const TestHome home;
  fill(home);
  const auto owner = open_sqlite_store(home.path()).value();
  const auto reader = open_sqlite_store_read_only(home.path()).value();
  ASSERT_TRUE(owner->journal().commit({.runs = {run_row(3)}, .records = {record(3, 1)}}));
  EXPECT_THAT(list_runs(*reader, {}).value(), SizeIs(3));
  EXPECT_THAT(reader->journal().records({}, 3, 0).value(), SizeIs(1));
  EXPECT_EQ(reader->tenants().run({}, "uid1")->records.size(), 2u);
  EXPECT_EQ(reader->journal().commit({}).error().kind, ErrorKind::misuse);
  EXPECT_EQ(reader->tenants().apply({}, {}).error().kind, ErrorKind::misuse);
  EXPECT_EQ(reader->tenants().file({}, {}).error().kind, ErrorKind::misuse);
  EXPECT_EQ(reader->artifacts().put({}, "x").error().kind, ErrorKind::misuse);
  ASSERT_TRUE(owner->journal().commit({.records = {record(3, 2)}}));
  EXPECT_THAT(reader->journal().records({}, 3, 0).value(), SizeIs(2));
}

TEST(Home, SpecsWithoutARunGoAtTheNextOpening) {
  const TestHome home;
  fill(home);
  const auto specs = [&] {
    Database db = Database::open(home.journal(), Database::Mode::read_only).value();
    Statement query = db.prepare("select count(*) from spec").value();
    return query.step().value() ? query.integer(0) : -1;
  };
  ASSERT_TRUE(
      open_sqlite_store(home.path())
          .value()
          ->journal()
          .commit(
              {.specs = {{"d9", "{}"}}, .runs = {run_row(2, "local", "ended")}, .forget = {2}}));
  EXPECT_EQ(specs(), 2);
  ASSERT_TRUE(open_sqlite_store(home.path()));
  EXPECT_EQ(specs(), 0);
}

TEST(Home, AHundredTenantsTakeTurnsAtTheOpenFiles) {
  const TestHome home;
  const auto store = open_sqlite_store(home.path()).value();
  Group group{.runs = {run_row(1)}};
  for (std::uint32_t n = 1; n <= 200; ++n) group.records.push_back(record(1, n));
  ASSERT_TRUE(store->journal().commit(group));
  for (std::uint64_t lsn = 1; lsn <= 2; ++lsn) {
    for (int i = 0; i < 100; ++i) {
      const Tenant tenant = Tenant::parse("t" + std::to_string(i)).value();
      ASSERT_TRUE(store->tenants().apply(
          tenant,
          {{.lsn = lsn, .session = "s", .turn = {.number = static_cast<std::uint32_t>(lsn)}}}));
    }
  }
  const auto open_files = std::distance(std::filesystem::directory_iterator("/proc/self/fd"), {});
  EXPECT_LT(open_files, 64 * 3 + 40) << "at most 64 databases of three files are open";
  EXPECT_THAT(store->tenants().turns(Tenant::parse("t0").value(), "s", 0).value(), SizeIs(2));
}

TEST(Home, ALinkForALockIsNotFollowed) {
  const TestHome home;
  std::filesystem::create_directories(home.path());
  const std::string other = home.folder() + "/precious";
  write_file(other, "as it was");
  std::filesystem::create_symlink(other, home.path() + "/lock");
  EXPECT_FALSE(open_sqlite_store(home.path()));
  EXPECT_EQ(read_file(other, kFileMax), "as it was");
}

}  // namespace
}  // namespace ragent
