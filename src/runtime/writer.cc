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
  start_pump();
}

void JournalWriter::start_pump() {
  Result<void> started = parts_.pool.run([this] { pump(); });
  if (!started) retry(std::move(started.error()));
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
  std::vector<Item> waiting;
  {
    std::lock_guard lock(mutex_);
    broken_ = true;
    waiting.swap(waiting_);
  }
  // What a callback holds is its loop's: it goes there.
  auto drop = [](Loop& loop, Committed committed) {
    loop.post([committed = std::move(committed)] {});
  };
  for (Taken& item : std::exchange(taken_, {})) drop(*item.loop, std::move(item.committed));
  for (Item& item : waiting) drop(*item.loop, std::move(item.committed));
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
      writer.start_pump();
    };
    retrying_ = drive(again(*this, *pause));
    retrying_.start();
  });
}

}  // namespace ragent
