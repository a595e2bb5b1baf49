#include <model/http/openai_chat.h>

#include <base/text.h>
#include <model/http/endpoint_error.h>
#include <model/http/reply_parts.h>

#include <algorithm>
#include <array>

namespace ragent {
namespace {

using wire::kEndpoint;
using wire::send;
using wire::shown;
using wire::tokens_of;

std::unexpected<Error> broken(const std::string& what) {
  return fail(ErrorKind::unavailable,
              "expected a reply of chat/completions: " + what + "; ask again");
}

const Json* object_at(const Json& json, std::string_view key) {
  const Json* found = json.find(key);
  return found && found->is_object() ? found : nullptr;
}

// What came of one reply so far: from the pieces of a stream, or from one whole message.
class ChatReply {
 public:
  Result<void> add_choice(const Json& choice, const DeltaSink& deltas, bool whole);
  void add_usage(const Json& chunk);
  bool finished() const { return !reason_.empty(); }
  bool calls() const { return !calls_.empty(); }
  std::string so_far() const;
  Result<Reply> take();

 private:
  void add_text(const std::string& text, const DeltaSink& deltas);
  void add_reasoning(const std::string& text, const DeltaSink& deltas);
  void add_content(const Json& content, const DeltaSink& deltas);
  Result<void> add_call(const Json& call, const DeltaSink& deltas, bool whole);
  Result<Finish> finish() const;
  Result<void> take_calls();

  Reply reply_ = {};
  std::string reasoning_ = {};
  bool reasoning_content_ = false;  // the name under which it came
  std::string reason_ = {};
  wire::CallsInPieces calls_ = {};
  std::int64_t index_ = 0;  // of the call that came last
  std::string id_ = {};
  std::int64_t unnumbered_ = std::numeric_limits<std::int64_t>::min();
  std::vector<std::pair<std::int64_t, Json>> extra_ = {};
};

void ChatReply::add_text(const std::string& text, const DeltaSink& deltas) {
  reply_.text += text;
  send(deltas, Delta::Kind::text, text);
}

void ChatReply::add_reasoning(const std::string& text, const DeltaSink& deltas) {
  reasoning_ += text;
  send(deltas, Delta::Kind::reasoning, text);
}

// Text, or (Mistral) a list of parts: {"type": "text", "text"} and {"type": "thinking",
// "thinking": [parts]}.
void ChatReply::add_content(const Json& content, const DeltaSink& deltas) {
  if (const std::string* text = content.string()) return add_text(*text, deltas);
  if (!content.array()) return;
  for (const Json& part : *content.array()) {
    if (part.text("type") == "text") add_text(part.text("text"), deltas);
    if (part.text("type") != "thinking") continue;
    const Json* thinking = part.find("thinking");
    if (!thinking || !thinking->array()) continue;
    for (const Json& piece : *thinking->array()) add_reasoning(piece.text("text"), deltas);
  }
}

Result<void> ChatReply::add_call(const Json& call, const DeltaSink& deltas, bool whole) {
  const Json* function = object_at(call, "function");
  const std::string id = call.text("id");
  const std::string tool = function ? function->text("name") : "";
  std::string arguments;
  if (const Json* given = function ? function->find("arguments") : nullptr) {
    // Ollama and older gateways: an object instead of its text.
    arguments = given->is_object() ? given->dump() : function->text("arguments");
  }
  const Json* index = call.find("index");
  if (!whole && index && index->integer()) {
    index_ = *index->integer();
  } else if (whole || (!id.empty() && id != id_) || (id.empty() && !tool.empty())) {
    index_ = unnumbered_++;  // Gemini and Ollama send whole calls without an index
  }
  if (!id.empty()) id_ = id;
  const std::size_t before = calls_.size();
  if (Result<void> added = calls_.add(index_, id, tool, arguments); !added) return added;
  if (const Json* extra = object_at(call, "extra_content")) {
    extra_.emplace_back(static_cast<std::int64_t>(calls_.size()) - 1, *extra);
  }
  if (calls_.size() > before) send(deltas, Delta::Kind::call, tool);
  return {};
}

Result<void> ChatReply::add_choice(const Json& choice, const DeltaSink& deltas, bool whole) {
  if (const Json* error = object_at(choice, "error")) {  // OpenRouter
    return fail(wire::error_of(*error, kEndpoint));
  }
  // Some send a `message` in their one chunk.
  const Json* delta = object_at(choice, whole ? "message" : "delta");
  if (!delta) delta = object_at(choice, "message");
  if (delta) {
    // vLLM, DeepSeek and llama.cpp write one name, Groq and OpenRouter the other; those who write
    // both write the same.
    const std::string reasoning = delta->text("reasoning_content");
    reasoning_content_ |= !reasoning.empty();
    add_reasoning(reasoning.empty() ? delta->text("reasoning") : reasoning, deltas);
    if (const Json* content = delta->find("content")) add_content(*content, deltas);
    add_text(delta->text("refusal"), deltas);
    if (const Json* calls = delta->find("tool_calls"); calls && calls->array()) {
      for (const Json& call : *calls->array()) {
        if (Result<void> added = add_call(call, deltas, whole); !added) return added;
      }
    }
  }
  if (std::string reason = choice.text("finish_reason"); !reason.empty()) {
    reason_ = to_lower(reason);
  }
  return {};
}

void ChatReply::add_usage(const Json& chunk) {
  const Json* usage = object_at(chunk, "usage");
  if (const Json* groq = object_at(chunk, "x_groq"); groq && !usage) {
    usage = object_at(*groq, "usage");
  }
  if (!usage) return;
  const Json* details = object_at(*usage, "prompt_tokens_details");
  const std::int64_t input = tokens_of(*usage, "prompt_tokens");
  const std::int64_t cached =
      details ? tokens_of(*details, "cached_tokens") : tokens_of(*usage, "prompt_cache_hit_tokens");
  reply_.usage = {.tokens_input = input,
                  .tokens_cached = std::min(input, cached),
                  .tokens_output = tokens_of(*usage, "completion_tokens")};
}

std::string ChatReply::so_far() const {
  return std::to_string(reply_.text.size()) + " bytes of text and " +
         std::to_string(calls_.size()) + " calls";
}

Result<Finish> ChatReply::finish() const {
  constexpr std::array<std::string_view, 7> kEnded = {
      "stop", "tool_calls", "function_call", "eos", "stop_sequence", "eos_token", "end_turn"};
  constexpr std::array<std::string_view, 3> kCut = {"length", "max_tokens", "model_length"};
  if (reason_ == "content_filter") {
    return fail(ErrorKind::rejected,
                "the endpoint's content filter stopped the reply: say it in another way");
  }
  if (std::ranges::find(kCut, reason_) != kCut.end()) {
    if (!calls()) return Finish::length;
    return fail(ErrorKind::invalid,
                "the reply reached its most tokens within a call, so nothing was called: raise "
                "tokens_max of the think step");
  }
  if (std::ranges::find(kEnded, reason_) == kEnded.end()) {
    return broken("it stopped for the reason \"" + shown(reason_) + "\"");
  }
  if (calls()) return Finish::calls;
  // Many say "stop" whether they call or not; nobody says the opposite.
  if (reason_ == "tool_calls" || reason_ == "function_call") {
    return broken("it says that tools are called, and names none");
  }
  return Finish::stop;
}

Result<void> ChatReply::take_calls() {
  Result<std::vector<ToolCall>> calls = calls_.take();
  if (!calls) return fail(std::move(calls.error()));
  reply_.calls = std::move(*calls);
  if (extra_.empty()) return {};
  Json::Array extra(reply_.calls.size());
  for (auto& [at, value] : extra_) extra[static_cast<std::size_t>(at)] = std::move(value);
  reply_.reasoning.push_back({.state = std::string(kChatExtra) + Json(std::move(extra)).dump()});
  return {};
}

Result<Reply> ChatReply::take() {
  Result<Finish> finish = this->finish();
  if (!finish) return fail(std::move(finish.error()));
  reply_.finish = *finish;
  if (!reasoning_.empty()) {
    reply_.reasoning.push_back({.text = std::move(reasoning_),
                                .state = std::string(reasoning_content_ ? kChatReasoning : "")});
  }
  if (Result<void> calls = take_calls(); !calls) return fail(std::move(calls.error()));
  return std::move(reply_);
}

std::optional<Error> error_in(const Json& json) {
  const Json* error = json.find("error");
  const bool said = error && (error->is_object() || error->is_string());
  // vLLM wrote its errors without a frame, Gemini writes them in a list.
  if (!said && json.text("object") != "error" && !json.is_array()) return std::nullopt;
  return wire::error_of(json, kEndpoint);
}

class StreamReader final : public ReplyReader {
 public:
  Result<void> feed(std::string_view bytes, const DeltaSink& deltas) override {
    return events_.feed(bytes, [&](const SseEvent& event) { return take(event, deltas); });
  }

  Result<Reply> finish() override {
    if (events_.error()) return fail(*events_.error());
    // Text is whole with its reason; that nothing more follows only [DONE] says of calls.
    const bool whole =
        reply_.finished() && (events_.ended() || (!reply_.calls() && events_.between_events()));
    if (!whole) {
      return broken("the stream ended before the reply did, after " + reply_.so_far() +
                    (reply_.finished() ? ", without [DONE]" : ", without a finish_reason"));
    }
    return reply_.take();
  }

 private:
  Result<void> take(const SseEvent& event, const DeltaSink& deltas) {
    const std::string_view data = trim(event.data);
    if (data == "[DONE]") events_.end();
    if (events_.ended() || data.empty()) return {};
    Result<Json> json = parse_json(data);
    if (event.event == "error") {
      return fail(wire::error_of(json ? *json : Json(data), kEndpoint));
    }
    if (!json) return broken("an event is no JSON (" + json.error().message + "): " + shown(data));
    if (std::optional<Error> error = error_in(*json)) return fail(std::move(*error));
    if (!json->is_object()) return broken("an event is no object: " + shown(data));
    reply_.add_usage(*json);
    // Chunks without a choice: usage, and what Azure's filter thinks of the prompt.
    const Json* choices = json->find("choices");
    if (!choices || !choices->array()) return {};
    for (const Json& choice : *choices->array()) {
      if (choice.integer("index") != 0) continue;  // one was asked for
      if (Result<void> added = reply_.add_choice(choice, deltas, false); !added) return added;
    }
    return {};
  }

  wire::ReplyEvents events_{broken};
  ChatReply reply_ = {};
};

Result<Reply> reply_of(const Json& body) {
  if (std::optional<Error> error = error_in(body)) return fail(std::move(*error));
  const Json* choices = body.find("choices");
  if (!choices || !choices->array() || choices->size() == 0) {
    return broken("it has no choices: " + shown(body.dump()));
  }
  ChatReply reply;
  reply.add_usage(body);
  Result<void> added = reply.add_choice(choices->array()->front(), {}, true);
  if (!added) return fail(std::move(added.error()));
  if (!reply.finished()) return broken("it has no finish_reason: " + shown(body.dump()));
  return reply.take();
}

}  // namespace

std::unique_ptr<ReplyReader> chat_reader(bool stream) {
  if (stream) return std::make_unique<StreamReader>();
  return wire::body_reader(broken, reply_of);
}

}  // namespace ragent
