#include <model/llama/batch.h>

#include <ragent/limits.h>

#include <algorithm>
#include <cmath>

namespace ragent {
namespace {

// A slot whose end nobody shares is taken over when it is no longer than this, else forked.
constexpr std::size_t kEndDropped = 32;

Error cancelled() {
  return {.kind = ErrorKind::cancelled, .message = "the reply of the local model was cancelled"};
}

}  // namespace

struct Batch::Evaluated {
  Slot& slot;
  bool await_ready() const { return slot.evaluated == slot.tokens.size(); }
  void await_suspend(std::coroutine_handle<> handle) { slot.waits_ = handle; }
  Result<void> await_resume() {
    slot.waits_ = {};
    if (!slot.failed_) return {};
    Error error = std::move(*slot.failed_);
    slot.failed_.reset();
    return fail(std::move(error));
  }
  ~Evaluated() { slot.waits_ = {}; }
};

struct Batch::Until {
  Batch& batch;
  std::move_only_function<bool()> holds;
  std::optional<std::list<Condition>::iterator> listed = {};
  bool await_ready() { return holds(); }
  void await_suspend(std::coroutine_handle<> handle) {
    batch.conditions_.push_back({.holds = std::move(holds), .waits = handle});
    listed = std::prev(batch.conditions_.end());
  }
  void await_resume() const {}
  ~Until() {
    if (listed) batch.conditions_.erase(*listed);
  }
};

Batch::Batch(std::unique_ptr<LlamaContext> context)
    : context_(std::move(context)), slots_(limits::kModelSequencesMax) {
  for (std::size_t i = 0; i < slots_.size(); ++i) slots_[i].sequence = static_cast<int>(i);
}

Batch::Lease::Lease(Batch& batch, std::size_t tokens, const Stop& stop)
    : batch_(&batch), tokens_(tokens), stop_(&stop) {
  batch_->reserved_ += tokens_;
}

Batch::Lease::Lease(Lease&& other) noexcept
    : batch_(std::exchange(other.batch_, nullptr)),
      tokens_(other.tokens_),
      stop_(other.stop_),
      slot_(std::exchange(other.slot_, nullptr)) {}

Batch::Lease::~Lease() {
  if (batch_) batch_->release(*this);
}

// What replies share is counted for each of them: there is always room for what was promised.
Task<Batch::Lease> Batch::reserve(std::size_t tokens, const Stop& stop) {
  RAGENT_ASSERT(tokens <= context_->cells());
  struct InLine {
    std::list<std::size_t>& line;
    std::list<std::size_t>::iterator self;
    ~InLine() { line.erase(self); }
  };
  InLine place{reserving_, reserving_.insert(reserving_.end(), tokens)};
  co_await Until{*this, [this, tokens, self = place.self] {
                   return self == reserving_.begin() && reserved_ + tokens <= context_->cells();
                 }};
  co_return Lease(*this, tokens, stop);
}

Task<void> Batch::wait_for(Slot& slot, std::size_t count) {
  co_await Until{*this, [&slot, count] {
                   return slot.evaluated >= count || !slot.stop_ || slot.tokens.size() < count;
                 }};
}

void Batch::release(Lease& lease) {
  reserved_ -= lease.tokens_;
  Slot* slot = lease.slot_;
  if (!slot) return;
  truncate(*slot, slot->evaluated);
  slot->stop_ = nullptr;
  slot->writes_ = false;
  slot->used_ = ++turns_;
  // What nobody asks for makes every look at the cache longer: of a prompt, by a third at 4,096
  // tokens of a small model.
  auto kept = [&] {
    std::size_t count = 0;
    for (const Slot& each : slots_) count += each.stop_ ? 0 : each.evaluated;
    return count;
  };
  while (kept() > context_->window() / 2) {
    Slot* oldest = oldest_idle(slot);
    if (!oldest) break;
    forget(*oldest);
  }
}

void Batch::forget(Slot& slot) {
  context_->truncate(slot.sequence, 0);
  int sequence = slot.sequence;
  slot = Slot();
  slot.sequence = sequence;
}

// Of those that hold something.
Batch::Slot* Batch::oldest_idle(const Slot* except) {
  Slot* oldest = nullptr;
  for (Slot& slot : slots_) {
    if (slot.stop_ || slot.evaluated == 0 || &slot == except) continue;
    if (!oldest || slot.used_ < oldest->used_) oldest = &slot;
  }
  return oldest;
}

Batch::Slot& Batch::take(Lease& lease, Slot* source, std::size_t common) {
  bool taken_over = source && !source->stop_ && source->tokens.size() <= common + kEndDropped;
  Slot* slot = taken_over ? source : nullptr;
  for (Slot& each : slots_) {
    if (!slot && !each.stop_ && each.evaluated == 0) slot = &each;
  }
  if (!slot) slot = oldest_idle(source);
  RAGENT_ASSERT(slot);  // fewer replies than sequences
  if (slot != source) {
    forget(*slot);
    if (source && common > 0) {
      context_->fork(source->sequence, slot->sequence, common);
      slot->tokens.assign(source->tokens.begin(),
                          source->tokens.begin() + static_cast<std::ptrdiff_t>(common));
      slot->evaluated = common;
      slot->tenant = source->tenant;
      slot->marks = source->marks;
      slot->written_text = source->written_text;
      slot->written_tokens = source->written_tokens;
      source->used_ = ++turns_;
    }
  }
  truncate(*slot, common);
  slot->stop_ = lease.stop_;
  slot->used_ = ++turns_;
  lease.slot_ = slot;
  return *slot;
}

Task<void> Batch::append(Slot& slot, Tokens tokens) {
  slot.tokens.insert(slot.tokens.end(), tokens.begin(), tokens.end());
  co_await co_await Evaluated{slot};
}

void Batch::truncate(Slot& slot, std::size_t size) {
  if (size < slot.tokens.size()) slot.tokens.resize(size);
  if (size < slot.evaluated) {
    context_->truncate(slot.sequence, size);
    slot.evaluated = size;
  }
  std::erase_if(slot.marks, [&](const Mark& mark) { return mark.end > size; });
}

bool Batch::load(Slot& slot, const std::string& path, const Tokens& tokens) {
  truncate(slot, 0);
  if (!context_->load(slot.sequence, path, tokens.size())) return false;
  slot.tokens = tokens;
  slot.evaluated = tokens.size();
  return true;
}

Result<void> Batch::save(const Slot& slot, const std::string& path) const {
  return context_->save(slot.sequence, path);
}

bool Batch::resume_conditions() {
  bool any = false;
  for (auto at = conditions_.begin(); at != conditions_.end();) {
    auto next = std::next(at);
    if (at->waits && at->holds()) {
      std::exchange(at->waits, {}).resume();  // takes itself off the list, may add another
      any = true;
    }
    at = next;
  }
  return any;
}

// How many tokens of each are evaluated in this turn: all, where they are few; the rest shares what
// is left evenly.
std::vector<std::size_t> Batch::shares(const std::vector<Slot*>& waiting) const {
  bool mixed = waiting.size() > 1 &&
               std::ranges::any_of(waiting, [](const Slot* slot) { return slot->writes_; });
  std::size_t left = mixed ? limits::kPrefillTokensMax + waiting.size() : context_->kBatchTokens;
  std::vector<std::size_t> order(waiting.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  auto wanted = [&](std::size_t i) { return waiting[i]->tokens.size() - waiting[i]->evaluated; };
  std::ranges::sort(order, {}, [&](std::size_t i) { return std::pair(wanted(i), i); });
  std::vector<std::size_t> out(waiting.size());
  for (std::size_t done = 0; done < order.size(); ++done) {
    std::size_t i = order[done];
    out[i] = std::min(wanted(i), left / (order.size() - done));
    left -= out[i];
  }
  return out;
}

LlamaContext::Decoded Batch::decode(const std::vector<Slot*>& waiting,
                                    const std::vector<std::size_t>& shares) {
  std::vector<LlamaContext::Part> parts;
  std::vector<const Stop*> stops;
  for (std::size_t i = 0; i < waiting.size(); ++i) {
    Slot& slot = *waiting[i];
    std::span<const Token> tokens = std::span(slot.tokens).subspan(slot.evaluated, shares[i]);
    slot.part_ = i;
    parts.push_back({.sequence = slot.sequence,
                     .tokens = tokens,
                     .position = slot.evaluated,
                     .logits = slot.evaluated + tokens.size() == slot.tokens.size()});
    stops.push_back(slot.stop_);
  }
  for (;;) {
    LlamaContext::Decoded decoded = context_->decode(parts, stops);
    if (decoded != LlamaContext::Decoded::full) return decoded;
    Slot* oldest = oldest_idle();
    if (!oldest) return decoded;
    forget(*oldest);
  }
}

void Batch::finish(const std::vector<Slot*>& waiting, const std::vector<std::size_t>& shares,
                   LlamaContext::Decoded decoded) {
  using Decoded = LlamaContext::Decoded;
  for (std::size_t i = 0; i < waiting.size(); ++i) {
    Slot& slot = *waiting[i];
    if (decoded == Decoded::done) {
      slot.evaluated += shares[i];
      if (slot.evaluated < slot.tokens.size()) continue;
      slot.writes_ = true;
      if (!std::isfinite(logits(slot).front())) {
        slot.failed_ =
            damaged_weights(weights().path(), "the weights make no numbers, the file is damaged");
      }
    } else if (decoded == Decoded::stopped) {
      slot.failed_ = cancelled();
    } else {
      slot.failed_ =
          Error{.kind = ErrorKind::unavailable,
                .message = "the local model could not evaluate " + std::to_string(shares[i]) +
                           " tokens after " + std::to_string(slot.evaluated) +
                           (decoded == Decoded::full ? ": its cache is full" : "")};
    }
    if (slot.failed_) truncate(slot, slot.evaluated);
  }
  // Only now: whoever goes on may look at the others.
  for (Slot* slot : waiting) {
    bool ready = slot->failed_ || slot->evaluated == slot->tokens.size();
    if (ready && slot->waits_) slot->waits_.resume();
  }
}

bool Batch::turn() {
  bool resumed = resume_conditions();
  std::vector<Slot*> waiting;
  for (Slot& slot : slots_) {
    if (slot.waits_ && slot.stop_) waiting.push_back(&slot);
  }
  if (waiting.empty()) return resumed;
  std::vector<std::size_t> tokens = shares(waiting);
  finish(waiting, tokens, decode(waiting, tokens));
  return true;
}

}  // namespace ragent
