// LlamaSession: answers ModelRequests with one loaded model: prompt, grammar, writing. Owned by
// the thread of a local model, used on that thread only; several replies are written at once.
//
//   LlamaSession session(std::move(context), "cache/kv");
//   Reply reply = co_await session.reply(request, stop, on_text);   // goes on within …
//   while (session.batch().turn()) {}                               // … these turns
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
      : batch_(std::move(context)), prompts_(batch_, std::move(cache_dir)) {}
  // What it is given must outlive the Task; destroying that ends the reply.
  Task<Reply> reply(const ModelRequest& request, const Stop& stop, const OnText& on_text);
  Batch& batch() { return batch_; }

 private:
  struct Branches {
    bool tools = true;
    bool answer = true;
  };
  Task<Reply> json_turn(const ModelRequest& request, PromptCache::Prompt& prompt, Branches branches,
                        const OnText& on_text);
  Task<Reply> json_reply(const ModelRequest& request, PromptCache::Prompt& prompt,
                         const OnText& on_text);
  Task<Reply> plain_reply(const ModelRequest& request, PromptCache::Prompt& prompt,
                          const OnText& on_text);

  Batch batch_;
  PromptCache prompts_;
};

}  // namespace ragent
