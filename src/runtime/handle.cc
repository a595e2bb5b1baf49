#include <runtime/handle.h>

#include <base/written_json.h>
#include <ragent/limits.h>
#include <runtime/records.h>

#include <sys/eventfd.h>
#include <unistd.h>

namespace ragent {

RunHandle::State::State(std::shared_ptr<HandleOwner> of, Tenant whose)
    : owner(std::move(of)), tenant(std::move(whose)) {}

RunHandle::State::~State() {
  if (fd_ >= 0) ::close(fd_);
}

void RunHandle::State::name(std::string uid, std::string of_session) {
  run = std::move(uid);
  session = std::move(of_session);
}

// With mutex_ held: the fd is readable while there is news.
void RunHandle::State::signal() {
  std::uint64_t one = 1;
  if (fd_ >= 0) (void)!::write(fd_, &one, sizeof one);
  changed_.notify_all();
}

int RunHandle::State::fd() {
  std::lock_guard lock(mutex_);
  if (fd_ < 0) fd_ = eventfd(news() ? 1 : 0, EFD_CLOEXEC | EFD_NONBLOCK);
  return fd_;
}

void RunHandle::State::push(Event event) {
  std::lock_guard lock(mutex_);
  if (events_.size() >= limits::kEventsQueuedMax) {
    // Nobody listens: deltas can be dropped, then the oldest; the records stay in the journal.
    if (std::exchange(deltas_, 0) > 0) {
      std::erase_if(events_, [](const Event& old) { return old.kind == Event::Kind::delta; });
    }
    if (events_.size() >= limits::kEventsQueuedMax) events_.pop_front();
  }
  if (event.kind == Event::Kind::state && event.body.text("state") == "working") {
    standing_.clear();
    stopped_ = false;
  }
  if (event.kind == Event::Kind::delta) ++deltas_;
  events_.push_back(std::move(event));
  signal();
}

void RunHandle::State::finish(Result<Answer> result) {
  Function then;
  {
    std::lock_guard lock(mutex_);
    if (!result_) result_.emplace(std::move(result));
    then = std::exchange(then_, {});
    signal();
  }
  if (then) then();
}

void RunHandle::State::when_finished(Function then) {
  {
    std::lock_guard lock(mutex_);
    if (!result_) {
      then_ = std::move(then);
      return;
    }
  }
  then();
}

void RunHandle::State::stand(std::string why) {
  std::lock_guard lock(mutex_);
  standing_ = std::move(why);
  stopped_ = true;
  signal();
}

std::string RunHandle::State::work() {
  std::lock_guard lock(mutex_);
  stopped_ = false;
  return std::exchange(standing_, {});
}

std::optional<Event> RunHandle::State::pop(std::chrono::milliseconds timeout) {
  owner->wait(mutex_, changed_, [this] { return news(); }, timeout);
  std::lock_guard lock(mutex_);
  return front();
}

RunHandle::State::News RunHandle::State::take() {
  std::lock_guard lock(mutex_);
  const bool stands = events_.empty() && stopped_;
  News out{.event = front()};
  if (out.event) return out;
  out.result = result_;
  if (stands && !result_) out.standing = standing_;
  return out;
}

// With mutex_ held: the first event; none: whoever asks is told why.
std::optional<Event> RunHandle::State::front() {
  std::optional<Event> event;
  if (!events_.empty()) {
    event = std::move(events_.front());
    events_.pop_front();
    if (event->kind == Event::Kind::delta) --deltas_;
  } else {
    stopped_ = false;  // said once; from now on it waits
  }
  if (fd_ >= 0 && !news()) {
    std::uint64_t count = 0;
    (void)!::read(fd_, &count, sizeof count);
  }
  return event;
}

Result<Answer> RunHandle::State::result() {
  std::lock_guard lock(mutex_);
  return *result_;
}

Result<Answer> RunHandle::State::wait() {
  auto ready = [this] { return result_ || !standing_.empty(); };
  owner->wait(mutex_, changed_, ready, {});
  std::lock_guard lock(mutex_);
  if (result_) return *result_;
  return fail(ErrorKind::conflict, standing_);
}

RunHandle::RunHandle(std::shared_ptr<State> state) : state_(std::move(state)) {}
RunHandle::RunHandle(RunHandle&&) noexcept = default;
RunHandle& RunHandle::operator=(RunHandle&&) noexcept = default;
RunHandle::~RunHandle() = default;
const std::string& RunHandle::id() const { return state_->run; }
const std::string& RunHandle::session() const { return state_->session; }
std::optional<Event> RunHandle::next_event(std::chrono::milliseconds timeout) {
  return state_->pop(timeout);
}
int RunHandle::fd() const { return state_->fd(); }
Result<Answer> RunHandle::wait() { return state_->wait(); }

Result<void> RunHandle::cancel(std::string reason) {
  return state_->owner->cancel(state_->tenant, state_->run, std::move(reason));
}

Event event_of(const Record& record) {
  return {.kind = Event::Kind::step,
          .id = record.n,
          .path = record.path,
          .step = record.step,
          .call = static_cast<std::int32_t>(record.call),
          .attempt = record.attempt,
          .record = std::string(to_string(record.kind)),
          .intent = record.phase == Phase::intent,
          .body = parse_written_json(record.body).value_or(Json())};
}

}  // namespace ragent
