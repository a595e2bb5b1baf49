#include <model/llama/embed.h>

#include <ragent/limits.h>

#include <base/pool.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <llama.h>
#include <numeric>

namespace ragent {
namespace {

constexpr std::size_t kBatchTokens = 2048;
constexpr std::size_t kBatchTexts = 64;
constexpr std::size_t kPieceTexts = 64;  // of a call, before others get the thread

}  // namespace

LlamaEmbedding::~LlamaEmbedding() {
  if (context_) llama_free(context_);
}

Result<void> LlamaEmbedding::load() {
  if (context_) return {};
  const Stop never = false;  // it takes a tenth of a second
  Result<WeightsPtr> weights = Weights::load(path_, Weights::Purpose::embedding, never);
  if (!weights) return fail(std::move(weights.error()));
  llama_context_params params = llama_context_default_params();
  params.n_ctx = params.n_batch = params.n_ubatch = kBatchTokens;
  params.n_seq_max = kBatchTexts;
  params.kv_unified = true;
  params.embeddings = true;
  params.n_threads = params.n_threads_batch = static_cast<int>(threads_);
  params.no_perf = true;
  context_ = llama_init_from_model((*weights)->model(), params);
  if (!context_) return fail(ErrorKind::unavailable, path_ + ": no memory to embed texts");
  weights_ = std::move(*weights);
  return check_pooling();
}

// One vector of a text, of the width the head names: not one of each token, not a rank.
Result<void> LlamaEmbedding::check_pooling() {
  const auto pooling = llama_pooling_type(context_);
  if (pooling == LLAMA_POOLING_TYPE_MEAN || pooling == LLAMA_POOLING_TYPE_CLS ||
      pooling == LLAMA_POOLING_TYPE_LAST) {
    return {};
  }
  llama_free(std::exchange(context_, nullptr));
  return fail(ErrorKind::invalid,
              path_ + ": expected a model that makes one vector of a text (mean, cls or last), " +
                  "this one has pooling type " + std::to_string(pooling) + "; use local/embed");
}

Result<LlamaEmbedding::Vectors> LlamaEmbedding::embed(const std::vector<std::string>& texts) {
  std::lock_guard lock(mutex_);
  if (Result<void> loaded = load(); !loaded) return fail(std::move(loaded.error()));
  std::size_t longest = std::min(limits::kEmbedTokensMax, weights_->window_max());
  std::vector<Tokens> tokens;
  for (const std::string& text : texts) {
    Tokens& last = tokens.emplace_back(weights_->tokenize(text, true));
    if (last.size() <= longest) continue;
    Token end = last.back();  // what the model wants there
    last.resize(longest);
    last.back() = end;
  }
  Vectors vectors(texts.size());
  for (std::size_t begin = 0; begin < tokens.size();) {
    std::size_t end = begin;
    std::size_t size = 0;
    while (end < tokens.size() && end - begin < kBatchTexts &&
           size + tokens[end].size() <= kBatchTokens) {
      size += tokens[end++].size();
    }
    if (Result<void> done = embed_batch(tokens, begin, end, vectors); !done) {
      return fail(std::move(done.error()));
    }
    begin = end;
  }
  return vectors;
}

Result<void> LlamaEmbedding::embed_batch(const std::vector<Tokens>& texts, std::size_t begin,
                                         std::size_t end, Vectors& vectors) {
  struct Freed {
    llama_batch batch;
    ~Freed() { llama_batch_free(batch); }
  } freed{llama_batch_init(kBatchTokens, 0, 1)};
  llama_batch& batch = freed.batch;
  for (std::size_t i = begin; i < end; ++i) {
    const Tokens& tokens = texts[i];
    for (std::size_t k = 0; k < tokens.size(); ++k) {
      int at = batch.n_tokens++;
      batch.token[at] = tokens[k];
      batch.pos[at] = static_cast<llama_pos>(k);
      batch.n_seq_id[at] = 1;
      batch.seq_id[at][0] = static_cast<llama_seq_id>(i - begin);
      batch.logits[at] = 1;
    }
  }
  if (int failed = llama_encode(context_, batch); failed) {
    return fail(ErrorKind::unavailable,
                path_ + " could not embed " + std::to_string(batch.n_tokens) +
                    " tokens (llama_encode: " + std::to_string(failed) + ")");
  }
  auto dims = static_cast<std::size_t>(llama_model_n_embd(weights_->model()));
  for (std::size_t i = begin; i < end; ++i) {
    const float* values = llama_get_embeddings_seq(context_, static_cast<llama_seq_id>(i - begin));
    if (!values) {  // a model that frames no text has no token of an empty one
      return fail(ErrorKind::invalid,
                  path_ + ": expected texts, one of them has nothing that this model can read");
    }
    std::vector<float> vector(values, values + dims);
    double sum = std::inner_product(vector.begin(), vector.end(), vector.begin(), 0.0);
    if (!std::isfinite(sum) || sum <= 0) {
      return fail(damaged_weights(path_, "the weights make no numbers, the file is damaged"));
    }
    auto scale = static_cast<float>(1 / std::sqrt(sum));
    for (float& value : vector) value *= scale;
    vectors[i] = std::move(vector);
  }
  return {};
}

namespace {

class LlamaEmbedder : public Embedder {
 public:
  LlamaEmbedder(Loop& loop, LlamaEmbeddingPtr embedding, std::string name, std::size_t dims)
      : loop_(loop), embedding_(std::move(embedding)), name_(std::move(name)), dims_(dims) {}
  const std::string& name() const override { return name_; }
  std::size_t dims() const override { return dims_; }
  Task<LlamaEmbedding::Vectors> embed(std::vector<std::string> texts) override {
    if (texts.size() > limits::kEmbedTextsMax) {
      co_await fail(ErrorKind::invalid, "expected at most " +
                                            std::to_string(limits::kEmbedTextsMax) +
                                            " texts to embed at once, got " +
                                            std::to_string(texts.size()) + ": call several times");
    }
    LlamaEmbedding::Vectors vectors;
    while (vectors.size() < texts.size()) {
      std::size_t count = std::min(kPieceTexts, texts.size() - vectors.size());
      auto begin = texts.begin() + static_cast<std::ptrdiff_t>(vectors.size());
      std::vector<std::string> piece(begin, begin + static_cast<std::ptrdiff_t>(count));
      auto work = [embedding = embedding_, piece = std::move(piece)] {
        return embedding->embed(piece);
      };
      LlamaEmbedding::Vectors embedded = co_await offload(loop_, *thread_, std::move(work));
      std::ranges::move(embedded, std::back_inserter(vectors));
    }
    co_return vectors;
  }

 private:
  Loop& loop_;
  LlamaEmbeddingPtr embedding_;
  std::string name_;
  std::size_t dims_;
  std::unique_ptr<Pool> thread_ = make_pool(1, limits::kModelQueueMax);  // joined before the loop
};

}  // namespace

std::unique_ptr<Embedder> make_llama_embedder(Loop& loop, LlamaEmbeddingPtr embedding,
                                              std::string name, std::size_t dims) {
  return std::make_unique<LlamaEmbedder>(loop, std::move(embedding), std::move(name), dims);
}

}  // namespace ragent
