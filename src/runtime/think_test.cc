// Images: kept as artifacts, shown to models that see them, refused where they cannot be seen.
#include <runtime/test_engine.h>

#include <gmock/gmock.h>

namespace ragent {
namespace {

using ::testing::HasSubstr;

class Seeing : public Model {
 public:
  Seeing(bool images, std::vector<MediaBytes>& seen)
      : info_{.name = "test", .images = images}, seen_(seen) {}
  const ModelInfo& info() const override { return info_; }
  Task<Reply> reply(ModelRequest request, DeltaSink&) override {
    seen_ = std::move(request.media);
    co_return Reply{.text = "a cat"};
  }

 private:
  ModelInfo info_;
  std::vector<MediaBytes>& seen_;
};

Result<Answer> look(bool images, std::vector<MediaBytes>& seen, const std::string& artifact = "") {
  EngineOptions options = testing::options(make_memory_store(), {});
  options.models = {[&](const std::string&, Loop&) -> Result<std::unique_ptr<Model>> {
    return std::make_unique<Seeing>(images, seen);
  }};
  Engine engine(std::move(options));
  Result<std::string> kept = engine.artifact("\x89PNG…");
  if (!kept) return fail(std::move(kept.error()));
  Input input("What is this?");
  input.parts = {Media{artifact.empty() ? *kept : artifact, "image/png"},
                 Media{*kept, "image/png"}};
  return engine.run({.profile = {.name = "eye"}, .model = "test"}, std::move(input));
}

TEST(ThinkTest, AModelThatSeesImagesGetsTheirBytesOnce) {
  std::vector<MediaBytes> seen;
  Result<Answer> answer = look(true, seen);
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(answer->text, "a cat");
  ASSERT_EQ(seen.size(), 1U);
  EXPECT_EQ(seen[0].bytes, "\x89PNG…");
}

TEST(ThinkTest, AModelThatSeesNoneIsNotAsked) {
  std::vector<MediaBytes> seen;
  Result<Answer> answer = look(false, seen);
  ASSERT_FALSE(answer);
  EXPECT_THAT(answer.error().message, HasSubstr("sees no images"));
  EXPECT_TRUE(seen.empty());
}

TEST(ThinkTest, AnImageThatIsNotKeptIsAnError) {
  std::vector<MediaBytes> seen;
  Result<Answer> answer = look(true, seen, std::string(64, 'a'));
  ASSERT_FALSE(answer);
  EXPECT_THAT(answer.error().message, HasSubstr("an image of the conversation"));
}

}  // namespace
}  // namespace ragent
