#include <stub_model/stub_model.h>

#include <base/random.h>
#include <fmt/chrono.h>
#include <fmt/format.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

namespace ragent::stub {

namespace {

using namespace std::chrono_literals;

constexpr int kBacklog = 4096;
constexpr std::size_t kScratchBytes = 64u << 10;
constexpr int kAcceptedPerTurn = 64;
constexpr auto kBeforeReset = 10ms;  // a reset takes with it what the peer has not read yet
constexpr std::string_view kNotUnderstood =
    "HTTP/1.1 400 Stub\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

// Bound to this machine's `port`, or to any free one.
FileDescriptor bound(std::uint16_t port) {
  FileDescriptor fd(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  RAGENT_ASSERT(fd);
  const int on = 1;
  ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  const auto* generic = reinterpret_cast<const sockaddr*>(&address);
  RAGENT_ASSERT(::bind(fd.get(), generic, sizeof address) == 0);
  return fd;
}

std::uint16_t port_of(const FileDescriptor& fd) {
  sockaddr_in address = {};
  socklen_t size = sizeof address;
  ::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address), &size);
  return ntohs(address.sin_port);
}

std::chrono::milliseconds between(Random& random, std::chrono::milliseconds least,
                                  std::chrono::milliseconds most) {
  if (most <= least) return least;
  const auto width = static_cast<std::uint64_t>((most - least).count()) + 1;
  return least + std::chrono::milliseconds(random.below(width));
}

std::optional<Api> api_of(std::string_view path) {
  path = path.substr(0, path.find('?'));
  for (const Api api : kApis) {
    if (path == path_of(api)) return api;
  }
  return std::nullopt;
}

// The end of the string whose first quote stands at `begin`.
std::size_t end_of_string(std::string_view text, std::size_t begin) {
  for (std::size_t i = begin + 1; i < text.size(); ++i) {
    if (text[i] == '\\') {
      ++i;
    } else if (text[i] == '"') {
      return i;
    }
  }
  return text.size();
}

}  // namespace

bool asks_for_stream(std::string_view body) {
  constexpr std::string_view kKey = "\"stream\"";
  const std::size_t last = body.rfind(kKey);
  if (last == std::string_view::npos) return false;
  int depth = 0;
  for (std::size_t i = 0; i <= last; ++i) {
    const char c = body[i];
    if (c == '{' || c == '[') ++depth;
    if (c == '}' || c == ']') --depth;
    if (c != '"') continue;
    const std::size_t end = end_of_string(body, i);
    if (depth == 1 && body.substr(i, end + 1 - i) == kKey) {
      std::string_view value = body.substr(end + 1);
      const std::size_t colon = value.find_first_not_of(" \t\r\n");
      if (colon != std::string_view::npos && value[colon] == ':') {
        value.remove_prefix(colon + 1);
        value.remove_prefix(std::min(value.find_first_not_of(" \t\r\n"), value.size()));
        return value.starts_with("true");
      }
    }
    i = end;
  }
  return false;
}

// One connection.
struct StubModel::Peer {
  Peer(StubModel& stub, FileDescriptor fd)
      : of(stub),
        socket(stub.loop_, std::move(fd), nullptr),
        parser(limits::kRequestHeadBytesMax, limits::kRequestBodyBytesMax, stub.bodies_),
        readable(stub.loop_),
        writable(stub.loop_) {
    of.peers_.insert(this);
  }
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;
  ~Peer() { of.peers_.erase(this); }

  void want_reading() {
    readable.reset();
    if (std::exchange(watched, true)) return;
    socket.when_readable([this] {
      watched = false;
      readable.set();
    });
  }

  StubModel& of;
  ServerSocket socket;
  RequestParser parser;
  std::string rest = {};  // came after the request at work
  bool watched = false;
  Signal readable;
  Signal writable;
};

struct StubModel::Working {
  explicit Working(StubModel& stub) : of(stub) {
    of.at_work_max_ = std::max(of.at_work_max_, ++of.at_work_);
  }
  Working(const Working&) = delete;
  Working& operator=(const Working&) = delete;
  ~Working() { --of.at_work_; }
  StubModel& of;
};

StubModel::StubModel(Loop& loop, StubOptions options)
    : loop_(loop),
      options_(std::move(options)),
      reserved_(bound(0)),
      acceptable_(loop),
      scratch_(kScratchBytes),
      serving_(loop, [](const Error&) {}),
      accepting_(loop),
      outages_(loop) {
  port_ = port_of(reserved_);
  listen();
  accepting_.spawn(accept_all());
  if (!options_.outages.empty()) outages_.spawn(run_outages());
}

StubModel::~StubModel() = default;

std::string StubModel::url(std::string_view path) const {
  return fmt::format("http://127.0.0.1:{}/v1{}", port_, path);
}

void StubModel::answer(StubReply reply) {
  options_.reply = std::move(reply);
  instant_ = {};
}

void StubModel::fault(std::vector<Fault> faults) {
  options_.faults = std::move(faults);
  fault_ = 0;
  fault_met_ = 0;
}

void StubModel::listen() {
  listening_ = bound(port_);
  RAGENT_ASSERT(::listen(listening_.get(), kBacklog) == 0);
}

void StubModel::down(Down kind) {
  down_ = kind;
  if (kind == Down::status) return;
  if (kind == Down::refused) {
    watch_.reset();
    listening_.reset();
  } else {
    for (Peer* peer : peers_) peer->socket.reset_when_closed();
  }
  serving_.cancel();
}

void StubModel::up() {
  down_.reset();
  if (listening_) return;
  listen();
  acceptable_.set();
}

Task<void> StubModel::run_outages() {
  const TimePoint begin = loop_.now();
  for (const Outage& outage : std::vector<Outage>(options_.outages)) {
    co_await loop_.sleep_until(begin + outage.from);
    down(outage.kind);
    co_await loop_.sleep_until(begin + outage.until);
    up();
  }
}

Task<void> StubModel::accept_all() {
  for (int accepted = 1;; ++accepted) {
    if (accepted % kAcceptedPerTurn == 0) co_await loop_.yield();
    FileDescriptor fd;
    if (listening_) {
      fd.reset(::accept4(listening_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    }
    if (!fd) {
      acceptable_.reset();
      if (listening_) {
        watch_ = loop_.watch(listening_.get(), Readiness::readable, [this] { acceptable_.set(); });
      }
      co_await acceptable_;
      continue;
    }
    ++accepted_;
    if (down_ == Down::reset) {
      const linger now{.l_onoff = 1, .l_linger = 0};
      ::setsockopt(fd.get(), SOL_SOCKET, SO_LINGER, &now, sizeof now);
      continue;
    }
    const int on = 1;
    ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    serving_.spawn(serve(std::move(fd)));
  }
}

Task<void> StubModel::serve(FileDescriptor fd) {
  Peer peer(*this, std::move(fd));
  while (co_await read_request(peer) && co_await answer_one(peer)) {
  }
}

Task<bool> StubModel::read_request(Peer& peer) {
  peer.parser.next();
  peer.rest.erase(0, peer.parser.feed(peer.rest));
  while (!peer.parser.done() && !peer.parser.refused()) {
    if (peer.parser.take_expectation() && !co_await write(peer, "HTTP/1.1 100 Continue\r\n\r\n")) {
      co_return false;
    }
    const int got = peer.socket.read(scratch_);
    if (got < 0) co_return false;
    if (got == 0) {
      peer.want_reading();
      co_await peer.readable;
      continue;
    }
    const std::string_view bytes(scratch_.data(), static_cast<std::size_t>(got));
    peer.rest = bytes.substr(peer.parser.feed(bytes));
  }
  if (peer.parser.refused()) co_await write(peer, kNotUnderstood);
  co_return !peer.parser.refused();
}

StubRequest StubModel::take(HttpRequest& request) {
  return {.number = ++count_,
          .method = std::move(request.method),
          .path = std::move(request.url),
          .headers = std::move(request.headers),
          .body = std::move(request.body)};
}

void StubModel::keep(StubRequest request) {
  if (options_.requests_kept == 0) return;
  if (requests_.size() == options_.requests_kept) requests_.pop_front();
  requests_.push_back(std::move(request));
}

const Fault* StubModel::scheduled() {
  while (fault_ < options_.faults.size() && fault_met_ >= options_.faults[fault_].times) {
    ++fault_;
    fault_met_ = 0;
  }
  if (fault_ == options_.faults.size()) return nullptr;
  ++fault_met_;
  return &options_.faults[fault_];
}

const Wire& StubModel::instant(Api api, bool stream) {
  std::optional<Wire>& made = instant_[static_cast<std::size_t>(api)][stream ? 1 : 0];
  if (!made) {
    made = wire_of({.api = api, .stream = stream, .now = loop_.wall()}, options_.reply);
    if (!options_.latency && !made->apart && made->end != Wire::End::endless) {
      std::string whole;
      for (const std::string& step : made->steps) whole += step;
      made->steps = {std::move(whole)};
    }
  }
  return *made;
}

Wire StubModel::wire_for(const StubRequest& request, Api api, bool stream) {
  StubReply reply = options_.script ? options_.script(request) : options_.reply;
  if (reply.fault.kind == FaultKind::none) {
    if (const Fault* fault = scheduled()) reply.fault = *fault;
  }
  return wire_of({.api = api, .stream = stream, .now = loop_.wall()}, reply);
}

Task<bool> StubModel::answer_one(Peer& peer) {
  StubRequest request = take(peer.parser.request());
  const std::uint64_t number = request.number;
  const std::optional<Api> api = api_of(request.path);
  const Api family = api.value_or(Api::chat);
  std::optional<Working> working;
  Wire wire;
  if (down_ == Down::status) {
    wire = error_wire(family, {.status = 503}, loop_.wall());
  } else if (request.method == "GET" && request.path == "/v1/models") {
    wire = models_wire(options_.models);
  } else if (!api || request.method != "POST") {
    wire = error_wire(family, {.status = 404}, loop_.wall());
  } else if (options_.capacity.at_once > 0 && at_work_ >= options_.capacity.at_once) {
    ++refused_;
    wire = error_wire(family,
                      {.status = 429,
                       .retry = options_.capacity.retry,
                       .retry_after = options_.capacity.retry_after},
                      loop_.wall());
  } else {
    working.emplace(*this);
    const bool stream = asks_for_stream(request.body);
    const bool fixed = !options_.script && fault_ == options_.faults.size();
    if (fixed && !options_.latency) {
      wire = instant(family, stream);
    } else {
      wire = wire_for(request, family, stream);
    }
  }
  keep(std::move(request));
  const bool kept = peer.parser.keep_alive();
  const bool well = co_await play(peer, std::move(wire), number);
  co_return well&& kept;
}

std::string StubModel::limits_text() const {
  const Capacity& capacity = options_.capacity;
  if (capacity.at_once == 0) return "";
  const std::size_t left = capacity.at_once - std::min(at_work_, capacity.at_once);
  return fmt::format(
      "x-ratelimit-limit-requests: {0}\r\nx-ratelimit-remaining-requests: {1}\r\n"
      "x-ratelimit-reset-requests: {2}ms\r\n"
      "anthropic-ratelimit-requests-limit: {0}\r\n"
      "anthropic-ratelimit-requests-remaining: {1}\r\n"
      "anthropic-ratelimit-requests-reset: {3:%FT%TZ}\r\n",
      capacity.at_once, left, capacity.retry_after.count(),
      std::chrono::ceil<std::chrono::seconds>(loop_.wall() + capacity.retry_after));
}

Task<bool> StubModel::play(Peer& peer, Wire wire, std::uint64_t number) {
  const Latency latency = options_.latency.value_or(Latency{});
  SeededRandom random(latency.seed + number * 0x9e3779b97f4a7c15);
  const bool apart = wire.apart || options_.latency;
  const auto delay = wire.delay + between(random, latency.first_min, latency.first_max);
  if (delay > 0ms && !co_await pause(peer, loop_.now() + delay)) co_return false;
  std::string bytes = std::move(wire.head);
  if (bytes.ends_with("\r\n\r\n")) bytes.insert(bytes.size() - 2, limits_text());
  for (std::size_t i = 0; i < wire.steps.size(); ++i) {
    if (apart && i > 0) {
      if (!co_await write(peer, bytes)) co_return false;
      bytes.clear();
      const auto wait = between(random, latency.between_min, latency.between_max);
      if (wait == 0ms) {
        co_await loop_.yield();
      } else if (!co_await pause(peer, loop_.now() + wait)) {
        co_return false;
      }
    }
    bytes += wire.steps[i];
  }
  if (!bytes.empty() && !co_await write(peer, bytes)) co_return false;
  switch (wire.end) {
    case Wire::End::keep: co_return true;
    case Wire::End::close: break;
    case Wire::End::silent: co_await pause(peer, std::nullopt); break;
    case Wire::End::reset:
      co_await loop_.sleep(kBeforeReset);
      peer.socket.reset_when_closed();
      break;
    case Wire::End::endless:
      while (co_await write(peer, wire.steps.back())) co_await loop_.yield();
      break;
  }
  co_return false;
}

Task<bool> StubModel::write(Peer& peer, std::string_view bytes) {
  while (!bytes.empty()) {
    const int sent = peer.socket.write(bytes.substr(0, limits::kTurnBytesMax));
    if (sent < 0) co_return false;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
    if (sent == 0) {
      peer.writable.reset();
      peer.socket.when_writable([&peer] { peer.writable.set(); });
      co_await peer.writable;
    } else if (!bytes.empty()) {
      co_await loop_.yield();
    }
  }
  co_return true;
}

Task<bool> StubModel::pause(Peer& peer, std::optional<TimePoint> until) {
  for (;;) {
    const int got = peer.socket.read(scratch_);
    if (got < 0 || peer.rest.size() > limits::kPipelinedBytesMax) co_return false;
    if (got > 0) {
      peer.rest.append(scratch_.data(), static_cast<std::size_t>(got));
      continue;
    }
    peer.want_reading();
    if (!until) {
      co_await peer.readable;
    } else if (!co_await peer.readable.until(*until)) {
      co_return true;
    }
  }
}

}  // namespace ragent::stub
