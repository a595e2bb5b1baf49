// A chat over a real engine with a scripted model, and a window that shows what it draws.
#include <api/test_house.h>
#include <base/file.h>
#include <cli/chat/chat.h>
#include <cli/chat/fake_terminal.h>

#include <poll.h>
#include <semaphore>

namespace ragent::cli {
namespace {

using testing::HasSubstr;
using testing::Not;
using Clock = std::chrono::steady_clock;

constexpr std::string_view kScript = R"({"model": "test"}
{"user": "ask"}
{"calls": [{"tool": "ask_first", "args": {"seat": "C1"}}]}
{"answer": "As you said."}
{"user": "slow"}
{"calls": [{"tool": "book", "args": {"seat": "B1"}}], "latency_ms": 150}
{"answer": "Slowly done.", "latency_ms": 150}
{"user": "endless"}
{"answer": "At last.", "latency_ms": 60000}
{"user": "fail"}
{"answer": "", "fault": "invalid"}
{"user": "hurry"}
{"answer": "Hurried."}
{"user": ""}
{"answer": "Good day."}
)";

EngineOptions options_of(const api::House& house) {
  EngineOptions out = house.options();
  out.models = {[](const std::string& name, Loop& loop) -> Result<std::unique_ptr<Model>> {
    if (name != "test") return nullptr;
    return make_scripted_model(loop, *parse_script(kScript));
  }};
  return out;
}

// A host whose answer to steering comes once it is let go.
class SlowHost : public Host {
 public:
  explicit SlowHost(std::unique_ptr<Host> host) : host_(std::move(host)) {}
  void let_go() { going_.release(); }

  Result<RunHandle> start(StartRequest request) override {
    bool steers = request.options.on_busy == OnBusy::steer;
    Result<RunHandle> handle = host_->start(std::move(request));
    if (steers) going_.acquire();
    return handle;
  }
  Result<RunHandle> attach(const std::string& run, std::uint64_t after) override {
    return host_->attach(run, after);
  }
  Result<RunHandle> fork(const std::string& run, ForkOptions options) override {
    return host_->fork(run, std::move(options));
  }
  Result<std::vector<Ask>> asks() override { return host_->asks(); }
  Result<void> answer(const std::string& ask, Decision decision) override {
    return host_->answer(ask, std::move(decision));
  }
  Result<void> resolve(const std::string& run, const std::string& step,
                       Resolution resolution) override {
    return host_->resolve(run, step, std::move(resolution));
  }
  Result<void> cancel(const std::string& run, std::string reason) override {
    return host_->cancel(run, std::move(reason));
  }
  Result<std::string> artifact(std::string bytes) override {
    return host_->artifact(std::move(bytes));
  }
  std::int64_t owner() const override { return host_->owner(); }

 private:
  std::unique_ptr<Host> host_;
  std::binary_semaphore going_{0};
};

class ChatTest : public testing::Test {
 protected:
  static constexpr WindowSize kSize{.width = 60, .height = 200};

  ChatTest() : host_(open_host(options_of(house_)).value()) { open({}); }

  void open(ChatSetup setup) {
    setup.host = host_.get();
    setup.path = house_.agent();
    setup.agent = load_agent(house_.agent()).value();
    setup.home = house_.home();
    setup.who = "Ada";
    window_.emplace(kSize);
    chat_.emplace(std::move(setup), kSize);
    window_->feed(chat_->begin());
  }
  void type(std::string_view bytes) { window_->feed(chat_->on_bytes(bytes)); }
  std::string text() const { return window_->text(); }
  // Until the window shows it, and nothing works where `idle`.
  void until(const std::string& shown, bool idle = false) {
    auto end = Clock::now() + std::chrono::seconds(10);
    while (Clock::now() < end) {
      window_->feed(chat_->on_news());
      if (text().find(shown) != std::string::npos && (!idle || text().ends_with("\n\n›"))) return;
      std::vector<pollfd> fds;
      for (int fd : chat_->waits()) fds.push_back({.fd = fd, .events = POLLIN, .revents = 0});
      ::poll(fds.data(), fds.size(), 20);
    }
    FAIL() << "no `" << shown << "` in\n" << text();
  }

  api::House house_;
  std::unique_ptr<Host> host_;
  std::optional<FakeTerminal> window_ = {};
  std::optional<Chat> chat_ = {};
};

TEST_F(ChatTest, AMessageIsAnswered) {
  type("hello\r");
  until("Good day.\n", true);
  EXPECT_THAT(text(), HasSubstr("› hello\nGood day.\n"));
  type("again\r");
  until("› again\nGood day.\n", true);
  type("\x1b[A\x1b[A");
  until("\n› hello");
  EXPECT_EQ(window_->strange(), "");
  EXPECT_FALSE(window_->wrapped());
  EXPECT_FALSE(chat_->over());
  type("\x15\x04");
  EXPECT_TRUE(chat_->over());
  window_->feed(chat_->end());
  EXPECT_THAT(text(), HasSubstr("goes on with"));
}

TEST_F(ChatTest, WhatIsTypedWhileItWorksIsQueued) {
  type("slow one\r");
  until("waiting for test");
  type("second\r");
  until("  queued: second\n");
  type("third");
  EXPECT_TRUE(text().ends_with("\n› third")) << text();
  until("› second\nGood day.\n");
  EXPECT_LT(text().find("Slowly done."), text().find("› second"));
  EXPECT_THAT(text(), HasSubstr("✓ book  seat B1"));
  until("\n› third");
}

TEST_F(ChatTest, ControlCStopsTheTurnAndTwiceLeavesAnIdleChat) {
  type("endless\r");
  until("waiting for test");
  type("\x03");
  until("cancelled", true);
  EXPECT_FALSE(chat_->over());
  type("typed\x03");
  EXPECT_TRUE(text().ends_with("\n›")) << text();
  type("\x03");
  EXPECT_FALSE(chat_->over());
  EXPECT_THAT(text(), HasSubstr("Ctrl-C once more leaves"));
  type("x\x7f\x03");  // another key between them
  EXPECT_FALSE(chat_->over());
  type("\x03");
  EXPECT_TRUE(chat_->over());
}

TEST_F(ChatTest, AnAskIsAnsweredInPlaceAndTheDraftComesBack) {
  type("ask me\rdraft");
  until("[y/N]");
  EXPECT_THAT(text(), HasSubstr("? Book C1?\n    ask_first  seat C1\n"));
  EXPECT_TRUE(text().ends_with("\n[y/N]")) << text();
  type("well\r");
  until("expected y or n");
  type("y\r");
  until("As you said.\n");
  until("\n› draft");
  EXPECT_THAT(text(), HasSubstr("✓ allowed by Ada"));
  EXPECT_EQ(house_.ledger().size(), 1u);
}

TEST_F(ChatTest, ANoIsTold) {
  type("ask me\r");
  until("[y/N]");
  type("\r");
  until("As you said.\n", true);
  EXPECT_THAT(text(), HasSubstr("denied by Ada"));
  EXPECT_TRUE(house_.ledger().empty());
}

TEST_F(ChatTest, ControlCAtAnAskCancels) {
  type("ask me\r");
  until("[y/N]");
  type("\x03");
  until("cancelled", true);
  EXPECT_TRUE(house_.ledger().empty());
}

TEST_F(ChatTest, WhatWasNotConfirmedIsNotSaidToBeKept) {
  type("slow one\r");
  until("waiting for test");
  type("and that\r\x04");  // nobody has heard of it yet
  window_->feed(chat_->end());
  EXPECT_THAT(text(), HasSubstr("the turn is kept"));
  EXPECT_THAT(text(), HasSubstr("it is not sure that this was kept: and that\n"));
}

TEST_F(ChatTest, SteeringReachesTheTurnAtWork) {
  type("slow one\r");
  until("waiting for test");
  type("/steer hurry up\r");
  until("↳ hurry up");
  until("Hurried.\n", true);
  EXPECT_THAT(text(), Not(HasSubstr("Slowly done.")));
  type("/busy steer\rslow two\r");
  until("› slow two");
  type("hurry\r");
  until("↳ hurry\n");
  type("/busy strr\r");
  until("did you mean steer?");
}

TEST_F(ChatTest, SteeringThatIsAnsweredAfterItsTurnHasEndedIsNoTurn) {
  chat_.reset();
  auto slow = std::make_unique<SlowHost>(std::move(host_));
  SlowHost& host = *slow;
  host_ = std::move(slow);
  open({});
  type("slow one\r");
  until("waiting for test");
  type("/steer hurry up\r");
  until("Hurried.\n", true);
  host.let_go();
  until("↳ hurry up");
  EXPECT_THAT(text(), Not(HasSubstr("› hurry up")));
}

TEST_F(ChatTest, AModelThatIsNotThereGivesTheMessageBack) {
  type("/model tset\rhello\r");
  until("the model is again what it was");
  EXPECT_TRUE(text().ends_with("\n› hello")) << text();
  type("\r");
  until("Good day.\n", true);
}

TEST_F(ChatTest, AFailedTurnSaysWhyAndTheNextOneWorks) {
  type("fail\r");
  until("failed: ", true);
  type("hello\r");
  until("Good day.\n", true);
}

TEST_F(ChatTest, SessionsAreResumed) {
  type("/new first\r");
  until("session first");
  for (int i = 1; i <= 4; ++i) {
    type("hello " + std::to_string(i) + "\r");
    until("› hello " + std::to_string(i) + "\nGood day.\n", true);
  }
  type("/new\r");
  type("/resume frist\r");
  until("conversation `frist`; did you mean\n`first`?");
  type("/resume fi\rhello 5\r");  // said before it is known which one that is
  until("› hello 5\nGood day.\n", true);
  EXPECT_LT(text().find("(1 turn before)"), text().find("› hello 5"));
  type("/sessions\r");
  until("first        ");
  open({.session = "first"});
  until("› hello 5\nGood day.\n", true);
  EXPECT_THAT(text(), HasSubstr("(2 turns before)"));
  EXPECT_THAT(text(), Not(HasSubstr("hello 1")));
  type("/trace\r");
  until("think");
}

TEST_F(ChatTest, ATurnThatWasLeftGoesOn) {
  type("/new kept\rask me\r");
  until("[y/N]");
  type("/quit\r");
  EXPECT_TRUE(chat_->over());
  window_->feed(chat_->end());
  EXPECT_THAT(text(), HasSubstr("the turn is kept"));
  open({.session = "kept"});
  until("[y/N]");
  EXPECT_THAT(text(), HasSubstr("› ask me"));
  type("y\r");
  until("As you said.\n", true);
}

TEST_F(ChatTest, CommandsThatLook) {
  type("/tools\r");
  EXPECT_THAT(text(), HasSubstr("ask_first"));
  type("/trace\r");
  EXPECT_THAT(text(), HasSubstr("No turn has begun"));
  type("/asks\r");
  until("Nothing waits for you.");
  type("/modle\r");
  EXPECT_THAT(text(), HasSubstr("did you mean /model?"));
  EXPECT_TRUE(text().ends_with("\n› /modle")) << text();  // to be mended
  type("\x15/cancel\r");
  EXPECT_THAT(text(), HasSubstr("No turn is at work."));
  type("/he\t\r");
  EXPECT_THAT(text(), HasSubstr("  /image FILE"));
}

TEST_F(ChatTest, AnImageGoesWithTheNextMessage) {
  std::string file = house_.agent() + "/x.png";
  ASSERT_TRUE(write_file_atomic(file, "\x89PNG\r\n\x1a\n....."));
  type("/image '" + file + "'\rlook at it\r");
  until("› look at it\n  1 image\n");
  type("\x15/image " + house_.agent() + "/book\r");
  until("PNG,");
  until("sees no images");  // the scripted model does not
  type("/model tset\r/image " + file + "\ronce more\r");
  until("the model is again what it was");
  EXPECT_THAT(text(), HasSubstr("  with the next message: "));
  EXPECT_TRUE(text().ends_with("\n› once more")) << text();
}

TEST_F(ChatTest, InDevelopmentTheAgentIsReadAgain) {
  open({.dev = true});
  type("hello\r");
  until("Good day.\n", true);
  std::string good(api::kAgent);
  auto write = [&](const std::string& text) {
    ASSERT_TRUE(write_file_atomic(house_.agent() + "/agent.toml", text));
  };
  std::string changed = good;
  write(changed.replace(changed.find("Sell seats."), 11, "Sell no seats."));
  type("hello\r");
  until("agent reloaded: instructions");
  until("Good day.\n", true);
  write("planner = [");
  type("still there?\r");
  until("is kept until that is mended");
  until("› still there?");
  until("Good day.\n", true);
  EXPECT_THAT(text(), HasSubstr("agent.toml:1"));
}

TEST_F(ChatTest, ANarrowWindowWrapsNothingWrongly) {
  window_.emplace(WindowSize{.width = 24, .height = 200});
  window_->feed(chat_->resize({.width = 24, .height = 200}));
  type("/help\r/tools\rask me\r");
  until("[y/N]");
  type("y\r");
  until("As you said.\n", true);
  EXPECT_FALSE(window_->wrapped()) << text();
}

// Until the turns before are there, nothing is sent; what is too much stays in the line.
TEST_F(ChatTest, HoldsNoMoreMessagesThanMayWait) {
  open({.session = "trip"});
  for (std::size_t i = 0; i < limits::kChatErrandsMax; ++i) type("hello\r");
  EXPECT_THAT(text(), Not(HasSubstr("too much waits")));
  type("one more\r");
  EXPECT_THAT(text(), HasSubstr("too much waits for the engine"));
  EXPECT_THAT(text(), HasSubstr("› one more"));
}

}  // namespace
}  // namespace ragent::cli
