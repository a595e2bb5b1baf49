#include <model/http/reply_parts.h>

#include <base/text.h>

#include <algorithm>

namespace ragent::wire {
namespace {

constexpr std::int64_t kTokensMax = std::int64_t{1} << 40;  // more is no count of tokens

std::unexpected<Error> too_large(Broken broken, std::size_t most) {
  return broken("it is larger than " + std::to_string(most) + " bytes");
}

class BodyReader final : public ReplyReader {
 public:
  BodyReader(Broken broken, Result<Reply> (*read)(const Json& body))
      : broken_(broken), read_(read) {}

  Result<void> feed(std::string_view bytes, const DeltaSink&) override {
    too_large_ = too_large_ || bytes.size() > limits::kJsonBytesMax - body_.size();
    if (too_large_) return too_large(broken_, limits::kJsonBytesMax);
    body_ += bytes;
    return {};
  }

  Result<Reply> finish() override {
    if (too_large_) return too_large(broken_, limits::kJsonBytesMax);
    Result<Json> json = parse_json(body_);
    if (!json) return broken_("it is no JSON (" + json.error().message + "): " + shown(body_));
    return read_(*json);
  }

 private:
  Broken broken_;
  Result<Reply> (*read_)(const Json& body);
  std::string body_ = {};
  bool too_large_ = false;
};

}  // namespace

Result<void> ReplyEvents::feed(std::string_view bytes, const SseReader::OnEvent& on_event) {
  if (error_) return fail(*error_);
  if (ended_) return {};
  bytes_ += bytes.size();
  Result<void> fed = events_.feed(bytes, [&](const SseEvent& event) -> Result<void> {
    Result<void> taken = ended_ ? Result<void>() : on_event(event);
    if (!taken) error_ = taken.error();
    return taken;
  });
  if (ended_) return {};
  if (!fed && !error_) error_ = broken_(fed.error().message).error();
  if (!error_ && bytes_ > limits::kResponseBytesMax) {
    error_ = too_large(broken_, limits::kResponseBytesMax).error();
  }
  if (error_) return fail(*error_);
  return {};
}

std::unique_ptr<ReplyReader> body_reader(Broken broken, Result<Reply> (*read)(const Json& body)) {
  return std::make_unique<BodyReader>(broken, read);
}

Result<Json> arguments_of(std::string_view tool, std::string_view text) {
  text = trim(text);
  if (text.empty()) return Json::object({});
  Result<Json> json = parse_json(text);
  if (json && json->is_object()) return json;
  return fail(ErrorKind::unavailable,
              "the model called " + printable(tool, limits::kNameBytesMax) +
                  " with arguments that are no JSON object: " +
                  (json ? "a JSON " + std::string(json->type_name()) : json.error().message) +
                  " in " + printable(text, limits::kEndpointWordsMax) + "; ask it again");
}

Result<void> CallsInPieces::add(std::int64_t index, std::string_view id, std::string_view tool,
                                std::string_view arguments) {
  const auto last = std::ranges::find(calls_.rbegin(), calls_.rend(), index, &Pieces::index);
  // Some endpoints give every call the index 0, and some of these no ids: another id is another
  // call, and so is a name with arguments after arguments that were whole.
  const auto is_other = [&](const Pieces& held) {
    if (!id.empty() && !held.id.empty()) return id != held.id;
    return !tool.empty() && !held.tool.empty() && held.arguments.ends_with('}') &&
           arguments.starts_with('{');
  };
  Pieces* call = last == calls_.rend() ? nullptr : &*last;
  if (!call || is_other(*call)) {
    if (calls_.size() == limits::kCallsPerStepMax) {
      return fail(ErrorKind::unavailable, "a reply has more than " +
                                              std::to_string(limits::kCallsPerStepMax) +
                                              " calls: ask the model to do less at once");
    }
    call = &calls_.emplace_back(Pieces{.index = index});
  }
  if (call->id.empty()) call->id = id;
  if (call->tool.empty()) call->tool = tool;
  call->arguments += arguments;
  std::size_t bytes = 0;
  for (const Pieces& each : calls_) {
    bytes += each.id.size() + each.tool.size() + each.arguments.size();
  }
  if (bytes <= limits::kJsonBytesMax) return {};
  return fail(ErrorKind::unavailable, "the calls of a reply have more than " +
                                          std::to_string(limits::kJsonBytesMax) + " bytes");
}

Result<std::vector<ToolCall>> CallsInPieces::take() {
  std::vector<ToolCall> out;
  for (Pieces& pieces : calls_) {
    if (pieces.tool.empty()) {
      return fail(ErrorKind::unavailable,
                  "the model called a tool without saying which, with " +
                      printable(pieces.arguments, limits::kEndpointWordsMax) + "; ask it again");
    }
    Result<Json> arguments = arguments_of(pieces.tool, pieces.arguments);
    if (!arguments) return fail(std::move(arguments.error()));
    if (std::ranges::find(out, pieces.id, &ToolCall::id) != out.end()) pieces.id.clear();
    out.push_back({.id = std::move(pieces.id),
                   .tool = std::move(pieces.tool),
                   .arguments = std::move(*arguments)});
  }
  calls_.clear();
  return out;
}

const Json& member(const Json& json, std::string_view key) {
  static const Json kNone;
  const Json* found = json.find(key);
  return found ? *found : kNone;
}

std::int64_t tokens_of(const Json& usage, std::string_view key, std::int64_t before) {
  return std::clamp<std::int64_t>(usage.integer(key, before), 0, kTokensMax);
}

std::string shown(std::string_view text) { return printable(text, limits::kEndpointWordsMax); }

void send(const DeltaSink& deltas, Delta::Kind kind, std::string text) {
  if (deltas && !text.empty()) deltas({.kind = kind, .text = std::move(text)});
}

}  // namespace ragent::wire
