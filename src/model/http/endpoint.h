// Endpoint: what one model of an account can bear. It alone decides whether a request may go now,
// and whether one may be tried again; it sends nothing. Shared by the shards: any thread, but a
// Permit stays on its loop.
//
//   Permit permit = co_await endpoint->enter(loop, tokens, deadline);   // waits for its turn
//   … send …
//   permit.ended(loop.now(), {.status = 200, .rates = rates_of(head.headers, loop.wall())});
//   if (endpoint->may_retry(loop.now())) …
//
// - A limit of requests at once, lowered when the endpoint refuses (429, 503, 529) and raised by
//   one a round trip (AIMD: Chiu and Jain 1989); the account's own rates as its headers tell them.
// - A breaker: after limits::kBreakerFailures failures in a row nobody goes for kBreakerOpen, then
//   one call probes. Who waited meanwhile goes when the probe is answered, or gets its Error.
// - A budget of retries: a call that is answered earns kRetriesPerCall of one, so an outage is not
//   multiplied.
// Waiting is first come, first served, and bounded; destroying the Task of enter() leaves the
// queue.
#pragma once

#include <base/loop.h>
#include <model/http/rates.h>

#include <deque>

namespace ragent {

class Endpoint : public std::enable_shared_from_this<Endpoint> {
 public:
  // How a request ended, seen from the endpoint's health.
  struct Ending {
    enum class Kind : std::uint8_t {
      well,  // answered, whatever the answer was
      refused,  // too many requests: 429
      overloaded,  // 503, 529: too many, and a failure
      failed,  // no answer, half of one, another 5xx
    };
    Kind kind = Kind::well;
    Error error = {};  // of the others: what those who wait may get
    Rates rates = {};
  };
  // One request under way. Destroying it without ended() is a cancelled one.
  class Permit {
   public:
    Permit(Permit&& other) noexcept = default;
    Permit& operator=(Permit&&) = delete;
    ~Permit();
    void ended(TimePoint now, Ending ending);

   private:
    friend class Endpoint;
    Permit(std::shared_ptr<Endpoint> endpoint, TimePoint sent, bool probe)
        : endpoint_(std::move(endpoint)), sent_(sent), probe_(probe) {}
    std::shared_ptr<Endpoint> endpoint_;  // shared with its models; null once ended
    TimePoint sent_;
    bool probe_;
  };

  explicit Endpoint(std::string name) : name_(std::move(name)) {}
  const std::string& name() const { return name_; }  // for messages: host and port

  // `tokens`: about how many the request will use. Errors: unavailable (the queue is full; with
  // retry_after: the wait would pass `deadline` or kRetryAfterMax), timeout (it did pass), and that
  // of the breaker's probe.
  Task<Permit> enter(Loop& loop, std::int64_t tokens, std::optional<TimePoint> deadline);
  // Takes one of the budget of retries when there is one.
  bool may_retry(TimePoint now);
  // The limit of requests at once as it is now, for tests and metrics.
  double limit() const;

 private:
  // Who waits; lives on its loop.
  struct Ticket {
    explicit Ticket(Loop& of) : loop(of), turn(of) {}
    Loop& loop;
    Signal turn;
    std::uint64_t probes_failed = 0;  // when it came
  };
  // A token bucket as the headers drew it.
  struct Bucket {
    double left = 0;
    double per_ms = 0;
    TimePoint at = {};
    TimePoint full_at = {};  // nothing is known from then on
    void learn(const Rates::Rate& rate, TimePoint now);
    TimePoint allows_at(double count, TimePoint now) const;  // `now` or later
    void take(double count) { left -= count; }
  };
  struct Decision {
    enum class Kind : std::uint8_t { go, wait, refuse };
    Kind kind = Kind::go;
    std::optional<TimePoint> until = {};  // of waiting: when to ask again, if nobody calls before
  };
  Decision decide(const Ticket& ticket, std::int64_t tokens, TimePoint now) const;
  void ended(TimePoint now, TimePoint sent, bool probe, Ending ending);
  void lower(TimePoint now, TimePoint sent);
  void failed(TimePoint now, bool probe, const Error& error);
  void leave(const std::shared_ptr<Ticket>& ticket);
  void abandoned(bool probe);
  void call(const std::shared_ptr<Ticket>& ticket);

  const std::string name_;
  mutable std::mutex mutex_;  // guards everything below
  std::deque<std::shared_ptr<Ticket>> queue_;  // shared with the frames of enter()
  double limit_ = limits::kEndpointCallsMax;
  std::size_t in_flight_ = 0;
  TimePoint lowered_ = {};  // requests sent before that tell nothing new about the limit
  TimePoint resume_at_ = {};  // as a Retry-After said
  Bucket requests_ = {};
  Bucket tokens_ = {};
  int failures_ = 0;  // in a row
  std::optional<TimePoint> open_until_ = {};  // the breaker is open, or its probe under way
  bool probing_ = false;
  std::uint64_t probes_failed_ = 0;
  Error last_error_ = {};
  double retries_ = limits::kRetriesSavedMax;
  TimePoint retries_at_ = {};  // when they were counted last
};

}  // namespace ragent
