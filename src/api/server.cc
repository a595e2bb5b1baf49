#include <api/server.h>

#include <api/home_socket.h>
#include <api/routes.h>
#include <base/deadline.h>

#include <thread>

namespace ragent::api {
namespace {

constexpr std::chrono::milliseconds kLastWords{500};  // for requests at work when it closes

class ApiServer final : public EngineService {
 public:
  ApiServer(Engine& engine, const std::string& home)
      : loop_(make_loop(Logger::from_environment())),
        pool_(make_pool(limits::kApiThreads, limits::kServerConnectionsMax)),
        routes_({*loop_, *pool_, engine, home}),
        scope_(*loop_) {}
  ApiServer(const ApiServer&) = delete;
  ApiServer& operator=(const ApiServer&) = delete;

  Result<void> open(const std::string& home) {
    Result<HomeSocket> socket = HomeSocket::of(home);
    if (!socket) return fail(std::move(socket.error()));
    socket_.emplace(std::move(*socket));
    Result<std::unique_ptr<HttpServer>> http = HttpServer::listen(
        *loop_, {.address = "unix:" + socket_->path(), .body_max = limits::kArtifactBytesMax},
        [this](HttpExchange& exchange) { return routes_.answer(exchange); });
    if (!http) return fail(std::move(http.error()));
    http_ = std::move(*http);
    thread_ = std::jthread([this] { loop_->run([this] { return over_; }); });
    return {};
  }

  ~ApiServer() override {
    if (http_) {
      loop_->post([this] {
        routes_.stop();
        scope_.spawn(end());
      });
      thread_.join();
    }
    http_.reset();
    pool_.reset();  // waits for what the engine still answers
    loop_->drop_posted();
  }

 private:
  Task<void> end() {
    (void)co_await with_deadline(*loop_, http_->drain(), loop_->now() + kLastWords).result();
    over_ = true;
  }

  std::unique_ptr<Loop> loop_;
  std::unique_ptr<Pool> pool_;
  Routes routes_;
  std::optional<HomeSocket> socket_ = {};
  Scope scope_;
  std::unique_ptr<HttpServer> http_ = {};
  bool over_ = false;  // of the loop's thread
  std::jthread thread_ = {};
};

}  // namespace

ServiceSource api_service() {
  return [](Engine& engine, const std::string& home) -> Result<std::unique_ptr<EngineService>> {
    auto server = std::make_unique<ApiServer>(engine, home);
    if (Result<void> open = server->open(home); !open) return fail(std::move(open.error()));
    return server;
  };
}

}  // namespace ragent::api
