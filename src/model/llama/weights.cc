#include <model/llama/weights.h>

#include <base/hash.h>

#include <filesystem>
#include <fstream>
#include <llama.h>

namespace ragent {
namespace {

constexpr std::size_t kSampleBytes = 64 << 10;  // of the file, for its identity
constexpr std::size_t kSamples = 8;
constexpr std::size_t kKeyAndValue = 2;
constexpr std::size_t kCellBytes = 2;  // llama.cpp keeps keys and values as f16

bool keep_loading(float, void* stop) { return !static_cast<const Stop*>(stop)->load(); }

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

}  // namespace

Result<WeightsPtr> Weights::load(const std::string& path, Purpose purpose, const Stop& stop) {
  llama_log_set([](ggml_log_level, const char*, void*) {}, nullptr);
  llama_backend_init();
  WeightsPtr out(new Weights(path));
  llama_model_params params = llama_model_default_params();
  params.n_gpu_layers = 0;
  params.progress_callback = keep_loading;
  params.progress_callback_user_data = const_cast<Stop*>(&stop);  // what llama.cpp takes
  out->model_ = llama_model_load_from_file(path.c_str(), params);
  if (!out->model_) {
    if (stop) return fail(ErrorKind::cancelled, "loading the local model was cancelled");
    return fail(ErrorKind::invalid, path +
                                        ": expected the weights of a language model (GGUF), the "
                                        "file is broken or another one; delete it and "
                                        "`scripts/setup --models …` fetches it again");
  }
  out->vocab_ = llama_model_get_vocab(out->model_);
  auto vocabulary = static_cast<std::size_t>(llama_vocab_n_tokens(out->vocab_));
  out->pieces_.resize(vocabulary);
  out->pieces_known_.resize(vocabulary);
  if (Result<void> fits = out->check(purpose); !fits) return fail(std::move(fits.error()));
  out->identity_ = identity_of(path);
  return out;
}

Result<void> Weights::check(Purpose purpose) {
  std::string architecture = meta("general.architecture");
  bool embeds = meta((architecture + ".attention.causal").c_str()) == "false";
  if (purpose == Purpose::embedding) {
    if (embeds) return {};
    return fail(ErrorKind::invalid, path_ +
                                        ": expected an embedding model (all-MiniLM-L6-v2), this "
                                        "one (" +
                                        architecture + ") writes text; use local/embed");
  }
  if (embeds) {
    return fail(ErrorKind::invalid, path_ + ": expected a model that chats, this one (" +
                                        architecture +
                                        ") turns texts into vectors; use --model default");
  }
  auto control = [&](std::string_view text) {
    Token token = -1;
    int count =
        llama_tokenize(vocab_, text.data(), static_cast<int>(text.size()), &token, 1, false, true);
    return count == 1 ? token : -1;
  };
  turn_begins_ = control("<|im_start|>");
  turn_ends_ = control("<|im_end|>");
  if (turn_begins_ >= 0 && turn_ends_ >= 0) return {};
  bool has_template = llama_model_chat_template(model_, nullptr) != nullptr;
  return fail(ErrorKind::invalid,
              path_ + ": expected a ChatML model (Qwen2.5, SmolLM2), this one has no " +
                  "<|im_start|> token" +
                  (has_template ? ", its chat template is another one"
                                : " and no chat template: it was not trained to chat") +
                  "; use --model default or small");
}

Weights::~Weights() {
  if (model_) llama_model_free(model_);
}

std::string Weights::meta(const char* key) const {
  char buffer[128];
  int size = llama_model_meta_val_str(model_, key, buffer, sizeof(buffer));
  return size > 0 ? std::string(buffer) : std::string();
}

double Weights::parameters() const { return static_cast<double>(llama_model_n_params(model_)); }

std::size_t Weights::window_max() const {
  return static_cast<std::size_t>(llama_model_n_ctx_train(model_));
}

std::size_t Weights::kv_bytes() const {
  auto heads = static_cast<std::size_t>(llama_model_n_head(model_));
  auto layers = static_cast<std::size_t>(llama_model_n_layer(model_));
  auto width = static_cast<std::size_t>(llama_model_n_embd(model_));
  auto heads_kept = static_cast<std::size_t>(llama_model_n_head_kv(model_));
  return kKeyAndValue * kCellBytes * layers * heads_kept * width / std::max<std::size_t>(heads, 1);
}

Tokens Weights::tokenize(std::string_view text, bool framed) const {
  Tokens out(text.size() + 8);
  int count = llama_tokenize(vocab_, text.data(), static_cast<int>(text.size()), out.data(),
                             static_cast<int>(out.size()), framed, false);
  RAGENT_ASSERT(count >= 0);
  out.resize(static_cast<std::size_t>(count));
  return out;
}

const std::string& Weights::piece(Token token) {
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

}  // namespace ragent
