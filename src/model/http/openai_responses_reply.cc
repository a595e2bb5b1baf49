#include <model/http/openai_responses.h>

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
using wire::shown;

std::unexpected<Error> broken(const std::string& what) {
  return fail(ErrorKind::unavailable, "expected a reply of responses: " + what + "; ask again");
}

Usage usage_of(const Json& response) {
  const Json& usage = member(response, "usage");
  const std::int64_t input = wire::tokens_of(usage, "input_tokens");
  const std::int64_t cached =
      wire::tokens_of(member(usage, "input_tokens_details"), "cached_tokens");
  return {.tokens_input = input,
          .tokens_cached = std::min(input, cached),
          .tokens_output = wire::tokens_of(usage, "output_tokens")};
}

// The texts of a list of parts, of whatever type.
std::string texts_of(const Json& parts) {
  std::string out;
  if (!parts.array()) return out;
  for (const Json& part : *parts.array()) {
    // Two summaries are two paragraphs.
    if (!out.empty() && part.text("type") == "summary_text") out += "\n\n";
    out += part.text("text");
    out += part.text("refusal");  // what the model says instead of an answer
  }
  return out;
}

// The output of a response: what the model said, in order.
class Output {
 public:
  Result<void> read(const Json& response);
  Result<Reply> take(Finish cut);

 private:
  Result<void> add(const Json& item);

  Reply reply_ = {};
  wire::CallsInPieces calls_ = {};
};

Result<void> Output::read(const Json& response) {
  reply_.usage = usage_of(response);
  const Json::Array* output = member(response, "output").array();
  if (!output) return broken("it has no list `output`");
  for (const Json& item : *output) {
    if (Result<void> added = add(item); !added) return added;
  }
  return {};
}

Result<void> Output::add(const Json& item) {
  const std::string type = item.text("type");
  if (type == "message") reply_.text += texts_of(member(item, "content"));
  if (type == "reasoning") {
    std::string text = texts_of(member(item, "summary"));
    if (text.empty()) text = texts_of(member(item, "content"));
    std::string state;
    if (member(item, "encrypted_content").is_string()) {
      state = state_of(kResponsesState,
                       {.text = reply_.text.size(), .calls = calls_.size(), .item = item});
    }
    reply_.reasoning.push_back({.text = std::move(text), .state = std::move(state)});
  }
  if (type != "function_call") return {};
  const std::string status = item.text("status", "completed");
  if (status != "completed") return broken("it holds a call of status \"" + shown(status) + "\"");
  const auto index = static_cast<std::int64_t>(calls_.size());
  return calls_.add(index, item.text("call_id"), item.text("name"), item.text("arguments"));
}

Result<Reply> Output::take(Finish cut) {
  Result<std::vector<ToolCall>> calls = calls_.take();
  if (!calls) return fail(std::move(calls.error()));
  reply_.calls = std::move(*calls);
  reply_.finish = reply_.calls.empty() ? cut : Finish::calls;
  return std::move(reply_);
}

Result<Reply> incomplete(const Json& response) {
  const std::string reason = member(response, "incomplete_details").text("reason");
  if (reason == "content_filter") {
    return fail(ErrorKind::rejected,
                "the endpoint's content filter stopped the reply: say it in another way");
  }
  if (reason != "max_output_tokens") {
    return broken("it is incomplete for the reason \"" + shown(reason) + "\"");
  }
  const Json::Array* items = member(response, "output").array();
  const auto is_call = [](const Json& item) { return item.text("type") == "function_call"; };
  if (items && std::ranges::any_of(*items, is_call)) {
    return fail(ErrorKind::invalid,
                "the reply reached its most tokens within a call, so nothing was called: raise "
                "tokens_max of the think step");
  }
  Output output;
  if (Result<void> read = output.read(response); !read) return fail(std::move(read.error()));
  return output.take(Finish::length);
}

// A whole response, from the last event of a stream or as a body.
Result<Reply> reply_of(const Json& response) {
  if (!response.is_object()) return broken("it is no object: " + shown(response.dump()));
  const Json& error = member(response, "error");
  if (error.is_object() || error.is_string()) return fail(wire::error_of(error, kEndpoint));
  const std::string status = response.text("status");
  if (status == "incomplete") return incomplete(response);
  if (status != "completed") {
    return broken("its status is \"" + shown(status) + "\", not \"completed\"");
  }
  Output output;
  if (Result<void> read = output.read(response); !read) return fail(std::move(read.error()));
  if (member(response, "output").size() == 0) return broken("it has nothing in its `output`");
  return output.take(Finish::stop);
}

void show(const std::string& type, const Json& event, const DeltaSink& deltas) {
  if (type == "response.output_text.delta" || type == "response.refusal.delta") {
    send(deltas, Delta::Kind::text, event.text("delta"));
  } else if (type == "response.reasoning_summary_text.delta" ||
             type == "response.reasoning_text.delta") {
    send(deltas, Delta::Kind::reasoning, event.text("delta"));
  } else if (type == "response.output_item.added") {
    const Json& item = member(event, "item");
    if (item.text("type") == "function_call") {
      send(deltas, Delta::Kind::call, item.text("name"));
    }
  }
}

// {"type": "error", "code", "message"}, or with these in an object `error`.
Error error_of_event(Json event) {
  if (member(event, "error").is_object()) return wire::error_of(member(event, "error"), kEndpoint);
  if (Json::Object* members = event.object()) {
    // It would be taken for the kind of the error.
    std::erase_if(*members, [](const Json::Member& one) { return one.key == "type"; });
  }
  return wire::error_of(event, kEndpoint);
}

// Events that show nothing and that nothing is taken from: what they say comes again in the last
// one. They are most bytes of a short reply, so they are not even parsed.
bool says_nothing(std::string_view event) {
  static constexpr std::array<std::string_view, 7> kSilent = {"response.created",
                                                              "response.in_progress",
                                                              "response.queued",
                                                              "response.content_part.added",
                                                              "response.content_part.done",
                                                              "response.output_text.done",
                                                              "response.output_item.done"};
  return std::ranges::find(kSilent, event) != kSilent.end();
}

class StreamReader final : public ReplyReader {
 public:
  Result<void> feed(std::string_view bytes, const DeltaSink& deltas) override {
    return events_.feed(bytes, [&](const SseEvent& event) { return take(event, deltas); });
  }

  Result<Reply> finish() override {
    if (events_.error()) return fail(*events_.error());
    if (!reply_) return broken("the stream ended before response.completed came");
    return std::move(*reply_);
  }

 private:
  Result<void> take(const SseEvent& event, const DeltaSink& deltas) {
    static constexpr std::array<std::string_view, 3> kLast = {
        "response.completed", "response.incomplete", "response.failed"};
    if (says_nothing(event.event)) return {};
    Result<Json> json = parse_json(event.data);
    const std::string type = json ? json->text("type", event.event) : event.event;
    if (type == "error") return fail(error_of_event(json ? *json : Json(event.data)));
    // Unknown events are no business of ours, whatever they hold.
    if (!json && !type.empty() && !type.starts_with("response.")) return {};
    if (!json) {
      return broken("an event is no JSON (" + json.error().message + "): " + shown(event.data));
    }
    if (std::ranges::find(kLast, type) == kLast.end()) {
      show(type, *json, deltas);
      return {};
    }
    Result<Reply> reply = reply_of(member(*json, "response"));
    if (!reply) return fail(std::move(reply.error()));
    const bool complete = member(*json, "response").text("status") == "completed";
    if (complete != (type == "response.completed")) {
      return broken("a " + type + " holds a response of another status");
    }
    reply_ = std::move(*reply);
    events_.end();
    return {};
  }

  wire::ReplyEvents events_{broken};
  std::optional<Reply> reply_ = {};
};

}  // namespace

std::unique_ptr<ReplyReader> responses_reader(bool stream) {
  if (stream) return std::make_unique<StreamReader>();
  return wire::body_reader(broken, reply_of);
}

}  // namespace ragent
