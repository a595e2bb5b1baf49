#include <model/http/weights_fetch.h>

#include <base/file.h>
#include <base/loop.h>
#include <base/text.h>
#include <model/http/weights_part.h>

#include <charconv>
#include <filesystem>
#include <fmt/core.h>

namespace ragent {
namespace {

namespace fs = std::filesystem;

constexpr int kOk = 200;
constexpr int kPartial = 206;
constexpr int kRangeRefused = 416;
constexpr std::string_view kMagic = "GGUF";
constexpr std::size_t kShown = 300;

bool is_redirect(int status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

std::optional<std::uint64_t> number(std::string_view text) {
  std::uint64_t value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return {};
  return value;
}

// "bytes 10-19/20": begins at 10, of 20; "bytes */20". RFC 9110, section 14.4.
struct ContentRange {
  std::optional<std::uint64_t> begin = {};
  std::optional<std::uint64_t> total = {};
};
ContentRange content_range(const Headers& headers) {
  const std::string* found = headers.find("content-range");
  if (!found || !found->starts_with("bytes ")) return {};
  std::string_view text = trim(std::string_view(*found).substr(6));
  std::size_t slash = text.find('/');
  if (slash == text.npos) return {};
  return {.begin = number(text.substr(0, text.find('-'))), .total = number(text.substr(slash + 1))};
}

// Where a redirection leads, seen from `url`. RFC 3986, section 5.2, as far as servers use it.
std::string resolved(std::string_view url, std::string_view location) {
  // Of another scheme too, so that it is refused for what it is.
  if (location.substr(0, location.find_first_of("/?#")).contains(':')) {
    return std::string(location);
  }
  std::size_t scheme = url.find("://");
  if (location.starts_with("//")) return std::string(url.substr(0, scheme + 1)).append(location);
  url = url.substr(0, url.find_first_of("?#"));
  std::size_t path = url.find('/', scheme + 3);
  if (location.starts_with('/')) return std::string(url.substr(0, path)).append(location);
  std::size_t last = path == url.npos ? url.size() : url.rfind('/');
  return std::string(url.substr(0, last)).append("/").append(location);
}

class Fetch {
 public:
  Fetch(Loop& loop, HttpClient& client, WeightsFetch what)
      : loop_(loop),
        client_(client),
        what_(std::move(what)),
        file_(weights_file(what_.folder, what_.weights)) {}

  Task<std::string> run() {
    std::error_code ignored;
    if (fs::is_regular_file(file_, ignored)) co_return file_;
    if (Result<void> made = make_directories(what_.folder); !made) co_return made.error();
    Result<WeightsPart> part = WeightsPart::open(file_);
    if (!part) co_return within_name(std::move(part.error()));
    // Another process may have come to its end before the lock was ours.
    if (fs::is_regular_file(file_, ignored)) {
      part->remove();
      co_return file_;
    }
    part_ = &*part;
    // What is shorter than the mark of its kind is not worth going on from.
    if (part_->size() < kMagic.size()) {
      if (Result<void> anew = part_->begin_anew(); !anew) co_return anew.error();
    }
    before_ = part_->size();
    Result<void> got = co_await get_all().result();
    if (got && before_ > 0 && !part_->matches(what_.weights.sha256)) {
      // What an earlier try left may be of another version.
      if (Result<void> anew = part_->begin_anew(); !anew) co_return anew.error();
      got = co_await get_all().result();
    }
    if (!got) {
      if (part_->size() == 0) part_->remove();
      co_return within_name(std::move(got.error()));
    }
    Result<void> kept = part_->keep(what_.weights.sha256);
    if (!kept) co_return within_name(std::move(kept.error()));
    co_return file_;
  }

 private:
  Error within_name(Error error) const {
    return within(printable(what_.weights.url, kShown), std::move(error));
  }

  // Goes on where the connection broke, while each try brings something.
  Task<void> get_all() {
    for (int attempt = 1;; ++attempt) {
      std::uint64_t had = part_->size();
      Result<void> got = co_await get_once().result();
      if (got) co_return;
      bool broke =
          got.error().kind == ErrorKind::unavailable || got.error().kind == ErrorKind::timeout;
      if (broke && !own_ && part_->size() > had && attempt < limits::kFetchAttemptsMax) {
        co_await loop_.sleep(limits::kRetryWaitFirst * attempt);
        continue;
      }
      if (part_->size() > 0) {
        got.error().message +=
            fmt::format("; {} bytes are kept, the next try goes on from there", part_->size());
      }
      co_await fail(std::move(got.error()));
      co_return;
    }
  }

  Task<void> get_once() {
    std::string url = what_.weights.url;
    for (int redirects = 0; redirects <= limits::kRedirectsMax; ++redirects) {
      Result<HttpResponse> head = co_await client_.send(call_to(url)).result();
      if (own_) co_await fail(*own_);
      if (other_) head = std::move(*other_);
      if (!head) co_await fail(no_answer(std::move(head.error())));
      if (head->status == kOk || head->status == kPartial) {
        co_await finished(*head);
        co_return;
      }
      if (head->status == kRangeRefused && part_->size() > 0) {
        if (content_range(head->headers).total == part_->size()) co_return;
        co_await part_->begin_anew();
        continue;
      }
      const std::string* location = head->headers.find("location");
      if (!is_redirect(head->status) || !location) co_await fail(refused(head->status));
      std::string next = resolved(url, trim(*location));
      bool safe =
          next.starts_with("https://") || (is_loopback(what_.weights.url) && is_loopback(next) &&
                                           what_.weights.url.starts_with("http://"));
      if (!safe) {
        co_await fail(ErrorKind::rejected, "it redirects to " +
                                               printable(next.substr(0, next.find('?')), kShown) +
                                               ", expected https: name a URL that stays with it");
      }
      url = std::move(next);
    }
    co_await fail(ErrorKind::unavailable,
                  fmt::format("it redirects more than {} times: open it in a browser, and name "
                              "where it ends",
                              limits::kRedirectsMax));
  }

  HttpCall call_to(const std::string& url) {
    HttpCall call{.request = {.url = url, .headers = {{"accept-encoding", "identity"}}},
                  .silence_max = limits::kFetchSilenceMax,
                  .body_max = limits::kWeightsBytesMax};
    if (part_->size() > 0) {
      call.request.headers.add("range", fmt::format("bytes={}-", part_->size()));
      if (!part_->etag().empty()) call.request.headers.add("if-range", part_->etag());
    }
    begun_ = false;
    own_.reset();
    other_.reset();
    call.on_body = [this](const HttpResponse& head, std::string_view bytes) -> Result<void> {
      if (head.status != kOk && head.status != kPartial) {
        other_ = head;
        return fail(ErrorKind::cancelled, "what it says more is not waited for");
      }
      Result<void> took = take(head, bytes);
      if (!took) own_ = took.error();
      return took;
    };
    return call;
  }

  Result<void> take(const HttpResponse& head, std::string_view bytes) {
    if (!std::exchange(begun_, true)) {
      if (Result<void> begun = begin(head); !begun) return begun;
    }
    if (part_->size() < kMagic.size()) {
      first_ += bytes.substr(0, kMagic.size());
      std::string_view expected = kMagic.substr(0, std::min(first_.size(), kMagic.size()));
      if (!first_.starts_with(expected)) return no_weights(bytes);
    }
    if (Result<void> added = part_->add(bytes); !added) return added;
    if (what_.news) what_.news({part_->size(), total_, before_});
    return {};
  }

  // Which bytes come: those that were asked for, or all of them.
  Result<void> begin(const HttpResponse& head) {
    ContentRange range = content_range(head.headers);
    bool goes_on = head.status == kPartial && range.begin == part_->size();
    if (head.status == kPartial && !goes_on) {
      return fail(ErrorKind::unavailable, "it sent another part of the file than was asked for");
    }
    if (!goes_on) {
      before_ = 0;
      first_.clear();
      if (Result<void> anew = part_->begin_anew(); !anew) return anew;
    }
    const std::string* length = head.headers.find("content-length");
    total_ = goes_on ? range.total.value_or(0) : number(length ? *length : "").value_or(0);
    const std::string* etag = head.headers.find("etag");
    // A weak one does not promise the same bytes.
    if (etag && etag->starts_with('"')) part_->set_etag(*etag);
    return total_ > part_->size() ? part_->check_room(total_ - part_->size()) : Result<void>();
  }

  Result<void> no_weights(std::string_view bytes) {
    part_->remove();
    if (Result<void> anew = part_->begin_anew(); !anew) return anew;
    return fail(ErrorKind::invalid, "what lies there is no GGUF file, it begins with \"" +
                                        printable(bytes, 16) +
                                        "\": name the file itself, not the page about it");
  }

  Result<void> finished(const HttpResponse& head) {
    // A body of no bytes.
    if (!begun_) {
      if (Result<void> begun = begin(head); !begun) return begun;
    }
    if (part_->size() == 0) return fail(ErrorKind::invalid, "the file that lies there is empty");
    if (total_ == 0 || part_->size() == total_) return {};
    return fail(ErrorKind::unavailable, fmt::format("{} of {} bytes came", part_->size(), total_));
  }

  static Error no_answer(Error error) {
    error.message += "; is the network there? A proxy is taken from https_proxy";
    return error;
  }

  static Error refused(int status) {
    if (status == 404 || status == 410) {
      return {.kind = ErrorKind::not_found,
              .message = fmt::format("nothing lies there ({}): check the names in it", status)};
    }
    if (status == 401 || status == 403) {
      return {.kind = ErrorKind::rejected,
              .message = fmt::format("it is not given to everybody ({}): download it by hand where "
                                     "you are signed in, and use its path as --model",
                                     status)};
    }
    return {.kind = ErrorKind::unavailable,
            .message = fmt::format("it answered {}: try again later", status)};
  }

  Loop& loop_;
  HttpClient& client_;
  WeightsFetch what_;
  std::string file_;
  WeightsPart* part_ = nullptr;  // in the frame of run()
  std::uint64_t before_ = 0;
  std::uint64_t total_ = 0;
  bool begun_ = false;
  std::string first_ = {};  // bytes of the file
  std::optional<Error> own_ = {};  // why we ended the call
  std::optional<HttpResponse> other_ = {};  // not the file: its body may never end
};

}  // namespace

Task<std::string> fetch_weights(Loop& loop, HttpClient& client, WeightsFetch what) {
  Fetch fetch(loop, client, std::move(what));
  co_return co_await fetch.run().result();
}

}  // namespace ragent
