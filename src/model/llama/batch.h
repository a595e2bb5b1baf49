// Batch: the sequences of one model and whose turn it is. Owned by the thread of a local model,
// used on that thread only; coroutines that write replies wait here for their tokens.
//
//   Batch::Lease lease = co_await batch.reserve(tokens, stop);   // room, in the order of arrival
//   Batch::Slot& slot = batch.take(lease, source, common);       // shares `common` tokens with it
//   co_await batch.append(slot, rest);
//   std::span<const float> logits = batch.logits(slot);          // until the next await
//   while (batch.turn()) {}                                      // elsewhere: evaluates, resumes
//
// A turn is one batch with tokens of every sequence that has some to evaluate: no run waits behind
// a long one. Long prompts share what a turn can take, and take little of it while others write.
#pragma once

#include <model/llama/context.h>
#include <ragent/task.h>

#include <coroutine>
#include <list>

namespace ragent {

class Batch {
 public:
  struct Mark {
    Digest digest = {};  // of the transcript up to a message
    std::size_t end = 0;  // of its tokens in the sequence
  };
  // A sequence: of a reply in the making, or kept for those that go on from it.
  struct Slot {
    int sequence = 0;
    std::size_t evaluated = 0;  // of the tokens
    Tokens tokens = {};
    std::string tenant = {};
    std::vector<Mark> marks = {};  // of message 0, 1, … of the transcript it holds
    // What the model wrote last: cut into tokens anew, the same text could differ.
    std::string written_text = {};
    Tokens written_tokens = {};
    bool busy() const { return stop_ != nullptr; }

   private:
    friend class Batch;
    const Stop* stop_ = nullptr;  // of the reply in the making; null: kept
    bool writes_ = false;  // its prompt has been evaluated
    std::size_t part_ = 0;  // of the latest batch
    std::uint64_t used_ = 0;  // when, in turns
    std::coroutine_handle<> waits_ = {};
    std::optional<Error> failed_ = {};
  };

  explicit Batch(std::unique_ptr<LlamaContext> context);
  Batch(const Batch&) = delete;
  Batch& operator=(const Batch&) = delete;

  // Room for one reply and, once taken, its slot; what was evaluated stays there afterwards.
  class Lease {
   public:
    Lease(Batch& batch, std::size_t tokens, const Stop& stop);
    Lease(Lease&& other) noexcept;
    Lease& operator=(Lease&&) = delete;
    ~Lease();
    Slot& slot() const { return *slot_; }

   private:
    friend class Batch;
    Batch* batch_;
    std::size_t tokens_;
    const Stop* stop_;
    Slot* slot_ = nullptr;
  };
  // Waits until `tokens` (prompt and reply) have room beside those of the others, and until whoever
  // asked before has got it.
  Task<Lease> reserve(std::size_t tokens, const Stop& stop);
  // An idle slot that holds the first `common` tokens of `source`, which may be busy; null: none of
  // anyone's. They must be evaluated there.
  Slot& take(Lease& lease, Slot* source, std::size_t common);
  // Until `slot` has evaluated `count` tokens, or will not.
  Task<void> wait_for(Slot& slot, std::size_t count);
  std::vector<Slot>& slots() { return slots_; }

  // Error{cancelled}, Error{unavailable}: nothing after what is evaluated is left in the slot.
  Task<void> append(Slot& slot, Tokens tokens = {});
  std::span<const float> logits(const Slot& slot) const { return context_->logits(slot.part_); }
  void truncate(Slot& slot, std::size_t size);
  bool load(Slot& slot, const std::string& path, const Tokens& tokens);
  Result<void> save(const Slot& slot, const std::string& path) const;

  Weights& weights() { return context_->weights(); }
  std::size_t window() const { return context_->window(); }
  // One batch, and whoever waited for it goes on. False: nobody waits.
  bool turn();

 private:
  struct Evaluated;  // what append() awaits
  struct Condition {
    std::move_only_function<bool()> holds;
    std::coroutine_handle<> waits;
  };
  struct Until;  // what reserve() and wait_for() await
  void release(Lease& lease);
  void forget(Slot& slot);
  Slot* oldest_idle(const Slot* except = nullptr);
  bool resume_conditions();
  std::vector<std::size_t> shares(const std::vector<Slot*>& waiting) const;
  LlamaContext::Decoded decode(const std::vector<Slot*>& waiting,
                               const std::vector<std::size_t>& shares);
  void finish(const std::vector<Slot*>& waiting, const std::vector<std::size_t>& shares,
              LlamaContext::Decoded decoded);

  std::unique_ptr<LlamaContext> context_;
  std::vector<Slot> slots_;
  std::list<Condition> conditions_ = {};  // oldest first
  std::list<std::size_t> reserving_ = {};  // what is waited for, oldest first
  std::size_t reserved_ = 0;  // tokens of leases
  std::uint64_t turns_ = 0;
};

}  // namespace ragent
