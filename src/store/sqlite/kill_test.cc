// kill -9 at random moments of a process that commits, applies, files and forgets: whatever it was
// told is committed is there afterwards, under the lsn it was told, with no gap.

#include <store/test_home.h>

#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <map>
#include <random>
#include <thread>

#include <gmock/gmock.h>

namespace ragent {
namespace {

constexpr int kKills = 50;
constexpr std::uint32_t kRecords = 4;  // of a run

enum class Acknowledge : std::uint8_t { when_durable, too_early };

// Works until it is killed: run after run, one record a commit; each run is filed when it has
// ended. Writes the lsn of every commit to `report`.
void work(const std::string& home, int report, Acknowledge acknowledge) {
  auto opened = open_sqlite_store(home);
  if (!opened) return;
  Store& store = **opened;
  const Tenant local;
  std::uint64_t lsn = store.journal().commit({}).value_or(1) - 1;
  const auto told = [&](std::uint64_t number) {
    return ::write(report, &number, sizeof number) == sizeof number;
  };
  const auto commit = [&](const Group& group) {
    const bool early = acknowledge == Acknowledge::too_early;
    const bool counts = !group.records.empty();
    if (counts && early && !told(lsn + 1)) return false;
    const auto first = store.journal().commit(group);
    if (!first) return false;
    if (counts) lsn = *first;
    return !counts || early || told(lsn);
  };
  RunId run = store.last_run_id().value_or(0);
  for (;;) {
    // Also what the process before left behind: carried on, or applied, filed and forgotten again.
    for (const RunRow& row : store.journal().runs().value()) {
      const auto records = store.journal().records(local, row.id, 0).value();
      for (std::uint32_t n = row.n + 1; n <= kRecords; ++n) {
        const bool last = n == kRecords;
        const auto kind = last ? RecordKind::final : RecordKind::think;
        if (!commit({.runs = {run_row(row.id, "local", last ? "ended" : "working")},
                     .records = {record(row.id, n, std::string(700, 'x'), kind)}})) {
          return;
        }
      }
      const auto whole = store.journal().records(local, row.id, 0).value();
      const Applied applied{.lsn = whole.back().lsn,
                            .session = "s",
                            .turn = {.number = static_cast<std::uint32_t>(row.id)}};
      if (!store.tenants().apply(local, {applied})) return;
      if (!store.tenants().file(local, {row.id})) return;
      if (!commit({.forget = {row.id}})) return;
    }
    ++run;
    if (!commit({.runs = {run_row(run)}, .records = {record(run, 1)}})) return;
  }
}

// Kills a process `micros` after it has reported `reports` commits (0: after its start); answers
// the last lsn it reported.
std::uint64_t run_and_kill(const std::string& home, std::uint32_t reports, std::uint32_t micros,
                           Acknowledge acknowledge) {
  int ends[2] = {};
  RAGENT_ASSERT(::pipe(ends) == 0);
  const pid_t child = ::fork();
  if (child == 0) {
    ::close(ends[0]);
    work(home, ends[1], acknowledge);
    ::_exit(1);
  }
  ::close(ends[1]);
  std::uint64_t lsn = 0, last = 0;
  const auto read_one = [&] {
    const bool got = ::read(ends[0], &lsn, sizeof lsn) == sizeof lsn;
    if (got) last = lsn;
    return got;
  };
  while (reports > 0 && read_one()) --reports;
  if (micros > 0) std::this_thread::sleep_for(std::chrono::microseconds(micros));
  ::kill(child, SIGKILL);
  while (read_one()) continue;
  ::close(ends[0]);
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_TRUE(WIFSIGNALED(status)) << "it stopped by itself: an error of the store";
  return last;
}

// Every record of the home by lsn, from the journal and the tenant file; a run in both counts once.
std::map<std::uint64_t, Record> everything(Store& store) {
  std::map<std::uint64_t, Record> records;
  for (const RunRow& row : list_runs(store, {}).value()) {
    const FiledRun run = store.tenants().run({}, row.uid).value();
    for (const Record& record : run.records) records[record.lsn] = record;
  }
  return records;
}

// How many acknowledged lsns were missing after one of the kills.
int losses(Acknowledge acknowledge, int kills, std::uint64_t* committed) {
  const TestHome home;
  std::mt19937 random(20261125);
  int lost = 0;
  std::uint64_t last = 0;
  for (int i = 0; i < kills; ++i) {
    // One in six dies while it opens the home; half of the others at once after a report.
    const std::uint32_t reports = i % 6 == 5 ? 0 : 1 + random() % 20;
    const std::uint32_t micros = reports > 0 && i % 2 == 0 ? 0 : random() % 3000;
    last = std::max(last, run_and_kill(home.path(), reports, micros, acknowledge));
    const auto store = open_sqlite_store(home.path()).value();
    const std::map<std::uint64_t, Record> records = everything(*store);
    const std::uint64_t highest = records.empty() ? 0 : records.rbegin()->first;
    if (highest < last) ++lost;
    EXPECT_EQ(records.size(), highest) << "a gap after kill " << i;
    EXPECT_EQ(store->journal().commit({}), highest + 1);
    last = highest;
  }
  *committed = last;
  return lost;
}

TEST(Kill, NoAcknowledgedRecordIsLost) {
  std::uint64_t committed = 0;
  EXPECT_EQ(losses(Acknowledge::when_durable, kKills, &committed), 0);
  EXPECT_GT(committed, 100u) << "the processes did too little to be killed at";
}

// Teeth: a store that said so before it was true would be found out.
TEST(Kill, AnEarlyAcknowledgementIsNoticed) {
  std::uint64_t committed = 0;
  EXPECT_GT(losses(Acknowledge::too_early, kKills / 2, &committed), 0);
}

}  // namespace
}  // namespace ragent
