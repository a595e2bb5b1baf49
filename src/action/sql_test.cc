#include <action/declared.h>

#include <action/fake_host.h>

#include <gmock/gmock.h>

#include <filesystem>

#include <fmt/format.h>
#include <unistd.h>

namespace ragent {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

// Without an end, so that only an interruption ends it.
constexpr std::string_view kEndless =
    "with recursive n(i) as (select 1 union all select i + 1 from n) select count(*) as c from n";

class SqlTest : public ::testing::Test {
 protected:
  SqlTest() : folder_(fs::temp_directory_path() / fmt::format("ragent_sql_{}", ::getpid())) {
    fs::create_directories(folder_);
    tool_ = binder_.bind({.name = "t",
                          .parameters = Json::object({}),
                          .kind = ToolSpec::Kind::sql,
                          .source = std::string(kEndless)},
                         folder_.string());
  }
  ~SqlTest() override { fs::remove_all(folder_); }

  fs::path folder_;
  FakeHost host_;
  ToolBinder binder_;
  Result<Tool> tool_;
};

// A cancelled run drops its tasks; leaving then waits for what is on the pool.
TEST_F(SqlTest, AQueryEndsWithTheTaskThatWaitedForIt) {
  ASSERT_TRUE(tool_) << tool_.error().message;
  host_.context.not_after = host_.loop().wall() + 20s;
  for (std::chrono::milliseconds after : {0ms, 200ms}) {  // on its way to the pool; at work
    TimePoint begin = host_.loop().now();
    host_.run_until(tool_->body->call(host_.context, Json::object({})),
                    [&] { return host_.blocked > 0 && host_.loop().now() >= begin + after; });
  }
  TimePoint begin = host_.loop().now();
  host_.drain();
  EXPECT_LT(host_.loop().now() - begin, 5s);
}

TEST_F(SqlTest, AStopOfTheContextEndsTheQuery) {
  ASSERT_TRUE(tool_) << tool_.error().message;
  std::stop_source stop;
  host_.context.stop = stop.get_token();
  host_.context.not_after = host_.loop().wall() + 20s;
  stop.request_stop();
  Result<Json> rows = host_.run(tool_->body->call(host_.context, Json::object({})));
  ASSERT_FALSE(rows);
  EXPECT_EQ(rows.error().kind, ErrorKind::cancelled);
}

}  // namespace
}  // namespace ragent
