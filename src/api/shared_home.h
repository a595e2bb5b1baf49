// SharedHome: what stands behind a Host: the engine, when the home is ours; else the way to its
// owner; and the handles, which go on whoever that is.
//
//   auto home = std::make_shared<SharedHome>(std::move(options));
//   Result<void> found = home->open();
//   Result<RunHandle> run = home->start(request);
//   home->close();
//
// Shared by the Host and its handles. Any thread but its own, which reads the events of the owner.
#pragma once

#include <api/client.h>
#include <api/feed.h>
#include <base/call.h>
#include <base/scope.h>

#include <atomic>
#include <thread>

namespace ragent::api {

class SharedHome final : public HandleOwner, public std::enable_shared_from_this<SharedHome> {
 public:
  explicit SharedHome(EngineOptions options);
  SharedHome(const SharedHome&) = delete;
  SharedHome& operator=(const SharedHome&) = delete;
  ~SharedHome() override;

  Result<void> open();
  void close();  // handles that are still followed end with Error{unavailable}

  Result<RunHandle> start(StartRequest request);
  Result<RunHandle> attach(const std::string& run, std::uint64_t after);
  Result<RunHandle> fork(const std::string& run, ForkOptions options);
  Result<std::vector<Ask>> asks();
  Result<void> answer(const std::string& ask, const Decision& decision);
  Result<void> resolve(const std::string& run, const std::string& step,
                       const Resolution& resolution);
  Result<std::string> artifact(const std::string& bytes);
  std::int64_t owner() const { return owner_; }

  void wait(std::mutex& mutex, std::condition_variable& changed, const std::function<bool()>& ready,
            std::optional<std::chrono::milliseconds> timeout) override;
  Result<void> cancel(const Tenant& tenant, const std::string& run, std::string reason) override;

 private:
  struct Followed;  // a run that a handle listens to
  template <class T>
  struct Work {
    std::function<Result<T>(Engine&)> here;  // when the home is ours
    Client::Asking there;                    // else
    std::function<Result<T>(const Json&)> read;
  };
  template <class T>
  Result<T> on_loop(std::function<Task<T>()> body);
  // Again, when the owner ends meanwhile.
  template <class T>
  Result<T> either(const Work<T>& work);
  Result<void> change(const std::string& run, const Work<void>& work);  // it may go on by that
  Task<void> find_owner(bool first);
  Error unanswered(Error owned, const Error& silent, bool first) const;
  Error hangs(Error error) const;

  Result<RunHandle> follow(const std::shared_ptr<Followed>& run);
  Task<void> begin(std::shared_ptr<Followed> run);
  Task<void> follow_on(std::shared_ptr<Followed> run);
  Task<bool> follow_here(std::shared_ptr<Followed> run);  // false: it is over
  Task<bool> follow_there(std::shared_ptr<Followed> run);
  Task<std::unique_ptr<Feed>> feed_of(std::shared_ptr<Followed> run);

  const std::string home_;
  const std::string model_;  // of the options: what a run that names none gets
  std::unique_ptr<Engine> engine_;
  std::unique_ptr<Loop> loop_;
  std::unique_ptr<Pool> pool_;
  std::optional<Client> client_;
  std::vector<std::weak_ptr<Followed>> followed_ = {};  // of the loop's thread
  std::optional<Scope> scope_;
  std::atomic<bool> owns_ = false;
  std::atomic<std::int64_t> owner_ = 0;
  std::atomic<bool> closing_ = false;
  std::jthread thread_ = {};
};

}  // namespace ragent::api
