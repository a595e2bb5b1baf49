// LlamaSession: answers ModelRequests with one loaded model: prompt, grammar, writing. Owned by
// the thread of a local model, used on that thread only.
//
//   LlamaSession session(std::move(context), "cache/kv");
//   Result<Reply> reply = session.reply(request, stop, [](std::string_view text) { … });
//
// It alone knows how weak models are helped: a bias where a tool parts from an answer, text that
// the grammar forces evaluated as one batch, a repeated call dropped and asked again.
#pragma once

#include <model/llama/grammar.h>
#include <model/llama/prompt.h>

namespace ragent {

class LlamaSession {
 public:
  using OnText = std::function<void(std::string_view)>;  // the next piece of the answer
  LlamaSession(std::unique_ptr<LlamaContext> context, std::string cache_dir)
      : context_(std::move(context)), prompts_(*context_, std::move(cache_dir)) {}
  Result<Reply> reply(const ModelRequest& request, const Stop& stop, const OnText& on_text);

 private:
  struct Branches {
    bool tools = true;
    bool answer = true;
  };
  Result<Reply> json_turn(const ModelRequest& request, const PromptCache::Prompt& prompt,
                          Branches branches, const Stop& stop, const OnText& on_text);
  Result<Reply> json_reply(const ModelRequest& request, PromptCache::Prompt prompt,
                           const Stop& stop, const OnText& on_text);
  Result<Reply> plain_reply(const ModelRequest& request, PromptCache::Prompt prompt,
                            const Stop& stop, const OnText& on_text);

  std::unique_ptr<LlamaContext> context_;
  PromptCache prompts_;
};

}  // namespace ragent
