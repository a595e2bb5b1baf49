// LlamaContext: the KV cache of one model, shared by several sequences of tokens, and how a batch
// of them is evaluated. Owned by the thread of a local model, used on that thread only.
//
//   Result<std::unique_ptr<LlamaContext>> context = LlamaContext::open(weights, {});
//   (*context)->decode({{.sequence = 0, .tokens = tokens, .logits = true}}, {&stop});
//   std::span<const float> logits = (*context)->logits(0);     // of part 0: for what comes next
//
// Sequences share cells: fork() copies none, it marks them as another sequence's too. The cache
// begins small, as a start waits for its memory, and grows when what the sequences hold needs it.
#pragma once

#include <model/llama/pace.h>
#include <model/llama/weights.h>

#include <span>

struct llama_batch;  // NOLINT(readability-identifier-naming): llama.cpp names it
struct llama_context;

namespace ragent {

class LlamaContext {
 public:
  struct Options {
    std::uint32_t threads = 1;
    std::uint32_t window = 8192;  // tokens of one sequence
    std::size_t cells_first = 4096;  // of the cache before it grows
  };
  // Tokens of one sequence to evaluate after those it has.
  struct Part {
    int sequence = 0;
    std::span<const Token> tokens = {};
    std::size_t position = 0;  // of the first
    bool logits = false;  // wanted for the last
  };
  enum class Decoded : std::uint8_t { done, stopped, full, failed };

  // Error{unavailable}: no memory for the cache.
  static Result<std::unique_ptr<LlamaContext>> open(WeightsPtr weights, const Options& options);
  LlamaContext(const LlamaContext&) = delete;
  LlamaContext& operator=(const LlamaContext&) = delete;
  ~LlamaContext();

  Weights& weights() { return *weights_; }
  std::size_t window() const { return window_; }  // tokens one sequence can hold
  std::size_t cells() const { return cells_max_; }  // tokens they can hold together

  // At most kBatchTokens in all. `stopped` when every one of `stops` is set; what was begun is then
  // undone, as it is with `full` (no cell is free) and `failed`.
  static constexpr std::size_t kBatchTokens = 512;
  Decoded decode(const std::vector<Part>& parts, const std::vector<const Stop*>& stops);
  std::span<const float> logits(std::size_t part) const;  // until the next decode()
  void truncate(int sequence, std::size_t size);
  void fork(int from, int to, std::size_t size);  // the first `size` tokens; `to` is empty

  // The state of a sequence as a file, named after model and tokens. Loading answers false, and
  // leaves the sequence empty, when it is not there or not whole.
  Result<void> save(int sequence, const std::string& path) const;
  bool load(int sequence, const std::string& path, std::size_t size);

 private:
  LlamaContext(WeightsPtr weights, std::uint32_t threads);
  bool resize(std::size_t cells);  // with what the sequences hold; false: no memory, as before
  void make_room(std::size_t tokens);  // as far as there may be
  int evaluate();  // the batch; what llama_decode answers

  WeightsPtr weights_;
  std::size_t window_ = 0;
  std::size_t cells_max_ = 0;
  std::uint32_t threads_ = 1;
  Pace pace_;
  llama_context* context_ = nullptr;
  std::unique_ptr<llama_batch> batch_;  // its arrays hold kBatchTokens
  std::vector<std::int32_t> outputs_ = {};  // by part: where in the batch its logits are
};

}  // namespace ragent
