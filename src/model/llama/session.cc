#include <model/llama/session.h>

#include <ragent/limits.h>

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

WriterOptions writer_options(const ModelRequest& request, const PromptCache::Prompt& prompt,
                             std::size_t window) {
  std::size_t wanted =
      request.options.tokens_max ? request.options.tokens_max : limits::kReplyTokensDefault;
  return {.tokens_max = std::min(wanted, window - prompt.tokens),
          .temperature = request.options.temperature,
          .seed = hash128(request.key).low};
}

}  // namespace

Result<Reply> LlamaSession::reply(const ModelRequest& request, const Stop& stop,
                                  const OnText& on_text) {
  bool tools = !request.transcript.tools().empty();
  Result<PromptCache::Prompt> prompt =
      prompts_.prepare(request, tools ? Form::json : Form::plain, stop);
  if (!prompt) return fail(std::move(prompt.error()));
  Usage usage{.tokens_input = static_cast<std::int64_t>(prompt->tokens),
              .tokens_cached = static_cast<std::int64_t>(prompt->cached)};
  Result<Reply> reply = tools ? json_reply(request, std::move(*prompt), stop, on_text)
                              : plain_reply(request, std::move(*prompt), stop, on_text);
  if (reply) reply->usage += usage;
  return reply;
}

Result<Reply> LlamaSession::plain_reply(const ModelRequest& request, PromptCache::Prompt prompt,
                                        const Stop& stop, const OnText& on_text) {
  std::optional<Grammar> grammar;
  if (request.options.schema) grammar = schema_grammar(*request.options.schema);
  if (grammar && !grammar->possible()) return fail(impossible());
  Writer writer(*context_, grammar ? &*grammar : nullptr,
                writer_options(request, prompt, context_->window()));
  AnswerStream answer({}, false);
  Result<void> written = writer.run(std::move(prompt.rest), stop, [&](std::string_view) {
    if (std::string added = answer.advance(writer.text()); !added.empty()) on_text(added);
  });
  if (!written) return fail(std::move(written.error()));
  if (grammar && !writer.complete()) return fail(too_long(writer.tokens().size(), "the answer"));
  prompts_.wrote(writer.text(), writer.tokens());
  return Reply{.text = answer.text(),
               .usage = {.tokens_output = static_cast<std::int64_t>(writer.tokens().size())},
               .finish = writer.complete() ? Finish::stop : Finish::length};
}

Result<Reply> LlamaSession::json_reply(const ModelRequest& request, PromptCache::Prompt prompt,
                                       const Stop& stop, const OnText& on_text) {
  using Calls = ThinkOptions::Calls;
  std::vector<const ToolCall*> made = calls_made(request.transcript);
  bool tools = request.options.calls != Calls::none && !request.offers.empty();
  bool answer = request.options.calls != Calls::required;
  Result<Reply> reply = json_turn(request, prompt, {tools, answer}, stop, on_text);
  if (!reply || reply->calls.empty() || !answer || !repeats(reply->calls[0], made)) return reply;
  // It knows already what this call brings. Back to the end of the prompt, without tools.
  prompt.rest = {context_->tokens()[prompt.tokens - 1]};
  context_->truncate(prompt.tokens - 1);
  Result<Reply> again = json_turn(request, prompt, {.tools = false}, stop, on_text);
  if (again) again->usage += reply->usage;
  return again;
}

Result<Reply> LlamaSession::json_turn(const ModelRequest& request,
                                      const PromptCache::Prompt& prompt, Branches branches,
                                      const Stop& stop, const OnText& on_text) {
  const Json* schema = request.options.schema ? &*request.options.schema : nullptr;
  Grammar grammar = reply_grammar({.offers = request.offers,
                                   .schema = schema,
                                   .tools = branches.tools,
                                   .answer = branches.answer});
  if (!grammar.possible()) return fail(impossible());
  WriterOptions options = writer_options(request, prompt, context_->window());
  options.tool_bias = bias_of(request, calls_made(request.transcript), context_->parameters());
  Writer writer(*context_, &grammar, options);
  AnswerStream answer(schema ? kAnswer : kAnswerText, !schema);
  Result<void> written = writer.run(prompt.rest, stop, [&](std::string_view) {
    std::string added = schema ? std::string() : answer.advance(writer.text());
    if (!added.empty()) on_text(added);
  });
  if (!written) return fail(std::move(written.error()));
  prompts_.wrote(writer.text(), writer.tokens());
  Reply reply{.usage = {.tokens_output = static_cast<std::int64_t>(writer.tokens().size())}};
  std::string_view text = writer.text();
  bool calls = !text.starts_with(kAnswer);
  if (!writer.complete() && (calls || schema)) {
    return fail(too_long(writer.tokens().size(), calls ? "a call" : "the answer"));
  }
  if (calls) {
    Result<ToolCall> call = call_from(text);
    if (!call) return fail(std::move(call.error()));
    reply.calls.push_back(std::move(*call));
    reply.finish = Finish::calls;
  } else if (schema) {
    reply.text = text.substr(kAnswer.size(), text.size() - kAnswer.size() - 1);
    on_text(reply.text);
  } else {
    reply.text = answer.text();
    if (!writer.complete()) reply.finish = Finish::length;
  }
  return reply;
}

}  // namespace ragent
