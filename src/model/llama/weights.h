// Weights: one loaded GGUF file and its vocabulary. Loaded once in a process; the contexts made of
// it share it. piece() keeps what it has looked up, so one thread at a time uses it.
//
//   Result<WeightsPtr> weights = Weights::load(file, Weights::Purpose::chat, stop);
//   Tokens tokens = (*weights)->tokenize("Hello");
//
// It decides which files are refused, and says why: a broken one, one that does not speak ChatML,
// one that is no transformer, one that embeds where a chat was asked for, and the other way round.
#pragma once

#include <ragent/tool.h>

#include <atomic>

struct llama_model;
struct llama_vocab;

namespace ragent {

using Token = std::int32_t;
using Tokens = std::vector<Token>;

// Set from any thread: the work in hand ends with Error{cancelled}, between two layers.
using Stop = std::atomic<bool>;

// What a GGUF file says of itself, read in milliseconds.
struct WeightsHead {
  std::string architecture = {};
  bool embeds = false;      // it turns texts into vectors, and does not chat
  std::size_t window = 0;   // tokens it was trained to see
  std::size_t width = 0;    // numbers of a token within it: of a vector, where it embeds
  std::size_t kv_bytes = 0;  // of one token in a cache
};

Error damaged_weights(const std::string& path, const std::string& what);  // and what to do

class Weights {
 public:
  enum class Purpose : std::uint8_t { chat, embedding };
  // Error{invalid}: not whole, or not of such a model.
  static Result<WeightsHead> read_head(const std::string& path, Purpose purpose);
  // Error{invalid}: not the weights of such a model.
  static Result<std::shared_ptr<Weights>> load(const std::string& path, Purpose purpose,
                                               const Stop& stop);
  Weights(const Weights&) = delete;
  Weights& operator=(const Weights&) = delete;
  ~Weights();

  llama_model* model() const { return model_; }
  const std::string& path() const { return path_; }
  std::size_t vocabulary() const { return pieces_.size(); }
  double parameters() const;       // how many the model has
  std::size_t window_max() const { return head_.window; }
  std::size_t kv_bytes() const { return head_.kv_bytes; }  // of one token in a cache
  Token turn_begins() const { return turn_begins_; }
  Token turn_ends() const { return turn_ends_; }
  // As ordinary text: what looks like a control token is not one. `framed`: with the tokens the
  // model wants around a text (an embedding model does).
  Tokens tokenize(std::string_view text, bool framed = false) const;
  const std::string& piece(Token token);  // its bytes; empty for control tokens
  // Differs when the weights do.
  Digest identity() const { return identity_; }

 private:
  explicit Weights(std::string path) : path_(std::move(path)) {}
  Result<void> find_turns();

  std::string path_;
  WeightsHead head_ = {};
  llama_model* model_ = nullptr;
  const llama_vocab* vocab_ = nullptr;
  Token turn_begins_ = -1;
  Token turn_ends_ = -1;
  Digest identity_ = {};
  std::vector<std::string> pieces_ = {};  // by token, filled when asked for
  std::vector<bool> pieces_known_ = {};
};

// Shared by the contexts of the models and embedders that were opened from one file.
using WeightsPtr = std::shared_ptr<Weights>;

}  // namespace ragent
