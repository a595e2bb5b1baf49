// A step costs O(its own size), never O(the run so far): step 1,000 of a run against step 10.
#include <model/scripted.h>
#include <runtime/world.h>
#include <simulation/harness.h>
#include <store/test_home.h>

#include <gtest/gtest.h>

#include <algorithm>
#include <ctime>

namespace ragent::simulation {
namespace {

constexpr int kSteps = 1'050;
constexpr int kAround = 40;  // steps that are compared, from the tenth and up to the thousandth

struct Nothing {};

double processor_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::ranges::nth_element(values, middle);
  return *middle;
}

// One run of kSteps thoughts, each with one call; answers what `measure` says at each thought.
std::vector<double> run_long(std::unique_ptr<Store> store, const std::function<double()>& measure) {
  auto outside = std::make_shared<Outside>(1, Outside::Kind::steady);
  std::vector<double> at;
  EngineOptions options;
  options.threads = 0;
  options.store = std::move(store);
  options.world = simulated_world(outside, 1, 1);
  options.planners = {react()};
  options.models.push_back([&](const std::string&, Loop& loop) -> Result<std::unique_ptr<Model>> {
    return make_scripted_model(loop, [&](const ModelRequest&) -> Result<Reply> {
      at.push_back(measure());
      if (at.size() > kSteps) return Reply{.text = "done"};
      return Reply{.calls = {{.tool = "look", .arguments = Json::object({})}},
                   .finish = Finish::calls};
    });
  });
  Agent agent{.profile = {.name = "long"},
              .model = "test",
              .planner = "react",
              .budget = {.steps = 10'000, .tokens = 100'000'000, .time = std::chrono::hours(10)},
              .tools = {tool("look", "Look.", [](Nothing) { return 1; }).read()}};
  Engine engine(std::move(options));
  Result<Answer> answer = engine.run(agent, "go");
  EXPECT_TRUE(answer) << answer.error().message;
  return at;
}

TEST(GrowthTest, AStepCostsTheSameAfterAThousand) {
  std::vector<double> early;
  std::vector<double> late;
  auto disk = std::make_shared<MemoryDisk>();
  for (int i = 0; i < 5; ++i) {
    disk = std::make_shared<MemoryDisk>();
    const std::vector<double> at = run_long(make_memory_store(disk), processor_ns);
    ASSERT_GT(at.size(), static_cast<std::size_t>(kSteps));
    for (std::size_t step = 10; step < 10 + kAround; ++step) {
      early.push_back(at[step + 1] - at[step]);
      late.push_back(at[step + 991 - kAround] - at[step + 990 - kAround]);
    }
  }
  std::printf("a step: %.0f µs at 10, %.0f µs at 1,000\n", median(early) / 1e3, median(late) / 1e3);
  EXPECT_LE(median(late), 1.2 * median(early));

  std::unique_ptr<Store> store = make_memory_store(disk);
  FiledRun run = *store->tenants().run({}, list_runs(*store, {})->front().uid);
  std::map<std::uint32_t, std::size_t> bytes;  // of the journal, by step: thought and call
  for (const Record& record : run.records) {
    if (record.step != kNoStep) bytes[record.step] += record.body.size() + record.path.size();
  }
  const std::uint32_t tenth = 1 + 2 * 10;  // after `open`
  const std::uint32_t thousandth = 1 + 2 * 1'000;
  const std::size_t of_tenth = bytes[tenth] + bytes[tenth + 1];
  const std::size_t of_thousandth = bytes[thousandth] + bytes[thousandth + 1];
  EXPECT_GT(of_tenth, 0u);
  EXPECT_LE(static_cast<double>(of_thousandth), 1.2 * static_cast<double>(of_tenth));
}

// What a step writes to the disk: pages of the journal's log, which is moved into the file only
// when it is longer than this run makes it.
TEST(GrowthTest, AStepWritesAsMuchToTheLogAfterAThousand) {
  const TestHome home;
  const std::string log = home.journal() + "-wal";
  const std::vector<double> at = run_long(open_sqlite_store(home.path()).value(), [&] {
    return static_cast<double>(std::filesystem::file_size(log));
  });
  ASSERT_GT(at.size(), static_cast<std::size_t>(kSteps));
  constexpr std::size_t kAveraged = 50;
  const double early = (at[10 + kAveraged] - at[10]) / kAveraged;
  const double late = (at[1'000] - at[1'000 - kAveraged]) / kAveraged;
  std::printf("a step: %.0f bytes of the log at 10, %.0f at 1,000\n", early, late);
  ASSERT_TRUE(std::ranges::is_sorted(at)) << "the log was begun anew";
  EXPECT_GT(early, 0);
  EXPECT_LE(late, 1.2 * early);
}

}  // namespace
}  // namespace ragent::simulation
