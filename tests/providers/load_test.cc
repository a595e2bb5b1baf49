// 1,000 streaming calls at once through one loop: all complete, at little cost. The bench
// model_http measures it exactly, in an optimised build.

#include <model/http/http_model.h>
#include <providers/load.h>
#include <stub_model/stub_process.h>

#include <gtest/gtest.h>

#include <filesystem>

namespace ragent {
namespace {

constexpr std::size_t kCalls = 1000;

#ifdef NDEBUG
constexpr auto kCpuMax = std::chrono::microseconds(120);  // of a call, on a busy machine
#else
constexpr auto kCpuMax = std::chrono::microseconds(3000);  // under a sanitizer too
#endif

TEST(ManyCalls, AThousandStreamsAtOnceAllComplete) {
  const std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe");
  const stub::StubProcess stub(self.parent_path() / "bench" / "stub_model_server");
  const auto loop = make_loop();
  const ModelSource source =
      http_models({.environment = [](const char*) -> const char* { return nullptr; }});
  for (const std::string scheme : {"", "responses+", "anthropic+"}) {
    auto model = source(scheme + stub.url() + "#stub", *loop);
    ASSERT_TRUE(model) << model.error().message;
    run_load(*loop, **model, kCalls);  // makes the connections
    std::chrono::nanoseconds least = std::chrono::hours(1);
    for (int round = 0; round < 2; ++round) {
      const Load load = run_load(*loop, **model, kCalls);
      ASSERT_EQ(load.replied, kCalls) << load.error.message;
      least = std::min<std::chrono::nanoseconds>(least, load.cpu / static_cast<int>(kCalls));
    }
    EXPECT_LE(least, kCpuMax) << scheme;
    RecordProperty("ns_a_call", static_cast<int>(least.count()));
  }
}

}  // namespace
}  // namespace ragent
