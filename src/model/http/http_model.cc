#include <model/http/http_model.h>

#include <base/random.h>
#include <base/scope.h>
#include <base/text.h>
#include <model/http/catalog.h>
#include <model/http/endpoint.h>
#include <model/http/endpoint_error.h>
#include <model/http/model_list.h>
#include <model/http/prices.h>

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <map>

namespace ragent {
namespace {

using std::chrono::duration_cast;
using std::chrono::milliseconds;

constexpr std::size_t kErrorBytesMax = 64u << 10;  // of a response that is no reply
constexpr std::size_t kNameShown = 200;            // bytes of an endpoint's name
constexpr std::int64_t kBytesPerToken = 4;
constexpr const char* kHedgeAfter = "RAGENT_HEDGE_AFTER";

bool may_work_again(const Error& error) {
  return error.kind == ErrorKind::unavailable || error.kind == ErrorKind::timeout;
}

// Some endpoints say the key again that they refuse.
void hide(const std::string& key, std::string& message) {
  constexpr std::string_view kHidden = "(key)";  // itself not looked at: "key" may be the key
  if (key.empty()) return;
  for (std::size_t at = 0; (at = message.find(key, at)) != std::string::npos;) {
    message.replace(at, key.size(), kHidden);
    at += kHidden.size();
  }
}

Endpoint::Ending ending_of(int status, const Error* error, const Rates& rates) {
  using Kind = Endpoint::Ending::Kind;
  Endpoint::Ending out{.rates = rates};
  if (!error || !may_work_again(*error)) return out;
  out.error = *error;
  out.kind = status == 429                    ? Kind::refused
             : status == 503 || status == 529 ? Kind::overloaded
                                              : Kind::failed;
  return out;
}

// What the models of one loop share.
struct Wiring {
  Loop& loop;
  milliseconds hedge_after = {};
  std::shared_ptr<HttpClient> client;  // shared by the models of the loop
  std::unique_ptr<Random> random;
  bool stream = true;
};

class HttpModel : public Model {
 public:
  HttpModel(std::string name, Account account, std::shared_ptr<Endpoint> endpoint,
            std::optional<Price> price, Wiring wiring)
      : account_(std::move(account)),
        endpoint_(std::move(endpoint)),
        price_(price),
        wiring_(std::move(wiring)) {
    info_ = info_of(account_.model);
    info_.name = std::move(name);
  }

  const ModelInfo& info() const override { return info_; }
  Task<Reply> reply(ModelRequest request, DeltaSink& deltas) override;

 private:
  struct Call {
    HttpRequest http = {};
    std::int64_t tokens = 0;  // about how many it will use
    std::optional<TimePoint> deadline = {};
    bool streamed = false;  // something was shown …
    bool text_streamed = false;  // … of the text too
  };
  // The response to one request.
  struct Reading {
    std::unique_ptr<ReplyReader> reader = {};
    HttpResponse refusal = {};  // its status is 0 while none came
  };

  struct Race;
  Task<Reply> hedged(Call& call, DeltaSink& sink);
  static Task<void> run(HttpModel& model, Call call, Race& race, std::size_t index);
  Task<Reply> attempt(Call& call, DeltaSink& sink);
  Result<Reply> read(Result<HttpResponse> response, Reading& reading) const;
  std::optional<milliseconds> wait_before(int attempt, const Error& error, const Call& call);
  Task<Error> explained(Error error, const Call& call, int attempts);
  void put_cost(Usage& usage) const;
  milliseconds time_left(TimePoint deadline) const;

  Account account_;
  std::shared_ptr<Endpoint> endpoint_;  // shared with this model on other shards
  std::optional<Price> price_;
  Wiring wiring_;
  ModelInfo info_ = {};
};

Task<Reply> HttpModel::reply(ModelRequest request, DeltaSink& deltas) {
  Loop& loop = wiring_.loop;
  Call call;
  if (request.time_max.count() > 0) call.deadline = loop.now() + request.time_max;
  call.http = co_await account_.dialect->request({.base_url = account_.base_url,
                                                  .key = account_.key,
                                                  .model = account_.model,
                                                  .request = request,
                                                  .stream = wiring_.stream});
  call.tokens = static_cast<std::int64_t>(call.http.body.size()) / kBytesPerToken;
  DeltaSink sink = [&](const Delta& delta) {
    call.streamed = true;
    call.text_streamed |= delta.kind == Delta::Kind::text;
    if (deltas) deltas(delta);
  };
  for (int number = 1;; ++number) {
    Result<Reply> reply = co_await hedged(call, sink).result();
    if (reply) {
      if (!call.text_streamed && !reply->text.empty()) sink({.text = reply->text});
      put_cost(reply->usage);
      co_return std::move(*reply);
    }
    std::optional<milliseconds> wait = wait_before(number, reply.error(), call);
    if (!wait) {
      co_return co_await explained(std::move(reply.error()), call, number);
    }
    co_await loop.sleep(*wait);
    if (std::exchange(call.streamed, false) && deltas) deltas({.kind = Delta::Kind::restart});
    call.text_streamed = false;
  }
}

// Two requests for one reply. The first that says something has won.
struct HttpModel::Race {
  Race(Loop& loop, DeltaSink& to) : changed(loop), sink(to) {}
  Signal changed;
  DeltaSink& sink;
  std::optional<std::size_t> winner = {};
  std::array<std::optional<Result<Reply>>, 2> results = {};
};

Task<void> HttpModel::run(HttpModel& model, Call call, Race& race, std::size_t index) {
  DeltaSink sink = [&race, index](const Delta& delta) {
    if (!race.winner) race.winner = index;
    if (race.winner == index) race.sink(delta);
    race.changed.set();
  };
  race.results.at(index) = co_await model.attempt(call, sink).result();
  race.changed.set();
}

// Sends a second request when the first has said nothing for a while, within the budget of retries
// (Dean and Barroso 2013, "The Tail at Scale").
Task<Reply> HttpModel::hedged(Call& call, DeltaSink& sink) {
  if (wiring_.hedge_after.count() == 0) co_return co_await attempt(call, sink);
  Loop& loop = wiring_.loop;
  Race race(loop, sink);
  Scope scope(loop);
  scope.spawn(run(*this, call, race, 0));
  std::size_t started = 1;
  if (!co_await race.changed.until(loop.now() + wiring_.hedge_after) &&
      endpoint_->may_retry(loop.now())) {
    scope.spawn(run(*this, call, race, started++));
  }
  for (;;) {
    // Who said something first, else who answered well, else, when all have failed, the first.
    for (std::size_t i = 0; i < started; ++i) {
      auto& result = race.results.at(i);
      if (result && (race.winner == i || (!race.winner && *result))) co_return std::move(*result);
    }
    bool all = std::ranges::all_of(race.results.begin(), race.results.begin() + started,
                                   [](const auto& result) { return result.has_value(); });
    if (all) co_return std::move(*race.results.front());
    race.changed.reset();
    co_await race.changed;
  }
}

Task<Reply> HttpModel::attempt(Call& call, DeltaSink& sink) {
  Loop& loop = wiring_.loop;
  Endpoint::Permit permit = co_await endpoint_->enter(loop, call.tokens, call.deadline);
  Reading reading;
  HttpCall sent{.request = call.http};
  if (call.deadline) sent.time_max = time_left(*call.deadline);
  sent.on_body = [&](const HttpResponse& head, std::string_view bytes) -> Result<void> {
    if (head.status >= 300) {
      std::size_t room = kErrorBytesMax - reading.refusal.body.size();
      reading.refusal.body += bytes.substr(0, room);
      return {};
    }
    if (!reading.reader) {
      auto reader = account_.dialect->reader(head);
      if (!reader) return fail(std::move(reader.error()));
      reading.reader = std::move(*reader);
    }
    return reading.reader->feed(bytes, sink);
  };
  Result<HttpResponse> response = co_await wiring_.client->send(std::move(sent)).result();
  int status = response ? response->status : 0;
  Rates rates = response ? rates_of(response->headers, loop.wall()) : Rates();
  Result<Reply> reply = read(std::move(response), reading);
  permit.ended(loop.now(), ending_of(status, reply ? nullptr : &reply.error(), rates));
  co_return reply;
}

Result<Reply> HttpModel::read(Result<HttpResponse> response, Reading& reading) const {
  if (!response) return fail(std::move(response.error()));
  if (response->status >= 300) {
    response->body = std::move(reading.refusal.body);
    return fail(wire::error_of(*response, endpoint_->name(), wiring_.loop.wall()));
  }
  if (!reading.reader) {  // not a byte came
    auto reader = account_.dialect->reader(*response);
    if (!reader) return fail(std::move(reader.error()));
    reading.reader = std::move(*reader);
  }
  Result<Reply> reply = reading.reader->finish();
  if (!reply) return fail(wire::not_readable(*response, std::move(reply.error())));
  return reply;
}

// How long to wait before another try, when there may be one: exponential, with full jitter
// (Brooker 2015, "Exponential Backoff And Jitter"), and never less than the endpoint asked for.
std::optional<milliseconds> HttpModel::wait_before(int attempt, const Error& error,
                                                   const Call& call) {
  TimePoint now = wiring_.loop.now();
  if (attempt >= limits::kCallAttemptsMax || !may_work_again(error)) return {};
  std::int64_t longest = limits::kRetryWaitFirst.count() << (attempt - 1);
  milliseconds wait(1 + wiring_.random->below(static_cast<std::uint64_t>(longest)));
  wait += error.retry_after.value_or(milliseconds(0));
  if (error.retry_after.value_or(milliseconds(0)) > limits::kRetryAfterMax) return {};
  if (call.deadline && now + wait >= *call.deadline) return {};
  if (!endpoint_->may_retry(now)) return {};
  return wait;
}

// 0 would be no limit.
milliseconds HttpModel::time_left(TimePoint deadline) const {
  return std::max(milliseconds(1), duration_cast<milliseconds>(deadline - wiring_.loop.now()));
}

Task<Error> HttpModel::explained(Error error, const Call& call, int attempts) {
  if (error.kind == ErrorKind::not_found) {
    milliseconds most = limits::kListTimeMax;
    if (call.deadline) most = std::min(most, time_left(*call.deadline));
    Result<std::vector<std::string>> names =
        co_await list_models(*wiring_.client, account_, most).result();
    if (names) error.message += near_miss(account_.model, std::move(*names));
  }
  if (error.kind == ErrorKind::rejected && !account_.key_name.empty()) {
    error.message += account_.key.empty() ? "; set " + account_.key_name
                                          : "; the key is that of " + account_.key_name;
  }
  hide(account_.key, error.message);
  if (attempts > 1) error.message += fmt::format(" (tried {} times)", attempts);
  co_return within(info_.name, std::move(error));
}

// An endpoint that counts nothing has not answered for nothing.
void HttpModel::put_cost(Usage& usage) const {
  if (usage.tokens_input + usage.tokens_output == 0) {
    usage.cost_partial = true;
  } else if (price_) {
    usage.cost_nanodollars = cost_of(*price_, usage);
  }
}

// What the models of an engine share, whatever the shard: any thread.
class Endpoints {
 public:
  explicit Endpoints(HttpModelsOptions options) : options_(std::move(options)) {
    if (!options_.environment) {
      options_.environment = [](const char* name) -> const char* { return std::getenv(name); };
    }
    if (!options_.client) options_.client = [](Loop& loop) { return make_http_client(loop); };
    if (!options_.random) options_.random = make_system_random;
    hedge_ = read_hedge();
    prices_ = Prices::from(options_.environment);
  }

  Result<std::unique_ptr<Model>> open(const std::string& name, Loop& loop) {
    Result<std::optional<Account>> account = account_of(name, options_.environment);
    if (!account) return fail(std::move(account.error()));
    if (!*account) return nullptr;
    if (!prices_) return fail(prices_.error());
    if (!hedge_) return fail(hedge_.error());
    std::optional<Price> price = prices_->of(name, **account);
    const std::lock_guard lock(mutex_);
    std::weak_ptr<HttpClient>& known = clients_[&loop];
    std::shared_ptr<HttpClient> client = known.lock();
    if (!client) known = client = options_.client(loop);
    std::shared_ptr<Endpoint>& endpoint =
        endpoints_[(*account)->base_url + '\n' + (*account)->key + '\n' + (*account)->model];
    if (!endpoint) {
      std::string_view place = host_and_port((*account)->base_url);
      endpoint = std::make_shared<Endpoint>(printable(place, kNameShown));
    }
    return std::make_unique<HttpModel>(name, std::move(**account), endpoint, price,
                                       Wiring{.loop = loop,
                                              .hedge_after = options_.hedge_after,
                                              .client = std::move(client),
                                              .random = options_.random(),
                                              .stream = options_.stream});
  }

 private:
  Result<void> read_hedge() {
    const char* text = options_.environment(kHedgeAfter);
    if (!text || !*text) return {};
    std::optional<milliseconds> time = duration_of(text);
    if (!time) {
      return fail(ErrorKind::invalid, fmt::format("{} is `{}`, expected a time as 800ms or 2s",
                                                  kHedgeAfter, printable(text, kNameShown)));
    }
    options_.hedge_after = *time;
    return {};
  }

  HttpModelsOptions options_;
  Result<void> hedge_ = {};  // Error: that of the variable, told by each model
  Result<Prices> prices_;  // Error: that of the file, told by each model
  std::mutex mutex_;  // guards what follows
  std::map<Loop*, std::weak_ptr<HttpClient>> clients_;  // owned by the models of the loop
  std::map<std::string, std::shared_ptr<Endpoint>> endpoints_;  // shared with their models
};

}  // namespace

ModelSource http_models(HttpModelsOptions options) {
  // Shared by the copies of the function.
  return [endpoints = std::make_shared<Endpoints>(std::move(options))](
             const std::string& name, Loop& loop) { return endpoints->open(name, loop); };
}

}  // namespace ragent
