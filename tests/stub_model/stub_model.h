// StubModel: a model's server for tests and benches, over HTTP on this machine: chat completions,
// responses and messages, streamed and plain, and the list of models. It says what it is told to,
// byte for byte the same for the same request, and fails as it is told to.
//
//   StubModel stub(*loop, {.reply = {.text = "Hello."}});
//   stub.fault({{.kind = FaultKind::status, .status = 503, .times = 2}});   // then it is well
//   … POST stub.url("/chat/completions") …
//   EXPECT_EQ(stub.count(), 3u);
//
// It writes its own bytes to its sockets, as most faults are none that an HTTP server can make. One
// owner, the loop's thread (the real loop). Asked with https it is a server without TLS.
#pragma once

#include <base/scope.h>
#include <net/request_parser.h>
#include <net/socket.h>
#include <stub_model/wire.h>

#include <deque>
#include <set>

namespace ragent::stub {

struct StubRequest {
  std::uint64_t number = 0;  // of all, from 1
  std::string method = {};
  std::string path = {};
  Headers headers = {};
  std::string body = {};
  Result<Json> json() const { return parse_json(body); }
};

// Seeded: the n-th request of a seed waits the same time.
struct Latency {
  std::chrono::milliseconds first_min = {};  // before the first byte
  std::chrono::milliseconds first_max = {};
  std::chrono::milliseconds between_min = {};  // before each further event of a stream
  std::chrono::milliseconds between_max = {};
  std::uint64_t seed = 1;
};

// More than so many at work are refused with 429. Every answer says, in both families' rate-limit
// headers, how many more there may be now.
struct Capacity {
  std::size_t at_once = 0;  // 0: any number, and no such headers
  RetryForm retry = RetryForm::seconds;
  std::chrono::milliseconds retry_after = std::chrono::seconds(1);
};

enum class Down : std::uint8_t {
  status,  // 503 to everybody
  refused,  // connections, and those there are end, as of a process that died
  reset,  // connections, as soon as they are made
};
struct Outage {  // in order of time, from the stub's beginning
  std::chrono::milliseconds from = {};
  std::chrono::milliseconds until = {};
  Down kind = Down::status;
};

struct StubOptions {
  StubReply reply = {.text = "Hello from the stub."};
  std::function<StubReply(const StubRequest&)> script = {};  // instead of `reply`
  std::vector<Fault> faults = {};  // see fault()
  std::optional<Latency> latency = {};  // none: at once
  Capacity capacity = {};
  std::vector<Outage> outages = {};
  std::vector<std::string> models = {"stub"};
  std::size_t requests_kept = 256;  // the latest
};

class StubModel {
 public:
  explicit StubModel(Loop& loop, StubOptions options = {});
  ~StubModel();
  StubModel(const StubModel&) = delete;
  StubModel& operator=(const StubModel&) = delete;

  std::uint16_t port() const { return port_; }
  std::string url(std::string_view path = "") const;  // "http://127.0.0.1:PORT/v1" and the path
  // From the next request on.
  void answer(StubReply reply);
  void fault(std::vector<Fault> faults);  // one after the other, each `times` requests; then none
  void down(Down kind);
  void up();

  const std::deque<StubRequest>& requests() const { return requests_; }
  std::uint64_t count() const { return count_; }  // requests of all kinds that came whole
  std::uint64_t refused() const { return refused_; }  // of them, for capacity
  std::uint64_t connections() const { return accepted_; }
  std::size_t at_work() const { return at_work_; }
  std::size_t at_work_max() const { return at_work_max_; }

 private:
  struct Peer;
  struct Working;
  void listen();
  Task<void> accept_all();
  Task<void> serve(FileDescriptor fd);
  Task<bool> read_request(Peer& peer);  // false: there is none
  Task<bool> answer_one(Peer& peer);  // false: the connection ends
  Task<bool> play(Peer& peer, Wire wire, std::uint64_t number);  // false: the connection ends
  Task<bool> write(Peer& peer, std::string_view bytes);  // false: the peer is gone
  Task<bool> pause(Peer& peer, std::optional<TimePoint> until);  // false: the peer is gone
  Task<void> run_outages();
  StubRequest take(HttpRequest& request);
  void keep(StubRequest request);
  const Wire& instant(Api api, bool stream);
  Wire wire_for(const StubRequest& request, Api api, bool stream);
  const Fault* scheduled();
  std::string limits_text() const;

  Loop& loop_;
  StubOptions options_;
  std::uint16_t port_ = 0;
  FileDescriptor reserved_ = {};  // holds the port while nobody listens
  FileDescriptor listening_ = {};
  std::unique_ptr<Watch> watch_ = {};
  Signal acceptable_;
  std::optional<Down> down_ = {};
  std::size_t fault_ = 0;  // of the schedule
  std::uint32_t fault_met_ = 0;  // requests, of that one
  std::array<std::array<std::optional<Wire>, 2>, kApis.size()> instant_ = {};  // by stream
  std::deque<StubRequest> requests_ = {};
  std::uint64_t count_ = 0;
  std::uint64_t refused_ = 0;
  std::uint64_t accepted_ = 0;
  std::size_t at_work_ = 0;
  std::size_t at_work_max_ = 0;
  BodyRoom bodies_ = {.max = limits::kServerBodiesBytesMax};
  std::vector<char> scratch_ = {};  // of a read; used up before anybody else gets a turn
  std::set<Peer*> peers_ = {};
  Scope serving_;  // the last three use the others
  Scope accepting_;
  Scope outages_;
};

// Whether the outermost object of a request's body says "stream": true. Reads no further than that.
bool asks_for_stream(std::string_view body);

}  // namespace ragent::stub
