#include <base/scope.h>
#include <model/llama/llama_model.h>

#include <gmock/gmock.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <numeric>
#include <unistd.h>

namespace ragent {
namespace {

using Vectors = std::vector<std::vector<float>>;

float cosine(const std::vector<float>& a, const std::vector<float>& b) {
  return std::inner_product(a.begin(), a.end(), b.begin(), 0.0F);
}

class EmbedTest : public testing::Test {
 protected:
  void SetUp() override {
    Result<std::unique_ptr<Embedder>> opened =
        models_.open_embedder(*loop_, {.model = "embed", .threads = 1});
    if (!opened && opened.error().kind == ErrorKind::not_found) {
      GTEST_SKIP() << opened.error().message;
    }
    ASSERT_TRUE(opened) << opened.error().message;
    embedder_ = std::move(*opened);
  }
  Vectors embed(std::vector<std::string> texts) {
    Result<Vectors> vectors = block_on(*loop_, embedder_->embed(std::move(texts)));
    EXPECT_TRUE(vectors) << vectors.error().message;
    return vectors ? std::move(*vectors) : Vectors();
  }

  std::unique_ptr<Loop> loop_ = make_loop();
  LocalModels models_;
  std::unique_ptr<Embedder> embedder_;
};

TEST_F(EmbedTest, PutsWhatIsAlikeTogether) {
  EXPECT_EQ(embedder_->name(), "local/embed");
  EXPECT_EQ(embedder_->dims(), 384U);
  Vectors vectors = embed({"That is a happy person", "That is a happy dog",
                           "That is a very happy person", "Today is a sunny day"});
  ASSERT_EQ(vectors.size(), 4U);
  for (const std::vector<float>& each : vectors) {
    EXPECT_EQ(each.size(), 384U);
    EXPECT_NEAR(cosine(each, each), 1, 1e-4);
  }
  // The figures of the model before it was cut to eight bits.
  EXPECT_NEAR(cosine(vectors[0], vectors[1]), 0.695, 0.02);
  EXPECT_NEAR(cosine(vectors[0], vectors[2]), 0.943, 0.02);
  EXPECT_NEAR(cosine(vectors[0], vectors[3]), 0.257, 0.02);
}

TEST_F(EmbedTest, ABatchGivesWhatEachGivesAlone) {
  std::vector<std::string> texts;
  for (int i = 0; i < 150; ++i) {
    std::string text = "Train " + std::to_string(i) + " leaves Vienna";
    for (int k = 0; k < i % 7; ++k) text += ", and stops at a small town by the river";
    texts.push_back(std::move(text));
  }
  Vectors together = embed(texts);
  ASSERT_EQ(together.size(), texts.size());
  for (std::size_t i = 0; i < texts.size(); i += 29) {
    EXPECT_GT(cosine(embed({texts[i]})[0], together[i]), 0.999) << texts[i];
  }
}

TEST_F(EmbedTest, TakesAnyText) {
  std::string endless;
  for (int i = 0; i < 5000; ++i) endless += "sea ";
  Vectors vectors = embed({"", endless, "\xff\xfe no text", endless + "ship"});
  ASSERT_EQ(vectors.size(), 4U);
  EXPECT_NEAR(cosine(vectors[1], vectors[3]), 1, 1e-3);  // the end is not seen
  EXPECT_TRUE(embed({}).empty());
  auto many = block_on(*loop_, embedder_->embed(std::vector<std::string>(5000, "sea")));
  ASSERT_FALSE(many);
  EXPECT_THAT(many.error().message, testing::HasSubstr("at most 4096 texts"));
}

// MiniLM's file, but for one number of its head: how the vectors of the tokens become one.
TEST_F(EmbedTest, SaysThatAModelMakesNoVectorOfAText) {
  namespace fs = std::filesystem;
  const std::vector<LocalModel> local = local_models();
  const auto known = std::ranges::find(local, "local/embed", &LocalModel::name);
  std::ifstream file(known->path, std::ios::binary);
  std::string bytes(std::istreambuf_iterator<char>(file), {});
  constexpr std::string_view kKey = "bert.pooling_type";
  const std::size_t at = bytes.find(kKey);
  ASSERT_NE(at, std::string::npos);
  const fs::path path =
      fs::path(testing::TempDir()) / ("ragent-pooling-" + std::to_string(::getpid()) + ".gguf");
  for (char pooling : {'\0', '\4'}) {  // none, a rank
    bytes[at + kKey.size() + sizeof(std::uint32_t)] = pooling;  // after the type of the value
    std::ofstream(path, std::ios::binary) << bytes;
    auto opened = models_.open_embedder(*loop_, {.model = path.string(), .threads = 1});
    ASSERT_TRUE(opened) << opened.error().message;
    Result<Vectors> vectors = block_on(*loop_, (*opened)->embed({"a train"}));
    ASSERT_FALSE(vectors);
    EXPECT_EQ(vectors.error().kind, ErrorKind::invalid);
    EXPECT_THAT(vectors.error().message, testing::HasSubstr("one vector of a text"));
  }
  fs::remove(path);
}

TEST_F(EmbedTest, DoesNotChatAndChatsDoNotEmbed) {
  auto chat = models_.open(*loop_, {.model = "embed"});
  ASSERT_FALSE(chat);
  EXPECT_EQ(chat.error().kind, ErrorKind::invalid);
  EXPECT_THAT(chat.error().message, testing::HasSubstr("expected a model that chats"));
  auto embeds = models_.open_embedder(*loop_, {.model = "tiny"});
  ASSERT_FALSE(embeds);
  EXPECT_EQ(embeds.error().kind, ErrorKind::invalid);
  EXPECT_THAT(embeds.error().message, testing::HasSubstr("expected an embedding model"));
}

}  // namespace
}  // namespace ragent
