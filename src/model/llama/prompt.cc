#include <model/llama/prompt.h>

#include <ragent/limits.h>

#include <base/hash.h>

#include <algorithm>
#include <filesystem>

namespace ragent {
namespace {

constexpr std::size_t kPrefixTokensMin = 64;  // a shorter one is evaluated as fast as it is read
constexpr std::size_t kReplyTokensMin = 16;   // of room for an answer
constexpr std::size_t kWaitTokensMin = 8;     // fewer are evaluated again sooner than waited for
constexpr std::uint64_t kFormat = 1;          // of the files, beside llama.cpp's own version

// Leading messages that never change: system prompt, tools, examples.
std::size_t stable_count(const Transcript& transcript) {
  std::size_t count = 0;
  for (const Message* message : transcript.messages()) {
    if (!message->stable) break;
    ++count;
  }
  return count;
}

// How many messages of `transcript` the marks are of.
std::size_t messages_held(const std::vector<Batch::Mark>& marks, const Transcript& transcript) {
  // A digest covers all messages before it, so equal ones come first: search by halves.
  std::size_t low = 0;
  std::size_t high = std::min(marks.size(), transcript.size());
  while (low < high) {
    std::size_t middle = (low + high + 1) / 2;
    if (transcript.digest(middle) == marks[middle - 1].digest) {
      low = middle;
    } else {
      high = middle - 1;
    }
  }
  return low;
}

std::size_t common_prefix(std::span<const Token> a, std::span<const Token> b) {
  return static_cast<std::size_t>(std::ranges::mismatch(a, b).in1 - a.begin());
}

Error too_long(std::size_t tokens, std::size_t window) {
  return {.kind = ErrorKind::invalid,
          .message = "the conversation has " + std::to_string(tokens) +
                     " tokens, the model's window " + std::to_string(window) +
                     ": begin a new session, or give the tools less to say"};
}

}  // namespace

class PromptCache::Turns {
 public:
  Turns(const Weights& weights, const Transcript& transcript, Form form)
      : weights_(weights),
        transcript_(transcript),
        form_(form),
        messages_(transcript.messages()),
        known_(transcript.size()) {}

  // As `slot` would hold it: what its model wrote stays cut as it was.
  Tokens tokens(std::size_t index, const Batch::Slot* slot) {
    const Known& known = at(index);
    bool own = slot && known.turn.role == "assistant" && known.turn.text == slot->written_text;
    Tokens out = known.before;
    add_turn(out, known.turn.role, own ? slot->written_tokens : known.text);
    return out;
  }
  Tokens header() const {
    Tokens out = {weights_.turn_begins()};
    add(out, weights_.tokenize("assistant\n"));
    return out;
  }

 private:
  struct Known {
    Tokens before = {};  // the tools, where no system message lists them
    ChatTurn turn = {};
    Tokens text = {};
  };
  static void add(Tokens& out, const Tokens& tokens) {
    out.insert(out.end(), tokens.begin(), tokens.end());
  }
  void add_turn(Tokens& out, std::string_view role, const Tokens& text) const {
    out.push_back(weights_.turn_begins());
    add(out, weights_.tokenize(std::string(role) + "\n"));
    add(out, text);
    out.push_back(weights_.turn_ends());
    add(out, weights_.tokenize("\n"));
  }
  const Known& at(std::size_t index) {
    std::optional<Known>& known = known_[index];
    if (known) return *known;
    known.emplace();
    const Message& message = *messages_[index];
    bool leads = index == 0 && form_ == Form::json;  // the tools stand in the first turn
    if (leads && message.role != Role::system) {
      add_turn(known->before, "system", weights_.tokenize(render_tools(transcript_.tools())));
    }
    Form shape = message.role == Role::system && !leads ? Form::plain : form_;
    known->turn = render(message, shape, transcript_.tools());
    known->text = weights_.tokenize(known->turn.text);
    return *known;
  }

  const Weights& weights_;
  const Transcript& transcript_;
  Form form_;
  std::vector<const Message*> messages_;
  std::vector<std::optional<Known>> known_;
};

// The slot with the longest beginning of the prompt. Of those that hold as many messages the tokens
// are compared: branches part within one, and replies were cut into tokens by whoever wrote them.
PromptCache::Plan PromptCache::plan(Turns& turns, const ModelRequest& request) const {
  const Transcript& transcript = request.transcript;
  std::vector<std::pair<Batch::Slot*, std::size_t>> held;
  std::size_t most = 0;
  for (Batch::Slot& slot : batch_.slots()) {
    if (slot.tokens.empty() || slot.tenant != request.tenant) continue;
    held.emplace_back(&slot, messages_held(slot.marks, transcript));
    most = std::max(most, held.back().second);
  }
  std::erase_if(held, [&](const auto& each) { return each.second < most; });
  if (held.empty()) held.emplace_back(nullptr, 0);
  Plan best;
  for (auto [slot, messages] : held) {
    Plan next{.source = slot, .messages = messages};
    std::size_t begin = messages > 0 ? slot->marks[messages - 1].end : 0;
    if (slot) {
      next.tokens.assign(slot->tokens.begin(),
                         slot->tokens.begin() + static_cast<std::ptrdiff_t>(begin));
      next.marks.assign(slot->marks.begin(),
                        slot->marks.begin() + static_cast<std::ptrdiff_t>(messages));
    }
    for (std::size_t i = messages; i < transcript.size(); ++i) {
      Tokens added = turns.tokens(i, slot);
      next.tokens.insert(next.tokens.end(), added.begin(), added.end());
      next.marks.push_back({transcript.digest(i + 1), next.tokens.size()});
    }
    Tokens header = turns.header();
    next.tokens.insert(next.tokens.end(), header.begin(), header.end());
    if (slot) next.common = common_prefix(slot->tokens, next.tokens);
    // The last token gives the logits: it is evaluated again when all of them are known.
    next.common = std::min(next.common, next.tokens.size() - 1);
    bool better = best.tokens.empty() || next.common > best.common ||
                  (next.common == best.common && best.source->busy());
    if (better) best = std::move(next);
  }
  return best;
}

// The plan whose common tokens are evaluated: what another reply is about to evaluate is waited
// for, not evaluated twice.
Task<PromptCache::Plan> PromptCache::plan_evaluated(Turns& turns,
                                                    const ModelRequest& request) const {
  for (;;) {
    Plan next = plan(turns, request);
    if (!next.source || next.common <= next.source->evaluated) co_return next;
    if (next.common - next.source->evaluated < kWaitTokensMin) {
      next.common = next.source->evaluated;
      co_return next;
    }
    co_await batch_.wait_for(*next.source, next.common);
  }
}

std::string PromptCache::path_of(const std::string& tenant, std::span<const Token> tokens) const {
  std::string_view bytes(reinterpret_cast<const char*>(tokens.data()), tokens.size_bytes());
  Digest digest = mix(mix(mix(batch_.weights().identity(), kFormat), tenant), bytes);
  return (std::filesystem::path(cache_dir_) / ("prefix-" + to_hex(digest) + ".kv")).string();
}

// Keeps the newest few: an agent that was edited leaves its old prefixes behind. A failure costs
// the next process the time to evaluate the prefix again, nothing else.
void PromptCache::save(const Batch::Slot& slot, const std::string& path) const {
  if (!batch_.save(slot, path)) return;
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

// Brings the stable messages, `end` tokens, into a slot: from the file, or evaluated and saved for
// the next process. Answers how many of their tokens were not evaluated now.
Task<std::size_t> PromptCache::hold_stable(Plan& plan, std::size_t end, Batch::Lease& lease,
                                           const std::string& tenant) {
  Tokens stable(plan.tokens.begin(), plan.tokens.begin() + static_cast<std::ptrdiff_t>(end));
  std::string path = path_of(tenant, stable);
  std::error_code ignored;
  bool saved = std::filesystem::exists(path, ignored);
  // A slot may share more than `end`: tools that differ can read the same.
  std::size_t common = saved ? 0 : std::min(plan.common, end);
  Batch::Slot& slot = batch_.take(lease, saved ? nullptr : plan.source, common);
  slot.tenant = tenant;
  if (saved && batch_.load(slot, path, stable)) co_return end;
  slot.marks = plan.marks;
  std::erase_if(slot.marks, [&](const Batch::Mark& mark) { return mark.end > end; });
  co_await batch_.append(
      slot, Tokens(stable.begin() + static_cast<std::ptrdiff_t>(common), stable.end()));
  save(slot, path);
  co_return common;
}

Task<PromptCache::Prompt> PromptCache::prepare(const ModelRequest& request, Form form,
                                               const Stop& stop) {
  Turns turns(batch_.weights(), request.transcript, form);
  std::size_t size = plan(turns, request).tokens.size();
  std::size_t window = batch_.window();
  if (size + kReplyTokensMin > window) co_await fail(too_long(size, window));
  std::size_t wanted =
      request.options.tokens_max ? request.options.tokens_max : limits::kReplyTokensDefault;
  std::size_t reply_max = std::min(wanted, window - size);
  Prompt prompt{.lease = co_await batch_.reserve(size + reply_max, stop), .reply_max = reply_max};
  Plan chosen = co_await plan_evaluated(turns, request);
  std::size_t stable = cache_dir_.empty() ? 0 : stable_count(request.transcript);
  std::size_t stable_end = stable > 0 ? chosen.marks[stable - 1].end : 0;
  if (chosen.messages < stable && stable_end >= kPrefixTokensMin) {
    prompt.cached = co_await hold_stable(chosen, stable_end, prompt.lease, request.tenant);
  } else {
    batch_.take(prompt.lease, chosen.source, chosen.common);
    prompt.cached = chosen.common;
  }
  Batch::Slot& slot = prompt.lease.slot();
  slot.tenant = request.tenant;
  slot.marks = std::move(chosen.marks);
  slot.tokens.insert(slot.tokens.end(),
                     chosen.tokens.begin() + static_cast<std::ptrdiff_t>(slot.tokens.size()),
                     chosen.tokens.end());
  prompt.tokens = chosen.tokens.size();
  // Another way of cutting a reply into tokens may have come out longer than what was asked for.
  prompt.reply_max = std::min(reply_max, window - std::min(window, prompt.tokens));
  co_return prompt;
}

}  // namespace ragent
