#include <model/recorded.h>

#include <base/file.h>
#include <base/scope.h>
#include <model/scripted.h>
#include <store/test_home.h>

#include <gmock/gmock.h>
#include <sys/resource.h>
#include <unistd.h>

#include <csignal>

#include <fstream>

namespace ragent {
namespace {

using testing::HasSubstr;

Result<Reply> conforming(const ModelRequest& asked) {
  std::string word = asked.transcript.last().text();
  if (word == "schema") return Reply{.text = R"({"sum": 5, "kind": "odd"})"};
  if (word != "call") return Reply{.text = "It is five, I should say."};
  return Reply{.calls = {{.tool = "add", .arguments = Json::object({{"a", 2}, {"b", 3}})}}};
}

ModelSource scripted(ScriptedReply reply) {
  return [reply](const std::string& name, Loop& loop) -> Result<std::unique_ptr<Model>> {
    if (name != "test") return nullptr;
    return make_scripted_model(loop, reply);
  };
}

class RecordedTest : public testing::Test {
 protected:
  Result<Reply> ask(Model& model, std::string text) {
    ModelRequest request{.key = "run/0:1"};
    request.transcript.add(Message::of(Role::user, std::move(text)));
    DeltaSink none;
    return block_on(*loop, model.reply(std::move(request), none));
  }
  std::unique_ptr<Model> open(const ModelSource& source, const std::string& name) {
    auto model = source(name, *loop);
    EXPECT_TRUE(model) << model.error().message;
    return model ? std::move(*model) : nullptr;
  }

  void SetUp() override { std::filesystem::create_directories(home.path()); }

  TestHome home;
  std::string file = home.path() + "/day.jsonl";
  std::unique_ptr<Loop> loop = make_loop();
};

TEST_F(RecordedTest, SaysAgainWhatWasRecorded) {
  int asked = 0;
  auto count = [&](const ModelRequest&) -> Result<Reply> {
    return Reply{.text = "answer " + std::to_string(++asked), .reasoning = {{"hm", "opaque"}}};
  };
  auto recorder = open(recording(file, scripted(count)), "test");
  Result<Reply> first = ask(*recorder, "one");
  Result<Reply> second = ask(*recorder, "one");
  Result<Reply> third = ask(*recorder, "two");
  ASSERT_TRUE(first && second && third);
  EXPECT_EQ(recorder->info().name, "scripted");

  auto model = open(recorded(), "recorded:" + file);
  EXPECT_EQ(ask(*model, "two"), third);
  EXPECT_EQ(ask(*model, "one"), first);
  EXPECT_EQ(ask(*model, "one"), second);
  EXPECT_EQ(ask(*model, "one"), second);  // the last one for ever
  EXPECT_EQ(asked, 3);

  Result<Reply> other = ask(*model, "three");
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().kind, ErrorKind::invalid);
  EXPECT_THAT(other.error().message, HasSubstr("has no reply to the request at 0:1"));
  EXPECT_THAT(other.error().message, HasSubstr("since scripted was recorded"));
}

TEST_F(RecordedTest, AnErrorIsNotRecorded) {
  int asked = 0;
  auto fails_once = [&](const ModelRequest&) -> Result<Reply> {
    if (++asked == 1) return fail(ErrorKind::unavailable, "down");
    return Reply{.text = "up"};
  };
  auto recorder = open(recording(file, scripted(fails_once)), "test");
  EXPECT_FALSE(ask(*recorder, "one"));
  EXPECT_TRUE(ask(*recorder, "one"));
  auto model = open(recorded(), "recorded:" + file);
  Result<Reply> reply = ask(*model, "one");
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->text, "up");
}

TEST_F(RecordedTest, WhatIsNoRecordingIsSaid) {
  std::ofstream(file).close();
  EXPECT_THAT(ask(*open(recorded(), "recorded:" + file), "one").error().message,
              HasSubstr("has no replies"));
  ASSERT_EQ(::unlink(file.c_str()), 0);
  auto missing = recorded()("recorded:" + file, *loop);
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().kind, ErrorKind::not_found);
  for (const char* line : {"{", "[]", R"({"digest": "xyz", "reply": {}})", R"({"digest": "1"})"}) {
    std::ofstream(file) << "\n" << line << "\n";
    auto broken = recorded()("recorded:" + file, *loop);
    ASSERT_FALSE(broken) << line;
    EXPECT_EQ(broken.error().kind, ErrorKind::invalid);
    EXPECT_THAT(broken.error().message, HasSubstr("day.jsonl line 2"));
  }
  EXPECT_FALSE(recording(home.path(), scripted(conforming))("test", *loop));  // a folder
  auto unknown = recorded()("openai/gpt-4o", *loop);
  ASSERT_TRUE(unknown);
  EXPECT_EQ(*unknown, nullptr);
}

TEST_F(RecordedTest, AReplyThatCannotBeWrittenIsAnError) {
  auto recorder = open(recording("/dev/full", scripted(conforming)), "test");
  Result<Reply> reply = ask(*recorder, "one");
  ASSERT_FALSE(reply);
  EXPECT_THAT(reply.error().message, HasSubstr("cannot record to"));
}

class Spelling : public Model {
 public:
  const ModelInfo& info() const override { return info_; }
  Task<Reply> reply(ModelRequest, DeltaSink&) override { co_return Reply{.text = "a"}; }
  Task<std::vector<std::int64_t>> tokens(std::vector<std::string> texts) override {
    co_return std::vector<std::int64_t>(texts.size(), 7);
  }

 private:
  ModelInfo info_ = {.name = "spelling"};
};

// Else a conversation would be compacted at another place while it is recorded.
TEST_F(RecordedTest, CountsTokensAsTheModelDoes) {
  auto spelling = [](const std::string&, Loop&) -> Result<std::unique_ptr<Model>> {
    return std::make_unique<Spelling>();
  };
  auto recorder = open(recording(file, spelling), "spelling");
  auto counts = block_on(*loop, recorder->tokens({"abc", ""}));
  ASSERT_TRUE(counts) << counts.error().message;
  EXPECT_THAT(*counts, testing::ElementsAre(7, 7));
}

// Reads little, and counts by letters.
class SmallModel : public Model {
 public:
  const ModelInfo& info() const override { return info_; }
  Task<Reply> reply(ModelRequest, DeltaSink&) override { co_return Reply{.text = "yes"}; }
  Task<std::vector<std::int64_t>> tokens(std::vector<std::string> texts) override {
    std::vector<std::int64_t> out;
    for (const std::string& text : texts) out.push_back(static_cast<std::int64_t>(text.size()));
    co_return out;
  }

 private:
  ModelInfo info_{.name = "small", .context_tokens = 300};
};

TEST_F(RecordedTest, TheWindowAndTheTokenizerAreThoseOfTheModel) {
  auto small = [](const std::string&, Loop&) -> Result<std::unique_ptr<Model>> {
    return std::make_unique<SmallModel>();
  };
  auto recorder = open(recording(file, small), "small");
  ASSERT_TRUE(ask(*recorder, "one"));
  const std::vector<std::string> texts = {"seven letters", ""};
  auto counts = block_on(*loop, recorder->tokens(texts));
  ASSERT_TRUE(counts);
  EXPECT_THAT(*counts, testing::ElementsAre(13, 0));

  auto model = open(recorded(), "recorded:" + file);
  EXPECT_EQ(model->info().context_tokens, 300u);
  EXPECT_EQ(block_on(*loop, model->tokens(texts)), counts);
  auto others = block_on(*loop, model->tokens({"nobody counted this one"}));
  ASSERT_TRUE(others);
  EXPECT_LT(others->front(), 23);
  EXPECT_TRUE(ask(*model, "one"));
}

TEST_F(RecordedTest, CountsAndWindowsThatAreNoneAreRefused) {
  const std::string digest(32, '0');
  const std::string reply = to_json(Reply{.text = "yes"}).dump();
  for (const char* said :
       {R"("tokens":[1,-1])", R"("tokens":5)", R"("tokens":[9223372036854775807])",
        R"("tokens":["two"])", R"("context_tokens":-1)", R"("context_tokens":4294967296)",
        R"("context_tokens":"all")"}) {
    std::ofstream(file) << R"({"digest":")" << digest << R"(","reply":)" << reply << "," << said
                        << "}\n";
    const auto opened = recorded()("recorded:" + file, *loop);
    ASSERT_FALSE(opened) << said;
    EXPECT_THAT(opened.error().message, HasSubstr("day.jsonl line 1: "));
    EXPECT_THAT(opened.error().message, HasSubstr("tokens: expected ")) << said;
  }
}

// A disk with room for half of a line.
class NoRoom {
 public:
  explicit NoRoom(std::size_t bytes) : signal_(std::signal(SIGXFSZ, SIG_IGN)) {
    ::getrlimit(RLIMIT_FSIZE, &before_);
    rlimit now = {.rlim_cur = bytes, .rlim_max = before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &now);
  }
  NoRoom(const NoRoom&) = delete;
  NoRoom& operator=(const NoRoom&) = delete;
  ~NoRoom() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, signal_);
  }

 private:
  void (*signal_)(int);
  rlimit before_ = {};
};

TEST_F(RecordedTest, HalfOfALineIsNeitherReadNorWrittenBehind) {
  auto recorder = open(recording(file, scripted(conforming)), "test");
  ASSERT_TRUE(ask(*recorder, "one"));
  std::string whole = *read_file(file, 1u << 20);
  {
    NoRoom room(whole.size() + 20);
    EXPECT_FALSE(ask(*recorder, "two"));
  }
  EXPECT_EQ(*read_file(file, 1u << 20), whole);
  for (const char* half : {"{", R"({"digest": "01)", R"({"digest":"0123","reply":{"te)"}) {
    std::ofstream(file, std::ios::app) << half;  // a process was killed
    EXPECT_TRUE(ask(*open(recorded(), "recorded:" + file), "one")) << half;
    ASSERT_TRUE(ask(*recorder, "one"));
    EXPECT_TRUE(ask(*open(recorded(), "recorded:" + file), "one")) << half;
  }
  std::ofstream(file) << whole.substr(0, whole.size() - 1);  // by an editor
  ASSERT_TRUE(ask(*recorder, "two"));
  auto model = open(recorded(), "recorded:" + file);
  EXPECT_TRUE(ask(*model, "one"));
  EXPECT_TRUE(ask(*model, "two"));
}

TEST_F(RecordedTest, WhatWouldNotBeReadAgainIsNotWritten) {
  std::ofstream(file).close();
  std::filesystem::resize_file(file, (256u << 20) - 10);  // holes
  std::ofstream(file, std::ios::app) << "\n";
  auto recorder = open(recording(file, scripted(conforming)), "test");
  Result<Reply> reply = ask(*recorder, "one");
  ASSERT_FALSE(reply);
  EXPECT_THAT(reply.error().message, HasSubstr("record to another file"));
}

TEST_F(RecordedTest, WhatWasNoRecordingIsNotCutOff) {
  std::ofstream(file) << "notes\nwithout an end";
  auto recorder = open(recording(file, scripted(conforming)), "test");
  ASSERT_TRUE(ask(*recorder, "one"));
  EXPECT_TRUE(read_file(file, 1u << 20)->starts_with("notes\nwithout an end\n{"));
}

}  // namespace
}  // namespace ragent
