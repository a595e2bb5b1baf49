#include <runtime/writer.h>

#include <ragent/limits.h>

#include <algorithm>

namespace ragent {

JournalWriter::JournalWriter(Journal& journal, Pool& pool, Loop& retry_loop,
                             std::move_only_function<void(Error)> failed)
    : journal_(journal), pool_(pool), retry_loop_(retry_loop), failed_(std::move(failed)) {}

void JournalWriter::submit(Group group, Loop& loop, Committed committed) {
  {
    std::lock_guard lock(mutex_);
    if (broken_) return;
    waiting_.push_back({std::move(group), &loop, std::move(committed)});
    if (busy_) return;
    busy_ = true;
  }
  (void)pool_.run([this] { pump(); });  // its queue holds one: the pump
}

bool JournalWriter::idle() const {
  std::lock_guard lock(mutex_);
  return broken_ || (!busy_ && waiting_.empty());
}

// What waits becomes one group; false: nothing waits.
bool JournalWriter::take() {
  std::lock_guard lock(mutex_);
  auto end = waiting_.begin();
  while (end != waiting_.end() && group_.records.size() < limits::kGroupRecordsMax) {
    taken_.push_back({end->group.records.size(), end->loop, std::move(end->committed)});
    group_.append(std::move(end->group));
    ++end;
  }
  waiting_.erase(waiting_.begin(), end);
  busy_ = !taken_.empty();
  return busy_;
}

void JournalWriter::pump() {
  while (!taken_.empty() || take()) {
    Result<std::uint64_t> lsn = journal_.commit(group_);
    if (!lsn && lsn.error().kind == ErrorKind::unavailable) return retry();
    if (!lsn) return stop(std::move(lsn.error()));
    back_off_ = {};
    for (const Record& record : group_.records) {
      if (record.kind == RecordKind::final) on_final_(record.run);
    }
    group_ = {};
    std::uint64_t next = *lsn;
    for (Taken& item : std::exchange(taken_, {})) {
      item.loop->post([committed = std::move(item.committed), next]() mutable { committed(next); });
      next += item.records;
    }
  }
}

void JournalWriter::stop(Error error) {
  {
    std::lock_guard lock(mutex_);
    broken_ = true;
    waiting_.clear();
  }
  retry_loop_.post([this, error = std::move(error)]() mutable { failed_(std::move(error)); });
}

void JournalWriter::retry() {
  back_off_ = back_off_.count() == 0 ? limits::kStoreRetryFirst
                                     : std::min(back_off_ * 2, limits::kStoreRetryMax);
  retry_loop_.post([this, wait = back_off_] {
    auto again = [](JournalWriter& writer, std::chrono::milliseconds pause) -> Task<void> {
      co_await writer.retry_loop_.sleep(pause);
      (void)writer.pool_.run([&writer] { writer.pump(); });
    };
    retrying_ = drive(again(*this, wait));
    retrying_.start();
  });
}

}  // namespace ragent
