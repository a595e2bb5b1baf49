#include <cli/chat/errands.h>

#include <ragent/limits.h>

#include <sys/eventfd.h>

namespace ragent::cli {

Errands::Errands() : news_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  thread_ = std::thread([this] { work(); });
}

Errands::~Errands() {
  {
    std::lock_guard lock(mutex_);
    over_ = true;
    waiting_.clear();
  }
  changed_.notify_one();
  thread_.join();
}

bool Errands::run(Errand errand) {
  std::lock_guard lock(mutex_);
  if (waiting_.size() >= limits::kChatErrandsMax) return false;
  waiting_.push_back(std::move(errand));
  ++open_;
  changed_.notify_one();
  return true;
}

void Errands::deliver() {
  std::uint64_t count = 0;
  (void)!::read(news_.get(), &count, sizeof count);
  std::vector<Then> done;
  {
    std::lock_guard lock(mutex_);
    done.swap(done_);
  }
  for (Then& then : done) {
    --open_;
    if (then) then();
  }
}

void Errands::work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return over_ || !waiting_.empty(); });
    if (over_) return;
    Errand errand = std::move(waiting_.front());
    waiting_.pop_front();
    lock.unlock();
    Then then = errand();
    lock.lock();
    done_.push_back(std::move(then));
    std::uint64_t one = 1;
    (void)!::write(news_.get(), &one, sizeof one);
  }
}

}  // namespace ragent::cli
