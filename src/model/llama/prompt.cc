#include <model/llama/prompt.h>

#include <ragent/limits.h>

#include <base/hash.h>

#include <algorithm>
#include <filesystem>

namespace ragent {
namespace {

constexpr std::size_t kPrefixTokensMin = 64;  // a shorter one is evaluated as fast as it is read
constexpr std::size_t kReplyTokensMin = 16;   // of room for an answer
constexpr std::uint64_t kFormat = 1;          // of the files, beside llama.cpp's own version

// Leading messages that never change: system prompt, tools, examples.
std::size_t stable_count(const Transcript& transcript, std::size_t from) {
  std::size_t count = from;
  for (const Message* message : transcript.messages(from)) {
    if (!message->stable) break;
    ++count;
  }
  return count;
}

}  // namespace

Tokens PromptCache::tokens_of(const Transcript& transcript, std::size_t index,
                              const Message& message, Form form) const {
  Tokens out;
  auto add_turn = [&](std::string_view role, const Tokens& text) {
    Tokens begin = context_.tokenize(std::string(role) + "\n");
    Tokens end = context_.tokenize("\n");
    out.push_back(context_.turn_begins());
    out.insert(out.end(), begin.begin(), begin.end());
    out.insert(out.end(), text.begin(), text.end());
    out.push_back(context_.turn_ends());
    out.insert(out.end(), end.begin(), end.end());
  };
  bool leads = index == 0 && form == Form::json;  // the tools stand in the first turn
  if (leads && message.role != Role::system) {
    add_turn("system", context_.tokenize(render_tools(transcript.tools())));
  }
  Form shape = message.role == Role::system && !leads ? Form::plain : form;
  ChatTurn turn = render(message, shape, transcript.tools());
  bool own = turn.role == "assistant" && turn.text == written_text_;
  add_turn(turn.role, own ? written_tokens_ : context_.tokenize(turn.text));
  return out;
}

std::size_t PromptCache::messages_held(const Transcript& transcript) const {
  // A digest covers all messages before it, so equal ones come first: search by halves.
  std::size_t low = 0;
  std::size_t high = std::min(marks_.size(), transcript.size());
  while (low < high) {
    std::size_t middle = (low + high + 1) / 2;
    if (transcript.digest(middle) == marks_[middle - 1].digest) {
      low = middle;
    } else {
      high = middle - 1;
    }
  }
  return low;
}

void PromptCache::add_messages(const Transcript& transcript, std::size_t index, std::size_t end,
                               Form form, std::size_t begin, Tokens& tokens) {
  std::vector<const Message*> messages = transcript.messages(index);
  for (std::size_t i = index; i < end; ++i) {
    Tokens added = tokens_of(transcript, i, *messages[i - index], form);
    tokens.insert(tokens.end(), added.begin(), added.end());
    marks_.push_back({transcript.digest(i + 1), begin + tokens.size()});
  }
}

Result<void> PromptCache::check_fits(std::size_t tokens) const {
  if (tokens + kReplyTokensMin <= context_.window()) return {};
  return fail(ErrorKind::invalid, "the conversation has " + std::to_string(tokens) +
                                      " tokens, the model's window " +
                                      std::to_string(context_.window()) +
                                      ": begin a new session, or give the tools less to say");
}

std::size_t PromptCache::keep_common(std::size_t begin, const Tokens& tokens) {
  const Tokens& held = context_.tokens();
  std::size_t common = 0;
  while (common < tokens.size() && begin + common < held.size() &&
         held[begin + common] == tokens[common]) {
    ++common;
  }
  context_.truncate(begin + common);
  return common;
}

std::string PromptCache::path_of(const std::string& tenant, const Tokens& tokens) const {
  std::string_view bytes(reinterpret_cast<const char*>(tokens.data()),
                         tokens.size() * sizeof(Token));
  Digest digest = mix(mix(mix(context_.identity(), kFormat), tenant), bytes);
  return (std::filesystem::path(cache_dir_) / ("prefix-" + to_hex(digest) + ".kv")).string();
}

// Keeps the newest few: an agent that was edited leaves its old prefixes behind. A failure costs
// the next process the time to evaluate the prefix again, nothing else.
void PromptCache::save(const std::string& path) const {
  if (!context_.save(path)) return;
  namespace fs = std::filesystem;
  std::vector<std::pair<fs::file_time_type, fs::path>> files;
  std::error_code ignored;
  for (const fs::directory_entry& entry : fs::directory_iterator(cache_dir_, ignored)) {
    if (entry.path().extension() == ".kv")
      files.emplace_back(entry.last_write_time(ignored), entry);
  }
  std::ranges::sort(files, std::greater{});
  for (std::size_t i = limits::kPrefixFilesMax; i < files.size(); ++i) {
    fs::remove(files[i].second, ignored);
  }
}

// Brings the stable messages into the context: from the file, or evaluated and saved for the next
// process. Answers how many of their tokens were not evaluated now.
Result<std::size_t> PromptCache::hold_stable(const ModelRequest& request, std::size_t count,
                                             Form form, const Stop& stop) {
  Tokens tokens;
  marks_.clear();
  add_messages(request.transcript, 0, count, form, 0, tokens);
  if (Result<void> fits = check_fits(tokens.size()); !fits) return fail(std::move(fits.error()));
  if (tokens.size() < kPrefixTokensMin) return keep_common(0, tokens);
  std::string path = path_of(request.tenant, tokens);
  if (context_.load_state(path, tokens)) return tokens.size();
  std::size_t common = keep_common(0, tokens);
  Result<void> evaluated = context_.append(std::span(tokens).subspan(common), stop);
  if (!evaluated) return fail(std::move(evaluated.error()));
  save(path);
  return common;
}

Result<PromptCache::Prompt> PromptCache::prepare(const ModelRequest& request, Form form,
                                                 const Stop& stop) {
  if (request.tenant != tenant_) {
    context_.truncate(0);
    tenant_ = request.tenant;
  }
  std::erase_if(marks_, [&](const Mark& mark) { return mark.end > context_.tokens().size(); });
  const Transcript& transcript = request.transcript;
  std::size_t held = messages_held(transcript);
  std::size_t stable = cache_dir_.empty() ? 0 : stable_count(transcript, held);
  std::optional<std::size_t> stable_cached;
  if (held < stable) {
    Result<std::size_t> cached = hold_stable(request, stable, form, stop);
    if (!cached) return fail(std::move(cached.error()));
    stable_cached = *cached;
    held = stable;
  }
  marks_.resize(held);
  std::size_t begin = held > 0 ? marks_.back().end : 0;
  Prompt prompt;
  add_messages(transcript, held, transcript.size(), form, begin, prompt.rest);
  prompt.rest.push_back(context_.turn_begins());
  Tokens header = context_.tokenize("assistant\n");
  prompt.rest.insert(prompt.rest.end(), header.begin(), header.end());
  prompt.tokens = begin + prompt.rest.size();
  if (Result<void> fits = check_fits(prompt.tokens); !fits) return fail(std::move(fits.error()));
  std::size_t evaluated = keep_common(begin, prompt.rest);
  if (evaluated == prompt.rest.size()) {  // the same request again: its last token gives the logits
    --evaluated;
    context_.truncate(begin + evaluated);
  }
  prompt.rest.erase(prompt.rest.begin(),
                    prompt.rest.begin() + static_cast<std::ptrdiff_t>(evaluated));
  prompt.cached = stable_cached.value_or(begin) + evaluated;
  return prompt;
}

void PromptCache::wrote(std::string text, Tokens tokens) {
  written_text_ = std::move(text);
  written_tokens_ = std::move(tokens);
}

}  // namespace ragent
