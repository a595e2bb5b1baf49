#include <action/declared.h>

#include <action/exec.h>
#include <action/fake_host.h>
#include <base/file.h>
#include <base/posix.h>

#include <gmock/gmock.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

#include <fmt/format.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace ragent {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::HasSubstr;

Json parsed(std::string_view text) {
  Result<Json> json = parse_json(text);
  EXPECT_TRUE(json) << text;
  return json ? std::move(*json) : Json();
}

class Folder : public ::testing::Test {
 protected:
  Folder() : folder_(fs::temp_directory_path() / fmt::format("ragent_action_{}", ::getpid())) {
    fs::remove_all(folder_);
    fs::create_directories(folder_ / "runs" / "r1");
    host_.context.workspace = (folder_ / "runs" / "r1").string();
  }
  ~Folder() override { fs::remove_all(folder_); }

  void write(const std::string& name, std::string_view text) {
    fs::create_directories((folder_ / name).parent_path());
    std::ofstream(folder_ / name, std::ios::binary) << text;
  }
  void script(const std::string& name, std::string_view body) {
    write(name, fmt::format("#!/bin/sh\n{}\n", body));
    ::chmod((folder_ / name).c_str(), 0755);
  }
  Result<Tool> bind(ToolSpec spec) { return binder_.bind(std::move(spec), folder_.string()); }
  Result<Tool> bind_sql(std::string sql, std::string_view properties = "{}") {
    Json schema = Json::object({{"type", "object"}, {"properties", parsed(properties)}});
    return bind(
        {.name = "t", .parameters = schema, .kind = ToolSpec::Kind::sql, .source = std::move(sql)});
  }
  Result<Tool> bind_exec(std::string command, std::string query = {}) {
    return bind({.name = "t",
                 .parameters = Json::object({}),
                 .kind = ToolSpec::Kind::exec,
                 .source = std::move(command),
                 .query_source = std::move(query)});
  }
  Result<Json> call(const Result<Tool>& tool, Json arguments = Json::object({})) {
    if (!tool) return fail(tool.error());
    return host_.run(tool->body->call(host_.context, std::move(arguments)));
  }
  static std::string error_of(const Result<Tool>& tool) {
    return tool ? "no error" : tool.error().message;
  }
  void not_after(std::chrono::milliseconds time) {
    host_.context.not_after = host_.loop().wall() + time;
  }

  fs::path folder_;
  FakeHost host_;
  ToolBinder binder_;
};

using Sql = Folder;
using Exec = Folder;

// Whether the process whose number stands in a file comes to its end.
bool ends(const std::string& pid_file) {
  Result<std::string> text = read_file(pid_file, 64);
  EXPECT_TRUE(text) << text.error().message;
  auto pid = static_cast<pid_t>(std::strtol(text ? text->c_str() : "0", nullptr, 10));
  EXPECT_GT(pid, 0);
  FileDescriptor process(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!process) return true;
  pollfd ended{.fd = process.get(), .events = POLLIN, .revents = 0};
  return ::poll(&ended, 1, 10'000) == 1;
}

constexpr std::string_view kFlights =
    "id,origin,price,seats,note\n"
    "BA1,PRG,64.5,2,\"a \"\"b\"\"\"\n"
    "BA2,OSL,120,,\n"
    "BA3,PRG,40,9,x\n";

TEST_F(Sql, AnswersRowsAsObjects) {
  write("data/flights.csv", kFlights);
  Result<Tool> tool = bind_sql(
      "select id, price, seats, note from flights where origin like :from "
      "and price <= coalesce(:most, 1e9) order by price",
      R"({"from":{"type":"string"},"most":{"type":"number"}})");
  ASSERT_TRUE(tool) << tool.error().message;
  Result<Json> rows = call(tool, parsed(R"({"from":"prg"})"));
  ASSERT_TRUE(rows) << rows.error().message;
  EXPECT_EQ(rows->dump(), R"([{"id":"BA3","price":40.0,"seats":9,"note":"x"},)"
                          R"({"id":"BA1","price":64.5,"seats":2,"note":"a \"b\""}])");
  EXPECT_EQ(call(tool, parsed(R"({"from":"prg","most":50})"))->size(), 1U);
  EXPECT_EQ(call(tool, parsed(R"({"from":"x"})"))->dump(), "[]");
  EXPECT_EQ(call(bind_sql("select seats, note from flights where id = 'BA2'"))->dump(),
            R"([{"seats":null,"note":null}])");
}

TEST_F(Sql, BindsEveryKindOfArgument) {
  Result<Tool> tool = bind_sql(
      "select typeof(:i) i, typeof(:r) r, typeof(:t) t, typeof(:b) b, typeof(:n) n, "
      "(select sum(value) from json_each(:l)) l",
      R"({"i":{},"r":{},"t":{},"b":{},"n":{},"l":{}})");
  ASSERT_TRUE(tool) << tool.error().message;
  Result<Json> rows = call(tool, parsed(R"({"i":2,"r":2.5,"t":"","b":true,"l":[1,2]})"));
  ASSERT_TRUE(rows) << rows.error().message;
  EXPECT_EQ(rows->dump(), R"([{"i":"integer","r":"real","t":"text","b":"integer","n":"null",)"
                          R"("l":3}])");
  EXPECT_EQ(call(bind_sql("select round(degrees(acos(-1))) d, x'00ff' b"))->dump(),
            R"x([{"d":180.0,"b":"(2 bytes)"}])x");
}

TEST_F(Sql, ReadsSqliteFilesAndNeverWritesThem) {
  {
    Result<Database> made =
        Database::open((folder_ / "ledger.db").string(), Database::Mode::create);
    ASSERT_TRUE(made && made->execute("create table booking(id); insert into booking values (7)"));
  }
  EXPECT_EQ(call(bind_sql("select id from ledger.booking"))->dump(), R"([{"id":7}])");
  EXPECT_EQ(call(bind_sql("select id from booking"))->dump(), R"([{"id":7}])");
  write("broken.db", "this is no database at all, however long it may be");
  EXPECT_THAT(error_of(ToolBinder().bind({.name = "t",
                                          .parameters = Json::object({}),
                                          .kind = ToolSpec::Kind::sql,
                                          .source = "select 1"},
                                         folder_.string())),
              AllOf(HasSubstr("broken.db"), HasSubstr("not a database")));
}

TEST_F(Sql, RefusesEverythingButReading) {
  write("t.csv", "a\n1\n");
  for (const char* sql :
       {"delete from t", "insert into t values (2)", "update t set a = 2", "drop table t",
        "create table u(a)", "attach 'x.db' as x", "pragma query_only = off", "vacuum into 'x.db'",
        "begin", "/* select */ delete from t", "-- select\ndelete from t", "",
        "with x as (select 1) delete from t", "select 1; delete from t", "explain select 1"}) {
    EXPECT_NE(error_of(bind_sql(sql)), "no error") << sql;
  }
  EXPECT_THAT(
      error_of(bind_sql("delete from t")),
      HasSubstr("tool t: sql: expected a query that begins with SELECT, WITH or VALUES, got "
                "\"delete\"; an sql tool only reads"));
  EXPECT_THAT(error_of(bind_sql("with x as (select 1) delete from t")), HasSubstr("that writes"));
  EXPECT_EQ(call(bind_sql(" -- all\n/* of */ select count(*) n from t;"))->dump(), R"([{"n":1}])");
  EXPECT_FALSE(fs::exists("x.db"));
}

TEST_F(Sql, NamesWhatIsWrongWithAQuery) {
  write("flights.csv", kFlights);
  EXPECT_THAT(error_of(bind_sql("select * from flihts")),
              HasSubstr("no such table: flihts; tables: flights"));
  EXPECT_THAT(
      error_of(bind_sql("select * from flights where id = :fro", R"({"from":{"type":"string"}})")),
      HasSubstr(":fro is not an argument of the tool (did you mean \"from\"?); its "
                "arguments: from"));
  EXPECT_THAT(error_of(bind_sql("select ?")), HasSubstr("parameters by name"));
  EXPECT_THAT(error_of(bind_sql("select id, id from flights")), HasSubstr("\"id\" twice"));
  EXPECT_THAT(error_of(bind_sql("selct 1")), HasSubstr("got \"selct\""));
  EXPECT_THAT(error_of(bind_sql("select from")), HasSubstr("syntax error"));
}

TEST_F(Sql, NamesWhatIsWrongWithTheData) {
  write("data/a.csv", "x,y\n1\n");
  EXPECT_THAT(error_of(bind_sql("select 1")), HasSubstr("data/a.csv:2: expected 2 cells"));
  write("data/a.csv", "x\n1\n");
  write("more/A.csv", "x\n1\n");
  EXPECT_THAT(error_of(bind_sql("select 1")), HasSubstr("both would be \"a\" in SQL"));
  fs::remove(folder_ / "more/A.csv");
  write(".hidden/a.csv", "nonsense,,");
  EXPECT_EQ(error_of(bind_sql("select x from a")), "no error");
  EXPECT_THAT(error_of(ToolBinder().bind({.name = "t",
                                          .parameters = Json::object({}),
                                          .kind = ToolSpec::Kind::sql,
                                          .source = "select 1"},
                                         (folder_ / "none").string())),
              HasSubstr("No such file"));
}

TEST_F(Sql, SharesOneCopyOfTheData) {
  write("t.csv", "a\n1\n");
  Result<Tool> first = bind_sql("select a from t");
  ASSERT_TRUE(first) << first.error().message;
  write("t.csv", "a\n2\n");
  EXPECT_EQ(call(bind_sql("select a from t"))->dump(), R"([{"a":1}])");
  first = fail(ErrorKind::invalid, "gone");
  host_.drain();  // until then the pool may still hold it
  write("t.csv", "b\n1\n");
  EXPECT_THAT(error_of(bind_sql("select a from t")), HasSubstr("no such column: a; columns: t(b)"));
}

constexpr std::string_view kEndless =
    "with recursive n(i) as (select 1 union all select i + 1 from n) select max(i) m from n";

TEST_F(Sql, StopsInTime) {
  not_after(100ms);
  Result<Json> rows = call(bind_sql(std::string(kEndless)));
  ASSERT_FALSE(rows);
  EXPECT_EQ(rows.error().kind, ErrorKind::timeout);
  host_.context.not_after = {};
  EXPECT_EQ(call(bind_sql("select 1 one"))->dump(), R"([{"one":1}])");  // the next one can run
}

TEST_F(Sql, StopsWhenAskedTo) {
  write("t.csv", "a\n1\n");
  Result<std::shared_ptr<SqlData>> data = SqlData::load(folder_.string());
  ASSERT_TRUE(data) << data.error().message;
  std::stop_source stop;
  std::jthread asks([&] {
    std::this_thread::sleep_for(20ms);  // however it falls, the query has to end
    stop.request_stop();
  });
  Result<Json> rows = (*data)->query(std::string(kEndless), Json::object({}),
                                     std::chrono::steady_clock::now() + 60s, stop.get_token());
  ASSERT_FALSE(rows);
  EXPECT_EQ(rows.error().kind, ErrorKind::cancelled);
}

TEST_F(Sql, BoundsRowsAndBytes) {
  std::string some = "with recursive n(i) as (select 1 union all select i + 1 from n limit {}) ";
  Result<Json> rows = call(bind_sql(fmt::format(fmt::runtime(some), 1000) + "select i from n"));
  ASSERT_TRUE(rows) << rows.error().message;
  EXPECT_EQ(rows->size(), 1000U);
  rows = call(bind_sql(fmt::format(fmt::runtime(some), 1001) + "select i from n"));
  ASSERT_FALSE(rows);
  EXPECT_THAT(rows.error().message, HasSubstr("more than 1000 rows"));
  rows = call(bind_sql("select 'a' a, hex(zeroblob(4200000)) x"));
  ASSERT_FALSE(rows);
  EXPECT_THAT(rows.error().message, HasSubstr("more than 8388608 bytes"));
}

TEST_F(Exec, GivesArgumentsAndTakesJson) {
  script("echo", "cat");
  Result<Json> out = call(bind_exec("./echo"), parsed(R"({"a":[1,"x"]})"));
  ASSERT_TRUE(out) << out.error().message;
  EXPECT_EQ(out->dump(), R"({"a":[1,"x"]})");
  script("args", R"(printf '["%s","%s"]' "$1" "$2")");
  EXPECT_EQ(call(bind_exec("args 'a  b' c\\ d"))->dump(), R"(["a  b","c d"])");
  EXPECT_EQ(call(bind_exec("printf 7"))->dump(), "7");
}

TEST_F(Exec, TellsTheProgramWhoAsks) {
  script("env", R"x(printf '{"env":"%s","cwd":"%s"}' "$(env | sort | tr '\n' ' ')" "$PWD")x");
  ::setenv("RAGENT_TEST_SECRET", "hidden", 1);
  not_after(5s);
  Result<Json> out = call(bind_exec("./env"));
  ASSERT_TRUE(out) << out.error().message;
  std::string env = out->text("env");
  for (const std::string& expected :
       {std::string("RAGENT_KEY=KEY "), std::string("RAGENT_TENANT=local "),
        std::string("RAGENT_SESSION=s1 "), std::string("RAGENT_RUN=r1 "),
        fmt::format("RAGENT_AGENT_DIR={} ", folder_.string()),
        fmt::format("RAGENT_WORKSPACE={} ", host_.context.workspace),
        fmt::format("RAGENT_NOT_AFTER={} ", host_.context.not_after.time_since_epoch().count())}) {
    EXPECT_THAT(env, HasSubstr(expected));
  }
  EXPECT_EQ(env.find("hidden"), env.npos);
  EXPECT_EQ(out->text("cwd"), host_.context.workspace);
}

TEST_F(Exec, JudgesByExitAndOutput) {
  auto error = [&](std::string_view body) {
    script("t", body);
    Result<Json> out = call(bind_exec("./t"));
    return out ? Error{.message = "done: " + out->dump()} : out.error();
  };
  Error refused = error(R"(echo '{"error": "sold out"}')");
  EXPECT_EQ(refused.kind, ErrorKind::rejected);
  EXPECT_EQ(refused.message, "sold out");
  EXPECT_EQ(error(R"(echo '{"error": {"code": 4}}')").message, R"({"code":4})");
  EXPECT_EQ(error(R"(echo '{"error": null}')").message, R"(done: {"error":null})");
  struct Case {
    std::string_view body;
    std::string_view says;
  };
  for (const Case& unknown :
       {Case{"echo '{\"error\": \"no\"}'; exit 3", "t: exit status 3"},
        Case{"echo first >&2; echo why >&2; exit 1", "t: exit status 1: why"},
        Case{"kill -9 $$", "t: killed by signal 9"},
        Case{"kill -SEGV $$", "t: killed by signal 11"},
        Case{"exit 0", "t: expected JSON on stdout, got \"\""},
        Case{"echo hello", "t: expected JSON on stdout, got \"hello"},
        Case{"echo '{\"a\":1} {\"b\":2}'", "t: expected JSON"},
        Case{"head -c 9000000 /dev/zero", "t: more than 8388608 bytes of output"},
        Case{"yes >&2", "t: more than 8388608 bytes of output"}}) {
    Error out = error(unknown.body);
    EXPECT_NE(out.kind, ErrorKind::rejected) << unknown.body;
    EXPECT_THAT(out.message, HasSubstr(unknown.says)) << unknown.body;
  }
}

TEST_F(Exec, KillsAProgramThatHangsWithItsForks) {
  script("hang", "sleep 300 & echo $! > child; sleep 300");
  not_after(300ms);
  Result<Json> out = call(bind_exec("./hang"));
  ASSERT_FALSE(out);
  EXPECT_EQ(out.error().kind, ErrorKind::timeout);
  EXPECT_THAT(out.error().message, HasSubstr("hang: no end within"));
  EXPECT_TRUE(ends(host_.context.workspace + "/child"));
}

TEST_F(Exec, DoesNotWaitForAForkThatHoldsItsOutput) {
  script("fork", "sleep 300 & echo '{\"done\": true}'");
  Result<Json> out = call(bind_exec("./fork"));
  ASSERT_TRUE(out) << out.error().message;
  EXPECT_EQ(out->dump(), R"({"done":true})");
}

TEST_F(Exec, StartsNothingWithoutTime) {
  script("t", "touch started; echo 1");
  not_after(-1s);
  Result<Json> out = call(bind_exec("./t"));
  ASSERT_FALSE(out);
  EXPECT_EQ(out.error().kind, ErrorKind::rejected);
  EXPECT_FALSE(fs::exists(host_.context.workspace + "/started"));
}

TEST_F(Exec, AProgramThatWentAwayWasCertainlyNotRun) {
  script("t", "echo 1");
  Result<Tool> tool = bind_exec("./t");
  fs::remove(folder_ / "t");
  Result<Json> out = call(tool);
  ASSERT_FALSE(out);
  EXPECT_EQ(out.error().kind, ErrorKind::rejected);
}

TEST_F(Exec, DropsAProgramWithItsTask) {
  script("t", "sleep 300 & echo $! > child; touch started; sleep 300");
  Result<Tool> tool = bind_exec("./t");
  ASSERT_TRUE(tool) << tool.error().message;
  host_.run_until(tool->body->call(host_.context, Json::object({})),
                  [&] { return fs::exists(host_.context.workspace + "/started"); });
  EXPECT_TRUE(ends(host_.context.workspace + "/child"));
}

TEST_F(Exec, AnswersAQuery) {
  script("t", R"(case "$1" in
      --query) read -r input; key=${input#*\"key\":\"}; key=${key%%\"*}
        printf '{"state":"happened","result":{"key":"%s"}}' "$key";;
      --no) echo '{"state": "cannot_happen"}';;
      --perhaps) echo '{"state": "unknown"}';;
      --bad) echo '{"state": "maybe"}';;
      *) echo 1;;
    esac)");
  auto ask = [&](const Result<Tool>& tool) {
    EXPECT_TRUE(tool) << tool.error().message;
    return host_.run(tool->body->query(host_.context, parsed(R"({"flight":"BA1"})")));
  };
  using State = QueryAnswer::State;
  Result<QueryAnswer> happened = ask(bind_exec("./t", "./t --query"));
  ASSERT_TRUE(happened) << happened.error().message;
  EXPECT_EQ(happened->state, State::happened);
  EXPECT_EQ(happened->result.dump(), R"({"key":"KEY"})");
  EXPECT_EQ(ask(bind_exec("./t", "./t --no"))->state, State::cannot_happen);
  EXPECT_EQ(ask(bind_exec("./t", "./t --perhaps"))->state, State::unknown);
  EXPECT_EQ(ask(bind_exec("./t"))->state, State::unknown);
  EXPECT_THAT(ask(bind_exec("./t", "./t --bad")).error().message,
              HasSubstr("expected {\"state\": \"happened\""));
}

TEST_F(Exec, NamesWhatIsWrongWithAProgram) {
  write("text", "hello");
  ::chmod((folder_ / "text").c_str(), 0644);
  EXPECT_THAT(error_of(bind_exec("./text")),
              AllOf(HasSubstr("tool t: exec:"), HasSubstr("cannot be run: chmod +x")));
  EXPECT_THAT(error_of(bind_exec("./none")), HasSubstr("there is no program"));
  EXPECT_THAT(error_of(bind_exec("no_such_program")), HasSubstr("nor in PATH"));
  EXPECT_THAT(error_of(bind_exec("./runs")), HasSubstr("is a folder"));
  EXPECT_THAT(error_of(bind_exec("")), HasSubstr("expected a program"));
  EXPECT_THAT(error_of(bind_exec("./t 'x")), HasSubstr("closing '"));
  EXPECT_THAT(error_of(bind_exec("true", "./none")), HasSubstr("query: there is no program"));
  EXPECT_THAT(error_of(bind({.name = "n", .parameters = Json::object({})})),
              HasSubstr("a native tool has its body from the program"));
  EXPECT_THAT(error_of(bind({.name = "n", .parameters = parsed(R"({"typ":"object"})")})),
              HasSubstr("parameters: typ: is no keyword"));
}

TEST_F(Exec, ReapsWhatAnEarlierProcessLeft) {
  // A daemon, as an engine that was killed leaves it: its own session, our workspace's mark.
  std::string workspace = fs::canonical(folder_).string() + "/runs/r1";
  std::string command =
      fmt::format("RAGENT_WORKSPACE={0} setsid sleep 300 & echo $! > {0}/pid", workspace);
  ASSERT_EQ(std::system(command.c_str()), 0);
  EXPECT_EQ(reap_stale((folder_ / "other").string()), 0U);
  std::size_t killed = 0;
  while (killed == 0) killed = reap_stale(folder_.string());  // until it has begun
  EXPECT_EQ(killed, 1U);
  EXPECT_TRUE(ends(workspace + "/pid"));
}

TEST_F(Exec, ReapsWhatOneCallLeft) {
  std::string workspace = fs::canonical(folder_).string() + "/runs/r1";
  for (const char* key : {"K1", "K2"}) {
    std::string command = fmt::format(
        "RAGENT_KEY={1} RAGENT_WORKSPACE={0} setsid sleep 300 & echo $! > {0}/{1}", workspace, key);
    ASSERT_EQ(std::system(command.c_str()), 0);
  }
  EXPECT_EQ(reap_call(workspace, "K3"), 0U);
  EXPECT_EQ(reap_call((folder_ / "runs").string(), "K1"), 0U);
  std::size_t killed = 0;
  while (killed == 0) killed = reap_call(workspace, "K1");  // until it has begun
  EXPECT_EQ(killed, 1U);
  EXPECT_TRUE(ends(workspace + "/K1"));
  killed = 0;
  while (killed == 0) killed = reap_call(workspace, "K2");  // was left alone
  EXPECT_TRUE(ends(workspace + "/K2"));
}

TEST_F(Exec, ReapsWhatACallLeftThatHasSwappedItsFolder) {
  fs::create_directory(folder_ / "runs/r2");
  std::string workspace = canonical_workspace((folder_ / "runs/r2").string());
  std::string command = fmt::format(
      "RAGENT_KEY=K1 RAGENT_WORKSPACE={0} setsid sleep 300 & echo $! > {1}/pid; "
      "rmdir {0}; ln -s / {0}",
      workspace, folder_.string());
  ASSERT_EQ(std::system(command.c_str()), 0);
  std::size_t killed = 0;
  TimePoint until = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (killed == 0 && std::chrono::steady_clock::now() < until) {
    killed = reap_call(workspace, "K1");
  }
  EXPECT_EQ(killed, 1U);
  EXPECT_TRUE(ends(folder_ / "pid"));
  fs::remove(folder_ / "runs/r2");
}

TEST(SplitCommand, KnowsQuotesAndNothingElse) {
  using ::testing::ElementsAre;
  EXPECT_THAT(*split_command(R"(./a  -x "b c" 'd "e"' f\ g "h\"i" '' $HOME *)"),
              ElementsAre("./a", "-x", "b c", "d \"e\"", "f g", "h\"i", "", "$HOME", "*"));
  EXPECT_FALSE(split_command("a \"b"));
  EXPECT_FALSE(split_command("   "));
}

}  // namespace
}  // namespace ragent
