// LlamaContext: one loaded GGUF file and one sequence of evaluated tokens (its KV cache). Owned by
// the thread of a local model, used on that thread only.
//
//   Result<std::unique_ptr<LlamaContext>> context = LlamaContext::load({.path = file}, stop);
//   (*context)->append((*context)->tokenize("Hello"), stop);
//   std::span<const float> logits = (*context)->logits();      // for the token that comes next
#pragma once

#include <ragent/tool.h>

#include <atomic>
#include <span>

struct llama_context;
struct llama_model;
struct llama_vocab;

namespace ragent {

using Token = std::int32_t;
using Tokens = std::vector<Token>;

// Set from any thread: the work in hand ends with Error{cancelled}, between two layers.
using Stop = std::atomic<bool>;

class LlamaContext {
 public:
  struct Options {
    std::string path = {};
    std::uint32_t threads = 1;
    std::uint32_t context_tokens = 8192;
  };
  // Error{invalid}: not a GGUF file of a ChatML model.
  static Result<std::unique_ptr<LlamaContext>> load(const Options& options, const Stop& stop);
  LlamaContext(const LlamaContext&) = delete;
  LlamaContext& operator=(const LlamaContext&) = delete;
  ~LlamaContext();

  std::size_t window() const;  // tokens it can hold
  double parameters() const;  // how many the model has
  Token turn_begins() const { return turn_begins_; }
  Token turn_ends() const { return turn_ends_; }
  // As ordinary text: what looks like a control token is not one.
  Tokens tokenize(std::string_view text) const;
  const std::string& piece(Token token);  // its bytes; empty for control tokens

  const Tokens& tokens() const { return tokens_; }  // evaluated
  void truncate(std::size_t size);
  Result<void> append(std::span<const Token> tokens, const Stop& stop);
  std::span<const float> logits() const;  // after the last token of the latest append

  // The state of what was evaluated, as a file that was named after model and tokens. Loading
  // answers false, and leaves nothing evaluated, when it is not there or not whole.
  Result<void> save(const std::string& path) const;
  bool load_state(const std::string& path, const Tokens& tokens);
  // Differs when the weights do.
  Digest identity() const { return identity_; }

 private:
  LlamaContext() = default;

  llama_model* model_ = nullptr;
  llama_context* context_ = nullptr;
  const llama_vocab* vocab_ = nullptr;
  Token turn_begins_ = 0;
  Token turn_ends_ = 0;
  Digest identity_ = {};
  Tokens tokens_ = {};
  std::vector<std::string> pieces_ = {};  // by token, filled when asked for
  std::vector<bool> pieces_known_ = {};
};

}  // namespace ragent
