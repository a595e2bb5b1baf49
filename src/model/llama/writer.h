// Writer: one turn of the assistant, token by token, as the grammar allows. Lives for one turn on
// the thread of a local model; others write between its tokens.
//
//   Writer writer(batch, prompt.lease.slot(), &grammar, {.tokens_max = 512});
//   co_await writer.run(on_bytes);
//   writer.text();   // {"tool": "distance", "args": {"from": "Munich", "to": "Oslo"}}
#pragma once

#include <model/llama/batch.h>
#include <model/llama/grammar.h>

namespace ragent {

struct WriterOptions {
  std::size_t tokens_max = 512;
  double temperature = 0;
  std::uint64_t seed = 0;          // of the draws, when the temperature is not 0
  std::optional<double> tool_bias = {};  // of a reply grammar: for `tool` against `answer`
};

class Writer {
 public:
  // No grammar: free text until the model ends its turn.
  Writer(Batch& batch, Batch::Slot& slot, const Grammar* grammar, WriterOptions options);
  // Goes on from the tokens of the slot; `on_bytes` is given what was added, piece by piece.
  // Error{invalid}: the grammar asks for what this model has no tokens for.
  Task<void> run(const std::function<void(std::string_view)>& on_bytes);
  const std::string& text() const { return text_; }
  const Tokens& tokens() const { return tokens_; }
  bool complete() const { return complete_; }  // false: tokens_max came first

 private:
  std::string forced() const;
  bool at_branch() const;
  std::string_view choose_branch(std::span<const float> logits) const;
  std::optional<Token> choose(std::span<const float> logits);
  std::optional<Token> best_allowed(std::span<const float> logits) const;
  std::optional<Token> draw(std::span<const float> logits) const;
  bool allowed(Token token) const;

  // Adds what comes next; false: the turn has ended.
  Result<bool> add_next(std::span<const float> logits);
  void add(std::string_view bytes, const Tokens& tokens);

  Batch& batch_;
  Batch::Slot& slot_;
  std::optional<Matcher> matcher_ = {};
  WriterOptions options_;
  std::string text_ = {};
  Tokens tokens_ = {};
  Tokens pending_ = {};  // of them, not yet evaluated
  bool complete_ = false;
};

}  // namespace ragent
