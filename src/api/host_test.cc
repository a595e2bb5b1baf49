// Several hosts on one home: who owns it, who attaches, and what happens when the owner ends.
#include <api/test_house.h>
#include <api/wire.h>
#include <net/http_server.h>

#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <set>
#include <thread>

namespace ragent::api {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using Clock = std::chrono::steady_clock;

// A process that owns the home of the house; this one has no threads when it is made.
class OtherProcess {
 public:
  // `body` runs there with the host; it answers on `said` and then waits to be killed.
  explicit OtherProcess(
      const House& house,
      const std::function<std::string(Host&)>& body = [](Host&) { return ""; }) {
    int ends[2] = {};
    RAGENT_ASSERT(::pipe(ends) == 0);
    pid_ = ::fork();
    if (pid_ == 0) {
      Result<std::unique_ptr<Host>> host = open_host(house.options());
      const std::string said = (host ? body(**host) : host.error().message) + "\n";
      (void)!::write(ends[1], said.data(), said.size());
      for (;;) ::pause();
    }
    ::close(ends[1]);
    for (char c = 0; ::read(ends[0], &c, 1) == 1 && c != '\n';) said_ += c;
    ::close(ends[0]);
  }
  OtherProcess(const OtherProcess&) = delete;
  OtherProcess& operator=(const OtherProcess&) = delete;
  ~OtherProcess() { kill(); }
  void kill() {
    if (pid_ > 0) ::kill(pid_, SIGKILL);
    if (pid_ > 0) ::waitpid(pid_, nullptr, 0);
    pid_ = -1;
  }
  void stop() const { ::kill(pid_, SIGSTOP); }
  pid_t pid() const { return pid_; }
  const std::string& said() const { return said_; }

 private:
  pid_t pid_ = -1;
  std::string said_ = {};
};

std::string start_there(Host& host, const House& house, const std::string& text) {
  Result<RunHandle> run = host.start({.agent = house.agent(), .input = text});
  return run ? run->id() : "error: " + run.error().message;
}

TEST(Host, TheFirstOwnsAndTheSecondAttaches) {
  const House house;
  const auto first = house.host();
  const auto second = house.host();
  EXPECT_EQ(first->owner(), ::getpid());
  EXPECT_EQ(second->owner(), ::getpid());
  Result<RunHandle> run = second->start({.agent = house.agent(), .input = "book"});
  ASSERT_TRUE(run) << run.error().message;
  const std::vector<Event> events = events_of(*run);
  ASSERT_FALSE(events.empty());
  EXPECT_EQ(events.back().kind, Event::Kind::ended);
  Result<Answer> answer = run->wait();
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(answer->text, "Booked A1 for you.");
  EXPECT_EQ(answer->run, run->id());
  EXPECT_GT(answer->usage.tokens_output, 0);
  EXPECT_EQ(text_of(events), "Booked A1 for you.");
  EXPECT_EQ(house.ledger().size(), 1u);
}

TEST(Host, EventsAreTheSameOnBoth) {
  const House house;
  const auto first = house.host();
  const auto second = house.host();
  Result<RunHandle> here = first->start({.agent = house.agent(), .input = "slow"});
  ASSERT_TRUE(here);
  Result<RunHandle> there = second->attach(here->id());
  ASSERT_TRUE(there) << there.error().message;
  EXPECT_EQ(there->session(), here->session());
  const std::vector<Event> seen_here = events_of(*here);
  const std::vector<Event> seen_there = events_of(*there);
  EXPECT_EQ(ids_of(seen_there), ids_of(seen_here));
  EXPECT_EQ(ids_of(seen_here), up_to(ids_of(seen_here).size()));
  for (const Event& event : seen_there) {
    if (event.id == 0) continue;
    const auto same = std::ranges::find(seen_here, event.id, &Event::id);
    ASSERT_NE(same, seen_here.end());
    EXPECT_EQ(event.record, same->record);
    EXPECT_EQ(event.path, same->path);
    EXPECT_EQ(event.step, same->step);
    EXPECT_EQ(event.intent, same->intent);
    EXPECT_EQ(event.body, same->body);
  }
  EXPECT_EQ(there->wait()->text, here->wait()->text);
}

TEST(Host, AForkIsMadeHereAndThere) {
  const House house;
  const auto first = house.host();
  const auto second = house.host();
  Result<RunHandle> run = first->start({.agent = house.agent(), .input = "book"});
  ASSERT_TRUE(run);
  ASSERT_TRUE(run->wait());
  for (Host* host : {first.get(), second.get()}) {
    Result<RunHandle> fork = host->fork(run->id(), {.at = "0:3"});
    ASSERT_TRUE(fork) << fork.error().message;
    std::vector<std::uint64_t> ids = ids_of(events_of(*fork));
    EXPECT_THAT(ids, testing::IsSupersetOf({7U, 8U, 9U}));
    std::erase(ids, 1U);  // its start
    EXPECT_EQ(ids.front(), 7U) << "nothing of the copy";
    EXPECT_EQ(fork->wait()->text, "Booked A1 for you.");
  }
  EXPECT_EQ(second->fork(run->id(), {.at = "0:7"}).error().kind, ErrorKind::not_found);
  EXPECT_EQ(house.ledger().size(), 1u);
}

TEST(Host, EventsBeginAboveTheNumberThatIsNamed) {
  const House house;
  const auto first = house.host();
  const auto second = house.host();
  Result<RunHandle> run = first->start({.agent = house.agent(), .input = "book"});
  ASSERT_TRUE(run);
  const auto all = ids_of(events_of(*run)).size();
  for (Host* host : {first.get(), second.get()}) {
    Result<RunHandle> again = host->attach(run->id(), 3);
    ASSERT_TRUE(again) << again.error().message;
    const std::vector<Event> events = events_of(*again);
    EXPECT_EQ(ids_of(events).front(), 4u);
    EXPECT_EQ(ids_of(events).back(), all);
    EXPECT_EQ(again->wait()->text, "Booked A1 for you.");
  }
}

TEST(Host, WhatSteersARunHasItsHandleFromThenOn) {
  const House house;
  const auto first = house.host();
  const auto second = house.host();
  const RunOptions options{.session = "s1", .on_busy = OnBusy::steer};
  Result<RunHandle> run =
      first->start({.agent = house.agent(), .input = "slow", .options = options});
  ASSERT_TRUE(run);
  while (house.ledger().empty()) std::this_thread::sleep_for(1ms);
  Result<RunHandle> steered =
      second->start({.agent = house.agent(), .input = "and quickly", .options = options});
  ASSERT_TRUE(steered) << steered.error().message;
  EXPECT_EQ(steered->id(), run->id());
  const std::vector<std::uint64_t> ids = ids_of(events_of(*steered));
  ASSERT_FALSE(ids.empty());
  EXPECT_GT(ids.front(), 3u);
  EXPECT_EQ(ids.back() - ids.front() + 1, ids.size());
  EXPECT_EQ(steered->wait()->text, run->wait()->text);
}

TEST(Host, AnAskIsAnsweredFromTheOther) {
  const House house;
  const auto first = house.host();
  const auto second = house.host();
  Result<RunHandle> run = second->start({.agent = house.agent(), .input = "ask"});
  ASSERT_TRUE(run);
  events_of(*run);
  Result<Answer> waits = run->wait();
  ASSERT_FALSE(waits);
  EXPECT_EQ(waits.error().kind, ErrorKind::conflict);
  for (Host* host : {first.get(), second.get()}) {
    Result<std::vector<Ask>> asks = host->asks();
    ASSERT_TRUE(asks);
    ASSERT_EQ(asks->size(), 1u);
    EXPECT_EQ(asks->front().run, run->id());
    EXPECT_EQ(asks->front().question, "Book C1?");
  }
  Result<void> wrong = second->answer(run->id() + "/0:99.0", {.allowed = true, .who = "me"});
  ASSERT_FALSE(wrong);
  EXPECT_FALSE(run->wait());  // still: a refused answer changes nothing
  const std::string ask = first->asks()->front().id;
  Result<void> answered = second->answer(ask, {.allowed = true, .who = "me"});
  ASSERT_TRUE(answered) << answered.error().message;
  Result<Answer> answer = run->wait();
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(answer->text, "You said so.");
  EXPECT_TRUE(second->asks()->empty());
}

TEST(Host, CancelFromTheOther) {
  const House house;
  const auto first = house.host();
  const auto second = house.host();
  Result<RunHandle> run = first->start({.agent = house.agent(), .input = "endless"});
  ASSERT_TRUE(run);
  ASSERT_TRUE(second->cancel(run->id(), "enough"));
  Result<Answer> answer = run->wait();
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().kind, ErrorKind::cancelled);
  EXPECT_THAT(answer.error().message, HasSubstr("enough"));

  Result<RunHandle> other = second->start({.agent = house.agent(), .input = "endless"});
  ASSERT_TRUE(other);
  ASSERT_TRUE(other->cancel("by its handle"));
  EXPECT_THAT(other->wait().error().message, HasSubstr("by its handle"));
}

TEST(Host, ErrorsAreThoseOfTheEngine) {
  const House house;
  const auto first = house.host();
  const auto second = house.host();
  for (Host* host : {first.get(), second.get()}) {
    Result<RunHandle> run = host->attach("no-such-run");
    ASSERT_FALSE(run);
    EXPECT_EQ(run.error().kind, ErrorKind::not_found);
    EXPECT_THAT(run.error().message, HasSubstr("no-such-run"));
    Result<RunHandle> start = host->start({.agent = house.home() + "/nobody", .input = "x"});
    ASSERT_FALSE(start);
    EXPECT_EQ(start.error().kind, first->start({.agent = house.home() + "/nobody"}).error().kind);
    Result<RunHandle> session = host->start(
        {.agent = house.agent(), .input = "x", .options = {.session = "no spaces here"}});
    ASSERT_FALSE(session);
    EXPECT_EQ(session.error().kind, ErrorKind::invalid);
    EXPECT_THAT(session.error().message, HasSubstr("no spaces here"));
  }
}

TEST(Host, AnArtifactIsKeptByTheOwner) {
  const House house;
  const auto first = house.host();
  const auto second = house.host();
  const std::string bytes("\x00\xff picture", 10);
  Result<std::string> id = second->artifact(bytes);
  ASSERT_TRUE(id) << id.error().message;
  EXPECT_EQ(*id, *first->artifact(bytes));
}

TEST(Host, TheOwnerEndsAndTheOtherGoesOn) {
  const House house;
  auto first = house.host();
  const auto second = house.host();
  Result<RunHandle> run = second->start({.agent = house.agent(), .input = "slow"});
  ASSERT_TRUE(run);
  std::vector<Event> events;
  while (house.ledger().empty()) {
    if (auto event = run->next_event(20ms)) events.push_back(*event);
  }
  first.reset();  // closes its engine
  std::ranges::copy(events_of(*run), std::back_inserter(events));
  Result<Answer> answer = run->wait();
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(answer->text, "Three seats.");
  EXPECT_EQ(ids_of(events), up_to(ids_of(events).size()));
  EXPECT_EQ(house.ledger().size(), 3u);
  EXPECT_TRUE(second->asks()->empty());  // of its own engine
}

TEST(Host, AHandleOfAClosedHostSaysSo) {
  const House house;
  const auto first = house.host();
  auto second = house.host();
  Result<RunHandle> run = second->start({.agent = house.agent(), .input = "endless"});
  ASSERT_TRUE(run);
  second.reset();
  Result<Answer> answer = run->wait();
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().kind, ErrorKind::unavailable);
  EXPECT_EQ(run->cancel("too late").error().kind, ErrorKind::unavailable);
  EXPECT_TRUE(first->cancel(run->id(), "the run itself goes on"));
}

// ---- an owner that dies

TEST(TakeOver, AKilledOwnersRunsGoOnElsewhere) {
  const House house;
  OtherProcess owner(house);
  ASSERT_EQ(owner.said(), "");
  const auto host = house.host();
  EXPECT_EQ(host->owner(), owner.pid());
  Result<RunHandle> run = host->start({.agent = house.agent(), .input = "slow"});
  ASSERT_TRUE(run) << run.error().message;
  std::vector<Event> events;
  bool booked = false;  // its outcome is recorded: the model is at work
  while (!booked) {
    std::optional<Event> event = run->next_event(5s);
    ASSERT_TRUE(event);
    booked = event->record == "act" && event->kind == Event::Kind::step && !event->intent;
    events.push_back(std::move(*event));
  }
  owner.kill();
  const auto killed = Clock::now();
  while (host->owner() != ::getpid() && Clock::now() - killed < 10s)
    std::this_thread::sleep_for(1ms);
  EXPECT_LT(Clock::now() - killed, 2s);
  std::ranges::copy(events_of(*run), std::back_inserter(events));
  Result<Answer> answer = run->wait();
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(answer->text, "Three seats.");
  EXPECT_EQ(ids_of(events), up_to(ids_of(events).size()));  // none twice, none left out
  const std::vector<std::string> ledger = house.ledger();
  EXPECT_EQ(ledger.size(), 3u);
  EXPECT_EQ(std::set(ledger.begin(), ledger.end()).size(), 3u);
}

TEST(TakeOver, OneOfTwoTakesItAndTheOtherAttachesToThat) {
  const House house;
  OtherProcess owner(house);
  OtherProcess second(house, [&](Host& host) { return start_there(host, house, "slow"); });
  const auto third = house.host();
  Result<RunHandle> run = third->start({.agent = house.agent(), .input = "book"});
  ASSERT_TRUE(run) << run.error().message;
  Result<RunHandle> theirs = third->attach(second.said());
  ASSERT_TRUE(theirs) << theirs.error().message;
  owner.kill();
  EXPECT_EQ(run->wait()->text, "Booked A1 for you.");
  EXPECT_EQ(theirs->wait()->text, "Three seats.");
  EXPECT_TRUE(third->owner() == ::getpid() || third->owner() == second.pid()) << third->owner();
  EXPECT_EQ(house.ledger().size(), 4u);
}

TEST(TakeOver, ARunThatWaitsForAPersonStillDoes) {
  const House house;
  OtherProcess owner(house);
  const auto host = house.host();
  Result<RunHandle> run = host->start({.agent = house.agent(), .input = "ask"});
  ASSERT_TRUE(run);
  EXPECT_FALSE(run->wait());
  owner.kill();
  Result<std::vector<Ask>> asks = host->asks();
  ASSERT_TRUE(asks) << asks.error().message;
  ASSERT_EQ(asks->size(), 1u);
  ASSERT_TRUE(host->answer(asks->front().id, {.allowed = true, .who = "me"}));
  EXPECT_EQ(run->wait()->text, "You said so.");
  EXPECT_EQ(house.ledger().size(), 1u);
}

TEST(TakeOver, AnIdleHostTakesOverWhenItIsAsked) {
  const House house;
  OtherProcess owner(house);
  const auto host = house.host();
  owner.kill();
  Result<RunHandle> run = host->start({.agent = house.agent(), .input = "hello"});
  ASSERT_TRUE(run) << run.error().message;
  EXPECT_EQ(run->wait()->text, "one two three four");
  EXPECT_EQ(host->owner(), ::getpid());
}

// ---- what stands in the way

TEST(HostBadInput, AnOwnerThatHangsIsNamed) {
  const House house;
  OtherProcess owner(house);
  owner.stop();
  const auto asked = Clock::now();
  Result<std::unique_ptr<Host>> host = open_host(house.options());
  ASSERT_FALSE(host);
  EXPECT_EQ(host.error().kind, ErrorKind::timeout);
  EXPECT_THAT(host.error().message, HasSubstr("process " + std::to_string(owner.pid())));
  EXPECT_LT(Clock::now() - asked, 5s);
}

TEST(HostBadInput, AnOwnerThatDoesNotShare) {
  const House house;
  EngineOptions options = house.options();
  options.share = false;
  Engine engine(std::move(options));
  ASSERT_TRUE(engine.open());
  EXPECT_FALSE(std::filesystem::exists(house.socket()));
  Result<std::unique_ptr<Host>> host = open_host(house.options());
  ASSERT_FALSE(host);
  EXPECT_EQ(host.error().kind, ErrorKind::conflict);
  EXPECT_THAT(host.error().message, HasSubstr("process " + std::to_string(::getpid())));
  EXPECT_THAT(host.error().message, HasSubstr("does not share"));
}

TEST(HostBadInput, AnotherVersionOfTheApi) {
  const House house;
  auto store = open_sqlite_store(house.home());
  ASSERT_TRUE(store);
  auto loop = make_loop();
  std::atomic<bool> over = false;
  auto server =
      HttpServer::listen(*loop, {.address = "unix:" + house.socket()}, [](HttpExchange& exchange) {
        return exchange.respond(
            json_response(to_json(Owner{.pid = 1234567, .version = "9.9", .api = kVersion + 1})));
      });
  ASSERT_TRUE(server);
  std::jthread thread([&] { loop->run([&] { return over.load(); }); });
  Result<std::unique_ptr<Host>> host = open_host(house.options());
  over = true;
  loop->post([] {});
  thread.join();
  ASSERT_FALSE(host);
  EXPECT_EQ(host.error().kind, ErrorKind::conflict);
  EXPECT_THAT(host.error().message, HasSubstr("1234567"));
  EXPECT_THAT(host.error().message, HasSubstr("9.9"));
}

TEST(HostBadInput, ASocketThatADeadOwnerLeftIsReplaced) {
  const House house;
  OtherProcess owner(house);
  owner.kill();
  ASSERT_TRUE(std::filesystem::exists(house.socket()));
  const auto first = house.host();
  const auto second = house.host();
  EXPECT_TRUE(second->asks());
  EXPECT_EQ(std::filesystem::status(house.socket()).permissions(),
            std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
}

TEST(HostBadInput, AForeignFileAtThatPathIsLeft) {
  const House house;
  std::filesystem::create_directories(house.home());
  std::ofstream(house.socket()) << "mine";
  {
    const auto host = house.host();  // works alone
    Result<RunHandle> run = host->start({.agent = house.agent(), .input = "hello"});
    EXPECT_EQ(run->wait()->text, "one two three four");
    Result<std::unique_ptr<Host>> second = open_host(house.options());
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().kind, ErrorKind::conflict);
  }
  std::ifstream file(house.socket());
  std::string text;
  file >> text;
  EXPECT_EQ(text, "mine");
}

TEST(HostBadInput, APathLongerThanASocketsAddress) {
  const House house("/" + std::string(60, 'a') + "/" + std::string(90, 'b') + "/home");
  const auto first = house.host();
  EXPECT_TRUE(std::filesystem::is_socket(house.socket()));
  const auto second = house.host();
  Result<RunHandle> run = second->start({.agent = house.agent(), .input = "hello"});
  ASSERT_TRUE(run) << run.error().message;
  EXPECT_EQ(run->wait()->text, "one two three four");
}

}  // namespace
}  // namespace ragent::api
