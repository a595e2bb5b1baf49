#include <net/request_parser.h>

#include <base/text.h>
#include <ragent/limits.h>

#include <llhttp.h>

#include <algorithm>

namespace ragent {

struct RequestParser::Callbacks {
  llhttp_settings_t settings = {};
  llhttp_t parser = {};
  explicit Callbacks(RequestParser& owner);
};

RequestParser::RequestParser(std::size_t head_max, std::size_t body_max, BodyRoom& room)
    : head_max_(head_max),
      body_max_(body_max),
      room_(room),
      llhttp_(std::make_unique<Callbacks>(*this)) {}

RequestParser::~RequestParser() { room_.used -= taken_; }

RequestParser::Callbacks::Callbacks(RequestParser& owner) {
  llhttp_settings_init(&settings);
  llhttp_init(&parser, HTTP_REQUEST, &settings);
  parser.data = &owner;
  static constexpr auto self = [](llhttp_t* parser) -> RequestParser& {
    return *static_cast<RequestParser*>(parser->data);
  };
  settings.on_message_begin = [](llhttp_t* parser) {
    self(parser).begun_ = true;
    return 0;
  };
  settings.on_method = [](llhttp_t* parser, const char* at, std::size_t size) {
    self(parser).request_.method.append(at, size);
    return self(parser).count(size);
  };
  settings.on_url = [](llhttp_t* parser, const char* at, std::size_t size) {
    return self(parser).on_url({at, size});
  };
  settings.on_header_field = [](llhttp_t* parser, const char* at, std::size_t size) {
    return self(parser).on_field({at, size});
  };
  settings.on_header_value = [](llhttp_t* parser, const char* at, std::size_t size) {
    return self(parser).on_value({at, size});
  };
  settings.on_header_value_complete = [](llhttp_t* parser) { return self(parser).on_header(); };
  settings.on_headers_complete = [](llhttp_t* parser) { return self(parser).on_head(); };
  settings.on_chunk_extension_name = [](llhttp_t* parser, const char*, std::size_t size) {
    return self(parser).count(size);
  };
  settings.on_chunk_extension_value = settings.on_chunk_extension_name;
  settings.on_body = [](llhttp_t* parser, const char* at, std::size_t size) {
    return self(parser).on_body({at, size});
  };
  settings.on_message_complete = [](llhttp_t* parser) { return self(parser).on_done(); };
}

std::size_t RequestParser::feed(std::string_view bytes) {
  if (done_ || refusal_ || bytes.empty()) return 0;
  llhttp_t* const parser = &llhttp_->parser;
  const llhttp_errno_t code = llhttp_execute(parser, bytes.data(), bytes.size());
  if (done_) {
    const char* end = llhttp_get_error_pos(parser);
    return code == HPE_OK || !end ? bytes.size() : static_cast<std::size_t>(end - bytes.data());
  }
  if (code != HPE_OK && !refusal_) {
    const char* reason = llhttp_get_error_reason(parser);
    refuse(400, printable(reason && *reason ? reason : llhttp_errno_name(code), 200));
  }
  // Some bytes reach no callback: line ends before a request, spaces before a value, the zeros
  // before the size of a chunk. The framing of chunks may be as long as the body.
  fed_ += bytes.size();
  const std::size_t head_fed_max = head_max_ + limits::kPipelinedBytesMax;
  if (!head_whole_ && fed_ > head_fed_max) refuse(431, "the request's head is too large");
  if (head_whole_ && fed_ > head_fed_max && (fed_ - head_fed_max) / 2 > body_max_) {
    refuse(413, "the request's body has more framing than content");
  }
  return bytes.size();
}

void RequestParser::next() {
  llhttp_reset(&llhttp_->parser);
  request_ = HttpRequest{.method = {}};
  room_.used -= std::exchange(taken_, 0);
  name_.clear();
  value_.clear();
  counted_ = fed_ = 0;
  refusal_.reset();
  begun_ = head_whole_ = done_ = keep_alive_ = http_1_0_ = expects_ = false;
}

bool RequestParser::take_expectation() {
  return std::exchange(expects_, false) && request_.body.empty() && !done_ && !refusal_;
}

int RequestParser::refuse(int status, std::string why) {
  if (!refusal_) refusal_ = Refusal{.status = status, .why = std::move(why)};
  return HPE_USER;
}

int RequestParser::count(std::size_t bytes) {
  counted_ += bytes;
  if (counted_ <= head_max_) return 0;
  return refuse(431, "the request's head is larger than " + std::to_string(head_max_) + " bytes");
}

int RequestParser::on_url(std::string_view bytes) {
  if (const int code = count(bytes.size())) return code;
  request_.url += bytes;
  return 0;
}

int RequestParser::on_field(std::string_view bytes) {
  if (const int code = count(bytes.size())) return code;
  if (!head_whole_) name_ += bytes;
  return 0;
}

int RequestParser::on_value(std::string_view bytes) {
  if (const int code = count(bytes.size())) return code;
  if (!head_whole_) value_ += bytes;
  return 0;
}

int RequestParser::on_header() {
  if (head_whole_) return count(4);  // a trailer: dropped
  if (const int code = count(4)) return code;
  if (request_.headers.list().size() >= limits::kHeadersMax) {
    return refuse(431, "more than " + std::to_string(limits::kHeadersMax) + " headers");
  }
  request_.headers.add(std::exchange(name_, {}), std::string(trim(value_)));
  value_.clear();
  return 0;
}

int RequestParser::on_head() {
  head_whole_ = true;
  llhttp_t* const parser = &llhttp_->parser;
  const int minor = llhttp_get_http_minor(parser);
  if (llhttp_get_http_major(parser) != 1 || minor > 1) {
    return refuse(505, "expected HTTP/1.1 or HTTP/1.0");
  }
  http_1_0_ = minor == 0;
  if (const int code = check_framing()) return code;
  if (const int code = check_target()) return code;
  const std::string* expect = request_.headers.find("expect");
  if (expect && !http_1_0_) {
    if (!same_name(*expect, "100-continue")) return refuse(417, "expected: 100-continue only");
    expects_ = true;
  }
  return 0;
}

int RequestParser::check_framing() {
  std::size_t hosts = 0, encodings = 0, lengths = 0;
  for (const auto& [name, value] : request_.headers.list()) {
    if (same_name(name, "host")) ++hosts;
    if (same_name(name, "content-length")) ++lengths;
    if (!same_name(name, "transfer-encoding")) continue;
    ++encodings;
    if (!same_name(value, "chunked")) return refuse(501, "expected the transfer-encoding chunked");
  }
  if (hosts > 1 || (hosts == 0 && !http_1_0_)) return refuse(400, "expected one Host header");
  if (encodings + lengths > 1) return refuse(400, "expected one content-length or one chunked");
  if (encodings > 0 && http_1_0_) return refuse(400, "HTTP/1.0 has no transfer-encoding");
  const std::uint64_t length = llhttp_->parser.content_length;
  if (lengths > 0 && length > body_max_) return too_large();
  body_expected_ = lengths > 0 ? static_cast<std::size_t>(length) : body_max_;
  return 0;
}

// An absolute target ("http://host/path", as through a proxy) becomes its path, and its host the
// one that was asked for (RFC 9112, 3.2.2).
int RequestParser::check_target() {
  std::string& url = request_.url;
  if (request_.method == "CONNECT") return refuse(501, "this is no proxy");
  if (std::ranges::any_of(url, [](char c) { return c <= 0x20 || c >= 0x7f || c == '#'; })) {
    return refuse(400, "the target has characters that must be encoded");
  }
  if (url.starts_with("http://") || url.starts_with("https://")) {
    const std::size_t begin = url.find("//") + 2;
    const std::size_t end = std::min(url.find_first_of("/?", begin), url.size());
    std::string host = url.substr(begin, end - begin);
    if (host.empty() || host.contains('@')) return refuse(400, "expected a target: http://host");
    request_.headers.set("host", std::move(host));
    url.erase(0, end);
    if (!url.starts_with('/')) url.insert(0, "/");
  }
  const bool whole_server = request_.method == "OPTIONS" && url == "*";
  if (!url.starts_with('/') && !whole_server) return refuse(400, "expected a target: /path");
  return 0;
}

int RequestParser::on_body(std::string_view bytes) {
  expects_ = false;
  if (bytes.size() > body_max_ - request_.body.size()) return too_large();
  if (!make_room(request_.body.size() + bytes.size())) {
    return refuse(503, "the server has as many bodies of requests in memory as it takes");
  }
  request_.body += bytes;
  return 0;
}

int RequestParser::too_large() {
  return refuse(413, "the request's body is larger than " + std::to_string(body_max_) + " bytes");
}

// Twice as much when it grows, and never more than the body may have.
bool RequestParser::make_room(std::size_t size) {
  if (size <= taken_) return true;
  const std::size_t room = std::max(size, std::min(2 * taken_, body_expected_));
  if (room - taken_ > room_.max - std::min(room_.max, room_.used)) return false;
  room_.used += room - std::exchange(taken_, room);
  std::string grown;
  grown.reserve(room);  // exactly: of a string that has some it would be twice that
  request_.body = std::move(grown += request_.body);
  return true;
}

int RequestParser::on_done() {
  done_ = true;
  keep_alive_ = !http_1_0_ && llhttp_should_keep_alive(&llhttp_->parser) != 0;
  return HPE_PAUSED;
}

}  // namespace ragent
