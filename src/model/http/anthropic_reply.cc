#include <model/http/anthropic.h>

#include <model/http/endpoint_error.h>
#include <model/http/placed.h>
#include <model/http/reply_parts.h>

#include <algorithm>
#include <array>

namespace ragent {
namespace {

using wire::kEndpoint;
using wire::member;
using wire::send;

std::unexpected<Error> broken(const std::string& what) {
  return fail(ErrorKind::unavailable,
              "the reply is not as the Messages API writes it: " + what + "; ask again");
}

// The blocks of one reply, one after the other, each begun, continued and ended.
class Blocks {
 public:
  Result<void> begin(std::int64_t index, const Json& block, const DeltaSink& deltas);
  Result<void> add(std::int64_t index, const Json& delta, const DeltaSink& deltas);
  Result<void> end(std::int64_t index, const DeltaSink& deltas);
  bool open() const { return open_.has_value(); }
  Result<Reply> take(std::string_view stop_reason);

 private:
  enum class Kind : std::uint8_t { text, thinking, redacted, call, answer, value, other };
  struct Open {
    std::int64_t index = 0;
    Kind kind = Kind::other;
    Json block = {};
    std::string text = {};  // or thinking, or the input as JSON
    std::string signature = {};
  };

  static Kind kind_of(const Json& block);
  Result<void> put(std::string_view text, const DeltaSink& deltas);
  Result<void> end_call(Open& call);
  Result<void> end_answer(Open& call, const DeltaSink& deltas);
  void end_thinking(Open& thinking);
  Result<Reply> cut(std::string why);

  std::optional<Open> open_ = {};
  Reply reply_ = {};
  wire::CallsInPieces calls_ = {};
  std::size_t calls_begun_ = 0;
  std::size_t bytes_ = 0;
  std::optional<std::string> answer_ = {};
};

Blocks::Kind Blocks::kind_of(const Json& block) {
  const std::string type = block.text("type");
  if (type == "text") return Kind::text;
  if (type == "thinking") return Kind::thinking;
  if (type == "redacted_thinking") return Kind::redacted;
  if (type != "tool_use") return Kind::other;
  const std::string tool = block.text("name");
  if (tool == kAnswerTool) return Kind::answer;
  return tool == kValueTool ? Kind::value : Kind::call;
}

Result<void> Blocks::begin(std::int64_t index, const Json& block, const DeltaSink& deltas) {
  if (open_) return broken("a content block began before the one before it ended");
  open_ = Open{.index = index, .kind = kind_of(block), .block = block};
  switch (open_->kind) {
    case Kind::text: return put(block.text("text"), deltas);
    case Kind::thinking:
      open_->signature = block.text("signature");
      return put(block.text("thinking"), deltas);
    case Kind::call:
      if (++calls_begun_ > limits::kCallsPerStepMax) {
        return broken("more than " + std::to_string(limits::kCallsPerStepMax) + " calls");
      }
      send(deltas, Delta::Kind::call, block.text("name"));
      return {};
    default: return {};
  }
}

// More of the text, the thinking or the input of the open block.
Result<void> Blocks::put(std::string_view text, const DeltaSink& deltas) {
  bytes_ += text.size();
  if (bytes_ > limits::kJsonBytesMax) {
    return broken("more than " + std::to_string(limits::kJsonBytesMax) + " bytes of content");
  }
  open_->text += text;
  const bool said = open_->kind == Kind::text || open_->kind == Kind::answer;
  if (said) send(deltas, Delta::Kind::text, std::string(text));
  if (open_->kind == Kind::thinking) send(deltas, Delta::Kind::reasoning, std::string(text));
  return {};
}

Result<void> Blocks::add(std::int64_t index, const Json& delta, const DeltaSink& deltas) {
  if (!open_ || open_->index != index) return broken("a piece of a content block that is not open");
  const std::string type = delta.text("type");
  switch (open_->kind) {
    case Kind::text: return type == "text_delta" ? put(delta.text("text"), deltas) : Result<void>();
    case Kind::thinking:
      if (type == "signature_delta") {
        bytes_ += delta.text("signature").size();
        open_->signature += delta.text("signature");
      }
      return put(type == "thinking_delta" ? delta.text("thinking") : "", deltas);
    case Kind::call:
    case Kind::answer:
    case Kind::value:
      return put(type == "input_json_delta" ? delta.text("partial_json") : "", deltas);
    default: return {};  // a redacted block comes whole; citations and server tools are not read
  }
}

Result<void> Blocks::end(std::int64_t index, const DeltaSink& deltas) {
  if (!open_ || open_->index != index) return broken("the end of a content block that is not open");
  Open block = std::move(*open_);
  open_.reset();
  switch (block.kind) {
    case Kind::text: reply_.text += block.text; return {};
    case Kind::thinking:
    case Kind::redacted: end_thinking(block); return {};
    case Kind::call: return end_call(block);
    case Kind::answer:
    case Kind::value: return end_answer(block, deltas);
    case Kind::other: return {};
  }
  return {};
}

// The input came in pieces, or, in a plain response, with the block.
Result<void> Blocks::end_call(Open& call) {
  const Json& input = member(call.block, "input");
  if (call.text.empty() && !input.is_null()) call.text = input.dump();
  return calls_.add(call.index, call.block.text("id"), call.block.text("name"), call.text);
}

Result<void> Blocks::end_answer(Open& call, const DeltaSink& deltas) {
  const bool whole = call.text.empty();
  if (whole) call.text = member(call.block, "input").dump();
  if (call.kind == Kind::value) {
    // A cut one does not parse; then it stays as it came, and the reason of the end says the rest.
    Result<Json> input = parse_json(call.text);
    if (input && input->find("value")) call.text = member(*input, "value").dump();
  }
  if (whole || call.kind == Kind::value) send(deltas, Delta::Kind::text, call.text);
  answer_ = std::move(call.text);
  return {};
}

void Blocks::end_thinking(Open& thinking) {
  if (thinking.kind == Kind::thinking) {
    thinking.block["thinking"] = thinking.text;
    if (!thinking.signature.empty()) thinking.block["signature"] = thinking.signature;
  }
  reply_.reasoning.push_back(
      {.text = std::move(thinking.text),
       .state = state_of(kAnthropicState, {.text = reply_.text.size(),
                                           .calls = calls_begun_,
                                           .item = std::move(thinking.block)})});
}

// A reply that was cut is handed on when it is text; half a plan of calls is not.
Result<Reply> Blocks::cut(std::string why) {
  if (calls_begun_ > 0) return fail(ErrorKind::invalid, "the reply " + why);
  if (answer_) reply_.text = std::move(*answer_);
  reply_.finish = Finish::length;
  return std::move(reply_);
}

Result<Reply> Blocks::take(std::string_view stop_reason) {
  if (stop_reason == "max_tokens") {
    return cut("was cut at the maximum of its tokens while it called tools; raise tokens_max");
  }
  if (stop_reason == "model_context_window_exceeded") {
    return cut("filled the model's context while it called tools; shorten the conversation");
  }
  if (stop_reason == "refusal") {
    return fail(ErrorKind::rejected,
                "the model refused to answer (stop_reason \"refusal\"); ask for something else, or "
                "another model");
  }
  if (stop_reason != "end_turn" && stop_reason != "stop_sequence" && stop_reason != "tool_use") {
    return broken(
        "expected the stop_reason end_turn, tool_use, stop_sequence, max_tokens, refusal "
        "or model_context_window_exceeded, got " +
        Json(std::string(stop_reason.substr(0, limits::kNameBytesMax))).dump());
  }
  Result<std::vector<ToolCall>> calls = calls_.take();
  if (!calls) return fail(std::move(calls.error()));
  if (stop_reason == "tool_use" && calls->empty() && !answer_) {
    return broken("its stop_reason is tool_use, and it calls no tool");
  }
  if (answer_) {
    Result<Json> answer = parse_json(*answer_);
    if (!answer) return broken("the answer is no JSON (" + answer.error().message + ")");
    reply_.text = std::move(*answer_);
  }
  reply_.calls = std::move(*calls);
  reply_.finish = reply_.calls.empty() ? Finish::stop : Finish::calls;
  return std::move(reply_);
}

// What was counted: at the beginning, and again at the end with what is known by then.
class Counted {
 public:
  void read(const Json& usage) {
    fresh_ = wire::tokens_of(usage, "input_tokens", fresh_);
    written_ = wire::tokens_of(usage, "cache_creation_input_tokens", written_);
    cached_ = wire::tokens_of(usage, "cache_read_input_tokens", cached_);
    output_ = wire::tokens_of(usage, "output_tokens", output_);
  }
  Usage usage() const {
    return {.tokens_input = fresh_ + written_ + cached_,
            .tokens_cached = cached_,
            .tokens_output = output_,
            .tokens_written = written_};
  }

 private:
  std::int64_t fresh_ = 0;
  std::int64_t written_ = 0;
  std::int64_t cached_ = 0;
  std::int64_t output_ = 0;
};

bool is_known(std::string_view event) {
  static constexpr std::array<std::string_view, 7> kKnown = {"message_start",
                                                             "content_block_start",
                                                             "content_block_delta",
                                                             "content_block_stop",
                                                             "message_delta",
                                                             "message_stop",
                                                             "error"};
  return std::ranges::find(kKnown, event) != kKnown.end();
}

class StreamReader final : public ReplyReader {
 public:
  Result<void> feed(std::string_view bytes, const DeltaSink& deltas) override {
    return events_.feed(bytes, [&](const SseEvent& event) { return read(event, deltas); });
  }

  Result<Reply> finish() override {
    if (events_.error()) return fail(*events_.error());
    if (!events_.ended()) {
      return fail(ErrorKind::unavailable,
                  "the reply ended before its message_stop: the connection broke or the endpoint "
                  "stopped; ask again");
    }
    Result<Reply> reply = blocks_.take(stop_reason_);
    if (reply) reply->usage = counted_.usage();
    return reply;
  }

 private:
  Result<void> read(const SseEvent& event, const DeltaSink& deltas) {
    if (!event.event.empty() && !is_known(event.event)) return {};
    Result<Json> json = parse_json(event.data);
    if (!json) return broken("an event is no JSON (" + json.error().message + ")");
    const std::string type = json->text("type", event.event);
    if (type == "error") return fail(wire::error_of(member(*json, "error"), kEndpoint));
    if (type == "message_start") return start(member(*json, "message"));
    if (!is_known(type)) return {};
    if (!started_) return broken("a " + type + " before the message_start");
    if (type == "message_delta") {
      counted_.read(member(*json, "usage"));
      stop_reason_ = member(*json, "delta").text("stop_reason", stop_reason_);
      return {};
    }
    if (type == "message_stop") return stop();
    const std::int64_t index = json->integer("index");
    if (type == "content_block_start") {
      return blocks_.begin(index, member(*json, "content_block"), deltas);
    }
    if (type == "content_block_delta") return blocks_.add(index, member(*json, "delta"), deltas);
    return blocks_.end(index, deltas);
  }

  Result<void> start(const Json& message) {
    if (started_) return broken("a second message_start");
    started_ = true;
    counted_.read(member(message, "usage"));
    return {};
  }

  Result<void> stop() {
    if (blocks_.open()) return broken("it ended within a content block");
    if (stop_reason_.empty()) return broken("it ended without a stop_reason");
    events_.end();
    return {};
  }

  wire::ReplyEvents events_{broken};
  Blocks blocks_ = {};
  Counted counted_ = {};
  std::string stop_reason_ = {};
  bool started_ = false;
};

Result<Reply> reply_of(const Json& body) {
  if (body.text("type") == "error") return fail(wire::error_of(member(body, "error"), kEndpoint));
  const Json::Array* content = member(body, "content").array();
  if (!content) return broken("expected an object with an array `content`");
  Blocks blocks;
  for (std::size_t i = 0; i < content->size(); ++i) {
    const auto index = static_cast<std::int64_t>(i);
    if (auto begun = blocks.begin(index, (*content)[i], {}); !begun) {
      return fail(std::move(begun.error()));
    }
    if (auto ended = blocks.end(index, {}); !ended) return fail(std::move(ended.error()));
  }
  Result<Reply> reply = blocks.take(body.text("stop_reason"));
  Counted counted;
  counted.read(member(body, "usage"));
  if (reply) reply->usage = counted.usage();
  return reply;
}

}  // namespace

std::unique_ptr<ReplyReader> anthropic_reader(bool stream) {
  if (stream) return std::make_unique<StreamReader>();
  return wire::body_reader(broken, reply_of);
}

}  // namespace ragent
