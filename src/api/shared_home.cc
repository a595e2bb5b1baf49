#include <api/shared_home.h>

#include <api/begin.h>
#include <base/home.h>
#include <base/ids.h>
#include <base/text.h>
#include <base/written_json.h>
#include <runtime/records.h>

#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fmt/core.h>

namespace ragent::api {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;

constexpr milliseconds kTryAgain{10};
constexpr int kLostMax = 50;  // times one after another, without anything heard between
constexpr std::size_t kThreads = 2;
constexpr std::string_view kPerhapsStopped = "; was it stopped by Ctrl-Z? `fg` lets it go on";

Error closed() { return {.kind = ErrorKind::unavailable, .message = "the host was closed"}; }

std::string absolute(const std::string& path) {
  std::error_code error;
  const fs::path full = fs::absolute(path, error);
  return error ? path : full.lexically_normal().string();
}

// The owner may be in another folder: files that are named by a model are named from the root.
std::string absolute_model(const std::string& names) {
  std::vector<std::string> out;
  for (const std::string_view name : split(names, ',')) {
    std::string_view kind = name.substr(0, name.find(':') + 1);  // empty when there is none
    if (kind != "scripted:" && kind != "recorded:") kind = "";
    const std::string file(name.substr(kind.size()));
    std::error_code error;
    const bool relative = !file.starts_with('/') && fs::is_regular_file(file, error);
    out.push_back(relative ? std::string(kind) + absolute(file) : std::string(name));
  }
  return names.empty() ? "" : join(out, ",");
}

Result<void> nothing(const Json&) { return {}; }

}  // namespace

struct SharedHome::Followed {
  explicit Followed(Loop& loop) : told(loop) {}

  std::optional<StartRequest> start = {};  // until it has a name
  std::string run = {};
  std::uint64_t last = 0;  // number of the last record that the handle got
  std::weak_ptr<RunHandle::State> state = {};
  bool over = false;
  int lost = 0;
  std::optional<Result<void>> opened = {};
  Signal told;  // whether it was opened

  bool wanted() const { return !state.expired(); }
  void open(const std::string& uid, const std::string& session) {
    lost = 0;
    start.reset();
    if (opened) return;
    run = uid;
    if (auto handle = state.lock()) handle->name(uid, session);
    opened.emplace();
    told.set();
  }
  void end(Result<Answer> result) {
    over = true;
    if (!opened) {
      opened = result ? Result<void>() : fail(result.error());
      told.set();
    } else if (auto handle = state.lock()) {
      handle->finish(std::move(result));
    }
  }
  void take(Feed::News news) {
    auto handle = state.lock();
    if (!handle) return;
    lost = 0;
    if (news.event) {
      if (news.event->id > 0 && news.event->id <= last) return;
      last = std::max(last, news.event->id);
      handle->work();
      handle->push(std::move(*news.event));
    }
    if (!news.standing.empty()) handle->stand(std::move(news.standing));
    if (news.result) end(std::move(*news.result));
  }
  Result<void> take(const SseEvent& said);
};

// What the owner's stream says.
Result<void> SharedHome::Followed::take(const SseEvent& said) {
  Result<Json> data = parse_written_json(said.data);
  if (!data) return fail(within("an event of the home's owner", std::move(data.error())));
  if (said.event == kOpened) {
    open(data->text("run"), data->text("session"));
  } else if (said.event == kStanding) {
    take({.standing = data->text("why", "it waits")});
  } else if (said.event == kFailed) {
    end(fail(read_problem(*data, 500)));
  } else {
    const Json* error = data->find("error");
    Result<Event> event = read_event(*data);
    if (!event) return fail(std::move(event.error()));
    const bool ended = event->kind == Event::Kind::ended;
    Feed::News news{.event = std::move(*event)};
    if (ended) news.result = answer_of(run, news.event->body);
    if (ended && error) news.result = fail(read_problem(*error, 500));
    take(std::move(news));
  }
  return {};
}

SharedHome::SharedHome(EngineOptions options)
    : home_(home_folder(options.home)), model_(options.model) {
  options.home = home_;
  engine_ = std::make_unique<Engine>(std::move(options));
  loop_ = make_loop(Logger::from_environment());
  pool_ = make_pool(kThreads, limits::kPoolQueueMax);
  client_.emplace(*loop_, home_);
  scope_.emplace(*loop_);
}

SharedHome::~SharedHome() { close(); }

template <class T>
Result<T> SharedHome::on_loop(std::function<Task<T>()> body) {
  auto call = std::make_shared<Call<T>>();
  loop_->post([this, body = std::move(body), answer = Answering<T>(call, closed)]() mutable {
    if (!closing_) scope_->spawn(answered<T>(std::move(body), std::move(answer)));
  });
  if (closing_) loop_->drop_posted();  // nobody runs it any more
  std::unique_lock lock(call->mutex);
  call->changed.wait(lock, [&] { return call->result.has_value(); });
  return std::move(*call->result);
}

template <class T>
Result<T> SharedHome::either(const Work<T>& work) {
  for (int lost = 0;; ++lost) {
    if (closing_) return fail(closed());
    if (owns_) return work.here(*engine_);
    auto ask = [this, there = work.there] { return client_->ask(there); };
    Result<Client::Said> said = on_loop<Client::Said>(ask);
    if (!said) return fail(std::move(said.error()));
    if (said->json) return work.read(*said->json);
    if (!said->lost) return fail(hangs(std::move(said->json.error())));
    if (lost == kLostMax) return fail(std::move(said->json.error()));
    Result<void> found = on_loop<void>([this] { return find_owner(false); });
    if (!found) return fail(std::move(found.error()));
  }
}

// A handle of it no longer stands still, unless that fails: said before it is asked for, as the
// next question may come sooner than the answer.
Result<void> SharedHome::change(const std::string& run, const Work<void>& work) {
  std::vector<std::pair<std::shared_ptr<RunHandle::State>, std::string>> stood;
  auto clear = [](SharedHome& home, std::string uid, decltype(stood)& out) -> Task<void> {
    for (const auto& weak : home.followed_) {
      const std::shared_ptr<Followed> one = weak.lock();
      if (!one || one->run != uid) continue;
      if (auto handle = one->state.lock()) out.emplace_back(handle, handle->work());
    }
    co_return;
  };
  (void)on_loop<void>([&] { return clear(*this, run, stood); });
  Result<void> done = either(work);
  for (auto& [handle, why] : stood) {
    if (!done && !why.empty()) handle->stand(why);
  }
  return done;
}

Error SharedHome::hangs(Error error) const {
  if (error.kind != ErrorKind::timeout) return error;
  error.message = fmt::format("process {}, which owns the home {}, does not answer: {}{}",
                              owner_.load(), home_, error.message, kPerhapsStopped);
  return error;
}

// `owned` names the process that has the lock, `silent` says how it did not answer.
Error SharedHome::unanswered(Error owned, const Error& silent, bool first) const {
  const auto time = std::chrono::duration_cast<std::chrono::seconds>(limits::kTakeOverTime);
  if (silent.kind == ErrorKind::timeout) {
    owned.kind = ErrorKind::timeout;
    owned.message += fmt::format("; it listens on {}/{}, and gave no answer within {} s{}", home_,
                                 kSocketFile, time.count(), kPerhapsStopped);
  } else {
    if (!first) owned.kind = ErrorKind::unavailable;
    owned.message += fmt::format("; it does not share it: nobody answered on {}/{} within {} s",
                                 home_, kSocketFile, time.count());
  }
  return owned;
}

// Ours, when nobody owns it now; else whoever answers.
Task<void> SharedHome::find_owner(bool first) {
  const TimePoint until = loop_->now() + limits::kTakeOverTime;
  for (;;) {
    Result<void> ours = {};
    if (!owns_) {
      ours =
          co_await offload(*loop_, *pool_, [&engine = *engine_] { return engine.open(); }).result();
    }
    if (ours) {
      owner_ = ::getpid();
      owns_ = true;
      co_return;
    }
    const Error owned = ours.error();
    if (owned.kind != ErrorKind::conflict) co_await fail(owned);
    const auto left = std::chrono::duration_cast<milliseconds>(until - loop_->now());
    Result<Owner> other = co_await client_->owner(std::max(left, kTryAgain * 10)).result();
    if (other) {
      owner_ = other->pid;
      co_return;
    }
    if (other.error().kind == ErrorKind::conflict) co_await fail(std::move(other.error()));
    if (loop_->now() >= until) co_await fail(unanswered(owned, other.error(), first));
    co_await loop_->sleep(kTryAgain);
  }
}

Result<void> SharedHome::open() {
  thread_ = std::jthread([this] { loop_->run([this] { return closing_.load(); }); });
  return on_loop<void>([this] { return find_owner(true); });
}

void SharedHome::close() {
  if (closing_.exchange(true)) return;
  loop_->post([] {});
  if (thread_.joinable()) thread_.join();
  std::vector<std::shared_ptr<Followed>> left;  // the frames of the scope hold them
  for (const auto& weak : followed_) left.push_back(weak.lock());
  scope_.reset();
  for (const std::shared_ptr<Followed>& one : left) {
    if (one && !one->over) one->end(fail(closed()));
  }
  client_.reset();
  pool_.reset();
  loop_->drop_posted();
  engine_.reset();
}

void SharedHome::wait(std::mutex& mutex, std::condition_variable& changed,
                      const std::function<bool()>& ready, std::optional<milliseconds> timeout) {
  std::unique_lock lock(mutex);
  if (timeout) {
    changed.wait_for(lock, std::min<milliseconds>(*timeout, limits::kWaitMax), ready);
  } else {
    changed.wait(lock, ready);
  }
}

// ---- what people ask for

Result<RunHandle> SharedHome::start(StartRequest request) {
  request.agent = absolute(request.agent);  // whoever goes on with the run may be in another folder
  if (owns_) return start_on(*engine_, std::move(request));
  RunOptions& options = request.options;
  options.model = absolute_model(options.model.empty() ? model_ : options.model);
  if (options.key.empty() && options.on_busy != OnBusy::steer) {
    // Asked again, when the owner ended before it answered, it is the same run.
    options.key = new_uid(loop_->wall(), *make_system_random());
  }
  auto run = std::make_shared<Followed>(*loop_);
  run->start = std::move(request);
  return follow(run);
}

Result<RunHandle> SharedHome::attach(const std::string& uid, std::uint64_t after) {
  auto run = std::make_shared<Followed>(*loop_);
  run->run = uid;
  run->last = after;
  return follow(run);
}

Result<RunHandle> SharedHome::fork(const std::string& run, ForkOptions options) {
  if (owns_) return engine_->fork(run, std::move(options));
  options.model = absolute_model(options.model);
  // Asked again, when the owner ended before it answered, it is the same fork.
  if (options.key.empty()) options.key = new_uid(loop_->wall(), *make_system_random());
  Result<Forked> forked =
      either<Forked>({.here = [&](Engine& engine) { return fork_on(engine, run, options); },
                      .there = {.method = "POST",
                                .path = "/v1/runs/" + encoded(run) + "/fork",
                                .body = to_json(options).dump()},
                      .read = read_forked});
  if (!forked) return fail(std::move(forked.error()));
  return attach(forked->run, forked->records);
}

Result<std::vector<Ask>> SharedHome::asks() {
  return either<std::vector<Ask>>({.here = [](Engine& engine) { return engine.asks(); },
                                   .there = {.path = "/v1/asks"},
                                   .read = [](const Json& json) -> Result<std::vector<Ask>> {
                                     std::vector<Ask> out;
                                     const Json* list = json.find("asks");
                                     if (!list || !list->array()) return out;
                                     for (const Json& one : *list->array()) {
                                       Result<Ask> ask = read_ask(one);
                                       if (!ask) return fail(std::move(ask.error()));
                                       out.push_back(std::move(*ask));
                                     }
                                     return out;
                                   }});
}

Result<void> SharedHome::answer(const std::string& ask, const Decision& decision) {
  return change(ask.substr(0, ask.find('/')),
                {.here = [&](Engine& engine) { return engine.answer(ask, decision); },
                 .there = {.method = "POST",
                           .path = "/v1/asks/" + encoded(ask),
                           .body = ragent::to_json(decision).dump()},
                 .read = nothing});
}

Result<void> SharedHome::resolve(const std::string& run, const std::string& step,
                                 const Resolution& resolution) {
  return change(run, {.here = [&](Engine& engine) { return engine.resolve(run, step, resolution); },
                      .there = {.method = "POST",
                                .path = "/v1/runs/" + encoded(run) + "/resolve",
                                .body = resolve_body(step, resolution).dump()},
                      .read = nothing});
}

Result<void> SharedHome::cancel(const Tenant&, const std::string& run, std::string reason) {
  return change(run, {.here = [&](Engine& engine) { return engine.cancel(run, reason); },
                      .there = {.method = "POST",
                                .path = "/v1/runs/" + encoded(run) + "/cancel",
                                .body = Json::object({{"reason", reason}}).dump()},
                      .read = nothing});
}

Result<std::string> SharedHome::artifact(const std::string& bytes) {
  return either<std::string>(
      {.here = [&](Engine& engine) { return engine.artifact(bytes); },
       .there = {.method = "POST",
                 .path = "/v1/artifacts",
                 .body = bytes,
                 .type = "application/octet-stream"},
       .read = [](const Json& json) -> Result<std::string> { return json.text("artifact"); }});
}

// ---- following a run

Result<RunHandle> SharedHome::follow(const std::shared_ptr<Followed>& run) {
  if (closing_) return fail(closed());
  auto state = std::make_shared<RunHandle::State>(shared_from_this(), Tenant());
  run->state = state;
  Result<void> opened = on_loop<void>([this, run] { return begin(run); });
  if (!opened) return fail(std::move(opened.error()));
  return RunHandle(std::move(state));
}

Task<void> SharedHome::begin(std::shared_ptr<Followed> run) {
  std::erase_if(followed_, [](const auto& one) { return one.expired(); });
  followed_.push_back(run);
  scope_->spawn(follow_on(run));
  co_await run->told;
  co_await *run->opened;
}

Task<void> SharedHome::follow_on(std::shared_ptr<Followed> run) {
  for (;;) {
    const bool goes_on = co_await (owns_ ? follow_here(run) : follow_there(run));
    if (!goes_on) co_return;
    Result<void> found = co_await find_owner(false).result();
    if (!found) co_return run->end(fail(std::move(found.error())));
    if (++run->lost > 1) co_await loop_->sleep(kTryAgain);
  }
}

Task<std::unique_ptr<Feed>> SharedHome::feed_of(std::shared_ptr<Followed> run) {
  FeedParts parts{*loop_, *pool_, *engine_, home_};
  if (!run->start) co_return co_await Feed::attach(parts, run->run, run->last);
  RunHandle handle =
      co_await offload(*loop_, *pool_, [&engine = *engine_, start = *run->start]() mutable {
        return start_on(engine, std::move(start));
      });
  co_return co_await Feed::of(parts, std::move(handle), run->start->options.on_busy);
}

Task<bool> SharedHome::follow_here(std::shared_ptr<Followed> run) {
  Result<std::unique_ptr<Feed>> feed = co_await feed_of(run).result();
  if (!feed) {
    run->end(fail(std::move(feed.error())));
    co_return false;
  }
  run->open((*feed)->run(), (*feed)->session());
  while (run->wanted() && !run->over) {
    std::optional<Feed::News> news = co_await (*feed)->next(loop_->now() + limits::kStreamBeat);
    if (news) run->take(std::move(*news));
  }
  co_return false;
}

Task<bool> SharedHome::follow_there(std::shared_ptr<Followed> run) {
  Client::Asking asking{
      .path = fmt::format("/v1/runs/{}/events?after={}", encoded(run->run), run->last)};
  if (run->start) {
    Json body = to_json(*run->start);
    body["stream"] = true;
    asking = {.method = "POST", .path = "/v1/runs", .body = body.dump()};
  }
  const Client::Said said = co_await client_->stream(
      std::move(asking), [run](const SseEvent& event) { return run->take(event); },
      [run] { return run->wanted(); });
  if (run->over || !run->wanted()) co_return false;
  const bool again = !run->start || !run->start->options.key.empty();
  if (said.lost && again && run->lost < kLostMax) co_return true;
  Error error = hangs(said.json ? closed() : said.json.error());
  if (said.lost && !again) error.message += "; nobody knows whether it took what was said";
  run->end(fail(std::move(error)));
  co_return false;
}

}  // namespace ragent::api
