#include <model/llama/session.h>

#include <base/hash.h>
#include <base/text.h>
#include <model/llama/writer.h>

#include <algorithm>

namespace ragent {
namespace {

// For `tool` against `answer`, in logits; measured on travel questions. Without it models answer
// from memory instead of asking; afterwards the larger one calculates with whatever it was told.
struct Bias {
  double first;  // before any tool has acted
  double later;
  double wanted;  // a tool the user asked for in so many words has not acted
};
constexpr Bias kBias = {1, -3.5, 4};
constexpr Bias kBiasSmall = {3, 0, 4};
constexpr double kSmallParameters = 1e9;
constexpr std::string_view kAnswer = "{\"answer\": ";
constexpr std::string_view kAnswerText = "{\"answer\": \"";

// The answer out of what is written, as it grows: whole characters of text.
class AnswerStream {
 public:
  AnswerStream(std::string_view opening, bool quoted) : opening_(opening), quoted_(quoted) {}

  // What `written` (all of it so far) adds to the answer.
  std::string advance(std::string_view written) {
    if (!written.starts_with(opening_)) return {};
    std::string added;
    for (at_ = std::max(at_, opening_.size()); at_ < written.size() && !closed_;) {
      std::string_view rest = written.substr(at_);
      if (quoted_ && rest.front() == '"') {
        closed_ = true;
      } else if (quoted_ && rest.front() == '\\') {
        if (rest.size() < 2) break;
        added += unescape(rest[1]);
        at_ += 2;
      } else {
        std::size_t size = utf8_length(rest);
        if (size == 0 && rest.size() < 4) break;  // the rest of a character is to come
        added += size > 0 ? rest.substr(0, size) : "\xef\xbf\xbd";
        at_ += std::max<std::size_t>(size, 1);
      }
    }
    text_ += added;
    return added;
  }
  const std::string& text() const { return text_; }

 private:
  static char unescape(char escaped) {
    switch (escaped) {
      case 'b': return '\b';
      case 'f': return '\f';
      case 'n': return '\n';
      case 'r': return '\r';
      case 't': return '\t';
      default: return escaped;
    }
  }

  std::string_view opening_;
  bool quoted_;
  std::size_t at_ = 0;
  bool closed_ = false;
  std::string text_ = {};
};

// The calls since the user's latest message.
std::vector<const ToolCall*> calls_made(const Transcript& transcript) {
  std::size_t recent = 2 * transcript.replies() + 1;  // a reply and what it brought, each
  std::size_t from = transcript.size() > recent ? transcript.size() - recent : 0;
  std::vector<const ToolCall*> out;
  for (const Message* message : transcript.messages(from)) {
    if (message->role == Role::user) out.clear();
    for (const Part& part : message->parts) {
      if (const auto* call = std::get_if<ToolCall>(&part)) out.push_back(call);
    }
  }
  return out;
}

double bias_of(const ModelRequest& request, const std::vector<const ToolCall*>& made,
               double parameters) {
  bool wanted = std::ranges::any_of(request.offers, [&](const Offer& offer) {
    return !offer.tool.words.empty() && std::ranges::none_of(made, [&](const ToolCall* call) {
      return call->tool == offer.tool.name;
    });
  });
  const Bias& bias = parameters < kSmallParameters ? kBiasSmall : kBias;
  if (wanted) return bias.wanted;
  return made.empty() ? bias.first : bias.later;
}

Result<ToolCall> call_from(std::string_view text) {
  Result<Json> json = parse_json(text);
  if (!json) return fail(within("a call of the local model", std::move(json.error())));
  const Json* args = json->find("args");
  return ToolCall{.tool = json->text("tool"), .arguments = args ? *args : Json::object({})};
}

bool repeats(const ToolCall& call, const std::vector<const ToolCall*>& made) {
  return std::ranges::any_of(made, [&](const ToolCall* each) {
    return each->tool == call.tool && each->arguments == call.arguments;
  });
}

Error too_long(std::size_t tokens, std::string_view what) {
  return {.kind = ErrorKind::invalid,
          .message = "the reply ended after " + std::to_string(tokens) + " tokens inside " +
                     std::string(what) + ": allow more (ThinkOptions::tokens_max)"};
}

Error impossible() {
  return {.kind = ErrorKind::invalid,
          .message =
              "no reply is possible: the schema allows no value, or calls are required "
              "where no tool is offered"};
}

WriterOptions writer_options(const ModelRequest& request, const PromptCache::Prompt& prompt) {
  return {.tokens_max = prompt.reply_max,
          .temperature = request.options.temperature,
          .seed = hash128(request.key).low};
}

// Cut into tokens anew, the same text could differ: the next step finds it as it was.
void keep_written(Batch::Slot& slot, const Writer& writer) {
  slot.written_text = writer.text();
  slot.written_tokens = writer.tokens();
}

}  // namespace

Task<Reply> LlamaSession::reply(const ModelRequest& request, const Stop& stop,
                                const OnText& on_text) {
  bool tools = !request.transcript.tools().empty();
  PromptCache::Prompt prompt =
      co_await prompts_.prepare(request, tools ? Form::json : Form::plain, stop);
  Usage usage{.tokens_input = static_cast<std::int64_t>(prompt.tokens),
              .tokens_cached = static_cast<std::int64_t>(prompt.cached)};
  Task<Reply> written =
      tools ? json_reply(request, prompt, on_text) : plain_reply(request, prompt, on_text);
  Reply reply = co_await written;
  reply.usage += usage;
  co_return reply;
}

Task<Reply> LlamaSession::plain_reply(const ModelRequest& request, PromptCache::Prompt& prompt,
                                      const OnText& on_text) {
  std::optional<Grammar> grammar;
  if (request.options.schema) grammar = schema_grammar(*request.options.schema);
  if (grammar && !grammar->possible()) co_await fail(impossible());
  Writer writer(batch_, prompt.lease.slot(), grammar ? &*grammar : nullptr,
                writer_options(request, prompt));
  AnswerStream answer({}, false);
  std::function<void(std::string_view)> on_bytes = [&](std::string_view) {
    if (std::string added = answer.advance(writer.text()); !added.empty()) on_text(added);
  };
  co_await writer.run(on_bytes);
  if (grammar && !writer.complete()) {
    co_await fail(too_long(writer.tokens().size(), "the answer"));
  }
  keep_written(prompt.lease.slot(), writer);
  co_return Reply{.text = answer.text(),
                  .usage = {.tokens_output = static_cast<std::int64_t>(writer.tokens().size())},
                  .finish = writer.complete() ? Finish::stop : Finish::length};
}

Task<Reply> LlamaSession::json_reply(const ModelRequest& request, PromptCache::Prompt& prompt,
                                     const OnText& on_text) {
  using Calls = ThinkOptions::Calls;
  std::vector<const ToolCall*> made = calls_made(request.transcript);
  bool tools = request.options.calls != Calls::none && !request.offers.empty();
  bool answer = request.options.calls != Calls::required;
  Branches branches{.tools = tools, .answer = answer};
  Reply reply = co_await json_turn(request, prompt, branches, on_text);
  if (reply.calls.empty() || !answer || !repeats(reply.calls[0], made)) co_return reply;
  // It knows already what this call brings. Back to the end of the prompt, without tools.
  Batch::Slot& slot = prompt.lease.slot();
  Token last = slot.tokens[prompt.tokens - 1];
  batch_.truncate(slot, prompt.tokens - 1);
  slot.tokens.push_back(last);
  branches = {.tools = false};
  Reply again = co_await json_turn(request, prompt, branches, on_text);
  again.usage += reply.usage;
  co_return again;
}

Task<Reply> LlamaSession::json_turn(const ModelRequest& request, PromptCache::Prompt& prompt,
                                    Branches branches, const OnText& on_text) {
  const Json* schema = request.options.schema ? &*request.options.schema : nullptr;
  Grammar grammar = reply_grammar({.offers = request.offers,
                                   .schema = schema,
                                   .tools = branches.tools,
                                   .answer = branches.answer});
  if (!grammar.possible()) co_await fail(impossible());
  WriterOptions options = writer_options(request, prompt);
  options.tool_bias =
      bias_of(request, calls_made(request.transcript), batch_.weights().parameters());
  Writer writer(batch_, prompt.lease.slot(), &grammar, options);
  AnswerStream answer(schema ? kAnswer : kAnswerText, !schema);
  std::function<void(std::string_view)> on_bytes = [&](std::string_view) {
    std::string added = schema ? std::string() : answer.advance(writer.text());
    if (!added.empty()) on_text(added);
  };
  co_await writer.run(on_bytes);
  keep_written(prompt.lease.slot(), writer);
  Reply reply{.usage = {.tokens_output = static_cast<std::int64_t>(writer.tokens().size())}};
  std::string_view text = writer.text();
  bool calls = !text.starts_with(kAnswer);
  if (!writer.complete() && (calls || schema)) {
    co_await fail(too_long(writer.tokens().size(), calls ? "a call" : "the answer"));
  }
  if (calls) {
    reply.calls.push_back(co_await call_from(text));
    reply.finish = Finish::calls;
  } else if (schema) {
    reply.text = text.substr(kAnswer.size(), text.size() - kAnswer.size() - 1);
    on_text(reply.text);
  } else {
    reply.text = answer.text();
    if (!writer.complete()) reply.finish = Finish::length;
  }
  co_return reply;
}

}  // namespace ragent
