#include <base/loop.h>

#include <ragent/limits.h>

namespace ragent {

void Waiter::unlink() {
  Loop& loop = *std::exchange(loop_, nullptr);
  if (!std::exchange(ready_, false)) {
    loop.timers_.erase(timer_);
    return;
  }
  (previous_ ? previous_->next_ : loop.first_) = next_;
  (next_ ? next_->previous_ : loop.last_) = previous_;
  next_ = previous_ = nullptr;
  --loop.ready_count_;
}

Loop::~Loop() {
  // Frames that outlive the loop (their owner is to blame) must not touch it.
  while (first_) first_->unlink();
  while (!timers_.empty()) timers_.begin()->second->unlink();
}

void Loop::post(Function function) {
  bool first = false;
  {
    const std::scoped_lock lock(mutex_);
    first = posted_.empty();
    posted_.push_back(std::move(function));
  }
  if (first) interrupt();
}

bool Loop::posted() const {
  const std::scoped_lock lock(mutex_);
  return !posted_.empty();
}

void Loop::drop_posted() {
  std::vector<Function> dropped;
  const std::scoped_lock lock(mutex_);
  dropped.swap(posted_);
}

void Loop::link(Waiter& waiter) {
  waiter.loop_ = this;
  waiter.ready_ = true;
  waiter.previous_ = last_;
  (last_ ? last_->next_ : first_) = &waiter;
  last_ = &waiter;
  ++ready_count_;
}

void Loop::wake(Waiter& waiter) {
  RAGENT_ASSERT(waiter.suspended());
  if (waiter.ready_) return;
  if (waiter.loop_) waiter.unlink();
  waiter.timed_out_ = false;
  link(waiter);
}

void Loop::wake_at(Waiter& waiter, TimePoint when) {
  RAGENT_ASSERT(waiter.suspended());
  if (waiter.ready_) return;
  if (waiter.loop_) waiter.unlink();
  waiter.timed_out_ = true;
  if (when == TimePoint::min()) return link(waiter);  // a yield does not ask the clock
  waiter.loop_ = this;
  waiter.timer_ = {when, timer_next_++};
  timers_.emplace(waiter.timer_, &waiter);
}

void Loop::on_turn_end(Function function) { turn_end_.push_back(std::move(function)); }

void Loop::after_resume(Function function) {
  if (resuming_) {
    after_resume_.push_back(std::move(function));
  } else {
    function();
  }
}

bool Loop::run(const std::function<bool()>& done, std::optional<TimePoint> until) {
  RAGENT_ASSERT(!running_);
  running_ = true;
  bool is_done = false;
  while (!(is_done = done())) {
    if (until && now() >= *until) break;
    std::optional<TimePoint> wake_up = until;
    if (first_) {
      wake_up = TimePoint::min();
    } else if (!timers_.empty()) {
      const TimePoint timer = timers_.begin()->first.first;
      wake_up = until ? std::min(*until, timer) : timer;
    }
    if (!wait(wake_up)) break;
    turn();
  }
  running_ = false;
  return is_done;
}

void Loop::doing(std::initializer_list<std::string_view> words) {
  doing_.clear();
  for (const std::string_view word : words) doing_ += word;
}

void Loop::piece_ended() {
  const TimePoint ended = now();
  const auto took = ended - std::exchange(piece_began_, ended);
  if (took > limits::kTurnSlow && took > longest_) {
    longest_ = took;
    longest_doing_ = doing_;
  }
  doing_.clear();
}

void Loop::turn() {
  const TimePoint begin = now();
  piece_began_ = begin;
  longest_ = {};
  longest_doing_.clear();
  const std::size_t called = run_posted();
  expire(begin);
  std::size_t resumed = 0;
  while (first_ && resumed < limits::kTurnResumesMax) {
    std::size_t index = pick(ready_count_);
    if (index >= ready_count_) break;
    Waiter* next = first_;
    while (index-- > 0) next = next->next_;
    resume(*next);
    ++resumed;
  }
  for (std::size_t i = 0; i < turn_end_.size(); ++i) turn_end_[i]();
  const auto took = std::chrono::duration_cast<std::chrono::microseconds>(now() - begin);
  if (took > limits::kTurnSlow && log_.enabled(LogLevel::info)) {
    log_.info("a shard turn was slow", {{"us", std::int64_t{took.count()}},
                                        {"posted", called},
                                        {"resumed", resumed},
                                        {"doing", longest_doing_}});
  }
}

std::size_t Loop::run_posted() {
  std::vector<Function> functions;
  {
    const std::scoped_lock lock(mutex_);
    functions.swap(posted_);
  }
  for (Function& function : functions) {
    function();
    piece_ended();
  }
  return functions.size();
}

void Loop::expire(TimePoint now) {
  while (!timers_.empty() && timers_.begin()->first.first <= now) {
    Waiter& waiter = *timers_.begin()->second;
    waiter.unlink();
    link(waiter);
  }
}

void Loop::resume(Waiter& waiter) {
  waiter.unlink();
  const std::coroutine_handle<> handle = std::exchange(waiter.handle_, nullptr);
  resuming_ = true;
  handle.resume();
  resuming_ = false;
  // Destroying frames may ask for more; those run at once, as nothing is resumed now.
  while (!after_resume_.empty()) {
    std::vector<Function> functions;
    functions.swap(after_resume_);
    for (Function& function : functions) function();
  }
  piece_ended();
}

Signal::~Signal() {
  if (waiting_) waiting_->signal = nullptr;
}

void Signal::set() {
  set_ = true;
  if (waiting_) loop_.wake(waiting_->waiter);
}

Signal::Awaiter::~Awaiter() {
  if (signal && signal->waiting_ == this) signal->waiting_ = nullptr;
}

void Signal::Awaiter::await_suspend(std::coroutine_handle<> handle) {
  RAGENT_ASSERT(!signal->waiting_);
  waiter.suspend(handle);
  signal->waiting_ = this;
  if (until) signal->loop_.wake_at(waiter, *until);
}

bool Signal::Awaiter::await_resume() {
  if (!signal) return false;
  if (signal->waiting_ == this) signal->waiting_ = nullptr;
  return signal->set_ || !waiter.timed_out();
}

}  // namespace ragent
