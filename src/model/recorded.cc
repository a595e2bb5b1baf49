#include <model/recorded.h>

#include <base/file.h>
#include <base/hash.h>
#include <base/pool.h>
#include <base/posix.h>
#include <base/text.h>
#include <base/written_json.h>

#include <fcntl.h>
#include <sys/file.h>

#include <cerrno>
#include <limits>
#include <unordered_map>

namespace ragent {
namespace {

constexpr std::string_view kPrefix = "recorded:";
constexpr std::size_t kRecordingBytesMax = 256u << 20;
constexpr std::string_view kLineBegin = R"({"digest":)";
constexpr std::size_t kShownBytesMax = 120;  // of a line, in an error
constexpr std::uint32_t kWindowMax = std::numeric_limits<std::uint32_t>::max();
constexpr std::int64_t kCountMax = std::int64_t{1} << 40;  // of tokens: sums of many fit

// What stands behind the run in RUN/PATH:STEP: the same when it is recorded again.
std::string_view place_of(std::string_view key) {
  std::size_t slash = key.rfind('/');
  return slash == key.npos ? key : key.substr(slash + 1);
}

struct Recording {
  std::string model = {};
  // What is asked is what the recorded model was asked, as far as that read all of it.
  std::uint32_t context_tokens = kWindowMax;
  std::unordered_map<std::string, std::vector<Reply>> replies = {};  // by digest, as they came
  std::unordered_map<std::string, std::vector<std::int64_t>> counts = {};  // of tokens, likewise
};

std::string texts_digest(const std::vector<std::string>& texts) {
  Digest out = {};
  for (const std::string& text : texts) out = mix(out, text);
  return to_hex(out);
}

// What a process that was killed left of a line, or the disk had no more room for.
bool is_half(std::string_view line) {
  std::size_t size = std::min(line.size(), kLineBegin.size());
  return kLineBegin.starts_with(line.substr(0, size)) && !parse_written_json(line);
}

Result<std::vector<std::int64_t>> counts_from(const Json& json) {
  std::vector<std::int64_t> out;
  bool fits = json.is_array();
  for (std::size_t i = 0; fits && i < json.size(); ++i) {
    out.push_back(json.array()->at(i).integer().value_or(-1));
    fits = out.back() >= 0 && out.back() <= kCountMax;
  }
  if (fits) return out;
  return fail(ErrorKind::invalid,
              "tokens: expected a list of counts, got " + printable(json.dump(), kShownBytesMax));
}

Result<void> add_line(Recording& recording, std::string_view line) {
  Result<Json> json = parse_written_json(line);
  if (!json) return fail(std::move(json.error()));
  const Json* reply = json->find("reply");
  const Json* counts = json->find("tokens");
  std::string digest = json->text("digest");
  if (counts && digest_from_hex(digest)) {
    Result<std::vector<std::int64_t>> known = counts_from(*counts);
    if (!known) return fail(std::move(known.error()));
    recording.counts[digest] = std::move(*known);
    return {};
  }
  if (!reply || !digest_from_hex(digest)) {
    return fail(ErrorKind::invalid,
                R"(expected {"digest": 32 hex digits, "model", "at", "reply"}, got )" +
                    printable(line, kShownBytesMax));
  }
  Result<Reply> parsed = reply_from_json(*reply);
  if (!parsed) return fail(within("reply", std::move(parsed.error())));
  recording.model = json->text("model");
  if (const Json* window = json->find("context_tokens")) {
    std::int64_t tokens = window->integer().value_or(0);
    if (tokens < 1 || std::cmp_greater(tokens, kWindowMax)) {
      return fail(ErrorKind::invalid, "context_tokens: expected 1 to " +
                                          std::to_string(kWindowMax) + ", got " +
                                          printable(window->dump(), kShownBytesMax));
    }
    recording.context_tokens =
        std::min(recording.context_tokens, static_cast<std::uint32_t>(tokens));
  }
  recording.replies[digest].push_back(std::move(*parsed));
  return {};
}

Result<Recording> load_recording(const std::string& file) {
  Result<std::string> text = read_file(file, kRecordingBytesMax);
  if (!text) return fail(std::move(text.error()));
  Recording out;
  std::size_t number = 0;
  for (std::string_view line : split(*text, '\n')) {
    ++number;
    if (trim(line).empty()) continue;
    bool ended = line.data() + line.size() != text->data() + text->size();
    if (!ended && is_half(line)) continue;
    if (Result<void> added = add_line(out, line); !added) {
      return fail(within(file + " line " + std::to_string(number), std::move(added.error())));
    }
  }
  return out;
}

class RecordedModel : public Model {
 public:
  RecordedModel(std::string name, std::string file, Recording recording)
      : file_(std::move(file)), recording_(std::move(recording)) {
    info_.name = std::move(name);
    info_.images = true;
    info_.context_tokens = recording_.context_tokens;
  }
  const ModelInfo& info() const override { return info_; }

  Task<Reply> reply(ModelRequest request, DeltaSink& deltas) override {
    std::string digest = to_hex(request_digest(request));
    auto found = recording_.replies.find(digest);
    if (recording_.replies.empty()) {
      co_return fail(ErrorKind::invalid, file_ + " has no replies: expected what RAGENT_RECORD=" +
                                             file_ + " kept of a run");
    }
    if (found == recording_.replies.end()) {
      co_return fail(ErrorKind::invalid,
                     file_ + " has no reply to the request at " +
                         std::string(place_of(request.key)) + " (digest " + digest +
                         "): the prompt, the tools or an observation changed since " +
                         recording_.model + " was recorded; record it again");
    }
    std::size_t& said = said_[digest];
    const Reply& reply = found->second[std::min(said, found->second.size() - 1)];
    ++said;
    if (deltas && !reply.text.empty()) deltas({.text = reply.text});
    co_return reply;
  }

  Task<std::vector<std::int64_t>> tokens(std::vector<std::string> texts) override {
    auto known = recording_.counts.find(texts_digest(texts));
    if (known != recording_.counts.end() && known->second.size() == texts.size()) {
      co_return known->second;
    }
    co_return co_await Model::tokens(std::move(texts));
  }

 private:
  std::string file_;
  Recording recording_;
  std::unordered_map<std::string, std::size_t> said_;
  ModelInfo info_ = {};
};

// Of a last line without its end: half of one goes, as nobody saw that reply; a whole one stays,
// and `line` begins behind it.
Result<void> end_last(int fd, const std::string& file, std::string& line) {
  off_t size = ::lseek(fd, 0, SEEK_END);
  char last = '\n';
  if (size > 0 && ::pread(fd, &last, 1, size - 1) != 1) {
    return fail(system_error("record to", file, errno));
  }
  if (last == '\n') return {};
  Result<std::string> text = read_file(file, kRecordingBytesMax);
  if (!text) return fail(std::move(text.error()));
  std::size_t begin = text->rfind('\n') + 1;  // npos + 1 is 0
  if (!is_half(std::string_view(*text).substr(begin))) {
    line.insert(0, "\n");
  } else if (::ftruncate(fd, static_cast<off_t>(begin)) != 0) {
    return fail(system_error("record to", file, errno));
  }
  return {};
}

Result<void> append_locked(int fd, const std::string& file, std::string line) {
  if (Result<void> ended = end_last(fd, file, line); !ended) return ended;
  off_t before = ::lseek(fd, 0, SEEK_END);
  if (before > 0 && static_cast<std::size_t>(before) + line.size() > kRecordingBytesMax) {
    return fail(ErrorKind::invalid, file + " would be longer than the " +
                                        std::to_string(kRecordingBytesMax) +
                                        " bytes that are read again: record to another file");
  }
  ssize_t written = ::write(fd, line.data(), line.size());
  if (written == static_cast<ssize_t>(line.size())) return {};
  int why = written < 0 ? errno : ENOSPC;
  if (written > 0) (void)!::ftruncate(fd, before);  // else the next one cuts it off
  return fail(system_error("record to", file, why));
}

// The line is there whole or not at all, and those of several models of a file do not mix.
Result<void> append(int fd, const std::string& file, std::string line) {
  while (::flock(fd, LOCK_EX) != 0 && errno == EINTR) {
  }
  Result<void> added = append_locked(fd, file, std::move(line));
  ::flock(fd, LOCK_UN);
  return added;
}

class RecordingModel : public Model {
 public:
  RecordingModel(Loop& loop, std::string file, FileDescriptor end, std::unique_ptr<Model> inner)
      : loop_(loop), file_(std::move(file)), end_(std::move(end)), inner_(std::move(inner)) {}
  const ModelInfo& info() const override { return inner_->info(); }

  Task<Reply> reply(ModelRequest request, DeltaSink& deltas) override {
    Json line = Json::object({{"digest", to_hex(request_digest(request))},
                              {"model", inner_->info().name},
                              {"context_tokens", inner_->info().context_tokens},
                              {"at", place_of(request.key)}});
    Reply reply = co_await inner_->reply(std::move(request), deltas);
    line["reply"] = to_json(reply);
    co_await add(line);
    co_return reply;
  }

  // What is left out of a long conversation hangs on it.
  Task<std::vector<std::int64_t>> tokens(std::vector<std::string> texts) override {
    std::string digest = texts_digest(texts);
    std::vector<std::int64_t> usual = co_await Model::tokens(texts);
    std::vector<std::int64_t> counts = co_await inner_->tokens(std::move(texts));
    if (counts == usual) co_return counts;  // so they are counted again
    Json line = Json::object({{"digest", digest}, {"tokens", Json::Array()}});
    for (std::int64_t count : counts) line["tokens"].push_back(count);
    co_await add(line);
    co_return counts;
  }

 private:
  Task<void> add(const Json& line) {
    co_await offload(loop_, *pool_,
                     [this, text = line.dump() + "\n"] { return append(end_.get(), file_, text); });
  }

  Loop& loop_;
  std::string file_;
  FileDescriptor end_;
  std::unique_ptr<Model> inner_;
  std::unique_ptr<Pool> pool_ = make_pool(1, limits::kModelQueueMax);  // ends before the others
};

}  // namespace

Digest request_digest(const ModelRequest& request) {
  Digest out = request.transcript.digest();
  for (const Offer& offer : request.offers) {
    out = mix(out, offer.tool.name);
    for (const auto& [argument, values] : offer.allowed) {
      out = mix(out, argument);
      for (const std::string& value : values) out = mix(out, value);
    }
  }
  out = mix(out, static_cast<std::uint64_t>(request.options.calls));
  if (request.options.schema) out = mix(out, request.options.schema->dump());
  return mix(out, Json(request.options.temperature).dump());
}

ModelSource recorded() {
  return [](const std::string& name, Loop&) -> Result<std::unique_ptr<Model>> {
    if (!name.starts_with(kPrefix)) return nullptr;
    std::string file = name.substr(kPrefix.size());
    Result<Recording> recording = load_recording(file);
    if (!recording) return fail(std::move(recording.error()));
    return std::make_unique<RecordedModel>(name, std::move(file), std::move(*recording));
  };
}

ModelSource recording(std::string file, ModelSource inner) {
  return [file = std::move(file), inner = std::move(inner)](
             const std::string& name, Loop& loop) -> Result<std::unique_ptr<Model>> {
    Result<std::unique_ptr<Model>> model = inner(name, loop);
    if (!model || !*model) return model;
    FileDescriptor end(::open(file.c_str(), O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0600));
    if (!end) return fail(system_error("record to", file, errno));
    return std::make_unique<RecordingModel>(loop, file, std::move(end), std::move(*model));
  };
}

}  // namespace ragent
