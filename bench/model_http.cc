// What a call to a model behind an endpoint costs this process: 1,000 streaming calls at once
// through one loop. All that is measured is the product's: the model, the client, the sockets.
// Who answers is not: a real provider would add its network and its bill, and its pace would hide
// ours. So a stand-in does, the tests' server of the three dialects (tests/stub_model), over real
// connections from a process of its own whose time does not count. Beside it, in turns, the same
// transfers by the HTTP client alone, whose reply nobody reads, and the goal.
//
// `model_http [ROUNDS] [FILE]` writes bench/out/model_http.json.

#include "figures.h"

#include <model/http/http_model.h>
#include <providers/load.h>
#include <stub_model/stub_process.h>

#include <fmt/core.h>

#include <cstdlib>

namespace ragent {
namespace {

constexpr std::size_t kCalls = 1000;
constexpr double kGoal = 60;  // µs of CPU a call
constexpr const char* kGreeting = "Hello, how may I help?";  // a reply of two events

double us_a_call(const Load& load) {
  if (load.failed > 0 || load.replied != kCalls) {
    fmt::print(stderr, "model_http: {} of {} calls failed: {}\n", load.failed, kCalls,
               load.error.message);
    std::exit(1);
  }
  return std::chrono::duration<double, std::micro>(load.cpu).count() / kCalls;
}

// The peer: asks as the model does, and drops what comes.
class Drain final : public Model {
 public:
  Drain(Loop& loop, std::string url, std::string body)
      : client_(make_http_client(loop)), url_(std::move(url)), body_(std::move(body)) {}
  const ModelInfo& info() const override { return info_; }
  Task<Reply> reply(ModelRequest, DeltaSink&) override {
    HttpRequest request{.method = "POST", .url = url_, .body = body_};
    request.headers.add("content-type", "application/json");
    HttpCall call{.request = std::move(request), .time_max = std::chrono::seconds(60)};
    call.on_body = [](const HttpResponse&, std::string_view) { return Result<void>(); };
    const HttpResponse response = co_await client_->send(std::move(call));
    if (response.status != 200) co_return Error{.message = "not 200"};
    co_return Reply{};
  }

 private:
  std::unique_ptr<HttpClient> client_;
  std::string url_;
  std::string body_;
  ModelInfo info_ = {};
};

struct Case {
  std::string name = {};
  std::string scheme = {};
  std::string path = {};
  std::string answer = {};  // what the server says
};

struct Costs {
  double first = 0;  // with the making of the connections
  Measured model = {};
  Measured drain = {};
};

Costs cost_of(const Case& one, const std::string& server, int rounds) {
  const std::unique_ptr<Loop> loop = make_loop();
  const stub::StubProcess provider(server, {"--text", one.answer});
  const ModelSource source =
      http_models({.environment = [](const char*) -> const char* { return nullptr; }});
  auto model = source(one.scheme + provider.url() + "#any", *loop);
  if (!model) {
    fmt::print(stderr, "model_http: {}\n", model.error().message);
    std::exit(1);
  }
  Drain drain(*loop, provider.url() + one.path,
              R"({"messages":[{"content":"Hello?","role":"user"}],"model":"any","stream":true})");
  Costs costs{.first = us_a_call(run_load(*loop, **model, kCalls))};
  us_a_call(run_load(*loop, drain, kCalls));
  std::vector<double> ours, theirs;
  for (int i = 0; i < rounds; ++i) {
    ours.push_back(us_a_call(run_load(*loop, **model, kCalls)));
    theirs.push_back(us_a_call(run_load(*loop, drain, kCalls)));
  }
  costs.model = measured(std::move(ours));
  costs.drain = measured(std::move(theirs));
  return costs;
}

Json row(const std::string& metric, Measured ours, const std::string& peer, double theirs) {
  fmt::print("{:<36}{:>8.1f} µs (least {:.1f}){:>26}{:>8.1f} µs{:>8.2f}\n", metric, ours.median,
             ours.least, peer, theirs, theirs / ours.median);
  return Json::object({{"metric", metric},
                       {"unit", "µs of CPU"},
                       {"ours", ours.median},
                       {"peer", peer},
                       {"theirs", theirs},
                       {"ratio", theirs / ours.median},
                       {"spread", ours.spread}});
}

int bench(int rounds, const std::string& file, const std::string& server) {
  const std::string line = "The train to Vienna leaves at nine; it has a seat. ";
  std::string page;
  for (int i = 0; i < 6; ++i) page += line;
  const std::vector<Case> cases = {
      {"chat", "", "/chat/completions", kGreeting},
      {"responses", "responses+", "/responses", kGreeting},
      {"anthropic", "anthropic+", "/messages", kGreeting},
      {"chat, 20 events", "", "/chat/completions", page},
  };
  Json::Array rows;
  for (const Case& one : cases) {
    const Costs costs = cost_of(one, server, rounds);
    rows.push_back(row("a streamed call, " + one.name, costs.model, "goal", kGoal));
    rows.push_back(
        row("a streamed call, " + one.name, costs.model, "http client alone", costs.drain.median));
    rows.push_back(
        row("the first calls, " + one.name, {costs.first, costs.first, 0}, "goal", kGoal));
  }
  write_figures(file, "model_http", std::move(rows));
  return 0;
}

}  // namespace
}  // namespace ragent

int main(int argc, char** argv) {
  const int rounds = argc > 1 ? std::max(1, std::atoi(argv[1])) : 9;
  const std::string file = argc > 2 ? argv[2] : "bench/out/model_http.json";
  const std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe");
  return ragent::bench(rounds, file, self.parent_path() / "stub_model_server");
}
