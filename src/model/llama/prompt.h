// PromptCache: a transcript as tokens, of which only the new ones are evaluated. Owned by the
// thread of a local model, used on that thread only.
//
//   PromptCache cache(batch, "cache/kv");
//   PromptCache::Prompt prompt = co_await cache.prepare(request, Form::json, stop);
//   co_await batch.append(prompt.lease.slot());   // then batch.logits() are of the reply
//
// It finds by digest which messages a sequence holds already, so a step costs what it adds, and
// branches that begin alike share one sequence's beginning: who comes while it is still evaluated
// waits for it. The stable messages (system prompt, tools, examples) are saved as a file under
// their content and read back by the next process: milliseconds instead of seconds.
#pragma once

#include <model/llama/batch.h>
#include <model/llama/render.h>

namespace ragent {

class PromptCache {
 public:
  // `cache_dir` empty: nothing is saved.
  PromptCache(Batch& batch, std::string cache_dir)
      : batch_(batch), cache_dir_(std::move(cache_dir)) {}

  struct Prompt {
    Batch::Lease lease;      // its slot has the whole prompt, at least a token not yet evaluated
    std::size_t tokens = 0;  // all of it
    std::size_t cached = 0;  // of which were not evaluated now
    std::size_t reply_max = 0;  // tokens the reply may have
  };
  // Error{invalid}: it does not fit.
  Task<Prompt> prepare(const ModelRequest& request, Form form, const Stop& stop);

 private:
  // A request's messages, each cut into tokens once.
  class Turns;
  // The whole prompt, as far as possible in the tokens of a slot that holds its beginning.
  struct Plan {
    Batch::Slot* source = nullptr;
    std::size_t common = 0;  // tokens it has, some perhaps still to evaluate
    std::size_t messages = 0;  // it holds
    Tokens tokens = {};
    std::vector<Batch::Mark> marks = {};
  };
  Plan plan(Turns& turns, const ModelRequest& request) const;
  Task<Plan> plan_evaluated(Turns& turns, const ModelRequest& request) const;
  Task<std::size_t> hold_stable(Plan& plan, std::size_t end, Batch::Lease& lease,
                                const std::string& tenant);
  std::string path_of(const std::string& tenant, std::span<const Token> tokens) const;
  void save(const Batch::Slot& slot, const std::string& path) const;

  Batch& batch_;
  std::string cache_dir_;
};

}  // namespace ragent
