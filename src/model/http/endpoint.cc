#include <model/http/endpoint.h>

#include <fmt/core.h>

#include <algorithm>
#include <cmath>

namespace ragent {
namespace {

using std::chrono::duration_cast;
using std::chrono::milliseconds;

constexpr double kLowered = 0.7;
constexpr double kNearLimit = 0.8;  // in flight, of the limit: it is what holds calls back

}  // namespace

// ---- rates

void Endpoint::Bucket::learn(const Rates::Rate& rate, TimePoint now) {
  left = rate.left;
  at = now;
  full_at = now + rate.reset;
  bool filling = rate.limit > rate.left && rate.reset.count() > 0;
  per_ms = filling ? (rate.limit - rate.left) / static_cast<double>(rate.reset.count()) : 0;
}

TimePoint Endpoint::Bucket::allows_at(double count, TimePoint now) const {
  if (now >= full_at) return now;
  double passed = std::chrono::duration<double, std::milli>(now - at).count();
  double missing = count - (left + per_ms * passed);
  if (missing <= 0) return now;
  if (per_ms <= 0) return full_at;
  double wait = std::ceil(missing / per_ms);
  if (wait > static_cast<double>(duration_cast<milliseconds>(full_at - now).count()))
    return full_at;
  return now + milliseconds(static_cast<std::int64_t>(wait));
}

// ---- entering

Endpoint::Decision Endpoint::decide(const Ticket& ticket, std::int64_t tokens,
                                    TimePoint now) const {
  using Kind = Decision::Kind;
  if (probes_failed_ > ticket.probes_failed) return {Kind::refuse};
  if (queue_.front().get() != &ticket) return {Kind::wait};
  if (probing_) return {Kind::wait};
  TimePoint when = std::max({open_until_.value_or(now), resume_at_, requests_.allows_at(1, now),
                             tokens_.allows_at(static_cast<double>(tokens), now)});
  if (when > now) return {Kind::wait, when};
  if (static_cast<double>(in_flight_) >= std::floor(limit_)) return {Kind::wait};
  return {Kind::go};
}

Task<Endpoint::Permit> Endpoint::enter(Loop& loop, std::int64_t tokens,
                                       std::optional<TimePoint> deadline) {
  struct Leave {
    Endpoint& endpoint;
    std::shared_ptr<Ticket> ticket;  // shared with the queue
    ~Leave() { endpoint.leave(ticket); }
  };
  const auto self = shared_from_this();
  const Leave place{*this, std::make_shared<Ticket>(loop)};
  Ticket& ticket = *place.ticket;
  {
    const std::lock_guard lock(mutex_);
    if (queue_.size() >= limits::kEndpointQueueMax) {
      co_return Error{.kind = ErrorKind::unavailable,
                      .message = fmt::format("{}: {} calls wait for their turn, no more are taken",
                                             name_, queue_.size())};
    }
    ticket.probes_failed = probes_failed_;
    queue_.push_back(place.ticket);
  }
  for (;;) {
    const TimePoint now = loop.now();
    ticket.turn.reset();
    std::optional<TimePoint> until;
    std::size_t under_way = 0;
    {
      const std::lock_guard lock(mutex_);
      Decision decision = decide(ticket, tokens, now);
      if (decision.kind == Decision::Kind::refuse) co_return last_error_;
      if (decision.kind == Decision::Kind::go) {
        ++in_flight_;
        requests_.take(1);
        tokens_.take(static_cast<double>(tokens));
        probing_ = open_until_.has_value();
        co_return Permit(self, now, probing_);
      }
      until = decision.until;
      under_way = in_flight_;
    }
    if (until && *until > std::min(deadline.value_or(*until), now + limits::kRetryAfterMax)) {
      milliseconds wait = duration_cast<milliseconds>(*until - now);
      co_return Error{
          .kind = ErrorKind::unavailable,
          .message = fmt::format("{} takes no calls for {} ms yet", name_, wait.count()),
          .retry_after = wait};
    }
    if (deadline && now >= *deadline) {
      co_return Error{.kind = ErrorKind::timeout,
                      .message = fmt::format("{}: time is up while the call waits for its turn "
                                             "({} are under way)",
                                             name_, under_way)};
    }
    if (deadline && !until) until = deadline;
    if (until) {
      co_await ticket.turn.until(*until);
    } else {
      co_await ticket.turn;
    }
  }
}

void Endpoint::leave(const std::shared_ptr<Ticket>& ticket) {
  const std::lock_guard lock(mutex_);
  if (queue_.empty() || queue_.front() != ticket) {
    std::erase(queue_, ticket);
    return;
  }
  queue_.pop_front();
  if (!queue_.empty()) call(queue_.front());
}

// On its own loop, a turn later.
void Endpoint::call(const std::shared_ptr<Ticket>& ticket) {
  ticket->loop.post([ticket] { ticket->turn.set(); });
}

// ---- ending

Endpoint::Permit::~Permit() {
  if (endpoint_) endpoint_->abandoned(probe_);
}

void Endpoint::Permit::ended(TimePoint now, Ending ending) {
  RAGENT_ASSERT(endpoint_);
  std::exchange(endpoint_, nullptr)->ended(now, sent_, probe_, std::move(ending));
}

void Endpoint::abandoned(bool probe) {
  const std::lock_guard lock(mutex_);
  --in_flight_;
  if (probe) probing_ = false;
  if (!queue_.empty()) call(queue_.front());
}

void Endpoint::ended(TimePoint now, TimePoint sent, bool probe, Ending ending) {
  using Kind = Ending::Kind;
  const std::lock_guard lock(mutex_);
  bool held_back = !queue_.empty() || static_cast<double>(in_flight_) >= limit_ * kNearLimit;
  --in_flight_;
  if (ending.rates.requests) requests_.learn(*ending.rates.requests, now);
  if (ending.rates.tokens) tokens_.learn(*ending.rates.tokens, now);
  if (ending.error.retry_after) {
    resume_at_ = std::max(resume_at_, now + std::min(*ending.error.retry_after,
                                                     milliseconds(limits::kRetryAfterMax)));
  }
  if (ending.kind == Kind::refused || ending.kind == Kind::overloaded) lower(now, sent);
  if (ending.kind == Kind::failed || ending.kind == Kind::overloaded) {
    failed(now, probe, ending.error);
  } else {
    retries_ = std::min(limits::kRetriesSavedMax, retries_ + limits::kRetriesPerCall);
    failures_ = 0;
    open_until_.reset();
    probing_ = false;
    if (ending.kind == Kind::well && held_back) {
      limit_ = std::min<double>(limits::kEndpointCallsMax, limit_ + 1 / limit_);
    }
  }
  if (!queue_.empty()) call(queue_.front());
}

// Once for all that were under way together.
void Endpoint::lower(TimePoint now, TimePoint sent) {
  if (sent < lowered_) return;
  limit_ = std::max(1.0, std::min(limit_, static_cast<double>(in_flight_ + 1)) * kLowered);
  lowered_ = now;
}

void Endpoint::failed(TimePoint now, bool probe, const Error& error) {
  ++failures_;
  if (probe) {
    probing_ = false;
    ++probes_failed_;
    last_error_ = error;
    for (const auto& ticket : queue_) call(ticket);
  }
  bool opens = !open_until_ && failures_ >= limits::kBreakerFailures;
  if (opens || probe) open_until_ = now + limits::kBreakerOpen;
}

bool Endpoint::may_retry(TimePoint now) {
  const std::lock_guard lock(mutex_);
  double earned = std::chrono::duration<double>(now - retries_at_) /
                  std::chrono::duration<double>(limits::kRetryEarnTime);
  if (retries_at_ != TimePoint{}) {
    retries_ = std::min(limits::kRetriesSavedMax, retries_ + earned);
  }
  retries_at_ = now;
  if (retries_ < 1) return false;
  retries_ -= 1;
  return true;
}

double Endpoint::limit() const {
  const std::lock_guard lock(mutex_);
  return limit_;
}

}  // namespace ragent
