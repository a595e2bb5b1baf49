#include <simulation/outside.h>

#include <base/hash.h>

namespace ragent::simulation {

using std::chrono::microseconds;

std::uint64_t hash64(std::uint64_t seed, std::string_view text) {
  return mix(Digest{.high = seed, .low = 1}, text).low;
}

void Outside::lend(SimulatedLoop& loop) {
  loop.set_now(now_);
  loop_ = &loop;
}

void Outside::crash(microseconds down) {
  now_ = now() + down;
  loop_ = nullptr;
}

std::uint64_t Outside::draw(std::string_view what) {
  return steady() ? hash64(seed_, what) : random_.next();
}

TimePoint Outside::reply_at(const std::string& key, int ms_min, int ms_max) {
  const auto span = static_cast<std::uint64_t>(ms_max - ms_min) * 1000;
  const auto latency = microseconds(ms_min * 1000 + static_cast<std::int64_t>(draw(key) % span));
  if (!steady()) return now() + latency;
  return std::max(now(), first_.try_emplace(key, now()).first->second + latency);
}

void Outside::will_happen(const std::string& key, TimePoint when, bool only_once) {
  pending_.push_back({when, key, only_once});
}

void Outside::settle(TimePoint by) {
  std::erase_if(pending_, [&](const Pending& one) {
    if (one.when > by) return false;
    int& count = applied_[one.key];
    if (!one.only_once || count == 0) ++count;
    return true;
  });
}

int Outside::applied(const std::string& key) {
  settle(now());
  const auto found = applied_.find(key);
  return found == applied_.end() ? 0 : found->second;
}

void Outside::settle_all() { settle(TimePoint::max()); }

namespace {

class SimulatedModel final : public Model {
 public:
  SimulatedModel(std::shared_ptr<Outside> outside, Loop& loop)
      : outside_(std::move(outside)), loop_(loop) {}
  const ModelInfo& info() const override { return info_; }
  Task<Reply> reply(ModelRequest request, DeltaSink&) override {
    const std::string place = request.key.substr(request.key.rfind('/') + 1);
    const std::string asked = place + " " + request.transcript.last().text();
    const std::uint64_t drawn = outside_->draw("reply to " + asked);
    co_await loop_.sleep_until(outside_->reply_at("think " + asked, 1, 30));
    if (drawn % 11 == 0) co_await fail(ErrorKind::unavailable, "the model is busy");
    co_return Reply{.text = std::to_string(drawn % 1000),
                    .usage = {.tokens_input = static_cast<std::int64_t>(drawn % 50),
                              .tokens_output = static_cast<std::int64_t>(drawn % 37)}};
  }

 private:
  std::shared_ptr<Outside> outside_;  // shared with the harness
  Loop& loop_;
  ModelInfo info_{.name = "test"};
};

class SimulatedTool final : public ToolBody {
 public:
  SimulatedTool(std::shared_ptr<Outside> outside, Effect effect)
      : outside_(std::move(outside)), effect_(effect) {}

  Task<Json> call(ToolContext& context, Json arguments) override {
    Outside& out = *outside_;
    out.called();
    Loop& loop = context.host.loop();
    const std::string key = context.key;
    const bool once = effect_ == Effect::once;
    const bool changes = effect_ != Effect::read;
    const std::uint64_t drawn = out.draw("call " + key);
    const TimePoint begin = out.now();
    const TimePoint end = out.reply_at("call " + key, 1, 30);
    const bool rejected = drawn % 10 == 0;
    const bool hangs = !out.steady() && drawn % 13 == 1;
    const bool unknown = changes && !out.steady() && (hangs || drawn % 5 == 0);
    if (changes && unknown && (drawn >> 8) % 2 == 0) {
      // It may still happen long after its time-out, but never after `not_after` (whole ms).
      const auto left =
          std::chrono::duration_cast<std::chrono::microseconds>(context.not_after - out.wall());
      const auto late = std::chrono::microseconds(
          (drawn >> 16) %
          static_cast<std::uint64_t>(std::max<std::int64_t>(1, left.count() - 1000)));
      out.will_happen(key, begin + late, !once);
    }
    if (changes && !unknown && !rejected) out.will_happen(key, begin + (end - begin) / 2, !once);
    co_await loop.sleep_until(hangs ? end + std::chrono::hours(1) : end);
    if (unknown) co_await fail(ErrorKind::unavailable, "the connection was reset");
    if (rejected) co_await fail(ErrorKind::rejected, "no");
    co_return Json("ok " + arguments.text("what"));
  }

  Task<QueryAnswer> query(ToolContext& context, Json arguments) override {
    Outside& out = *outside_;
    co_await context.host.loop().sleep(std::chrono::milliseconds(1));
    if (!out.steady() && out.below(4) == 0) co_return QueryAnswer{};
    if (out.applied(context.key) == 0) {
      co_return QueryAnswer{.state = QueryAnswer::State::cannot_happen};
    }
    co_return QueryAnswer{.state = QueryAnswer::State::happened,
                          .result = Json("ok " + arguments.text("what"))};
  }

 private:
  std::shared_ptr<Outside> outside_;  // shared with the harness
  Effect effect_;
};

}  // namespace

WallPoint Outside::wall() const {
  RAGENT_ASSERT(loop_);
  return loop_->wall();
}

std::unique_ptr<Model> make_simulated_model(std::shared_ptr<Outside> outside, Loop& loop) {
  return std::make_unique<SimulatedModel>(std::move(outside), loop);
}

std::vector<Tool> simulated_tools(std::shared_ptr<Outside> outside) {
  const Json what =
      Json::object({{"type", "object"},
                    {"properties", Json::object({{"what", Json::object({{"type", "string"}})}})}});
  std::vector<Tool> tools;
  auto add = [&](std::string name, Effect effect, bool query) {
    tools.push_back({.spec = {.name = std::move(name),
                              .description = "A simulated tool.",
                              .parameters = what,
                              .effect = effect,
                              .query = query,
                              .timeout = kToolTime},
                     .body = std::make_shared<SimulatedTool>(outside, effect)});
  };
  add("look", Effect::read, false);
  add("put", Effect::idempotent, false);
  add("pay", Effect::once, false);
  add("wire", Effect::once, true);
  return tools;
}

}  // namespace ragent::simulation
