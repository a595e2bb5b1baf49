#include <model/llama/weights.h>

#include <filesystem>
#include <gguf.h>
#include <gmock/gmock.h>
#include <unistd.h>

namespace ragent {
namespace {

using testing::HasSubstr;

// A file with a head and no weights.
class WeightsTest : public testing::Test {
 protected:
  ~WeightsTest() override { std::filesystem::remove(path_); }
  Result<WeightsHead> head_of(std::string architecture,
                              const std::vector<std::pair<std::string, std::uint32_t>>& numbers) {
    gguf_context* file = gguf_init_empty();
    gguf_set_val_str(file, "general.architecture", architecture.c_str());
    for (const auto& [key, value] : numbers) {
      gguf_set_val_u32(file, (architecture + "." + key).c_str(), value);
    }
    EXPECT_TRUE(gguf_write_to_file(file, path_.c_str(), false));
    gguf_free(file);
    return Weights::read_head(path_, Weights::Purpose::chat);
  }

  std::string path_ = testing::TempDir() + "ragent-head-" + std::to_string(::getpid()) + ".gguf";
};

TEST_F(WeightsTest, ATokenTakesWhatTheHeadsOfItsKeysAndValuesDo) {
  // SmolLM2-135M, whose heads share the width; Qwen3-0.6B, whose heads are wider than that.
  auto smol = head_of("llama", {{"context_length", 8192},
                                {"embedding_length", 576},
                                {"block_count", 30},
                                {"attention.head_count", 9},
                                {"attention.head_count_kv", 3}});
  ASSERT_TRUE(smol) << smol.error().message;
  EXPECT_EQ(smol->kv_bytes, 2U * 2 * 30 * 3 * 64);
  auto qwen = head_of("qwen3", {{"context_length", 40960},
                                {"embedding_length", 1024},
                                {"block_count", 28},
                                {"attention.head_count", 16},
                                {"attention.head_count_kv", 8},
                                {"attention.key_length", 128},
                                {"attention.value_length", 128}});
  ASSERT_TRUE(qwen) << qwen.error().message;
  EXPECT_EQ(qwen->kv_bytes, 2U * 2 * 28 * 8 * 128);
}

TEST_F(WeightsTest, AModelThatKeepsAStateIsRefused) {
  for (const auto& [architecture, key] :
       std::vector<std::pair<std::string, std::string>>{{"lfm2", "shortconv.l_cache"},
                                                        {"qwen35", "ssm.conv_kernel"},
                                                        {"rwkv7", "wkv.head_size"}}) {
    auto head =
        head_of(architecture, {{"context_length", 8192}, {"embedding_length", 64}, {key, 3}});
    ASSERT_FALSE(head) << architecture;
    EXPECT_EQ(head.error().kind, ErrorKind::invalid);
    EXPECT_THAT(head.error().message, HasSubstr("(" + architecture + ") keeps a state"));
  }
}

}  // namespace
}  // namespace ragent
