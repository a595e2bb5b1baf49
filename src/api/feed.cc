#include <api/feed.h>

#include <runtime/records.h>

#include <limits>

namespace ragent::api {
namespace {

constexpr std::chrono::milliseconds kPoll{20};  // where there is no descriptor to wait by

Result<FiledRun> read_run(const std::string& home, const std::string& run) {
  Result<std::unique_ptr<Store>> store = open_sqlite_store_read_only(home);
  if (!store) return fail(std::move(store.error()));
  return (*store)->tenants().run(Tenant(), run);
}

}  // namespace

Feed::Feed(FeedParts parts, std::string run, std::uint64_t after)
    : parts_(std::move(parts)), run_(std::move(run)), last_(after), signal_(parts_.loop) {}

Feed::~Feed() = default;

Task<std::unique_ptr<Feed>> Feed::of(FeedParts parts, RunHandle handle, OnBusy on_busy) {
  auto feed = std::make_unique<Feed>(std::move(parts), handle.id(), 0);
  News first = handle.state()->take();
  const bool begins = first.event && first.event->id == 1;  // it is heard from its start on
  feed->from_now_ = !begins && on_busy == OnBusy::steer;
  if (first.any()) feed->first_ = std::move(first);
  feed->session_ = handle.session();
  feed->handle_.emplace(std::move(handle));
  if (!begins && !feed->from_now_) {
    co_await feed->read(std::numeric_limits<std::uint64_t>::max());
  }
  co_return feed;
}

Task<std::unique_ptr<Feed>> Feed::attach(FeedParts parts, std::string run, std::uint64_t after) {
  auto feed = std::make_unique<Feed>(std::move(parts), std::move(run), after);
  co_await feed->open();
  co_return feed;
}

// Whatever was acknowledged when the handle was attached is durable, hence here or still to come.
Task<void> Feed::open() {
  Result<RunHandle> handle =
      co_await offload(parts_.loop, parts_.pool, [&engine = parts_.engine, run = run_] {
        return engine.attach(run);
      }).result();
  if (handle) {
    session_ = handle->session();
    handle_.emplace(std::move(*handle));
    co_return co_await read(std::numeric_limits<std::uint64_t>::max());
  }
  if (handle.error().kind != ErrorKind::not_found) co_await fail(std::move(handle.error()));
  // It has ended, or there never was one.
  Result<FiledRun> filed =
      co_await offload(parts_.loop, parts_.pool, [home = parts_.home, run = run_] {
        return read_run(home, run);
      }).result();
  const bool over = filed && filed->row.state == to_string(RunState::ended);
  if (!over || filed->records.empty()) co_await fail(std::move(handle.error()));
  session_ = filed->row.session;
  for (const Record& record : filed->records) {
    if (record.n > last_) backlog_.push_back(event_of(record));
  }
  Event end{.kind = Event::Kind::ended, .body = event_of(filed->records.back()).body};
  ended_ = answer_of(run_, end.body);
  backlog_.push_back(std::move(end));
}

Task<void> Feed::read(std::uint64_t before) {
  FiledRun filed = co_await offload(
      parts_.loop, parts_.pool, [home = parts_.home, run = run_] { return read_run(home, run); });
  for (const Record& record : filed.records) {
    if (record.n <= last_ || record.n >= before) continue;
    backlog_.push_back(event_of(record));
    last_ = record.n;
    const Event& event = backlog_.back();
    if (!event.intent) told_.emplace(event.path, event.step, event.call);
  }
}

bool Feed::fresh(const Event& event) {
  const bool passing =
      event.kind == Event::Kind::delta || event.kind == Event::Kind::attempt_started;
  return !passing || !told_.contains({event.path, event.step, event.call});
}

// What the backlog has, or the end of a run that had ended.
std::optional<Feed::News> Feed::ready() {
  if (!backlog_.empty()) {
    News news{.event = std::move(backlog_.front())};
    backlog_.pop_front();
    return news;
  }
  if (ended_) return News{.result = *ended_};
  return std::nullopt;
}

Task<std::optional<Feed::News>> Feed::next(TimePoint until) {
  for (;;) {
    if (interrupted_) co_return std::nullopt;
    if (std::optional<News> news = ready()) co_return news;
    if (!handle_) co_return std::nullopt;
    News news = first_ ? *std::exchange(first_, std::nullopt) : handle_->state()->take();
    if (!news.any()) {
      if (!co_await wait(until)) co_return std::nullopt;
      continue;
    }
    if (news.event && !fresh(*news.event)) continue;
    if (!news.event || news.event->kind != Event::Kind::step) co_return news;
    const std::uint64_t id = news.event->id;
    if (id <= last_) continue;
    const bool gap = id > last_ + 1 && !std::exchange(from_now_, false);
    if (gap) co_await read(id);  // the handle's queue was full meanwhile
    last_ = id;
    told_.clear();
    if (backlog_.empty()) co_return news;
    backlog_.push_back(std::move(*news.event));
  }
}

// Until the handle has something to tell; false: the time has passed.
Task<bool> Feed::wait(TimePoint until) {
  signal_.reset();
  const int fd = handle_->fd();
  if (fd < 0) {
    co_await parts_.loop.sleep(kPoll);
    co_return parts_.loop.now() < until;
  }
  watch_ = parts_.loop.watch(fd, Readiness::readable, [this] { signal_.set(); });
  const bool told = co_await signal_.until(until);
  watch_.reset();
  co_return told;
}

void Feed::interrupt() {
  interrupted_ = true;
  signal_.set();
}

}  // namespace ragent::api
