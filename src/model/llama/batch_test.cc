// Replies written at the same time: what they share, and what they must not notice of each other.
#include <base/scope.h>
#include <model/llama/llama_model.h>

#include <gmock/gmock.h>

#include <thread>

namespace ragent {
namespace {

using std::chrono::milliseconds;

constexpr std::uint32_t kEndless = 100'000;

ToolSpec add_tool() {
  return {.name = "add",
          .description = "Add two integers.",
          .parameters = *parse_json(
              R"({"type": "object", "required": ["a", "b"], "properties":
                  {"a": {"type": "integer"}, "b": {"type": "integer"}}})")};
}

class BatchTest : public testing::Test {
 protected:
  std::unique_ptr<Model> open(std::uint32_t context_tokens = 1024) {
    Result<std::unique_ptr<Model>> model =
        open_llama_model(*loop_, {.model = "tiny", .threads = 1, .context_tokens = context_tokens});
    EXPECT_TRUE(model) << model.error().message;
    return model ? std::move(*model) : nullptr;
  }
  static ModelRequest text(const std::string& question, std::uint32_t tokens) {
    ModelRequest out;
    out.transcript.add(Message::of(Role::system, "You tell long stories of the sea."));
    out.transcript.add(Message::of(Role::user, question));
    out.options.tokens_max = tokens;
    return out;
  }
  static ModelRequest call(const std::string& question) {
    ModelRequest out{.transcript = Transcript({add_tool()}), .offers = {{.tool = add_tool()}}};
    out.transcript.add(Message::of(Role::user, question));
    out.options = {.calls = ThinkOptions::Calls::required, .tokens_max = 64};
    return out;
  }
  std::vector<Result<Reply>> together(Model& model, std::vector<ModelRequest> requests) {
    DeltaSink sink;
    std::vector<Task<Reply>> tasks;
    for (ModelRequest& each : requests) tasks.push_back(model.reply(std::move(each), sink));
    return std::move(*block_on(*loop_, when_all(*loop_, std::move(tasks))));
  }
  Result<Reply> ask(Model& model, ModelRequest request) {
    return std::move(together(model, {std::move(request)}).front());
  }
  static Task<void> keep(Model& model, ModelRequest request, DeltaSink& sink,
                         std::optional<Result<Reply>>* into) {
    Result<Reply> reply = co_await model.reply(std::move(request), sink).result();
    if (into) into->emplace(std::move(reply));
  }
  bool run_until(const std::function<bool()>& done) {
    return loop_->run(done, loop_->now() + std::chrono::seconds(60));
  }

  std::unique_ptr<Loop> loop_ = make_loop();
};

TEST_F(BatchTest, EightAtOnceAnswerAsWellAsAlone) {
  std::unique_ptr<Model> model = open();
  ASSERT_NE(model, nullptr);
  std::vector<ModelRequest> requests;
  for (int i = 0; i < 8; ++i) {
    std::string number = std::to_string(i);
    requests.push_back(i % 2 ? text("Tell of ship " + number, 12) : call("Add 3 and " + number));
  }
  std::vector<Result<Reply>> replies = together(*model, std::move(requests));
  ASSERT_EQ(replies.size(), 8U);
  for (std::size_t i = 0; i < replies.size(); ++i) {
    ASSERT_TRUE(replies[i]) << replies[i].error().message;
    const Reply& reply = *replies[i];
    if (i % 2) {
      EXPECT_FALSE(reply.text.empty());
      EXPECT_TRUE(reply.calls.empty());
      continue;
    }
    ASSERT_EQ(reply.calls.size(), 1U);
    const Json& arguments = reply.calls[0].arguments;
    ASSERT_EQ(arguments.size(), 2U) << arguments.dump();
    EXPECT_TRUE(arguments.find("a")->is_integer() && arguments.find("b")->is_integer());
  }
}

TEST_F(BatchTest, OneOfThemIsCancelledAndTheOthersGoOn) {
  std::unique_ptr<Model> model = open();
  ASSERT_NE(model, nullptr);
  int deltas = 0;
  DeltaSink counting = [&](const Delta&) { ++deltas; };
  DeltaSink silent;
  std::optional<Result<Reply>> other;
  Scope others(*loop_);
  {
    Scope cancelled(*loop_);
    cancelled.spawn(keep(*model, text("Tell of the whale.", kEndless), counting, nullptr));
    others.spawn(keep(*model, text("Tell of the shark.", 40), silent, &other));
    ASSERT_TRUE(run_until([&] { return deltas > 2; }));
  }
  int before = deltas;
  ASSERT_TRUE(run_until([&] { return other.has_value(); }));
  ASSERT_TRUE(*other) << other->error().message;
  EXPECT_FALSE((*other)->text.empty());
  EXPECT_EQ(deltas, before);
}

TEST_F(BatchTest, TheQueueIsBounded) {
  std::unique_ptr<Model> model = open();
  ASSERT_NE(model, nullptr);
  DeltaSink sink;
  std::size_t room = limits::kModelQueueMax + limits::kModelBatchMax;
  std::vector<std::optional<Result<Reply>>> replies(room + 8);
  {
    Scope scope(*loop_);
    for (auto& reply : replies) {
      scope.spawn(keep(*model, text("Tell of a ship.", kEndless), sink, &reply));
    }
    ASSERT_TRUE(run_until([&] {
      return std::ranges::count_if(replies, [](const auto& each) { return each.has_value(); }) >= 8;
    }));
    for (const auto& reply : replies) {
      if (!reply) continue;
      ASSERT_FALSE(*reply);
      EXPECT_EQ(reply->error().kind, ErrorKind::unavailable);
      EXPECT_TRUE(reply->error().retry_after);
      EXPECT_THAT(reply->error().message, testing::HasSubstr("256 requests waiting"));
    }
  }
  EXPECT_TRUE(ask(*model, text("Tell of a ship.", 4)));  // all that was cancelled is gone
}

TEST_F(BatchTest, TimePassesInTheQueueToo) {
  std::unique_ptr<Model> model = open();
  ASSERT_NE(model, nullptr);
  int deltas = 0;
  DeltaSink sink = [&](const Delta&) { ++deltas; };
  Scope scope(*loop_);
  for (std::size_t i = 0; i < limits::kModelBatchMax; ++i) {
    scope.spawn(keep(*model, text("Tell of a ship.", kEndless), sink, nullptr));
  }
  ASSERT_TRUE(run_until([&] { return deltas > 0; }));
  ModelRequest late = text("Tell of a boat.", 4);
  late.time_max = milliseconds(30);
  Result<Reply> reply = ask(*model, std::move(late));
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().kind, ErrorKind::timeout);
}

TEST_F(BatchTest, BranchesEvaluateWhatTheyShareOnce) {
  std::unique_ptr<Model> model = open();
  ASSERT_NE(model, nullptr);
  std::string notes = "These are the notes of the journey.";
  for (int i = 0; i < 12; ++i) notes += " Train " + std::to_string(i) + " leaves at nine.";
  auto branches = [&](bool shared) {
    std::vector<ModelRequest> out;
    for (int i = 0; i < 5; ++i) {
      ModelRequest& branch = out.emplace_back();
      branch.transcript.add(Message::of(Role::system, notes));
      branch.transcript.add(Message::of(Role::user, "Think of way " + std::to_string(i)));
      branch.options.tokens_max = 8;
      branch.tenant = shared ? "shared" : "tenant " + std::to_string(i);
    }
    return out;
  };
  auto evaluated = [](const std::vector<Result<Reply>>& replies) {
    std::int64_t sum = 0;
    for (const Result<Reply>& reply : replies) {
      EXPECT_TRUE(reply) << reply.error().message;
      if (reply) sum += reply->usage.tokens_input - reply->usage.tokens_cached;
    }
    return sum;
  };
  std::vector<Result<Reply>> replies = together(*model, branches(true));
  ASSERT_TRUE(replies[0]);
  std::int64_t whole = replies[0]->usage.tokens_input;
  EXPECT_GT(whole, 100);
  EXPECT_LT(evaluated(replies), whole + 4 * 24);  // one prompt, and four ends
  // Tenants share nothing, at the same time neither.
  EXPECT_GT(evaluated(together(*model, branches(false))), 5 * (whole - 4));
}

TEST_F(BatchTest, ALongPromptDoesNotHoldUpWhoeverWrites) {
  std::unique_ptr<Model> model = open(2048);
  ASSERT_NE(model, nullptr);
  std::string words;
  for (int i = 0; i < 1100; ++i) words += " sea";
  int written = 0;
  DeltaSink counting = [&](const Delta&) { ++written; };
  DeltaSink silent;
  std::optional<Result<Reply>> writer;
  std::optional<Result<Reply>> reader;
  Scope scope(*loop_);
  scope.spawn(keep(*model, text("Tell of the whale.", 10), counting, &writer));
  ASSERT_TRUE(run_until([&] { return written > 0; }));
  scope.spawn(keep(*model, text(words, 1), silent, &reader));
  ASSERT_TRUE(run_until([&] { return writer.has_value(); }));
  EXPECT_FALSE(reader);  // evaluated in large pieces it would have been there long ago
  ASSERT_TRUE(run_until([&] { return reader.has_value(); }));
  ASSERT_TRUE(*writer && *reader) << reader->error().message;
  EXPECT_EQ((*writer)->usage.tokens_output, 10);
  EXPECT_GT((*reader)->usage.tokens_input, 1000);
}

TEST_F(BatchTest, ShardsShareWhatOneFileLoads) {
  LocalModels models;
  LlamaOptions options{.model = "tiny", .threads = 1, .context_tokens = 1024};
  std::unique_ptr<Model> first = std::move(*models.open(*loop_, options));
  ASSERT_TRUE(ask(*first, text("Tell of the whale, of the shark and of the sea.", 4)));
  std::int64_t cached = 0;
  std::thread shard([&] {
    std::unique_ptr<Loop> loop = make_loop();
    std::unique_ptr<Model> second = std::move(*models.open(*loop, options));
    DeltaSink sink;
    ModelRequest request = text("Tell of the whale, of the shark and of the sea.", 4);
    Result<Reply> reply = block_on(*loop, second->reply(std::move(request), sink));
    cached = reply ? reply->usage.tokens_cached : -1;
  });
  shard.join();
  EXPECT_GT(cached, 10);  // what the other evaluated
  EXPECT_TRUE(ask(*first, text("Tell of the harbour.", 4)));
}

}  // namespace
}  // namespace ragent
