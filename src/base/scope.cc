#include <base/scope.h>

namespace ragent {

Scope::Scope(Loop& loop, OnError on_error)
    : loop_(loop), on_error_(std::move(on_error)), empty_(loop) {}

Scope::~Scope() {
  // The destructor of a frame may spawn again.
  while (!roots_.empty()) {
    std::list<Entry> dying = std::move(roots_);
    roots_.clear();
    for (Entry& entry : dying) entry.scope = nullptr;
  }
}

void Scope::spawn(Task<void> task) {
  Entry& entry = roots_.emplace_back(this);
  entry.self = std::prev(roots_.end());
  entry.root = drive(loop_, std::move(task), entry);
}

detail::Root Scope::drive(Loop& loop, Task<void> task, Entry& entry) {
  co_await loop.yield();
  const Result<void> result = co_await std::move(task).result();
  if (!entry.scope) co_return;  // cancelled by what ran just now; the frame goes when we suspend
  if (!result) {
    if (entry.scope->on_error_) {
      entry.scope->on_error_(result.error());
    } else {
      loop.log().error("a task failed", {{"kind", to_string(result.error().kind)},
                                         {"error", result.error().message}});
    }
  }
  if (entry.scope) entry.scope->ended(entry);
}

// Still on the stack: the frame goes when it has reached its end.
void Scope::ended(Entry& entry) {
  entry.scope = nullptr;
  std::list<Entry> dying;
  dying.splice(dying.end(), roots_, entry.self);
  loop_.after_resume([dying = std::move(dying)] {});
  if (roots_.empty()) empty_.set();
}

void Scope::cancel() {
  if (roots_.empty()) return;
  std::list<Entry> dying = std::move(roots_);
  roots_.clear();
  for (Entry& entry : dying) entry.scope = nullptr;
  empty_.set();
  loop_.after_resume([dying = std::move(dying)] {});
}

Task<void> Scope::join() {
  do {
    co_await loop_.yield();  // lets go what is cancelled and waits for our own suspension
    empty_.reset();
    if (!roots_.empty()) co_await empty_;
  } while (!roots_.empty());
}

}  // namespace ragent
