#include <stub_model/wire.h>

#include <fmt/format.h>
#include <ragent/limits.h>
#include <stub_model/fill.h>

#include <ctime>

namespace ragent::stub {

namespace {

using namespace std::chrono_literals;

constexpr std::string_view kHalfHead = "HTTP/1.1 200 OK\r\ncontent-ty";
constexpr std::size_t kNesting = 100'000;
constexpr std::size_t kRepeated = 64;          // pieces in one step of an endless body
constexpr std::size_t kHugeErrorBytes = 2u << 20;

std::string http_date(WallPoint when) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(when);
  std::tm parts = {};
  ::gmtime_r(&seconds, &parts);
  char text[64] = {};
  std::strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &parts);
  return text;
}

std::string joined(const std::vector<std::string>& pieces) {
  std::string text;
  for (const std::string& piece : pieces) text += piece;
  return text;
}

std::string chunk_of(std::string_view bytes) {
  return fmt::format("{:x}\r\n{}\r\n", bytes.size(), bytes);
}

bool streams(const Asked& asked, FaultKind kind) {
  return asked.stream != (kind == FaultKind::plain_for_stream);
}

// What is said, before it has words.
StubReply spoiled(StubReply reply) {
  const FaultKind kind = reply.fault.kind;
  if (kind == FaultKind::bad_utf8) reply.text += "\xc3\x28 \xff";
  if (kind == FaultKind::negative_usage) reply.usage = {-11, 0, -7};
  if (kind == FaultKind::arguments_cut_length) reply.finish = Finish::length;
  for (StubCall& call : reply.calls) {
    if (kind == FaultKind::unknown_tool) call.tool = "no_such_tool";
    if (kind == FaultKind::no_tool_name) call.tool.clear();
    if (kind == FaultKind::same_ids) call.id = reply.calls.front().id;
    if (kind == FaultKind::arguments_list) call.arguments = "[1,2]";
    if (kind == FaultKind::arguments_words) call.arguments = "the city of Prague";
  }
  if (reply.calls.empty()) return reply;
  if (kind == FaultKind::arguments_cut || kind == FaultKind::arguments_cut_length) {
    std::string& last = reply.calls.back().arguments;
    last.resize(last.size() / 2);
  }
  return reply;
}

Shape shape_of(FaultKind kind) {
  return {.choices = kind == FaultKind::no_choices    ? 0
                     : kind == FaultKind::two_choices ? 2
                                                      : 1,
          .usage = kind != FaultKind::no_usage,
          .ids = kind != FaultKind::no_ids,
          .finish = kind != FaultKind::no_finish};
}

// Of one object of JSON: an event's, or a plain body.
void spoil_json(std::string& json, const Fault& fault) {
  if (fault.kind == FaultKind::bad_json) json.back() = ']';
  std::string extra;
  if (fault.kind == FaultKind::deep_json) {
    extra = std::string(kNesting, '[') + std::string(kNesting, ']');
  }
  if (fault.kind == FaultKind::huge_line) extra = '"' + std::string(fault.at, 'x') + '"';
  if (!extra.empty()) json.insert(json.size() - 1, R"(,"extra":)" + extra);
}

std::string text_of(const Event& event, std::string_view line_end) {
  std::string text;
  if (!event.name.empty()) text.append("event: ").append(event.name).append(line_end);
  return text.append("data: ").append(event.data).append(line_end).append(line_end);
}

std::vector<std::string> streamed_body(Api api, const StubReply& reply) {
  const Fault& fault = reply.fault;
  std::vector<Event> events = events_of(api, spoiled(reply), shape_of(fault.kind));
  const auto half = static_cast<std::ptrdiff_t>(events.size() / 2);
  spoil_json(events[events.size() / 2].data, fault);
  switch (fault.kind) {
    case FaultKind::wrong_shape: events = {{.data = R"({"ok":true})"}}; break;
    case FaultKind::error_first: events = {error_event_of(api, false)}; break;
    case FaultKind::error_middle:
      events.erase(events.begin() + half, events.end());
      events.push_back(error_event_of(api, false));
      break;
    case FaultKind::error_last: events.back() = error_event_of(api, true); break;
    case FaultKind::no_end_event: events.pop_back(); break;
    default: break;
  }
  std::vector<std::string> pieces;
  for (const Event& event : events) {
    if (fault.kind == FaultKind::comments) {
      pieces.emplace_back(": keep-alive\n\n");
      if (api == Api::messages) pieces.push_back(text_of({"ping", R"({"type":"ping"})"}, "\n"));
    }
    pieces.push_back(text_of(event, fault.kind == FaultKind::crlf ? "\r\n" : "\n"));
  }
  if (fault.kind == FaultKind::byte_order_mark) pieces.front().insert(0, "\xEF\xBB\xBF");
  if (fault.kind == FaultKind::trailing) {
    pieces.push_back(text_of({.data = R"({"late":true})"}, "\n") + "data: {\"cut\":");
  }
  return pieces;
}

std::string plain_body(Api api, const StubReply& reply) {
  const Fault& fault = reply.fault;
  if (fault.kind == FaultKind::wrong_shape) return R"({"ok":true})";
  if (fault.kind == FaultKind::error_first) return error_of(api, 500);
  StubReply said = spoiled(reply);
  // Its input is no text but JSON: a server that says that it stopped there has none yet.
  if (fault.kind == FaultKind::arguments_cut_length && api == Api::messages &&
      !said.calls.empty()) {
    said.calls.back().arguments = "{}";
  }
  std::string body = plain_of(api, said, shape_of(fault.kind));
  spoil_json(body, fault);
  if (fault.kind == FaultKind::byte_order_mark) body.insert(0, "\xEF\xBB\xBF");
  return body;
}

std::vector<std::string> body_pieces(const Asked& asked, const StubReply& reply) {
  if (streams(asked, reply.fault.kind)) return streamed_body(asked.api, reply);
  return {plain_body(asked.api, reply)};
}

struct Framing {
  bool chunked = false;
  std::optional<std::size_t> length = {};  // of a body that is not; none: the connection ends it
};

std::string head_of(const Fault& fault, bool stream, const Framing& framing) {
  std::string head = fault.kind == FaultKind::http_1_0 ? "HTTP/1.0" : "HTTP/1.1";
  head += " 200 OK\r\n";
  const bool other = fault.kind == FaultKind::content_type;
  const std::string_view type =
      other ? std::string_view(fault.text) : (stream ? "text/event-stream" : "application/json");
  if (!type.empty()) head += fmt::format("content-type: {}\r\n", type);
  if (fault.kind == FaultKind::false_gzip) head += "content-encoding: gzip\r\n";
  if (fault.kind == FaultKind::huge_head) {
    constexpr std::size_t kHeaderBytes = 1024;
    for (std::size_t size = 0; size <= 2 * limits::kResponseHeadBytesMax; size += kHeaderBytes) {
      head += fmt::format("x-padding: {}\r\n", std::string(kHeaderBytes, 'x'));
    }
  }
  if (framing.chunked) {
    head += "transfer-encoding: chunked\r\n";
  } else if (framing.length) {
    head += fmt::format("content-length: {}\r\n", *framing.length);
  } else {
    head += "connection: close\r\n";
  }
  return head += "\r\n";
}

// A body that ends before its byte `at`.
Wire cut_wire(const Fault& fault, bool stream, const std::string& whole) {
  const std::string part = whole.substr(0, fault.at);
  const bool stalled = fault.kind == FaultKind::stalled;
  Framing framing{.chunked = stream};
  Wire wire{.end = stalled ? Wire::End::silent : Wire::End::close};
  std::string bytes = stream && !part.empty() ? chunk_of(part) : part;
  if (stalled) {
    framing.length = whole.size();
  } else {
    switch (fault.cut) {
      case Cut::eof:
        framing.chunked = false;
        bytes = part;
        break;
      case Cut::clean:
        framing.length = part.size();
        if (stream) bytes += "0\r\n\r\n";
        wire.end = Wire::End::keep;
        break;
      case Cut::short_length:
        framing = {.length = whole.size()};
        bytes = part;
        break;
      case Cut::open_chunk:
        framing.chunked = true;
        bytes = fmt::format("{:x}\r\n{}", whole.size(), part);
        break;
      case Cut::no_last_chunk:
        framing.chunked = true;
        bytes = part.empty() ? "" : chunk_of(part);
        break;
      case Cut::reset:
        framing.length = whole.size();
        wire.end = Wire::End::reset;
        break;
    }
  }
  wire.head = head_of(fault, stream, framing);
  if (!bytes.empty()) wire.steps = {std::move(bytes)};
  return wire;
}

// After half of the body its middle comes again and again.
Wire endless_wire(const Fault& fault, bool stream, const std::vector<std::string>& pieces) {
  std::string first, again;
  if (stream) {
    const auto half = static_cast<std::ptrdiff_t>(pieces.size() / 2);
    first = joined({pieces.begin(), pieces.begin() + half});
    for (std::size_t i = 0; i < kRepeated; ++i) again += pieces[pieces.size() / 2];
  } else {
    first = R"({"extra":")";
    again.assign(kRepeated * 256, 'x');
  }
  return {.head = head_of(fault, stream, {.chunked = true}),
          .steps = {chunk_of(first), chunk_of(again)},
          .end = Wire::End::endless};
}

Wire whole_wire(const Fault& fault, bool stream, std::vector<std::string> pieces) {
  Wire wire;
  if (fault.kind == FaultKind::slow) wire.delay = fault.delay;
  if (fault.kind == FaultKind::single_bytes) {
    wire.apart = true;
    const std::string whole = joined(pieces);
    pieces.clear();
    for (const char byte : whole) pieces.emplace_back(1, byte);
  }
  Framing framing{.chunked = stream || wire.apart};
  if (fault.kind == FaultKind::http_1_0) {
    framing.chunked = false;
    wire.end = Wire::End::close;
  } else if (!framing.chunked) {
    framing.length = joined(pieces).size();
  }
  wire.head = head_of(fault, stream, framing);
  if (framing.chunked) {
    for (std::string& piece : pieces) piece = chunk_of(piece);
    pieces.emplace_back("0\r\n\r\n");
  }
  wire.steps = std::move(pieces);
  return wire;
}

}  // namespace

std::string retry_header(RetryForm form, std::chrono::milliseconds after, WallPoint now) {
  const auto seconds = std::chrono::ceil<std::chrono::seconds>(after);
  switch (form) {
    case RetryForm::none: return "";
    case RetryForm::seconds: return fmt::format("retry-after: {}\r\n", seconds.count());
    case RetryForm::date: return "retry-after: " + http_date(now + seconds) + "\r\n";
    case RetryForm::milliseconds: return fmt::format("retry-after-ms: {}\r\n", after.count());
    case RetryForm::fraction: return "retry-after: 0.5\r\n";
    case RetryForm::zero: return "retry-after: 0\r\n";
    case RetryForm::past: return "retry-after: " + http_date(now - 1h) + "\r\n";
    case RetryForm::negative: return "retry-after: -5\r\n";
    case RetryForm::garbage: return "retry-after: when it rains\r\n";
    case RetryForm::huge: return "retry-after: 99999999999999999999999\r\n";
  }
  return "";
}

Wire error_wire(Api api, const Fault& fault, WallPoint now) {
  std::string body = error_of(api, fault.status, fault.error == ErrorBody::no_quota);
  std::string_view type = "application/json";
  switch (fault.error) {
    case ErrorBody::provider:
    case ErrorBody::no_quota: break;
    case ErrorBody::html:
      type = "text/html";
      body = "<html><body><h1>Bad gateway</h1></body></html>";
      break;
    case ErrorBody::empty: body.clear(); break;
    case ErrorBody::huge:
      body = fill(R"({"error":{"message":$}})", {'"' + std::string(kHugeErrorBytes, 'x') + '"'});
      break;
    case ErrorBody::half: body.resize(body.size() / 2); break;
  }
  std::string head = fmt::format("HTTP/1.1 {} Stub\r\ncontent-type: {}\r\n", fault.status, type);
  if (!fault.text.empty()) head += fmt::format("location: {}\r\n", fault.text);
  head += retry_header(fault.retry, fault.retry_after, now);
  head += fmt::format("content-length: {}\r\n\r\n", body.size());
  Wire wire{.head = std::move(head)};
  wire.steps.push_back(std::move(body));
  return wire;
}

Wire models_wire(const std::vector<std::string>& models) {
  std::string data;
  for (const std::string& model : models) {
    data += data.empty() ? "" : ",";
    data += fill(R"({"id":$,"object":"model","created":1700000000,"owned_by":"stub"})",
                 {quoted(model)});
  }
  return whole_wire({}, false, {fill(R"({"object":"list","data":[$]})", {data})});
}

std::string body_of(const Asked& asked, const StubReply& reply) {
  return joined(body_pieces(asked, reply));
}

Wire wire_of(const Asked& asked, const StubReply& reply) {
  const Fault& fault = reply.fault;
  switch (fault.kind) {
    case FaultKind::status: return error_wire(asked.api, fault, asked.now);
    case FaultKind::no_http: return {.head = "SSH-2.0-stub\r\n", .end = Wire::End::close};
    case FaultKind::close_before_head: return {.end = Wire::End::close};
    case FaultKind::reset_before_head: return {.end = Wire::End::reset};
    case FaultKind::reset_in_head: return {.head = std::string(kHalfHead), .end = Wire::End::reset};
    case FaultKind::silent: return {.end = Wire::End::silent};
    default: break;
  }
  const bool stream = streams(asked, fault.kind);
  std::vector<std::string> pieces = body_pieces(asked, reply);
  if (fault.kind == FaultKind::truncated || fault.kind == FaultKind::stalled) {
    return cut_wire(fault, stream, joined(pieces));
  }
  if (fault.kind == FaultKind::endless) return endless_wire(fault, stream, pieces);
  return whole_wire(fault, stream, std::move(pieces));
}

}  // namespace ragent::stub
