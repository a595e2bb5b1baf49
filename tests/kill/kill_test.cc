// kill -9 at random moments. No acknowledged record is lost, no effect is repeated, and every
// unknown outcome is settled by `query`, or in doubt exactly once; a tool that is declared wrongly
// makes the same harness fail.
#include <base/random.h>
#include <kill/service.h>
#include <kill/victim.h>
#include <runtime/records.h>
#include <store/test_home.h>

#include <gtest/gtest.h>

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>

#include <set>
#include <sstream>

namespace ragent::kill {
namespace {

constexpr const char* kVictim = "RAGENT_KILL_VICTIM";  // HOME SOCKET DECLARED FD

struct Lived {
  bool killed = false;
  int code = -1;
  std::string error = {};
};

// One run with its home and its service, through the deaths of its processes.
class Patient {
 public:
  Patient(std::uint64_t seed, Declared declared)
      : random_(seed), declared_(declared), service_(home_.folder() + "/service", seed) {}

  Lived live(std::optional<std::chrono::milliseconds> kill_after);
  void check();
  int kills() const { return kills_; }
  Service& service() { return service_; }
  // Processes until the run has ended; all but the last are killed. At most `kills_max` of them.
  void run_to_end(int kills_max);
  int doubts = 0;
  int unknown = 0;

 private:
  void heard(const std::string& line, Lived& lived);

  TestHome home_;
  SeededRandom random_;
  Declared declared_;
  Service service_;
  std::map<std::uint32_t, std::string> acknowledged_;  // by number of the record
  int kills_ = 0;
};

void Patient::heard(const std::string& line, Lived& lived) {
  std::istringstream words(line);
  std::string verb;
  words >> verb;
  if (verb == "error") lived.error = line;
  if (verb != "record") return;
  std::uint32_t n = 0;
  std::string rest;
  words >> n;
  std::getline(words, rest);
  auto [known, fresh] = acknowledged_.emplace(n, rest);
  EXPECT_TRUE(fresh || known->second == rest) << "record " << n << " changed" << rest;
}

Lived Patient::live(std::optional<std::chrono::milliseconds> kill_after) {
  int pipe[2];
  RAGENT_ASSERT(::pipe2(pipe, O_CLOEXEC) == 0);
  // Made before the fork: the driver has threads, so the child may only exec.
  const std::string spec = std::string(kVictim) + "=" + home_.path() + " " + home_.folder() +
                           "/service " + std::to_string(static_cast<int>(declared_)) + " " +
                           std::to_string(pipe[1]);
  const char* arguments[] = {"victim", "--gtest_filter=KillVictim.Lives", nullptr};
  const char* environment[] = {spec.c_str(), "RAGENT_LOG=off", nullptr};
  const int quiet = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
  const pid_t child = ::fork();
  if (child == 0) {
    ::dup2(quiet, 1);
    ::fcntl(pipe[1], F_SETFD, 0);
    ::execve("/proc/self/exe", const_cast<char**>(arguments), const_cast<char**>(environment));
    ::_exit(127);
  }
  ::close(quiet);
  ::close(pipe[1]);
  Lived lived;
  std::string text;
  std::optional<std::chrono::steady_clock::time_point> kill_at;
  for (;;) {
    int wait = -1;
    if (kill_at) {
      wait = static_cast<int>(std::max<std::int64_t>(
          0, std::chrono::duration_cast<std::chrono::milliseconds>(*kill_at -
                                                                   std::chrono::steady_clock::now())
                 .count()));
    }
    pollfd readable{.fd = pipe[0], .events = POLLIN, .revents = 0};
    if (::poll(&readable, 1, wait) == 0) {
      ::kill(child, SIGKILL);
      lived.killed = true;
      kill_at.reset();
      continue;
    }
    char bytes[4096];
    const ssize_t size = ::read(pipe[0], bytes, sizeof bytes);
    if (size <= 0) break;
    text.append(bytes, static_cast<std::size_t>(size));
    for (std::size_t end = text.find('\n'); end != text.npos; end = text.find('\n')) {
      heard(text.substr(0, end), lived);
      if (text.starts_with("open") && kill_after) {
        kill_at = std::chrono::steady_clock::now() + *kill_after;
      }
      text.erase(0, end + 1);
    }
  }
  ::close(pipe[0]);
  int status = 0;
  ::waitpid(child, &status, 0);
  lived.killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
  lived.code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  kills_ += lived.killed ? 1 : 0;
  return lived;
}

void Patient::run_to_end(int kills_max) {
  for (int i = 0; i < kills_max; ++i) {
    Lived lived = live(std::chrono::milliseconds(2 + random_.below(260)));
    if (lived.killed) continue;
    ASSERT_EQ(lived.code, 0) << lived.error;
    return;
  }
  Lived last = live({});
  ASSERT_EQ(last.code, 0) << last.error;
}

void Patient::check() {
  auto store = open_sqlite_store(home_.path());
  ASSERT_TRUE(store) << store.error().message;
  auto runs = list_runs(**store, {});
  ASSERT_TRUE(runs) << runs.error().message;
  ASSERT_EQ(runs->size(), 1u);
  Result<FiledRun> run = (*store)->tenants().run({}, runs->front().uid);
  ASSERT_TRUE(run) << run.error().message;
  EXPECT_EQ(run->row.outcome, "answered");
  std::map<std::uint32_t, std::string> there;
  std::map<std::string, std::string> last;  // of each call: the status of its last outcome
  std::map<std::string, std::string> keys;
  for (const Record& record : run->records) {
    there[record.n] = " " + std::string(to_string(record.kind)) + " " + record.path + ":" +
                      std::to_string(record.step);
    if (record.kind != RecordKind::act && record.kind != RecordKind::resolve) continue;
    const Json body = *parse_json(record.body);
    const std::string name = call_name(record.path, record.step, record.call);
    if (record.kind == RecordKind::resolve) {
      EXPECT_EQ(last[name], "unknown") << name << " was resolved without a doubt";
      last[name] = body.text("verdict") == "happened" ? "done" : "failed";
      ++doubts;
    } else if (record.phase == Phase::intent) {
      keys[name] = body.text("key");
      last[name] = "open";
    } else {
      const std::string status = body.find("observation")->text("status", "done");
      if (status == "unknown") {
        ++unknown;
        EXPECT_NE(last[name], "unknown") << name << " was in doubt twice";
      }
      last[name] = status;
    }
  }
  for (const auto& [n, what] : acknowledged_) {
    EXPECT_EQ(there[n], what) << "record " << n << " was acknowledged and is lost";
  }
  EXPECT_EQ(last.size(), static_cast<std::size_t>(kSteps));
  for (const auto& [name, key] : keys) {
    const int happened = service_.count(key);
    EXPECT_LE(happened, 1) << name << " was repeated";
    EXPECT_TRUE(last[name] == "done" || last[name] == "failed") << name << " is " << last[name];
    EXPECT_EQ(happened, last[name] == "done" ? 1 : 0) << name << " is " << last[name];
  }
  if (declared_ == Declared::once_with_query) EXPECT_EQ(doubts, 0) << "query can tell";
}

// Runs, one after another, until there were so many kills.
struct Totals {
  int kills = 0;
  int late = 0;
  int doubts = 0;
  int unknown = 0;
};

Totals kill(Declared declared, int kills, std::uint64_t seed) {
  Totals totals;
  while (totals.kills < kills && !testing::Test::HasFailure()) {
    Patient patient(++seed, declared);
    SCOPED_TRACE("seed " + std::to_string(seed));
    patient.run_to_end(std::min(8, kills - totals.kills));
    if (testing::Test::HasFatalFailure()) break;
    patient.check();
    totals.kills += patient.kills();
    totals.late += patient.service().late();
    totals.doubts += patient.doubts;
    totals.unknown += patient.unknown;
  }
  std::printf("%d kills, %d effects late, %d doubts, %d unknown outcomes\n", totals.kills,
              totals.late, totals.doubts, totals.unknown);
  return totals;
}

// Not a test: what the driver starts again and again.
TEST(KillVictim, Lives) {
  const char* spec = std::getenv(kVictim);
  if (!spec) return;
  std::istringstream words(spec);
  VictimOptions options;
  int declared = 0;
  words >> options.home >> options.socket >> declared >> options.report;
  options.declared = static_cast<Declared>(declared);
  std::fflush(nullptr);
  ::_exit(be_victim(options));
}

TEST(KillTest, OnceIsInDoubtAndNeverRepeated) {
  const Totals totals = kill(Declared::once, 15, 1000);
  EXPECT_GT(totals.doubts, 0);
}

TEST(KillTest, OnceWithQueryIsSettledByIt) {
  const Totals totals = kill(Declared::once_with_query, 15, 2000);
  EXPECT_GT(totals.late, 0);
}

TEST(KillTest, DeclaredReadAnEffectIsRepeated) {
  int repeated = 0;
  for (std::uint64_t seed = 1; seed <= 12 && repeated == 0; ++seed) {
    Patient patient(seed, Declared::read);
    patient.run_to_end(8);
    repeated += patient.service().repeated();
  }
  EXPECT_GT(repeated, 0) << "the harness has no teeth";
}

TEST(LongKillTest, TwoHundredKills) {
  (void)kill(Declared::once, 100, 10'000);
  (void)kill(Declared::once_with_query, 100, 20'000);
}

}  // namespace
}  // namespace ragent::kill
