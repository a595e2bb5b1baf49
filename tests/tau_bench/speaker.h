// Speaker: the model of the log, behind the stub's server. It says the reply that follows what a
// request holds, so the same request gets the same reply; a request that holds anything but the
// log's own messages gets status 400 and the difference. In the turn of a fatal moment the first
// request is left hanging, and whoever asked is killed by then.
//
//   Speaker speaker(log);
//   stub::StubModel stub(*loop, {.script = [&](const stub::StubRequest& request) {
//                                  return speaker.say(request); }});
//
// Loop thread.
#pragma once

#include <stub_model/stub_model.h>
#include <tau_bench/log.h>

#include <functional>

namespace ragent::tau_bench {

// Where a process dies, within a turn.
struct Fatal {
  enum class Moment : std::uint8_t {
    reply,    // of reply `at`, when `part` of its bytes came
    call,     // in call `at`, before it did anything
    effect,   // in call `at`, after what it did
    outcome,  // after the outcome of call `at` was durable, before the model says more
  };
  Moment moment = Moment::reply;
  Place turn = {};
  std::size_t at = 0;
  double part = 0.5;
};

class Speaker {
 public:
  explicit Speaker(const Log& log) : log_(log) {}
  stub::StubReply say(const stub::StubRequest& request);
  // Of the process that asks now; `hanging` is called when it waits within the reply. None: it
  // lives.
  void fatal(std::optional<Fatal> fatal, std::function<void()> hanging);

  const std::vector<std::string>& differences() const { return differences_; }
  std::size_t replies() const { return replies_; }   // that were said whole
  std::size_t hangings() const { return hangings_; }  // requests that were not answered

 private:
  Result<Said> choose(const Json& body);
  stub::Fault fault_now(const stub::StubReply& reply, std::size_t said);

  const Log& log_;
  std::optional<Fatal> fatal_ = {};
  std::function<void()> hanging_ = {};
  Place asked_turn_ = {};  // of the request that is answered
  std::size_t asked_reply_ = 0;
  std::vector<std::string> differences_ = {};
  std::size_t replies_ = 0;
  std::size_t hangings_ = 0;
};

}  // namespace ragent::tau_bench
