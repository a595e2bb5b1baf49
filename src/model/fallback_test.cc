#include <model/fallback.h>

#include <base/scope.h>
#include <base/simulated_loop.h>
#include <model/scripted.h>

#include <gmock/gmock.h>

#include <map>

namespace ragent {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;

class FallbackTest : public testing::Test {
 protected:
  // Each name is a script of one dialogue.
  ModelSource source() {
    return with_fallbacks(
        {[this](const std::string& name, Loop& on) -> Result<std::unique_ptr<Model>> {
          auto script = scripts.find(name);
          if (script == scripts.end()) return nullptr;
          return make_scripted_model(on, *parse_script(script->second));
        }});
  }
  Result<Reply> ask(const std::string& name, std::chrono::milliseconds time_max = 10s) {
    auto model = source()(name, *loop);
    if (!model) return fail(std::move(model.error()));
    DeltaSink sink = [this](const Delta& delta) {
      shown.push_back(delta.kind == Delta::Kind::restart ? "(restart)" : delta.text);
    };
    ModelRequest request{.time_max = time_max, .key = "run/0:1"};
    request.transcript.add(Message::of(Role::user, "Hello?"));
    return block_on(*loop, (*model)->reply(std::move(request), sink));
  }

  std::map<std::string, std::string> scripts = {
      {"good", R"({"answer": "yes"})"},
      {"other", R"({"answer": "other"})"},
      {"down", R"({"fault": "unavailable", "message": "it is down"})"},
      {"slow", R"({"answer": "late", "latency_ms": 60000})"},
      {"wrong", R"({"fault": "invalid", "message": "too long"})"}};
  std::unique_ptr<Loop> loop = make_simulated_loop(3);
  std::vector<std::string> shown;
};

TEST_F(FallbackTest, TheFirstThatAnswers) {
  EXPECT_EQ(ask("good,other")->text, "yes");
  EXPECT_EQ(ask("down, good")->text, "yes");
  EXPECT_EQ(ask("down,down,other")->text, "other");
  EXPECT_EQ(ask("good")->text, "yes");
}

TEST_F(FallbackTest, ASilentOneLeavesTimeForTheNext) {
  Result<Reply> reply = ask("slow,good", 4s);
  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_EQ(reply->text, "yes");
}

TEST_F(FallbackTest, WhatNoOtherWouldDoBetterIsTheAnswer) {
  Result<Reply> reply = ask("wrong,good");
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().kind, ErrorKind::invalid);
}

TEST_F(FallbackTest, WhenNoneAnswersAllSayWhy) {
  Result<Reply> reply = ask("down,slow", 2s);
  ASSERT_FALSE(reply);
  EXPECT_THAT(reply.error().message, HasSubstr("it is down; "));
  EXPECT_THAT(reply.error().message, HasSubstr("did not answer within"));
}

class Breaking : public Model {
 public:
  const ModelInfo& info() const override { return info_; }
  Task<Reply> reply(ModelRequest, DeltaSink& deltas) override {
    deltas({.text = "half"});
    co_return fail(ErrorKind::unavailable, "broke off");
  }

 private:
  ModelInfo info_{.name = "breaking", .context_tokens = 100, .images = true};
};

TEST_F(FallbackTest, WhatTheFirstHadShownIsTakenBack) {
  ModelSource both =
      with_fallbacks({[](const std::string& name, Loop&) -> Result<std::unique_ptr<Model>> {
                        if (name == "breaking") return std::make_unique<Breaking>();
                        return nullptr;
                      },
                      source()});
  auto model = both("breaking,good", *loop);
  ASSERT_TRUE(model) << model.error().message;
  EXPECT_EQ((*model)->info().name, "breaking,good");
  EXPECT_EQ((*model)->info().context_tokens, 100U);
  EXPECT_FALSE((*model)->info().images);
  DeltaSink sink = [this](const Delta& delta) {
    shown.push_back(delta.kind == Delta::Kind::restart ? "(restart)" : delta.text);
  };
  ModelRequest request{.key = "run/0:1"};
  request.transcript.add(Message::of(Role::user, "Hello?"));
  ASSERT_TRUE(block_on(*loop, (*model)->reply(std::move(request), sink)));
  EXPECT_THAT(shown, ElementsAre("half", "(restart)", "yes"));
}

// With a tokenizer of its own: a letter is a token, but for texts that it cannot read.
class Spelling : public Breaking {
 public:
  Task<std::vector<std::int64_t>> tokens(std::vector<std::string> texts) override {
    std::vector<std::int64_t> out;
    for (const std::string& text : texts) {
      if (text == "?") co_return fail(ErrorKind::unavailable, "no tokenizer");
      out.push_back(static_cast<std::int64_t>(text.size()));
    }
    co_return out;
  }
};

TEST_F(FallbackTest, CountsTokensAsTheOneThatCountsMost) {
  ModelSource both =
      with_fallbacks({[](const std::string& name, Loop&) -> Result<std::unique_ptr<Model>> {
                        if (name == "spelling") return std::make_unique<Spelling>();
                        return nullptr;
                      },
                      source()});
  for (const char* name : {"spelling,good", "good,spelling"}) {
    auto model = both(name, *loop);
    ASSERT_TRUE(model) << model.error().message;
    auto counts = block_on(*loop, (*model)->tokens({"abcdef", ""}));
    ASSERT_TRUE(counts) << counts.error().message;
    EXPECT_THAT(*counts, ElementsAre(6, 0)) << name;
    EXPECT_THAT(*block_on(*loop, (*model)->tokens({"?", "abcdef"})), ElementsAre(1, 2)) << name;
  }
}

TEST_F(FallbackTest, EachNameOfAListMustBeThere) {
  EXPECT_THAT(ask("good,,other").error().message, HasSubstr("an empty name in the list"));
  EXPECT_THAT(ask("good,none").error().message, HasSubstr("no model is called `none`"));
  auto unknown = source()("none", *loop);
  ASSERT_TRUE(unknown);
  EXPECT_EQ(*unknown, nullptr);
}

}  // namespace
}  // namespace ragent
