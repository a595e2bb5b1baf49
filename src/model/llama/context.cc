#include <model/llama/context.h>

#include <ragent/limits.h>

#include <base/file.h>
#include <base/hash.h>

#include <algorithm>
#include <ctime>
#include <filesystem>
#include <llama.h>
#include <sched.h>
#include <unistd.h>

namespace ragent {
namespace {

constexpr std::size_t kStateBytesMax = std::size_t{1} << 30;
constexpr unsigned kSpinsPerYield = 128;
constexpr int kSequences = static_cast<int>(limits::kModelSequencesMax);
constexpr std::size_t kMemoryParts = 8;  // of the machine's memory, one for the cache
constexpr int kFull = 1;     // of llama_decode
constexpr int kAborted = 2;  // likewise

bool all_set(void* stops) {
  const auto& flags = *static_cast<const std::vector<const Stop*>*>(stops);
  return std::ranges::all_of(flags, [](const Stop* stop) { return stop->load(); });
}

// Of the calling thread.
std::chrono::nanoseconds processor_time() {
  timespec time = {};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

// Several windows where memory allows: runs at once and sequences kept for later share them.
std::size_t cells_for(std::size_t window, std::size_t kv_bytes) {
  auto memory = static_cast<std::size_t>(std::max(0L, sysconf(_SC_PHYS_PAGES))) *
                static_cast<std::size_t>(std::max(0L, sysconf(_SC_PAGESIZE)));
  std::size_t bytes = std::min(limits::kModelCacheBytesMax, memory / kMemoryParts);
  std::size_t cells = bytes / std::max<std::size_t>(kv_bytes, 1);
  return std::clamp(cells, window, window * limits::kModelCacheWindowsMax);
}

// Tokens of a sequence: they stand at 0 and on.
std::size_t held(llama_context* context, int sequence) {
  llama_pos last = llama_memory_seq_pos_max(llama_get_memory(context), sequence);
  return static_cast<std::size_t>(last) + 1;  // none: -1
}

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

Result<std::unique_ptr<LlamaContext>> LlamaContext::open(WeightsPtr weights,
                                                         const Options& options) {
  std::unique_ptr<LlamaContext> out(new LlamaContext(std::move(weights), options.threads));
  const Weights& model = *out->weights_;
  out->window_ = std::min<std::size_t>(options.window, model.window_max());
  out->cells_max_ = cells_for(out->window_, model.kv_bytes());
  std::size_t first = std::min(out->cells_max_, options.cells_first);
  if (!out->resize(first)) {
    return fail(ErrorKind::unavailable, model.path() + ": no memory for a context of " +
                                            std::to_string(first) +
                                            " tokens; choose a smaller model (--model small)");
  }
  out->batch_ = std::make_unique<llama_batch>(llama_batch_init(kBatchTokens, 0, 1));
  return out;
}

LlamaContext::LlamaContext(WeightsPtr weights, std::uint32_t threads)
    : weights_(std::move(weights)), threads_(threads), pace_(threads) {}

LlamaContext::~LlamaContext() {
  if (batch_) llama_batch_free(*batch_);
  if (context_) llama_free(context_);
}

bool LlamaContext::resize(std::size_t cells) {
  llama_context_params params = llama_context_default_params();
  params.n_ctx = static_cast<std::uint32_t>(cells);
  params.n_batch = params.n_ubatch = kBatchTokens;
  params.n_seq_max = params.n_outputs_max = kSequences;
  params.kv_unified = true;
  params.n_threads = params.n_threads_batch = static_cast<int>(threads_);
  params.no_perf = true;
  llama_context* larger = llama_init_from_model(weights_->model(), params);
  if (!larger) return false;
  std::vector<std::uint8_t> state;
  for (int sequence = 0; context_ && sequence < kSequences; ++sequence) {
    if (held(context_, sequence) == 0) continue;
    state.resize(llama_state_seq_get_size(context_, sequence));
    std::size_t size = llama_state_seq_get_data(context_, state.data(), state.size(), sequence);
    if (llama_state_seq_set_data(larger, state.data(), size, sequence) == size) continue;
    llama_free(larger);
    return false;
  }
  if (context_) llama_free(context_);
  context_ = larger;
  return true;
}

// Cells that sequences share are counted for each of them: a larger cache holds them apart.
void LlamaContext::make_room(std::size_t tokens) {
  std::size_t now = llama_n_ctx(context_);
  if (now >= cells_max_) return;
  std::size_t wanted = tokens;
  for (int sequence = 0; sequence < kSequences; ++sequence) wanted += held(context_, sequence);
  if (wanted <= now || wanted > cells_max_) return;
  resize(std::min(cells_max_, std::max(2 * now, wanted)));
}

int LlamaContext::evaluate() {
  auto wall = std::chrono::steady_clock::now();
  auto processor = processor_time();
  std::uint32_t threads = pace_.threads(wall);
  llama_set_n_threads(context_, static_cast<int>(threads), static_cast<int>(threads));
  int failed = llama_decode(context_, *batch_);
  auto end = std::chrono::steady_clock::now();
  pace_.took(threads, end - wall, processor_time() - processor, end);
  return failed;
}

LlamaContext::Decoded LlamaContext::decode(const std::vector<Part>& parts,
                                           const std::vector<const Stop*>& stops) {
  if (all_set(const_cast<std::vector<const Stop*>*>(&stops))) return Decoded::stopped;
  outputs_.assign(parts.size(), -1);
  batch_->n_tokens = 0;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const Part& part = parts[i];
    for (std::size_t k = 0; k < part.tokens.size(); ++k) {
      int at = batch_->n_tokens++;
      RAGENT_ASSERT(static_cast<std::size_t>(at) < kBatchTokens);
      batch_->token[at] = part.tokens[k];
      batch_->pos[at] = static_cast<llama_pos>(part.position + k);
      batch_->n_seq_id[at] = 1;
      batch_->seq_id[at][0] = part.sequence;
      bool last = part.logits && k + 1 == part.tokens.size();
      batch_->logits[at] = last;
      if (last) outputs_[i] = at;
    }
  }
  make_room(static_cast<std::size_t>(batch_->n_tokens));
  llama_set_abort_callback(context_, all_set, const_cast<std::vector<const Stop*>*>(&stops));
  int failed = evaluate();
  llama_set_abort_callback(context_, nullptr, nullptr);
  if (!failed) return Decoded::done;
  for (const Part& part : parts) truncate(part.sequence, part.position);
  if (failed == kFull) return Decoded::full;
  return failed == kAborted ? Decoded::stopped : Decoded::failed;
}

std::span<const float> LlamaContext::logits(std::size_t part) const {
  const float* values = llama_get_logits_ith(context_, outputs_[part]);
  RAGENT_ASSERT(values);
  return {values, weights_->vocabulary()};
}

void LlamaContext::truncate(int sequence, std::size_t size) {
  llama_memory_seq_rm(llama_get_memory(context_), sequence, static_cast<llama_pos>(size), -1);
}

void LlamaContext::fork(int from, int to, std::size_t size) {
  llama_memory_seq_cp(llama_get_memory(context_), from, to, 0, static_cast<llama_pos>(size));
}

Result<void> LlamaContext::save(int sequence, const std::string& path) const {
  std::string body(llama_state_seq_get_size(context_, sequence), '\0');
  auto* bytes = reinterpret_cast<std::uint8_t*>(body.data());
  body.resize(llama_state_seq_get_data(context_, bytes, body.size(), sequence));
  std::string file = to_hex(hash128(body)) + body;
  std::string folder = std::filesystem::path(path).parent_path().string();
  if (Result<void> made = make_directories(folder); !made) return made;
  return write_file_atomic(path, file);
}

// llama.cpp trusts its files to the letter and aborts on a cut one: the digest is checked first.
bool LlamaContext::load(int sequence, const std::string& path, std::size_t size) {
  truncate(sequence, 0);
  Result<std::string> file = read_file(path, kStateBytesMax);
  constexpr std::size_t kHead = 32;
  if (!file || file->size() <= kHead) return false;
  std::string_view body = std::string_view(*file).substr(kHead);
  if (to_hex(hash128(body)) != file->substr(0, kHead)) return false;
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(body.data());
  make_room(size);
  bool taken = llama_state_seq_set_data(context_, bytes, body.size(), sequence) == body.size();
  if (taken && held(context_, sequence) == size) return true;
  truncate(sequence, 0);
  return false;
}

}  // namespace ragent
