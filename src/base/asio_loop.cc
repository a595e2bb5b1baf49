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
};

class AsioWatch final : public Watch {
 public:
  AsioWatch(std::shared_ptr<Registered> registered, std::shared_ptr<Callback> callback)
      : registered_(std::move(registered)), callback_(std::move(callback)) {}
  ~AsioWatch() override { callback_->function = nullptr; }

 private:
  std::shared_ptr<Registered> registered_;
  std::shared_ptr<Callback> callback_;
};

void call(Callback& callback) {
  if (callback.function) std::exchange(callback.function, nullptr)();
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
    auto callback = std::make_shared<Callback>(std::move(function));
    std::shared_ptr<Registered> registered;
    if (const auto found = registered_.find(fd); found != registered_.end()) {
      registered = found->second.lock();
    } else {
      asio::posix::stream_descriptor stream(context_);
      boost::system::error_code failed;
      static_cast<void>(stream.assign(fd, failed));
      if (failed) {
        later(fd, failed, callback);
        return std::make_unique<AsioWatch>(nullptr, std::move(callback));
      }
      registered = std::make_shared<Registered>(std::move(stream), registered_);
      registered_[fd] = registered;
    }
    const auto what = readiness == Readiness::readable ? asio::posix::stream_descriptor::wait_read
                                                       : asio::posix::stream_descriptor::wait_write;
    // A regular file cannot be waited for (EPERM of epoll): Asio answers at once, as it is always
    // ready.
    registered->stream.async_wait(
        what, [callback](const boost::system::error_code&) { call(*callback); });
    return std::make_unique<AsioWatch>(std::move(registered), std::move(callback));
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
  // No memory or no room in the reactor: whoever waits looks again after a while, not in a circle.
  void later(int fd, const boost::system::error_code& failed, std::shared_ptr<Callback> callback) {
    log().error("cannot wait for a file", {{"fd", fd}, {"error", failed.message()}});
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
