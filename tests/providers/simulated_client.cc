#include <providers/simulated_client.h>

#include <base/deadline.h>
#include <stub_model/stub_model.h>

namespace ragent::providers {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;
using stub::Api;

constexpr std::uint64_t kWaitMsMax = 3000;     // before the first byte
constexpr std::uint64_t kBetweenMsMax = 200;   // before the next ones
constexpr std::uint64_t kPieceBytesMax = 120;

struct Working {
  explicit Working(Weather& weather) : of(weather) { ++of.at_work; }
  Working(const Working&) = delete;
  Working& operator=(const Working&) = delete;
  ~Working() { --of.at_work; }
  Weather& of;
};

Api api_of(std::string_view url) {
  for (const Api api : stub::kApis) {
    if (url.ends_with(path_of(api))) return api;
  }
  RAGENT_ASSERT(false);
  return Api::chat;
}

class SimulatedClient final : public HttpClient {
 public:
  SimulatedClient(Loop& loop, Weather& weather) : loop_(loop), weather_(weather) {}

  Task<HttpResponse> send(HttpCall call) override {
    ++weather_.sent;
    const Working working(weather_);
    if (call.time_max == 0ms) co_return co_await answer(call);
    const TimePoint end = loop_.now() + call.time_max;
    co_return co_await with_deadline(loop_, answer(call), end);
  }

 private:
  std::uint64_t draw(std::uint64_t below) { return weather_.random.below(below); }
  Task<void> pause(std::uint64_t most) { co_await loop_.sleep(milliseconds(draw(most))); }

  Task<HttpResponse> answer(HttpCall& call) {
    co_await pause(kWaitMsMax);
    const bool well = draw(100) >= weather_.faults;
    const std::uint64_t fault = well ? kFaults : draw(kFaults);
    const Api api = api_of(call.request.url);
    switch (fault) {
      case 0: co_return fail(ErrorKind::unavailable, "the server does not accept connections");
      case 1: co_return co_await refusal(call, api, 429, "2");
      case 2: co_return co_await refusal(call, api, 429, "");
      case 3: co_return co_await refusal(call, api, 503, "0.5");
      case 4: co_return co_await refusal(call, api, 529, "");
      case 5: co_return co_await refusal(call, api, 500, "");
      default: break;
    }
    const bool stream = stub::asks_for_stream(call.request.body);
    std::string body = stub::body_of({.api = api, .stream = stream}, weather_.reply);
    if (!well) body.resize(draw(body.size()));
    HttpResponse head = head_of(stream ? "text/event-stream" : "application/json");
    co_await deliver(call, head, body);
    if (fault == 6) co_return fail(ErrorKind::unavailable, "the server ended the response early");
    if (fault == 7) {
      co_await loop_.sleep(call.silence_max);
      co_return fail(ErrorKind::timeout, "the server sent nothing for long");
    }
    co_return head;  // 8: what came is whole for HTTP
  }

  Task<HttpResponse> refusal(HttpCall& call, Api api, int status, std::string retry_after) {
    HttpResponse head = head_of("application/json");
    head.status = status;
    if (!retry_after.empty()) head.headers.add("retry-after", std::move(retry_after));
    co_await deliver(call, head, stub::error_of(api, status));
    co_return head;
  }

  static HttpResponse head_of(std::string type) {
    return {.headers = {{"content-type", std::move(type)}}};
  }

  Task<void> deliver(HttpCall& call, const HttpResponse& head, std::string body) {
    for (std::size_t at = 0; at < body.size();) {
      const std::string piece = body.substr(at, 1 + draw(kPieceBytesMax));
      at += piece.size();
      co_await call.on_body(head, piece);
      co_await pause(kBetweenMsMax);
    }
  }

  static constexpr std::uint64_t kFaults = 9;
  Loop& loop_;
  Weather& weather_;
};

}  // namespace

std::unique_ptr<HttpClient> simulated_client(Loop& loop, Weather& weather) {
  return std::make_unique<SimulatedClient>(loop, weather);
}

}  // namespace ragent::providers
