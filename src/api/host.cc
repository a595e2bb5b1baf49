#include <api/host.h>

#include <api/shared_home.h>

namespace ragent {
namespace {

class HomeHost final : public Host {
 public:
  explicit HomeHost(std::shared_ptr<api::SharedHome> home) : home_(std::move(home)) {}
  HomeHost(const HomeHost&) = delete;
  HomeHost& operator=(const HomeHost&) = delete;
  ~HomeHost() override { home_->close(); }

  Result<RunHandle> start(StartRequest request) override {
    return home_->start(std::move(request));
  }
  Result<RunHandle> attach(const std::string& run, std::uint64_t after) override {
    return home_->attach(run, after);
  }
  Result<RunHandle> fork(const std::string& run, ForkOptions options) override {
    return home_->fork(run, std::move(options));
  }
  Result<std::vector<Ask>> asks() override { return home_->asks(); }
  Result<void> answer(const std::string& ask, Decision decision) override {
    return home_->answer(ask, decision);
  }
  Result<void> resolve(const std::string& run, const std::string& step,
                       Resolution resolution) override {
    return home_->resolve(run, step, resolution);
  }
  Result<void> cancel(const std::string& run, std::string reason) override {
    return home_->cancel(Tenant(), run, std::move(reason));
  }
  Result<std::string> artifact(std::string bytes) override { return home_->artifact(bytes); }
  std::int64_t owner() const override { return home_->owner(); }

 private:
  std::shared_ptr<api::SharedHome> home_;  // shared with its handles
};

}  // namespace

Result<std::unique_ptr<Host>> open_host(EngineOptions options) {
  auto home = std::make_shared<api::SharedHome>(std::move(options));
  if (Result<void> opened = home->open(); !opened) {
    home->close();
    return fail(std::move(opened.error()));
  }
  return std::make_unique<HomeHost>(std::move(home));
}

}  // namespace ragent
