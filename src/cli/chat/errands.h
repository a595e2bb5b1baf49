// Errands: calls that may block (the engine, the store), done one after another on a thread of
// their own, so that the input line stays alive. Owned by the chat.
//
//   errands.run([&host, text]() -> Function {
//     Result<RunHandle> handle = host.start(…);                       // on the errands' thread
//     return [this, handle = std::move(handle)]() mutable { … };      // in deliver()
//   });
//   poll(errands.fd()) …; errands.deliver();
//
// run() and deliver() belong to one thread. The destructor waits for the errand under way and
// drops the others.
#pragma once

#include <base/posix.h>

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace ragent::cli {

class Errands {
 public:
  using Then = std::move_only_function<void()>;
  using Errand = std::move_only_function<Then()>;

  Errands();
  Errands(const Errands&) = delete;
  Errands& operator=(const Errands&) = delete;
  ~Errands();

  int fd() const { return news_.get(); }  // readable when deliver() has something to do
  // False: limits::kChatErrandsMax wait already.
  bool run(Errand errand);
  void deliver();
  bool busy() const { return open_ > 0; }

 private:
  void work();

  FileDescriptor news_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Errand> waiting_ = {};
  std::vector<Then> done_ = {};
  std::size_t open_ = 0;  // not delivered; of the caller's thread
  bool over_ = false;
  std::thread thread_ = {};
};

}  // namespace ragent::cli
