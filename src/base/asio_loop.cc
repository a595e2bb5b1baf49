#include <base/loop.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include <cerrno>
#include <map>

namespace ragent {

namespace {

namespace asio = boost::asio;

constexpr std::chrono::milliseconds kLookAgain{100};

// One registration with the reactor, shared by the watches of one fd (reading and writing). It
// never closes the fd.
struct Registered;
using Registrations = std::map<int, std::weak_ptr<Registered>>;
struct Registered {
  asio::posix::stream_descriptor stream;
  Registrations& all;
  ~Registered() { all.erase(stream.release()); }
};

// What a pending wait of the reactor may call; empty once the Watch is gone. Shared by both.
struct Callback {
  Function function;
  bool kept = true;  // by a Watch
};

void call(Callback& callback) {
  if (!callback.function) return;
  Function function = std::move(callback.function);  // it may destroy the Watch
  function();
  if (callback.kept) callback.function = std::move(function);
}

class AsioLoop final : public Loop {
 public:
  using Loop::Loop;
  ~AsioLoop() override { drop_posted(); }

  TimePoint now() const override { return std::chrono::steady_clock::now(); }
  WallPoint wall() const override {
    return std::chrono::time_point_cast<std::chrono::milliseconds>(
        std::chrono::system_clock::now());
  }

  std::unique_ptr<Watch> watch(int fd, Readiness readiness, Function function) override {
    auto out = std::make_unique<AsioWatch>(*this, fd, readiness, std::move(function));
    out->again();
    return out;
  }

 protected:
  std::size_t pick(std::size_t) override { return 0; }

  bool wait(std::optional<TimePoint> until) override {
    if (!until) {
      context_.run_one();
    } else if (*until > now()) {
      context_.run_one_until(*until);
    }
    context_.poll();
    return true;
  }

  void interrupt() override {
    asio::post(context_, [] {});
  }

 private:
  class AsioWatch final : public Watch {
   public:
    AsioWatch(AsioLoop& loop, int fd, Readiness readiness, Function function)
        : loop_(loop),
          fd_(fd),
          readiness_(readiness),
          callback_(std::make_shared<Callback>(std::move(function))) {}
    ~AsioWatch() override {
      callback_->kept = false;
      callback_->function = nullptr;
    }
    void again() override {
      if (!registered_) registered_ = loop_.registration(fd_);
      if (!registered_) return loop_.later(callback_);
      // A regular file cannot be waited for (EPERM of epoll): Asio answers at once, as it is always
      // ready.
      using Stream = asio::posix::stream_descriptor;
      registered_->stream.async_wait(
          readiness_ == Readiness::readable ? Stream::wait_read : Stream::wait_write,
          [callback = callback_](const boost::system::error_code&) { call(*callback); });
    }

   private:
    AsioLoop& loop_;
    int fd_;
    Readiness readiness_;
    std::shared_ptr<Registered> registered_ = {};
    std::shared_ptr<Callback> callback_;
  };

  // Null: no memory or no room in the reactor.
  std::shared_ptr<Registered> registration(int fd) {
    if (const auto found = registered_.find(fd); found != registered_.end()) {
      return found->second.lock();
    }
    asio::posix::stream_descriptor stream(context_);
    boost::system::error_code failed;
    static_cast<void>(stream.assign(fd, failed));
    if (failed) {
      log().error("cannot wait for a file", {{"fd", fd}, {"error", failed.message()}});
      return nullptr;
    }
    auto registered = std::make_shared<Registered>(std::move(stream), registered_);
    registered_[fd] = registered;
    return registered;
  }

  // Whoever waits looks again after a while, not in a circle.
  void later(std::shared_ptr<Callback> callback) {
    auto timer = std::make_shared<asio::steady_timer>(context_, kLookAgain);
    timer->async_wait([timer, callback = std::move(callback)](const boost::system::error_code&) {
      call(*callback);
    });
  }

  asio::io_context context_{1};  // one thread runs it; posting is safe from any
  asio::executor_work_guard<asio::io_context::executor_type> work_{context_.get_executor()};
  Registrations registered_;
};

}  // namespace

std::unique_ptr<Loop> make_loop(Logger log) { return std::make_unique<AsioLoop>(std::move(log)); }

}  // namespace ragent
