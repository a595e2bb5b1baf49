#include <model/http/endpoint_error.h>

#include <base/text.h>

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

namespace ragent::wire {
namespace {

using std::chrono::milliseconds;

constexpr std::string_view kAgain = "try again later";

// An error object in the words of the families: which one is told by `type` or `code`.
struct Said {
  std::string words = {};
  std::string type = {};
  std::string code = {};
  int status = 0;  // OpenRouter and llama.cpp put the status of the response into `code`
};

std::string words_of(const Json& json) {
  if (const std::string* text = json.string()) return *text;
  for (std::string_view key : {"message", "detail", "error", "msg", "error_description"}) {
    const Json* words = json.find(key);
    if (!words || words->is_null()) continue;
    if (words->string()) return *words->string();
    return words->dump();  // FastAPI: a list of what is wrong where
  }
  return json.is_null() || json.size() == 0 ? "" : json.dump();
}

Said said_of(const Json& json) {
  // Gemini answers a list with the error object in it.
  if (json.array() && !json.array()->empty()) return said_of(json.array()->front());
  const Json* inner = json.find("error");
  const Json& error = inner && inner->is_object() ? *inner : json;
  Said said{.words = words_of(error), .type = error.text("type"), .code = error.text("code")};
  if (const std::int64_t code = error.integer("code"); code >= 100 && code < 600) {
    said.status = static_cast<int>(code);
  }
  return said;
}

// Of a page of HTML only its title is worth reading.
std::string words_of_text(std::string_view body) {
  const std::string lower = to_lower(body.substr(0, 4096));
  if (!lower.contains("<html") && !lower.contains("<!doctype")) return std::string(trim(body));
  const std::size_t begin = lower.find("<title>");
  const std::size_t end = lower.find("</title>");
  if (begin == std::string::npos || end == std::string::npos || end < begin) return "a web page";
  return "a web page, \"" + std::string(trim(body.substr(begin + 7, end - begin - 7))) + "\"";
}

Said said_of_body(std::string_view body) {
  if (Result<Json> json = parse_json(body)) return said_of(*json);
  return {.words = words_of_text(body)};
}

struct Verdict {
  ErrorKind kind = ErrorKind::unavailable;
  std::string_view todo = kAgain;
};

constexpr Verdict kKey = {ErrorKind::rejected, "check the key"};
constexpr Verdict kForbidden = {ErrorKind::rejected, "the key's account may not do this"};
constexpr Verdict kQuota = {ErrorKind::rejected,
                            "the account has nothing left to spend: add to it or use another"};
constexpr Verdict kMissing = {ErrorKind::not_found, "check the model's name and the URL"};
constexpr Verdict kInvalid = {ErrorKind::invalid, "the same request is refused again: change it"};
constexpr Verdict kTooLong = {ErrorKind::invalid,
                              "the conversation is too long for the model: begin a new session"};

// What is more exact than a status, and all there is to know of an error in a stream.
std::optional<Verdict> verdict_of_name(std::string_view name) {
  struct Named {
    std::string_view name;
    Verdict verdict;
  };
  static constexpr std::array kNamed = {
      Named{"insufficient_quota", kQuota},
      Named{"billing_error", kQuota},
      Named{"billing_hard_limit_reached", kQuota},
      Named{"invalid_api_key", kKey},
      Named{"authentication_error", kKey},
      Named{"permission_error", kForbidden},
      Named{"model_not_found", kMissing},
      Named{"not_found_error", kMissing},
      Named{"context_length_exceeded", kTooLong},
      Named{"exceed_context_size_error", kTooLong},  // llama.cpp
      Named{"request_too_large", kTooLong},
      Named{"tool_use_failed", {}},  // Groq, status 400: the model wrote a call that is none
      Named{"invalid_request_error", kInvalid},
      Named{"BadRequestError", kInvalid},  // vLLM
      Named{"invalid_prompt", kInvalid},
  };
  const auto found = std::ranges::find(kNamed, name, &Named::name);
  if (found == kNamed.end()) return std::nullopt;
  return found->verdict;
}

Verdict verdict_of_status(int status) {
  switch (status) {
    case 401: return kKey;
    case 402: return kQuota;
    case 403: return kForbidden;
    case 404: return kMissing;
    case 413: return kTooLong;
    case 408:
    case 409:
    case 425:
    case 429:
    case 498: return {};  // Groq: no capacity
    default: break;
  }
  if (status >= 300 && status < 400) {
    return {ErrorKind::unavailable, "redirects are not followed: use the URL it leads to"};
  }
  return status >= 400 && status < 500 ? kInvalid : Verdict{};
}

// The generic name invalid_request_error comes with every status of OpenAI, so it says less than
// the status; the others say more.
Verdict verdict_of(const Said& said, int status) {
  for (const std::string& name : {said.code, said.type}) {
    std::optional<Verdict> verdict = verdict_of_name(name);
    if (!verdict || (verdict->todo == kInvalid.todo && status >= 300)) continue;
    return *verdict;
  }
  return status >= 300 ? verdict_of_status(status) : Verdict{};
}

std::string message_of(const Said& said, std::string_view endpoint, std::string_view answered,
                       std::string_view todo) {
  std::string out(endpoint.empty() ? "the endpoint" : endpoint);
  out += answered;
  if (!said.words.empty()) {
    out += ": " + printable(trim(said.words), limits::kEndpointWordsMax);
  }
  for (const std::string& name : {said.code, said.type}) {
    if (name.empty() || said.words.contains(name)) continue;
    out += " (" + printable(name, limits::kNameBytesMax) + ")";
    break;
  }
  return out + "; " + std::string(todo);
}

// A number of seconds or milliseconds, "2" or "0.5", in milliseconds.
std::optional<milliseconds> duration_of(std::string_view text, double unit) {
  double number = 0;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  if (!std::isfinite(number) || std::signbit(number)) return std::nullopt;
  const milliseconds most = limits::kWaitMax;
  const double value = std::ceil(number * unit);
  if (value >= static_cast<double>(most.count())) return most;
  return milliseconds(static_cast<std::int64_t>(value));
}

std::optional<int> number_of(std::string_view text, std::size_t digits_max) {
  int number = 0;
  if (text.empty() || text.size() > digits_max) return std::nullopt;
  for (char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    number = number * 10 + (c - '0');
  }
  return number;
}

std::optional<int> month_of(std::string_view name) {
  constexpr std::string_view kMonths = "JanFebMarAprMayJunJulAugSepOctNovDec";
  const std::size_t at = name.size() == 3 ? kMonths.find(name) : std::string_view::npos;
  if (at == std::string_view::npos || at % 3 != 0) return std::nullopt;
  return static_cast<int>(at / 3) + 1;
}

std::optional<WallPoint> time_of(std::optional<int> year, std::optional<int> month,
                                 std::optional<int> day, std::string_view clock) {
  const std::vector<std::string_view> parts = split(clock, ':');
  if (!year || !month || !day || parts.size() != 3) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(*year),
                                         std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day))};
  const std::optional<int> hour = number_of(parts[0], 2);
  const std::optional<int> minute = number_of(parts[1], 2);
  const std::optional<int> second = number_of(parts[2], 2);
  if (!date.ok() || !hour || !minute || !second) return std::nullopt;
  if (*hour > 23 || *minute > 59 || *second > 60) return std::nullopt;  // 60: a leap second
  return std::chrono::sys_days(date) + std::chrono::hours(*hour) + std::chrono::minutes(*minute) +
         std::chrono::seconds(*second);
}

// RFC 9110, section 5.6.7. The three forms: "Sun, 06 Nov 1994 08:49:37 GMT",
// "Sunday, 06-Nov-94 08:49:37 GMT" and "Sun Nov  6 08:49:37 1994".
std::optional<WallPoint> date_of(std::string_view text) {
  const std::vector<std::string_view> part = words(text);
  if (part.size() == 6 && part[0].ends_with(',') && part[5] == "GMT") {
    return time_of(number_of(part[3], 4), month_of(part[2]), number_of(part[1], 2), part[4]);
  }
  if (part.size() == 5) {
    return time_of(number_of(part[4], 4), month_of(part[1]), number_of(part[2], 2), part[3]);
  }
  if (part.size() != 4 || part[3] != "GMT") return std::nullopt;
  const std::vector<std::string_view> date = split(part[1], '-');
  if (date.size() != 3) return std::nullopt;
  std::optional<int> year = number_of(date[2], 2);
  if (year) *year += *year < 70 ? 2000 : 1900;
  return time_of(year, month_of(date[1]), number_of(date[0], 2), part[2]);
}

std::string content_type(const HttpResponse& head) {
  const std::string* type = head.headers.find("content-type");
  return type ? to_lower(trim(split(*type, ';').front())) : "";
}

}  // namespace

Error error_of(const HttpResponse& response, std::string_view endpoint, WallPoint now) {
  const Said said = said_of_body(response.body);
  const Verdict verdict = verdict_of(said, response.status);
  std::string answered = " answered " + std::to_string(response.status);
  if (said.words.empty()) answered += " without a word";
  if (const std::string* to = response.headers.find("location"); to && response.status < 400) {
    answered += ", moved to " + printable(*to, limits::kEndpointWordsMax);
  }
  const std::optional<milliseconds> wait = retry_after(response.headers, now);
  std::string todo(verdict.todo);
  if (wait >= std::chrono::seconds(1) && verdict.todo == kAgain) {
    todo = fmt::format("try again in {} s", std::chrono::ceil<std::chrono::seconds>(*wait).count());
  }
  return {.kind = verdict.kind,
          .message = message_of(said, endpoint, answered, todo),
          .retry_after = wait};
}

Error error_of(const Json& error, std::string_view endpoint) {
  const Said said = said_of(error);
  const Verdict verdict = verdict_of(said, said.status);
  return {.kind = verdict.kind,
          .message = message_of(said, endpoint, " reported an error", verdict.todo)};
}

std::optional<milliseconds> retry_after(const Headers& headers, WallPoint now) {
  if (const std::string* text = headers.find("retry-after-ms")) {
    if (std::optional<milliseconds> time = duration_of(trim(*text), 1)) return time;
  }
  const std::string* text = headers.find("retry-after");
  if (!text) return std::nullopt;
  if (std::optional<milliseconds> time = duration_of(trim(*text), 1000)) return time;
  const std::optional<WallPoint> date = date_of(*text);
  if (!date) return std::nullopt;
  // The endpoint's clock may be wrong, but it is so in both headers.
  const std::string* sent = headers.find("date");
  const WallPoint from = (sent ? date_of(*sent) : std::nullopt).value_or(now);
  if (from == WallPoint()) return std::nullopt;
  return std::clamp<milliseconds>(*date - from, milliseconds(0), limits::kWaitMax);
}

bool is_event_stream(const HttpResponse& head) { return content_type(head) == "text/event-stream"; }

bool is_json(const HttpResponse& head) {
  const std::string type = content_type(head);
  return type == "application/json" || type.ends_with("+json");
}

Error not_an_endpoint(const HttpResponse& head, std::string_view expected) {
  const std::string type = content_type(head);
  return {.kind = ErrorKind::unavailable,
          .message = "expected " + std::string(expected) +
                     " to answer with text/event-stream or application/json, got " +
                     (type.empty() ? "no content type" : printable(type, limits::kNameBytesMax)) +
                     ": something else stands at this URL, check it"};
}

Error not_readable(const HttpResponse& head, Error error) {
  const std::string* encoding = head.headers.find("content-encoding");
  if (!encoding || to_lower(trim(*encoding)) == "identity") return error;
  error.message += fmt::format(
      "; it came with content-encoding {}, which no request asks for: what "
      "stands before the endpoint is to leave it out",
      printable(trim(*encoding), limits::kNameBytesMax));
  return error;
}

}  // namespace ragent::wire
