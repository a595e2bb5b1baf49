#include <store/sqlite/database.h>

#include <store/test_home.h>

#include <fstream>
#include <thread>

#include <gmock/gmock.h>

namespace ragent {
namespace {

using testing::HasSubstr;

TEST(Database, ValuesComeBackAsTheyWere) {
  Database db = Database::open_memory().value();
  ASSERT_TRUE(db.execute("create table t(i, r, t, b, n)"));
  const std::string text("a\0ž", 4);
  const std::vector<std::byte> bytes(3, std::byte{0xff});
  Statement put = db.prepare("insert into t values(?1, ?2, ?3, ?4, ?5)").value();
  ASSERT_TRUE(put.bind(std::int64_t{-5}, 2.5, text, Blob(bytes), nullptr).run());
  ASSERT_TRUE(put.bind(~0u, 0.0, std::string_view(), Blob(), nullptr).run());
  Statement get = db.prepare("select i, r, t, b, n as none from t order by rowid").value();
  EXPECT_EQ(get.columns(), 5);
  EXPECT_EQ(get.column_name(4), "none");
  ASSERT_EQ(get.step(), true);
  EXPECT_EQ(get.integer(0), -5);
  EXPECT_EQ(get.real(1), 2.5);
  EXPECT_EQ(get.text(2), text);
  EXPECT_EQ(get.blob(3).size(), 3u);
  EXPECT_EQ(get.blob(3)[2], std::byte{0xff});
  EXPECT_EQ(get.type(4), Statement::Type::null);
  ASSERT_EQ(get.step(), true);
  EXPECT_EQ(get.integer(0), 0xffffffff);
  EXPECT_EQ(get.type(2), Statement::Type::text) << "an empty text is not null";
  EXPECT_EQ(get.type(3), Statement::Type::blob);
  EXPECT_EQ(get.step(), false);
}

TEST(Database, NamesItsParametersAndKnowsWhatWrites) {
  Database db = Database::open_memory().value();
  ASSERT_TRUE(db.execute("create table t(a)"));
  Statement query = db.prepare("select a from t where a = :from and a < ?  -- the end").value();
  EXPECT_EQ(query.parameters(), 2);
  EXPECT_EQ(query.parameter_name(1), ":from");
  EXPECT_EQ(query.parameter_name(2), "");
  EXPECT_TRUE(query.read_only());
  EXPECT_FALSE(db.prepare("delete from t").value().read_only());
}

TEST(Database, TakesOneStatementAtATime) {
  Database db = Database::open_memory().value();
  EXPECT_TRUE(db.prepare("select 1; ; /* nothing */ "));
  EXPECT_THAT(db.prepare("select 1; select 2").error().message, HasSubstr("more:  select 2"));
  EXPECT_THAT(db.prepare(" -- nothing").error().message, HasSubstr("got none"));
  EXPECT_EQ(db.prepare("select 1; drop").error().kind, ErrorKind::invalid);
  EXPECT_EQ(db.prepare("selec 1").error().kind, ErrorKind::invalid);
  EXPECT_THAT(db.prepare("select x").error().message, HasSubstr("no such column: x"));
}

TEST(Database, SaysWhatKindOfErrorItIs) {
  Database db = Database::open_memory().value();
  ASSERT_TRUE(db.execute("create table t(a unique)"));
  ASSERT_TRUE(db.execute("insert into t values(1)"));
  EXPECT_EQ(db.execute("insert into t values(1)").error().kind, ErrorKind::conflict);
  Statement put = db.prepare("insert into t values(?1)").value();
  put.bind_at(2, 5);
  EXPECT_EQ(put.step().error().kind, ErrorKind::invalid) << "there is no parameter 2";
  EXPECT_TRUE(put.bind(2).run()) << "the error does not stay";
  ASSERT_TRUE(db.execute("pragma max_page_count=1"));
  EXPECT_EQ(db.execute("create table u(a); create table v(a)").error().kind,
            ErrorKind::unavailable);
  ASSERT_TRUE(db.execute("pragma query_only=1"));
  EXPECT_EQ(db.execute("delete from t").error().kind, ErrorKind::rejected);
}

TEST(Database, EndsAtItsDeadline) {
  Database db = Database::open_memory().value();
  db.deadline(std::chrono::steady_clock::now());
  Statement endless = db.prepare(
                            "with recursive n(i) as (select 1 union all select i + 1 from n)"
                            " select count(*) from n")
                          .value();
  EXPECT_EQ(endless.step().error().kind, ErrorKind::cancelled);
}

TEST(Database, OpensOnlyWhatItShould) {
  const TestHome home;
  const std::string path = home.folder() + "/a#b?c%d.db";
  EXPECT_EQ(Database::open(path, Database::Mode::read_only).error().kind, ErrorKind::io);
  EXPECT_EQ(Database::open(path, Database::Mode::read_write).error().kind, ErrorKind::io);
  ASSERT_TRUE(Database::open(path, Database::Mode::create)->execute("create table t(a)"));
  for (const auto mode : {Database::Mode::read_only, Database::Mode::immutable}) {
    Database db = Database::open(path, mode).value();
    EXPECT_TRUE(db.prepare("select a from t"));
    const Error error = db.execute("insert into t values(1)").error();
    EXPECT_EQ(error.kind, ErrorKind::rejected);
    EXPECT_THAT(error.message, HasSubstr(path));
  }
  std::ofstream(home.folder() + "/text.db") << "This is a text, not a database. " << path << path;
  Database text = Database::open(home.folder() + "/text.db", Database::Mode::read_only).value();
  EXPECT_THAT(text.execute("select * from sqlite_schema").error().message,
              HasSubstr("text.db: file is not a database"));
}

TEST(Transaction, RollsBackUnlessCommitted) {
  Database db = Database::open_memory().value();
  ASSERT_TRUE(db.execute("create table t(a)"));
  const auto count = [&] {
    Statement query = db.prepare("select count(*) from t").value();
    return query.step().value() ? query.integer(0) : -1;
  };
  {
    Transaction transaction = Transaction::begin(db).value();
    ASSERT_TRUE(db.execute("insert into t values(1)"));
    EXPECT_FALSE(Transaction::begin(db));
  }
  EXPECT_EQ(count(), 0);
  Transaction transaction = Transaction::begin(db).value();
  ASSERT_TRUE(db.execute("insert into t values(1)"));
  ASSERT_TRUE(transaction.commit());
  EXPECT_EQ(count(), 1);
}

}  // namespace
}  // namespace ragent
