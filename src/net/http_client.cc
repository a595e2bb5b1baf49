#include <net/http_client.h>

#include <base/scope.h>
#include <base/text.h>
#include <net/curl.h>

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>

namespace ragent {

namespace {

using std::chrono::milliseconds;

struct CloseMulti {
  void operator()(CURLM* multi) const { curl().multi_cleanup(multi); }
};
struct CloseEasy {
  void operator()(CURL* easy) const { curl().easy_cleanup(easy); }
};
struct FreeList {
  void operator()(curl_slist* list) const { curl().slist_free_all(list); }
};
using List = std::unique_ptr<curl_slist, FreeList>;
using Easy = std::unique_ptr<CURL, CloseEasy>;

// scheme://host:port of a URL, for messages: never its user, path or query.
std::string origin_of(std::string_view url) {
  const std::size_t scheme = url.find("://");
  const std::size_t begin = scheme == std::string_view::npos ? 0 : scheme + 3;
  return printable(url.substr(0, begin), 40) + printable(host_and_port(url), 200);
}

// For people: "30 ms", "2.5 s".
std::string time_text(milliseconds time) {
  if (time < std::chrono::seconds(1)) return fmt::format("{} ms", time.count());
  return fmt::format("{:.3g} s", static_cast<double>(time.count()) / 1000);
}

class CurlClient;

// One call: lives in the frame of send(). libcurl's callbacks only store; the coroutine hands on.
struct Transfer {
  Transfer(CurlClient& of, Loop& loop, HttpCall asked)
      : client(of),
        loop(loop),
        call(std::move(asked)),
        origin(origin_of(call.request.url)),
        changed(loop) {}
  Transfer(const Transfer&) = delete;
  Transfer& operator=(const Transfer&) = delete;
  ~Transfer();

  Result<void> set_up(const HttpClientOptions& options);
  std::size_t head_line(std::string_view line);
  std::size_t body(std::string_view bytes);
  void completed(CURLcode code);
  void give_up(Error why) {  // libcurl does not always tell that the transfer ended by it
    error = std::move(why);
    changed.set();
  }
  bool started();   // connected, and sending or receiving
  bool progressed();  // with connecting or sending, since the last time this was asked
  Error error_of(CURLcode code);
  Error silent();

  CurlClient& client;
  Loop& loop;
  HttpCall call;
  std::string origin;
  Signal changed;
  Easy easy = {};
  List headers = {};
  HttpResponse head = {};
  std::size_t head_bytes = 0;
  bool head_whole = false;
  std::string unread = {};  // for on_body
  std::size_t received = 0;
  bool paused = false;
  bool added = false;
  bool done = false;
  std::optional<Error> error = {};
  TimePoint heard = {};  // when the last byte came
  curl_off_t progress = 0;
  char message[CURL_ERROR_SIZE] = {};
};

class CurlClient final : public HttpClient {
 public:
  CurlClient(Loop& loop, HttpClientOptions options)
      : loop_(loop),
        options_(std::move(options)),
        work_(loop),
        multi_(curl().multi_init()),
        scope_(loop) {
    RAGENT_ASSERT(multi_ != nullptr);
    set(CURLMOPT_SOCKETFUNCTION, &socket_changed);
    set(CURLMOPT_SOCKETDATA, this);
    set(CURLMOPT_TIMERFUNCTION, &timer_changed);
    set(CURLMOPT_TIMERDATA, this);
    set(CURLMOPT_MAX_TOTAL_CONNECTIONS, static_cast<long>(options_.connections_max));
    set(CURLMOPT_MAXCONNECTS, static_cast<long>(options_.connections_max));
    scope_.spawn(drive());
  }
  ~CurlClient() override { RAGENT_ASSERT(transfers_ == 0); }  // a client outlives its calls

  Task<HttpResponse> send(HttpCall call) override;

  // A handle and what it holds, some 20 KB, cost more to make than a call costs otherwise.
  Easy take_easy() {
    if (idle_.empty()) return Easy(curl().easy_init());
    Easy easy = std::move(idle_.back());
    idle_.pop_back();
    return easy;
  }
  Result<void> add(Transfer& transfer) {
    const CURLMcode code = curl().multi_add_handle(multi_.get(), transfer.easy.get());
    transfer.added = code == CURLM_OK;
    if (transfer.added) return {};
    return fail(ErrorKind::unavailable, fmt::format("{} could not be asked ({})", transfer.origin,
                                                    curl().multi_strerror(code)));
  }
  void remove(Transfer& transfer) {
    --transfers_;
    if (!transfer.easy) return;
    if (transfer.added) curl().multi_remove_handle(multi_.get(), transfer.easy.get());
    if (idle_.size() >= options_.connections_max) return;
    curl().easy_reset(transfer.easy.get());
    idle_.push_back(std::move(transfer.easy));
  }
  // The sockets of libcurl's connections. Those stay with the reactor from call to call.
  int opened(int fd) {
    sockets_[fd].kept = true;
    return CURL_SOCKOPT_OK;
  }
  int close(int fd) {
    sockets_.erase(fd);
    return ::close(fd);
  }

 private:
  struct Side {
    std::unique_ptr<Watch> watch = {};
    bool waits = false;  // else it is spent
  };
  struct Socket {
    int wanted = CURL_POLL_NONE;
    int ready = 0;
    bool kept = false;  // until it is closed: libcurl tells of that
    Side read = {};
    Side write = {};
  };

  template <class T>
  void set(CURLMoption option, T value) {
    RAGENT_ASSERT(curl().multi_setopt(multi_.get(), option, value) == CURLM_OK);
  }
  static int socket_changed(CURL*, curl_socket_t fd, int what, void* self, void*) {
    static_cast<CurlClient*>(self)->want(fd, what);
    return 0;
  }
  static int timer_changed(CURLM*, long timeout, void* self) {
    auto& client = *static_cast<CurlClient*>(self);
    client.time(timeout);
    client.work_.set();
    return 0;
  }
  // A millisecond late: its clock and ours round, and it does not ask twice for the same time.
  void time(long timeout) {
    timer_.reset();
    if (timeout >= 0) timer_ = loop_.now() + milliseconds(timeout > 0 ? timeout + 1 : 0);
  }
  void want(int fd, int what) {
    Socket& socket = sockets_[fd];
    if (what != CURL_POLL_REMOVE) {
      socket.wanted = what;
      arm(fd, socket);
    } else if (socket.kept) {
      socket.wanted = CURL_POLL_NONE;
      socket.ready = 0;
    } else {
      sockets_.erase(fd);  // now: libcurl is about to close it
    }
  }
  void arm(int fd, Socket& socket) {
    const auto one = [&](int poll, int select, Readiness readiness, Side& side) {
      if ((socket.wanted & poll) == 0 || side.waits) return;
      side.waits = true;
      if (side.watch) return side.watch->again();
      side.watch = loop_.watch(fd, readiness, [this, fd, poll, select, &socket, &side] {
        side.waits = false;
        if ((socket.wanted & poll) != 0) now_ready(fd, socket, select);
      });
    };
    one(CURL_POLL_IN, CURL_CSELECT_IN, Readiness::readable, socket.read);
    one(CURL_POLL_OUT, CURL_CSELECT_OUT, Readiness::writable, socket.write);
  }
  void now_ready(int fd, Socket& socket, int select) {
    if (socket.ready == 0) ready_.push_back(fd);
    socket.ready |= select;
    work_.set();
  }
  // libcurl wants to be told again while there is more.
  void act(int fd) {
    const auto found = sockets_.find(fd);
    if (found == sockets_.end() || found->second.ready == 0) return;
    int running = 0;
    curl().multi_socket_action(multi_.get(), fd, std::exchange(found->second.ready, 0), &running);
    const auto after = sockets_.find(fd);  // it may be gone, or another one of that number
    if (after != sockets_.end()) arm(fd, after->second);
  }
  void collect() {
    int left = 0;
    while (const CURLMsg* message = curl().multi_info_read(multi_.get(), &left)) {
      if (message->msg != CURLMSG_DONE) continue;
      const CURLcode code = message->data.result;
      Transfer* transfer = nullptr;
      curl().easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &transfer);
      transfer->completed(code);
    }
  }
  Task<void> drive();

  Loop& loop_;
  HttpClientOptions options_;
  std::map<int, Socket> sockets_;
  std::vector<int> ready_;
  std::optional<TimePoint> timer_;
  std::size_t transfers_ = 0;
  std::vector<Easy> idle_;  // of ended transfers
  Signal work_;
  std::unique_ptr<CURLM, CloseMulti> multi_;  // closing it calls back: after what that uses
  Scope scope_;
};

Task<void> CurlClient::drive() {
  for (;;) {
    if (ready_.empty()) {
      if (timer_) {
        co_await work_.until(*timer_);
      } else {
        co_await work_;
      }
    }
    work_.reset();
    if (timer_ && *timer_ <= loop_.now()) {
      timer_.reset();
      int running = 0;
      curl().multi_socket_action(multi_.get(), CURL_SOCKET_TIMEOUT, 0, &running);
      long timeout = -1;
      curl().multi_timeout(multi_.get(), &timeout);
      if (!timer_) time(timeout);
    }
    for (const int fd : std::exchange(ready_, {})) act(fd);
    collect();
  }
}

Transfer::~Transfer() { client.remove(*this); }

bool Transfer::started() {
  curl_off_t before = 0;
  curl().easy_getinfo(easy.get(), CURLINFO_PRETRANSFER_TIME_T, &before);
  return before > 0;
}

bool Transfer::progressed() {
  curl_off_t sent = 0;
  curl().easy_getinfo(easy.get(), CURLINFO_SIZE_UPLOAD_T, &sent);
  const curl_off_t now = sent + (started() ? 1 : 0);
  return std::exchange(progress, now) != now;
}

std::size_t Transfer::head_line(std::string_view line) {
  heard = loop.now();
  head_bytes += line.size();
  const auto too_large = [this] {
    give_up({.kind = ErrorKind::invalid, .message = origin + ": the response's head is too large"});
    return std::size_t{0};
  };
  if (head_bytes > limits::kResponseHeadBytesMax) return too_large();
  const std::size_t size = line.size();
  line = trim(line);
  if (head_whole) return size;  // a trailer, after the body, whatever it looks like
  if (line.starts_with("HTTP/")) {  // again after an informational response
    head = {};
    head.status = 0;
    const std::size_t space = line.find(' ');
    const std::string_view status = space == line.npos ? "" : line.substr(space + 1, 3);
    std::from_chars(status.data(), status.data() + status.size(), head.status);
  } else if (line.empty()) {
    head_whole = head.status >= 200;
  } else if (const std::size_t colon = line.find(':'); colon != line.npos) {
    if (head.headers.list().size() >= limits::kHeadersMax) return too_large();
    head.headers.add(std::string(trim(line.substr(0, colon))),
                     std::string(trim(line.substr(colon + 1))));
  }
  return size;
}

std::size_t Transfer::body(std::string_view bytes) {
  heard = loop.now();
  if (call.on_body && unread.size() >= limits::kClientUnreadBytesMax) {
    paused = true;
    return CURL_WRITEFUNC_PAUSE;
  }
  if (bytes.size() > call.body_max - received) {
    give_up({.kind = ErrorKind::invalid,
             .message = fmt::format("{}: the response is larger than {} bytes, what this call "
                                    "takes at most",
                                    origin, call.body_max)});
    return bytes.empty() ? 1 : 0;
  }
  received += bytes.size();
  (call.on_body ? unread : head.body) += bytes;
  if (call.on_body) changed.set();
  return bytes.size();
}

void Transfer::completed(CURLcode code) {
  done = true;
  if (!error && code != CURLE_OK) error = error_of(code);
  if (!error && !head_whole) {
    error = Error{.kind = ErrorKind::unavailable,
                  .message = origin + " closed the connection within the response's head"};
  }
  changed.set();
}

Error Transfer::error_of(CURLcode code) {
  const std::string detail = printable(message[0] ? message : curl().easy_strerror(code), 300);
  const auto unavailable = [&](std::string_view what) {
    return Error{.kind = ErrorKind::unavailable,
                 .message = fmt::format("{} {} ({})", origin, what, detail)};
  };
  switch (code) {
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:  // of the URL or, once connected, of the answer
      if (started())
        return unavailable("does not speak HTTP: is the port right, and http or https?");
      return {.kind = ErrorKind::invalid,
              .message =
                  fmt::format("expected a URL http://… or https://…, got {} ({})", origin, detail)};
    case CURLE_OPERATION_TIMEDOUT:
      return {.kind = ErrorKind::timeout,
              .message = fmt::format("{} could not be connected within {} ({})", origin,
                                     time_text(call.connect_max), detail)};
    case CURLE_COULDNT_RESOLVE_HOST:
      return unavailable("has no address: is the name right, and the network there?");
    case CURLE_COULDNT_RESOLVE_PROXY: return unavailable("needs a proxy that has no address");
    case CURLE_COULDNT_CONNECT: return unavailable("does not accept connections");
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_ISSUER_ERROR: return unavailable("cannot be trusted or speaks no TLS");
    case CURLE_SSL_CACERT_BADFILE: return unavailable("was not asked: the file of certificates");
    case CURLE_PARTIAL_FILE: return unavailable("ended the response early");
    case CURLE_GOT_NOTHING: return unavailable("closed the connection without a response");
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR: return unavailable("broke the connection");
    default: return unavailable("could not be asked");
  }
}

Error Transfer::silent() {
  return {.kind = ErrorKind::timeout,
          .message = fmt::format("{} sent nothing for {} ({})", origin, time_text(call.silence_max),
                                 head_whole ? fmt::format("after {} bytes of the body", received)
                                            : "before the response's head was whole")};
}

extern "C" {
static std::size_t ragent_head(char* bytes, std::size_t, std::size_t size, void* transfer) {
  return static_cast<Transfer*>(transfer)->head_line({bytes, size});
}
static std::size_t ragent_body(char* bytes, std::size_t, std::size_t size, void* transfer) {
  return static_cast<Transfer*>(transfer)->body({bytes, size});
}
static int ragent_opened(void* client, curl_socket_t fd, curlsocktype) {
  return static_cast<CurlClient*>(client)->opened(fd);
}
static int ragent_close(void* client, curl_socket_t fd) {
  return static_cast<CurlClient*>(client)->close(fd);
}
}

// What libcurl says itself: said twice it could be read in two ways.
bool of_libcurl(std::string_view name) {
  return std::ranges::any_of(
      std::initializer_list<std::string_view>{"content-length", "transfer-encoding", "connection",
                                              "proxy-connection", "upgrade", "expect"},
      [&](std::string_view own) { return same_name(own, name); });
}

Result<List> list_of(const HttpRequest& request) {
  if (Result<void> checked = check_headers(request.headers); !checked) {
    return fail(std::move(checked.error()));
  }
  bool host = false;
  for (const auto& [name, value] : request.headers.list()) {
    const bool twice = same_name(name, "host") && std::exchange(host, true);
    if (!twice && !of_libcurl(name)) continue;
    return fail(ErrorKind::invalid, "the header " + name + " is said by the HTTP client itself");
  }
  List list;
  const auto add = [&](const std::string& line) {
    curl_slist* longer = curl().slist_append(list.get(), line.c_str());
    if (!longer) throw std::bad_alloc();
    static_cast<void>(list.release());  // the head of the longer one
    list.reset(longer);
  };
  for (const auto& [name, value] : request.headers.list()) {
    add(value.empty() ? name + ";" : name + ": " + value);
  }
  add("Expect:");  // a round trip more before large bodies
  if (!request.headers.find("content-type")) add("Content-Type:");
  return list;
}

Result<void> Transfer::set_up(const HttpClientOptions& options) {
  easy = client.take_easy();
  if (!easy) return fail(ErrorKind::unavailable, "out of memory for a call to " + origin);
  bool good = true;
  const auto set = [&](CURLoption option, auto value) {
    good = good && curl().easy_setopt(easy.get(), option, value) == CURLE_OK;
  };
  const HttpRequest& request = call.request;
  if (!is_token(request.method)) return fail(ErrorKind::invalid, "the method is no word");
  if (request.url.contains('\0')) return fail(ErrorKind::invalid, "the URL has a zero byte");
  Result<List> list = list_of(request);
  if (!list) return fail(std::move(list.error()));
  headers = std::move(*list);
  set(CURLOPT_URL, request.url.c_str());
  set(CURLOPT_PROTOCOLS_STR, "http,https");
  set(CURLOPT_HTTPHEADER, headers.get());
  if (request.method == "HEAD") {
    set(CURLOPT_NOBODY, 1L);
  } else if (request.method != "GET" || !request.body.empty()) {
    if (!request.body.empty() || request.method == "POST" || request.method == "PUT" ||
        request.method == "PATCH") {
      set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
      set(CURLOPT_POSTFIELDS, request.body.c_str());  // not copied
    }
    set(CURLOPT_CUSTOMREQUEST, request.method.c_str());
  }
  set(CURLOPT_NOSIGNAL, 1L);
  set(CURLOPT_QUICK_EXIT, 1L);  // a cancelled call does not wait for its resolving thread
  set(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  set(CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(call.connect_max.count()));
  set(CURLOPT_ERRORBUFFER, message);
  set(CURLOPT_PRIVATE, this);
  set(CURLOPT_HEADERFUNCTION, &ragent_head);
  set(CURLOPT_HEADERDATA, this);
  set(CURLOPT_WRITEFUNCTION, &ragent_body);
  set(CURLOPT_WRITEDATA, this);
  set(CURLOPT_SOCKOPTFUNCTION, &ragent_opened);
  set(CURLOPT_SOCKOPTDATA, &client);
  set(CURLOPT_CLOSESOCKETFUNCTION, &ragent_close);
  set(CURLOPT_CLOSESOCKETDATA, &client);
  if (!options.ca_file.empty()) set(CURLOPT_CAINFO, options.ca_file.c_str());
  if (!options.unix_socket.empty()) {
    set(CURLOPT_UNIX_SOCKET_PATH, options.unix_socket.c_str());
    set(CURLOPT_PROXY, "");
  }
  if (!good) return fail(ErrorKind::internal, "libcurl does not take an option it should know");
  return {};
}

Task<HttpResponse> CurlClient::send(HttpCall call) {
  if (transfers_ >= limits::kClientCallsMax) {
    co_return fail(ErrorKind::unavailable,
                   fmt::format("{} calls are under way, the most of one client: try later",
                               limits::kClientCallsMax));
  }
  Transfer transfer(*this, loop_, std::move(call));
  ++transfers_;
  co_await transfer.set_up(options_);
  co_await add(transfer);
  const HttpCall& asked = transfer.call;
  const bool limited = asked.time_max.count() > 0;
  const TimePoint end = loop_.now() + asked.time_max;
  transfer.heard = loop_.now();
  for (;;) {
    const TimePoint silent = transfer.heard + asked.silence_max;
    const bool in_time = co_await transfer.changed.until(limited ? std::min(silent, end) : silent);
    transfer.changed.reset();
    if (!transfer.unread.empty()) {
      const std::string bytes = std::exchange(transfer.unread, {});
      Result<void> taken = asked.on_body(transfer.head, bytes);
      if (!taken) co_return std::move(taken.error());
    }
    if (transfer.error) co_return std::move(*transfer.error);
    if (transfer.done && transfer.unread.empty()) break;
    if (std::exchange(transfer.paused, false)) {
      transfer.heard = loop_.now();
      curl().easy_pause(transfer.easy.get(), CURLPAUSE_CONT);  // may call back, and store more
    }
    // Also while bytes come: who sends without end must not outlive the call's time.
    if (limited && loop_.now() >= end) {
      co_return fail(ErrorKind::timeout,
                     fmt::format("{} did not finish within {} ({} bytes of the body came)",
                                 transfer.origin, time_text(asked.time_max), transfer.received));
    }
    if (in_time || loop_.now() < transfer.heard + asked.silence_max) continue;
    // Connecting, and waiting for a free connection, have a time of their own.
    if (!transfer.progressed() && transfer.started()) co_return transfer.silent();
    transfer.heard = loop_.now();
  }
  co_return std::move(transfer.head);
}

// What stands in where there is no libcurl.
class NoClient final : public HttpClient {
 public:
  explicit NoClient(Error why) : why_(std::move(why)) {}
  Task<HttpResponse> send(HttpCall) override { co_return why_; }

 private:
  Error why_;
};

}  // namespace

std::unique_ptr<HttpClient> make_http_client(Loop& loop, HttpClientOptions options) {
  if (Result<void> loaded = load_curl(); !loaded) {
    return std::make_unique<NoClient>(std::move(loaded.error()));
  }
  // Thread-safe and counted; never undone, as other parts of the program may use libcurl.
  RAGENT_ASSERT(curl().global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK);
  // A resolver of libcurl's own thread: else a slow name would stop the shard.
  RAGENT_ASSERT((curl().version_info(CURLVERSION_NOW)->features & CURL_VERSION_ASYNCHDNS) != 0);
  return std::make_unique<CurlClient>(loop, std::move(options));
}

}  // namespace ragent
