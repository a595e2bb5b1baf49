#include <model/llama/writer.h>

#include <base/hash.h>
#include <base/text.h>

#include <algorithm>
#include <cmath>
#include <numeric>

namespace ragent {
namespace {

constexpr std::size_t kLikely = 256;        // tokens tried before the whole vocabulary
constexpr std::string_view kBranch = "{\"";  // where a tool parts from an answer

// The most likely tokens, best first.
std::vector<Token> likely(std::span<const float> logits, std::size_t count) {
  std::vector<Token> out(logits.size());
  std::iota(out.begin(), out.end(), 0);
  count = std::min(count, out.size());
  auto better = [&](Token a, Token b) {
    float x = logits[static_cast<std::size_t>(a)];
    float y = logits[static_cast<std::size_t>(b)];
    return x > y || (x == y && a < b);
  };
  auto middle = out.begin() + static_cast<std::ptrdiff_t>(count);
  std::nth_element(out.begin(), middle - 1, out.end(), better);
  out.resize(count);
  std::ranges::sort(out, better);
  return out;
}

}  // namespace

Writer::Writer(Batch& batch, Batch::Slot& slot, const Grammar* grammar, WriterOptions options)
    : batch_(batch), slot_(slot), options_(options) {
  if (grammar) matcher_.emplace(*grammar);
}

void Writer::add(std::string_view bytes, const Tokens& tokens) {
  text_ += bytes;
  tokens_.insert(tokens_.end(), tokens.begin(), tokens.end());
  pending_.insert(pending_.end(), tokens.begin(), tokens.end());
  if (matcher_) RAGENT_ASSERT(matcher_->accept(bytes));
}

Task<void> Writer::run(const std::function<void(std::string_view)>& on_bytes) {
  for (;;) {
    if (std::string text = forced(); !text.empty()) {
      add(text, batch_.weights().tokenize(text));
      on_bytes(text);
    }
    if (matcher_ && matcher_->done()) {
      complete_ = true;
      co_return;
    }
    if (tokens_.size() >= options_.tokens_max) co_return;
    co_await batch_.append(slot_, std::exchange(pending_, {}));
    std::size_t before = text_.size();
    bool goes_on = co_await add_next(batch_.logits(slot_));
    if (!goes_on) co_return;
    on_bytes(std::string_view(text_).substr(before));
  }
}

Result<bool> Writer::add_next(std::span<const float> logits) {
  if (at_branch()) {
    std::string_view word = choose_branch(logits);
    add(word, batch_.weights().tokenize(word));
    return true;
  }
  std::optional<Token> token = choose(logits);
  if (!token) {
    return fail(ErrorKind::invalid, "no token of the local model goes on after " +
                                        printable(text_, 200) + " as the schema asks");
  }
  const std::string& piece = batch_.weights().piece(*token);
  if (piece.empty()) {  // a control token: the model ended its turn
    complete_ = true;
    return false;
  }
  add(piece, {*token});
  return true;
}

// Only up to the last sign of structure: the rest of a word is cut into tokens as the model would.
std::string Writer::forced() const {
  if (!matcher_) return {};
  std::string text = matcher_->forced();
  Matcher after = *matcher_;
  after.accept(text);
  if (after.done()) return text;
  std::size_t end = text.find_last_of("\"{}[]:,");
  return text.substr(0, end == text.npos ? 0 : end + 1);
}

bool Writer::at_branch() const {
  return options_.tool_bias && text_ == kBranch && matcher_->accepts("tool\"") &&
         matcher_->accepts("answer\"");
}

std::string_view Writer::choose_branch(std::span<const float> logits) const {
  auto logit = [&](std::string_view word) {
    return static_cast<double>(
        logits[static_cast<std::size_t>(batch_.weights().tokenize(word).front())]);
  };
  return logit("tool") + *options_.tool_bias > logit("answer") ? "tool" : "answer";
}

bool Writer::allowed(Token token) const {
  const std::string& piece = batch_.weights().piece(token);
  return piece.empty() ? matcher_->complete() : matcher_->accepts(piece);
}

std::optional<Token> Writer::choose(std::span<const float> logits) {
  if (options_.temperature > 0) return draw(logits);
  auto best = static_cast<Token>(std::ranges::max_element(logits) - logits.begin());
  return !matcher_ || allowed(best) ? best : best_allowed(logits);
}

// Rare: the best token does not fit. The likely ones first, for a vocabulary is long.
std::optional<Token> Writer::best_allowed(std::span<const float> logits) const {
  for (std::size_t count : {kLikely, logits.size()}) {
    for (Token token : likely(logits, count)) {
      if (allowed(token)) return token;
    }
  }
  return std::nullopt;
}

std::optional<Token> Writer::draw(std::span<const float> logits) const {
  std::vector<Token> tokens = likely(logits, kLikely);
  if (matcher_) std::erase_if(tokens, [&](Token token) { return !allowed(token); });
  if (tokens.empty()) return best_allowed(logits);
  auto logit = [&](Token token) {
    return static_cast<double>(logits[static_cast<std::size_t>(token)]);
  };
  double top = logit(tokens.front());
  std::vector<double> weights;
  for (Token token : tokens) {
    weights.push_back(std::exp((logit(token) - top) / options_.temperature));
  }
  double sum = std::accumulate(weights.begin(), weights.end(), 0.0);
  Digest drawn = mix(mix(Digest{}, options_.seed), tokens_.size());
  double left = static_cast<double>(drawn.low >> 11) * 0x1p-53 * sum;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    left -= weights[i];
    if (left < 0) return tokens[i];
  }
  return tokens.back();
}

}  // namespace ragent
