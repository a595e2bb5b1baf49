#include <runtime/writer.h>

#include <ragent/limits.h>

namespace ragent {

JournalWriter::JournalWriter(Parts parts)
    : parts_(std::move(parts)), patience_(parts_.full_disk_wait) {}

void JournalWriter::submit(Group group, Loop& loop, Committed committed) {
  {
    std::lock_guard lock(mutex_);
    if (broken_) return;
    waiting_.push_back({std::move(group), &loop, std::move(committed)});
    if (busy_) return;
    busy_ = true;
  }
  (void)parts_.pool.run([this] { pump(); });  // its queue holds one: the pump
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
    Result<std::uint64_t> lsn = parts_.journal.commit(group_);
    if (!lsn && lsn.error().kind == ErrorKind::unavailable) return retry(std::move(lsn.error()));
    if (!lsn) return stop(std::move(lsn.error()));
    patience_.reset();
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
  parts_.retry_loop.post(
      [this, error = std::move(error)]() mutable { parts_.failed(std::move(error)); });
}

void JournalWriter::retry(Error error) {
  parts_.retry_loop.post([this, error = std::move(error)]() mutable {
    const bool first = !patience_.tried();
    const auto pause = patience_.next(parts_.retry_loop.now());
    if (!pause) return stop(std::move(error));
    if (first) parts_.log.warn("commits wait for space", {{"error", error.message}});
    auto again = [](JournalWriter& writer, std::chrono::milliseconds wait) -> Task<void> {
      co_await writer.parts_.retry_loop.sleep(wait);
      (void)writer.parts_.pool.run([&writer] { writer.pump(); });
    };
    retrying_ = drive(again(*this, *pause));
    retrying_.start();
  });
}

}  // namespace ragent
