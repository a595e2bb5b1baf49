// Models behind endpoints in virtual time: many seeds of slow, failing and breaking servers, of
// calls with deadlines and of callers that leave; each seed the same every time.

#include <base/deadline.h>
#include <base/simulated_loop.h>
#include <providers/asking.h>
#include <providers/fault_table.h>
#include <providers/simulated_client.h>

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace ragent::providers {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kCallers = 12;
constexpr std::size_t kCallsEach = 6;
constexpr auto kTime = 40s;
constexpr std::uint64_t kLeaves = 6;  // one caller of so many goes before the answer

struct Day {
  SimulatedLoop loop;
  Weather weather;
  SeededRandom random;
  std::unique_ptr<Model> model = {};
  std::size_t asked = 0;
  std::size_t replied = 0;
  std::size_t left = 0;
  std::string wrong = {};

  Day(std::uint64_t seed, std::string_view scheme, bool stream, std::chrono::milliseconds hedge)
      : loop(seed), weather(seed), random(seed + 1) {
    weather.reply = well(true);
    const ModelSource source =
        http_models({.environment = [](const char*) -> const char* { return nullptr; },
                     .client = [this](Loop& of) { return simulated_client(of, weather); },
                     .random = [seed] { return make_seeded_random(seed); },
                     .hedge_after = hedge,
                     .stream = stream});
    model = source(std::string(scheme) + "http://server/v1#m", loop).value();
  }

  void judge(const Said& said) {
    if (said.late > 0s) wrong += fmt::format("{} ns late; ", said.late.count());
    const std::string problem = said.reply ? problem_of_well(true, said) : "";
    if (!problem.empty()) wrong += problem + "; ";
    if (!said.reply && !readable(said.reply.error().message)) wrong += "an unreadable error; ";
    replied += said.reply ? 1 : 0;
  }

  Task<void> one() {
    ++asked;
    if (random.below(kLeaves) > 0) {
      judge(co_await ask(loop, *model, kTime, "call 0.", true));
      co_return;
    }
    const TimePoint leaves = loop.now() + std::chrono::milliseconds(random.below(6000));
    Result<Said> said =
        co_await with_deadline(loop, ask(loop, *model, kTime, "call 0.", true), leaves).result();
    if (said) judge(*said);
    left += said ? 0 : 1;
  }

  static Task<void> caller(Day& day) {
    for (std::size_t i = 0; i < kCallsEach; ++i) {
      co_await day.loop.sleep(std::chrono::milliseconds(day.random.below(4000)));
      co_await day.one();
    }
  }

  void live() {
    Scope scope(loop, [this](const Error& error) { wrong += error.message; });
    for (std::size_t i = 0; i < kCallers; ++i) scope.spawn(caller(*this));
    if (!block_on(loop, scope.join())) wrong += "a deadlock; ";
    if (weather.at_work > 0) wrong += "a request goes on though nobody waits; ";
  }
};

struct Kind {
  std::string_view scheme = {};
  bool stream = true;
  std::chrono::milliseconds hedge = {};
};
constexpr Kind kKinds[] = {{"", true},
                           {"", false},
                           {"responses+", true},
                           {"anthropic+", false},
                           {"anthropic+", true, 1500ms}};

TEST(Simulated, EverySeedEndsInTimeAndNoCallIsOfHalfAReply) {
  std::size_t replied = 0, left = 0, failed = 0;
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    const Kind& kind = kKinds[seed % std::size(kKinds)];
    Day day(seed, kind.scheme, kind.stream, kind.hedge);
    day.weather.faults = seed % 10 * 10;
    day.live();
    ASSERT_EQ(day.wrong, "") << "seed " << seed;
    const double retries = static_cast<double>(day.weather.sent) - static_cast<double>(day.asked);
    const double earned = std::chrono::duration<double>(day.loop.now().time_since_epoch()) /
                          std::chrono::duration<double>(limits::kRetryEarnTime);
    const double calls = static_cast<double>(day.weather.sent);
    ASSERT_LE(retries, limits::kRetriesSavedMax + calls * limits::kRetriesPerCall + earned + 1)
        << "seed " << seed;
    // Whatever happened, the endpoint is asked again as soon as it is well: no turn was lost.
    day.weather.faults = 0;
    const Result<Said> after = block_on(day.loop, ask(day.loop, *day.model, kTime));
    ASSERT_TRUE(after && after->reply) << "seed " << seed << ": " << after->reply.error().message;
    replied += day.replied;
    left += day.left;
    failed += day.asked - day.replied - day.left;
  }
  EXPECT_GT(replied, 2500u);
  EXPECT_GT(left, 500u);
  EXPECT_GT(failed, 250u);
}

TEST(Simulated, ASeedIsTheSameEachTime) {
  const auto told = [](std::uint64_t seed) {
    Day day(seed, "", true, 800ms);
    day.weather.faults = 40;
    day.live();
    return fmt::format("{} {} {} {:x}", day.weather.sent, day.replied, day.left, day.loop.trace());
  };
  EXPECT_EQ(told(1), told(1));
  EXPECT_NE(told(1), told(2));
}

}  // namespace
}  // namespace ragent::providers
