#include <net/connection.h>

#include <fmt/format.h>

#include <algorithm>

namespace ragent {

namespace {

using namespace std::chrono_literals;

constexpr std::size_t kCopiedBytes = 16u << 10;  // smaller chunks go out in one piece
constexpr std::string_view kGone = "the peer closed the connection";
constexpr std::size_t kPieceBytesMin = 1u << 10;

std::string_view reason_of(int status) {
  switch (status) {
    case 100: return "Continue";
    case 200: return "OK";
    case 201: return "Created";
    case 202: return "Accepted";
    case 204: return "No Content";
    case 206: return "Partial Content";
    case 301: return "Moved Permanently";
    case 302: return "Found";
    case 303: return "See Other";
    case 304: return "Not Modified";
    case 307: return "Temporary Redirect";
    case 308: return "Permanent Redirect";
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 402: return "Payment Required";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 406: return "Not Acceptable";
    case 408: return "Request Timeout";
    case 409: return "Conflict";
    case 410: return "Gone";
    case 412: return "Precondition Failed";
    case 413: return "Content Too Large";
    case 415: return "Unsupported Media Type";
    case 417: return "Expectation Failed";
    case 422: return "Unprocessable Content";
    case 429: return "Too Many Requests";
    case 431: return "Request Header Fields Too Large";
    case 500: return "Internal Server Error";
    case 501: return "Not Implemented";
    case 502: return "Bad Gateway";
    case 503: return "Service Unavailable";
    case 504: return "Gateway Timeout";
    case 505: return "HTTP Version Not Supported";
    default: return "Status";
  }
}

bool has_body(int status) { return status >= 200 && status != 204 && status != 304; }

// What the server alone says.
bool of_server(std::string_view name) {
  return same_name(name, "content-length") || same_name(name, "transfer-encoding") ||
         same_name(name, "connection");
}

}  // namespace

HttpResponse problem(int status, std::string_view detail) {
  const Json json = Json::object(
      {{"title", reason_of(status)}, {"status", status}, {"detail", std::string(detail)}});
  return {.status = status,
          .headers = {{"content-type", "application/problem+json"}},
          .body = json.dump()};
}

Task<void> Connection::serve() {
  if (socket_.secure() && !co_await shake()) co_return;
  for (;;) {
    switch (co_await read_request()) {
      case Next::end: co_return;
      case Next::refusal: {
        const RequestParser::Refusal refusal = *parser_.refused();
        co_await refuse(refusal.status, refusal.why);
        co_return;
      }
      case Next::request: break;
    }
    request_ = std::move(parser_.request());
    close_ = !parser_.keep_alive();
    reply_ = Reply::none;
    patience_ = shared_.options.idle_max;
    co_await handle();
    request_ = {};
    // Without chunks or a length the end of the connection is the end of the reply.
    if (reply_ == Reply::cut && !chunked_) socket_.reset_when_closed();
    if (gone_ || reply_ == Reply::cut) co_return;
    if (close_ || shared_.draining) {
      co_await linger();
      co_return;
    }
  }
}

Task<bool> Connection::shake() {
  const TimePoint until = idle();
  for (;;) {
    if (shared_.draining || shared_.loop.now() >= until) co_return false;
    const ServerSocket::Handshake state = socket_.shake();
    if (state == ServerSocket::Handshake::done) co_return true;
    if (state == ServerSocket::Handshake::failed) co_return false;
    event_.reset();
    if (state == ServerSocket::Handshake::read) {
      want_reading();
    } else {
      socket_.when_writable([this] { event_.set(); });
    }
    co_await event_.until(until);
  }
}

void Connection::want_reading() {
  readable_ = false;
  if (std::exchange(reading_, true)) return;
  socket_.when_readable([this] {
    reading_ = false;
    readable_ = true;
    event_.set();
  });
}

Task<int> Connection::receive(TimePoint until) {
  for (;;) {
    if (turn_bytes_ >= limits::kTurnBytesMax) co_await take_turns();
    if (between_ && shared_.draining) co_return -1;
    const int got = socket_.read(shared_.scratch);
    if (got != 0) {
      moved(got);
      co_return got;
    }
    event_.reset();
    want_reading();
    if (!co_await waited(event_, until)) co_return 0;
  }
}

Task<bool> Connection::waited(Signal& signal, TimePoint until) {
  const TimePoint begin = shared_.loop.now();
  const bool in_time = co_await signal.until(until);
  patience_ -= shared_.loop.now() - begin;
  co_return in_time;
}

// A peer that is always ready would hold the shard: it moves a share of bytes in a turn. A piece
// has a price too, however small it is.
void Connection::moved(int bytes) {
  if (bytes <= 0) return;
  turn_bytes_ += std::max(static_cast<std::size_t>(bytes), kPieceBytesMin);
  const std::chrono::nanoseconds won = std::chrono::nanoseconds(1s) * bytes;
  patience_ = std::min<std::chrono::nanoseconds>(
      shared_.options.idle_max,
      patience_ + won / static_cast<std::int64_t>(limits::kPeerBytesPerSecondMin));
}

Task<void> Connection::take_turns() {
  turn_bytes_ = 0;
  co_await shared_.loop.sleep_until(shared_.loop.now());
}

Task<Connection::Next> Connection::read_request() {
  parser_.next();
  rest_.erase(0, parser_.feed(rest_));
  between_ = !parser_.begun();
  bool in_body = false;
  TimePoint until = idle();
  while (!parser_.done() && !parser_.refused()) {
    if (parser_.take_expectation()) co_await write_all("HTTP/1.1 100 Continue\r\n\r\n");
    const int got = co_await receive(until);
    if (got < 0) co_return Next::end;
    if (got == 0) {
      if (!parser_.begun()) co_return Next::end;
      co_await refuse(408, "the request did not come in time");
      co_return Next::end;
    }
    const std::string_view bytes(shared_.scratch.data(), static_cast<std::size_t>(got));
    rest_ = bytes.substr(parser_.feed(bytes));
    // All of the head has one time, from its first byte on; the bytes of a body win theirs.
    if (between_ && parser_.begun()) until = idle();
    between_ = between_ && !parser_.begun();
    if (!parser_.head_whole()) continue;
    if (!std::exchange(in_body, true)) patience_ = shared_.options.idle_max;
    until = shared_.loop.now() + patience_;
  }
  between_ = false;
  co_return parser_.refused() ? Next::refusal : Next::request;
}

Task<void> Connection::handle() {
  running_ = true;
  scope_.spawn(run_handler());
  while (running_) {
    event_.reset();
    const bool room = rest_.size() < limits::kPipelinedBytesMax;
    if (room) want_reading();
    co_await event_;
    if (!std::exchange(readable_, false) || !running_) continue;
    const int got = socket_.read(shared_.scratch);
    if (got > 0) rest_.append(shared_.scratch.data(), static_cast<std::size_t>(got));
    if (got < 0) gone_ = true;
    if (gone_) {
      scope_.cancel();
      co_await scope_.join();
      co_return;
    }
  }
  co_await scope_.join();
}

Task<void> Connection::run_handler() {
  Result<void> ended = co_await call_handler().result();
  if (!ended && !gone_) {
    shared_.loop.log().error("an HTTP handler failed", {{"error", ended.error().message}});
  }
  if (!ended && reply_ == Reply::streaming) reply_ = Reply::cut;
  if (!gone_) static_cast<void>(co_await finish().result());  // an Error: the peer is gone
  running_ = false;
  event_.set();
}

Task<void> Connection::call_handler() { co_await shared_.handler(*this); }

Task<void> Connection::finish() {
  if (reply_ == Reply::none) {
    co_await respond(problem(500, "the server failed to answer this request"));
  } else if (reply_ == Reply::streaming && chunked_) {
    co_await write_all("0\r\n\r\n");
  }
}

Result<std::string> Connection::head_text(const HttpResponse& head,
                                          std::optional<std::size_t> length) {
  if (Result<void> good = check_headers(head.headers); !good) {
    return fail(std::move(good.error()));
  }
  if (head.status < 200 || head.status > 999) {
    return fail(ErrorKind::misuse, fmt::format("expected a final status, got {}", head.status));
  }
  std::string text = fmt::format("HTTP/1.1 {} {}\r\n", head.status, reason_of(head.status));
  for (const auto& [name, value] : head.headers.list()) {
    if (!of_server(name)) text.append(name).append(": ").append(value).append("\r\n");
  }
  if (length && has_body(head.status)) text += fmt::format("content-length: {}\r\n", *length);
  if (chunked_) text += "transfer-encoding: chunked\r\n";
  if (close_ || shared_.draining) text += "connection: close\r\n";
  return text += "\r\n";
}

Task<void> Connection::respond(HttpResponse response) {
  if (reply_ != Reply::none) co_await fail(ErrorKind::misuse, "this exchange has its reply");
  chunked_ = false;
  Result<std::string> text = head_text(response, response.body.size());
  if (!text) co_await fail(std::move(text.error()));
  reply_ = Reply::whole;
  const bool with_body = has_body(response.status) && request_.method != "HEAD";
  if (with_body && response.body.size() <= kCopiedBytes) {
    *text += response.body;
    co_await write_all(*text);
    co_return;
  }
  co_await write_all(*text, with_body);
  if (with_body) co_await write_all(response.body);
}

Task<void> Connection::begin(HttpResponse head) {
  if (reply_ != Reply::none) co_await fail(ErrorKind::misuse, "this exchange has its reply");
  const bool with_body = has_body(head.status) && request_.method != "HEAD";
  chunked_ = with_body && !parser_.http_1_0();
  Result<std::string> text = head_text(head, std::nullopt);
  if (!text) co_await fail(std::move(text.error()));
  reply_ = with_body ? Reply::streaming : Reply::whole;
  co_await write_all(*text);
}

Task<void> Connection::write(std::string_view bytes) {
  if (reply_ == Reply::none) co_await fail(ErrorKind::misuse, "begin() comes before write()");
  if (gone_) co_await fail(ErrorKind::unavailable, std::string(kGone));
  if (reply_ == Reply::cut) {
    co_await fail(ErrorKind::misuse, "an earlier write() was cancelled: this reply is cut off");
  }
  if (bytes.empty() || reply_ != Reply::streaming) co_return;
  if (!chunked_) {
    co_await write_all(bytes);
  } else if (bytes.size() <= kCopiedBytes) {
    co_await write_all(fmt::format("{:x}\r\n{}\r\n", bytes.size(), bytes));
  } else {
    co_await write_all(fmt::format("{:x}\r\n", bytes.size()), true);
    co_await write_all(bytes, true);
    co_await write_all("\r\n");
  }
}

// A write that is cancelled midway, within a chunk perhaps, is the end of its reply.
struct Connection::Writing {
  explicit Writing(Connection& connection) : of(connection) { of.writing_ = true; }
  Writing(const Writing&) = delete;
  Writing& operator=(const Writing&) = delete;
  ~Writing() {
    of.writing_ = false;
    if (!whole) of.reply_ = Reply::cut;
  }
  Connection& of;
  bool whole = false;
};

Task<void> Connection::write_all(std::string_view bytes, bool more) {
  if (writing_) co_await fail(ErrorKind::misuse, "expected one write at a time: await it first");
  Writing writing(*this);
  while (!bytes.empty()) {
    if (turn_bytes_ >= limits::kTurnBytesMax) co_await take_turns();
    if (gone_) co_await fail(ErrorKind::unavailable, std::string(kGone));
    const std::string_view piece = bytes.substr(0, limits::kTurnBytesMax);
    const int sent = socket_.write(piece, more || piece.size() < bytes.size());
    if (sent > 0) {
      moved(sent);
      bytes.remove_prefix(static_cast<std::size_t>(sent));
      continue;
    }
    if (sent == 0) {
      writable_.reset();
      socket_.when_writable([this] { writable_.set(); });
      if (co_await waited(writable_, shared_.loop.now() + patience_)) continue;
    }
    gone_ = true;
  }
  writing.whole = !gone_;
}

Task<void> Connection::refuse(int status, std::string why) {
  close_ = true;
  reply_ = Reply::none;
  request_.method.clear();
  patience_ = shared_.options.idle_max;
  co_await respond(problem(status, why));
  co_await linger();
}

// What the peer still sends is read and dropped for a while: closing at once would reset the
// connection and take the reply with it.
Task<void> Connection::linger() {
  socket_.end_writing();
  const TimePoint until = shared_.loop.now() + limits::kLingerTime;
  std::size_t dropped = 0;
  while (shared_.loop.now() < until && dropped < limits::kLingerBytesMax) {
    const int got = co_await receive(until);
    if (got <= 0) co_return;
    dropped += static_cast<std::size_t>(got);
  }
}

}  // namespace ragent
