#include <model/llama/weights.h>

#include <base/hash.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <gguf.h>
#include <llama.h>

namespace ragent {
namespace {

constexpr std::size_t kSampleBytes = 64 << 10;  // of the file, for its identity
constexpr std::size_t kSamples = 8;
// Of models that keep a state of what they read: it cannot be cut back to a beginning, as a cache
// can, to go on from there.
constexpr std::string_view kStates[] = {".ssm.conv_kernel", ".shortconv.l_cache", ".wkv.head_size"};
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

std::unexpected<Error> broken(const std::string& path, const std::string& why) {
  return fail(damaged_weights(path,
                              "expected the weights of a language model (GGUF), the file is "
                              "broken or another one" +
                                  why));
}

// Values of the head, by key.
class Reader {
 public:
  explicit Reader(const std::string& path) {
    llama_log_set([](ggml_log_level, const char*, void*) {}, nullptr);
    file_ = gguf_init_from_file(path.c_str(), {.no_alloc = true, .ctx = nullptr});
  }
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;
  ~Reader() {
    if (file_) gguf_free(file_);
  }
  explicit operator bool() const { return file_ != nullptr; }

  std::string text(const std::string& key) const {
    auto at = find(key, GGUF_TYPE_STRING);
    return at ? gguf_get_val_str(file_, *at) : "";
  }
  std::size_t number(const std::string& key, std::size_t fallback = 0) const {
    auto at = find(key, GGUF_TYPE_UINT32);
    return at ? gguf_get_val_u32(file_, *at) : fallback;
  }
  bool denies(const std::string& key) const {
    auto at = find(key, GGUF_TYPE_BOOL);
    return at && !gguf_get_val_bool(file_, *at);
  }
  std::uint64_t bytes() const {  // the file must have
    std::uint64_t end = 0;
    for (std::int64_t i = 0; i < gguf_get_n_tensors(file_); ++i) {
      end = std::max<std::uint64_t>(
          end, gguf_get_tensor_offset(file_, i) + gguf_get_tensor_size(file_, i));
    }
    return gguf_get_data_offset(file_) + end;
  }

 private:
  std::optional<std::int64_t> find(const std::string& key, gguf_type type) const {
    std::int64_t at = gguf_find_key(file_, key.c_str());
    if (at < 0 || gguf_get_kv_type(file_, at) != type) return std::nullopt;
    return at;
  }
  gguf_context* file_ = nullptr;
};

// Where a file does not say how wide the keys of a head are, the heads share the width.
std::size_t kv_bytes_of(const Reader& file, const WeightsHead& head) {
  const std::string attention = head.architecture + ".attention.";
  std::size_t heads = std::max<std::size_t>(file.number(attention + "head_count"), 1);
  std::size_t width = head.width / heads;
  std::size_t wide =
      file.number(attention + "key_length", width) + file.number(attention + "value_length", width);
  return kCellBytes * file.number(head.architecture + ".block_count") *
         file.number(attention + "head_count_kv", heads) * wide;
}

}  // namespace

Error damaged_weights(const std::string& path, const std::string& what) {
  return {
      .kind = ErrorKind::invalid,
      .message = path + ": " + what +
                 "; delete it and fetch it again (`scripts/setup --models …`, of the models that "
                 "it brings)"};
}

Result<WeightsHead> Weights::read_head(const std::string& path, Purpose purpose) {
  Reader file(path);
  if (!file) return broken(path, "");
  std::error_code ignored;
  std::uint64_t size = std::filesystem::file_size(path, ignored);
  if (size < file.bytes()) {
    return broken(path, ": it has " + std::to_string(size) + " of " + std::to_string(file.bytes()) +
                            " bytes");
  }
  WeightsHead head{.architecture = file.text("general.architecture")};
  head.embeds = file.denies(head.architecture + ".attention.causal");
  head.window = file.number(head.architecture + ".context_length");
  head.width = file.number(head.architecture + ".embedding_length");
  if (head.window == 0 || head.width == 0) return broken(path, ": it names no size of its own");
  head.kv_bytes = kv_bytes_of(file, head);
  if (purpose == Purpose::embedding && !head.embeds) {
    return fail(ErrorKind::invalid, path +
                                        ": expected an embedding model (all-MiniLM-L6-v2), this "
                                        "one (" +
                                        head.architecture + ") writes text; use local/embed");
  }
  if (purpose == Purpose::chat && head.embeds) {
    return fail(ErrorKind::invalid, path + ": expected a model that chats, this one (" +
                                        head.architecture +
                                        ") turns texts into vectors; use --model default");
  }
  if (std::ranges::any_of(kStates, [&](auto key) {
        return file.number(head.architecture + std::string(key)) > 0;
      })) {
    return fail(ErrorKind::invalid,
                path + ": expected a transformer (Qwen2.5, Qwen3, SmolLM2), this one (" +
                    head.architecture +
                    ") keeps a state that cannot go back to the beginning of a conversation; use "
                    "--model default or small");
  }
  return head;
}

Result<WeightsPtr> Weights::load(const std::string& path, Purpose purpose, const Stop& stop) {
  Result<WeightsHead> head = read_head(path, purpose);
  if (!head) return fail(std::move(head.error()));
  llama_backend_init();
  WeightsPtr out(new Weights(path));
  out->head_ = std::move(*head);
  llama_model_params params = llama_model_default_params();
  params.n_gpu_layers = 0;
  params.progress_callback = keep_loading;
  params.progress_callback_user_data = const_cast<Stop*>(&stop);  // what llama.cpp takes
  out->model_ = llama_model_load_from_file(path.c_str(), params);
  if (!out->model_) {
    if (stop) return fail(ErrorKind::cancelled, "loading the local model was cancelled");
    return broken(path, "");
  }
  out->vocab_ = llama_model_get_vocab(out->model_);
  auto vocabulary = static_cast<std::size_t>(llama_vocab_n_tokens(out->vocab_));
  out->pieces_.resize(vocabulary);
  out->pieces_known_.resize(vocabulary);
  if (purpose == Purpose::chat) {
    if (Result<void> found = out->find_turns(); !found) return fail(std::move(found.error()));
  }
  out->identity_ = identity_of(path);
  return out;
}

Result<void> Weights::find_turns() {
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

double Weights::parameters() const { return static_cast<double>(llama_model_n_params(model_)); }

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
