#include <model/llama/context.h>

#include <base/file.h>
#include <base/hash.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <llama.h>
#include <sched.h>

namespace ragent {
namespace {

constexpr std::size_t kBatchTokens = 512;
constexpr std::size_t kSampleBytes = 64 << 10;  // of the file, for its identity
constexpr std::size_t kSamples = 8;
constexpr std::size_t kStateBytesMax = std::size_t{1} << 30;

bool stopped(void* stop) { return static_cast<const Stop*>(stop)->load(); }
bool keep_loading(float, void* stop) { return !stopped(stop); }

// What llama.cpp keeps as a callback's argument.
void* pointer_to(const Stop& stop) { return const_cast<Stop*>(&stop); }

std::unexpected<Error> cancelled() {
  return fail(ErrorKind::cancelled, "the reply of the local model was cancelled");
}

// Weights are a gigabyte: size and samples tell two files apart in a millisecond.
Digest identity_of(const std::string& path) {
  std::error_code ignored;
  std::uint64_t size = std::filesystem::file_size(path, ignored);
  Digest digest = mix(Digest{}, size);
  std::ifstream file(path, std::ios::binary);
  std::string sample(kSampleBytes, '\0');
  for (std::size_t i = 0; i < kSamples; ++i) {
    file.seekg(static_cast<std::streamoff>(size / kSamples * i));
    file.read(sample.data(), static_cast<std::streamsize>(sample.size()));
    digest = mix(digest, std::string_view(sample.data(), static_cast<std::size_t>(file.gcount())));
    file.clear();
  }
  return digest;
}

constexpr unsigned kSpinsPerYield = 128;

}  // namespace

// What a thread of llama.cpp does while it waits for the others, many times a layer (see the flags
// in scripts/fetch.py). One that only spins keeps a core from the one it waits for whenever the
// machine has other work, and replies then take ten times as long.
extern "C" void ragent_spin_once() {
  // Beside the rule's one exception: a mere count of spins, on llama.cpp's own threads.
  thread_local unsigned spins = 0;
  if (++spins % kSpinsPerYield == 0) {
    sched_yield();
  } else {
    __builtin_ia32_pause();
  }
}

Result<std::unique_ptr<LlamaContext>> LlamaContext::load(const Options& options, const Stop& stop) {
  llama_log_set([](ggml_log_level, const char*, void*) {}, nullptr);
  llama_backend_init();
  std::unique_ptr<LlamaContext> out(new LlamaContext);
  llama_model_params model_params = llama_model_default_params();
  model_params.n_gpu_layers = 0;
  model_params.progress_callback = keep_loading;
  model_params.progress_callback_user_data = pointer_to(stop);
  out->model_ = llama_model_load_from_file(options.path.c_str(), model_params);
  if (!out->model_) {
    if (stop) return cancelled();
    return fail(ErrorKind::invalid, options.path +
                                        ": expected the weights of a language model "
                                        "(GGUF), the file is broken or another one; "
                                        "`scripts/setup` fetches it again");
  }
  out->vocab_ = llama_model_get_vocab(out->model_);
  auto control = [&](std::string_view text) {
    Token token = -1;
    int count = llama_tokenize(out->vocab_, text.data(), static_cast<int>(text.size()), &token, 1,
                               false, true);
    return count == 1 ? token : -1;
  };
  out->turn_begins_ = control("<|im_start|>");
  out->turn_ends_ = control("<|im_end|>");
  if (out->turn_begins_ < 0 || out->turn_ends_ < 0) {
    return fail(ErrorKind::invalid, options.path +
                                        ": expected a ChatML model (Qwen2.5, SmolLM2), "
                                        "this one has no <|im_start|> token");
  }
  llama_context_params params = llama_context_default_params();
  params.n_ctx = std::min<std::uint32_t>(
      options.context_tokens, static_cast<std::uint32_t>(llama_model_n_ctx_train(out->model_)));
  params.n_batch = params.n_ubatch = kBatchTokens;
  params.n_threads = params.n_threads_batch = static_cast<int>(options.threads);
  params.no_perf = true;
  out->context_ = llama_init_from_model(out->model_, params);
  if (!out->context_) {
    return fail(ErrorKind::unavailable, options.path + ": no memory for a context of " +
                                            std::to_string(params.n_ctx) +
                                            " tokens; choose a smaller model (--model small)");
  }
  auto vocabulary = static_cast<std::size_t>(llama_vocab_n_tokens(out->vocab_));
  out->pieces_.resize(vocabulary);
  out->pieces_known_.resize(vocabulary);
  out->identity_ = identity_of(options.path);
  return out;
}

LlamaContext::~LlamaContext() {
  if (context_) llama_free(context_);
  if (model_) llama_model_free(model_);
}

std::size_t LlamaContext::window() const { return llama_n_ctx(context_); }
double LlamaContext::parameters() const {
  return static_cast<double>(llama_model_n_params(model_));
}

Tokens LlamaContext::tokenize(std::string_view text) const {
  Tokens out(text.size() + 8);
  int count = llama_tokenize(vocab_, text.data(), static_cast<int>(text.size()), out.data(),
                             static_cast<int>(out.size()), false, false);
  RAGENT_ASSERT(count >= 0);
  out.resize(static_cast<std::size_t>(count));
  return out;
}

const std::string& LlamaContext::piece(Token token) {
  auto index = static_cast<std::size_t>(token);
  std::string& out = pieces_[index];
  if (!pieces_known_[index]) {
    pieces_known_[index] = true;
    char buffer[256];
    int size = llama_token_to_piece(vocab_, token, buffer, sizeof(buffer), 0, false);
    if (size > 0) out.assign(buffer, static_cast<std::size_t>(size));
  }
  return out;
}

void LlamaContext::truncate(std::size_t size) {
  llama_memory_seq_rm(llama_get_memory(context_), 0, static_cast<llama_pos>(size), -1);
  if (size < tokens_.size()) tokens_.resize(size);
}

Result<void> LlamaContext::append(std::span<const Token> tokens, const Stop& stop) {
  llama_set_abort_callback(context_, stopped, pointer_to(stop));
  while (!tokens.empty()) {
    std::span<const Token> part = tokens.first(std::min(kBatchTokens, tokens.size()));
    Tokens batch(part.begin(), part.end());
    int failed = stop ? 2
                      : llama_decode(context_, llama_batch_get_one(batch.data(),
                                                                   static_cast<int>(batch.size())));
    if (failed) {
      truncate(tokens_.size());  // what an aborted batch left behind
      llama_set_abort_callback(context_, nullptr, nullptr);
      if (stop) return cancelled();
      return fail(ErrorKind::unavailable, "the local model could not evaluate " +
                                              std::to_string(batch.size()) + " tokens after " +
                                              std::to_string(tokens_.size()) +
                                              " (llama_decode: " + std::to_string(failed) + ")");
    }
    tokens_.insert(tokens_.end(), batch.begin(), batch.end());
    tokens = tokens.subspan(part.size());
  }
  llama_set_abort_callback(context_, nullptr, nullptr);
  return {};
}

std::span<const float> LlamaContext::logits() const {
  const float* values = llama_get_logits_ith(context_, -1);
  RAGENT_ASSERT(values);
  return {values, pieces_.size()};
}

Result<void> LlamaContext::save(const std::string& path) const {
  std::string body(llama_state_seq_get_size(context_, 0), '\0');
  auto* bytes = reinterpret_cast<std::uint8_t*>(body.data());
  body.resize(llama_state_seq_get_data(context_, bytes, body.size(), 0));
  std::string file = to_hex(hash128(body)) + body;
  std::string folder = std::filesystem::path(path).parent_path().string();
  if (Result<void> made = make_directories(folder); !made) return made;
  return write_file_atomic(path, file);
}

// llama.cpp trusts its files to the letter and aborts on a cut one: the digest is checked first.
bool LlamaContext::load_state(const std::string& path, const Tokens& tokens) {
  truncate(0);
  Result<std::string> file = read_file(path, kStateBytesMax);
  constexpr std::size_t kHead = 32;
  if (!file || file->size() <= kHead) return false;
  std::string_view body = std::string_view(*file).substr(kHead);
  if (to_hex(hash128(body)) != file->substr(0, kHead)) return false;
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(body.data());
  bool taken = llama_state_seq_set_data(context_, bytes, body.size(), 0) == body.size();
  llama_pos last = llama_memory_seq_pos_max(llama_get_memory(context_), 0);
  if (!taken || last + 1 != static_cast<llama_pos>(tokens.size())) {
    truncate(0);
    return false;
  }
  tokens_ = tokens;
  return true;
}

}  // namespace ragent
