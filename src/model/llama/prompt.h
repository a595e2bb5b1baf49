// PromptCache: a transcript as tokens, of which only the new ones are evaluated. Owned by the
// thread of a local model, used on that thread only.
//
//   PromptCache cache(context, "cache/kv");
//   Result<PromptCache::Prompt> prompt = cache.prepare(request, Form::json, stop);
//   context.append(prompt->rest, stop);          // then context.logits() are of the reply
//
// It finds by digest which messages the context holds already, so a step costs what it adds. The
// stable messages (system prompt, tools, examples) are saved as a file under their content and
// read back by the next process: milliseconds instead of seconds.
#pragma once

#include <model/llama/context.h>
#include <model/llama/render.h>

namespace ragent {

class PromptCache {
 public:
  // `cache_dir` empty: nothing is saved.
  PromptCache(LlamaContext& context, std::string cache_dir)
      : context_(context), cache_dir_(std::move(cache_dir)) {}

  struct Prompt {
    std::size_t tokens = 0;  // all of it
    std::size_t cached = 0;  // of which were not evaluated now
    Tokens rest = {};        // still to evaluate, at least one
  };
  // Leaves the beginning of the prompt in the context. Error{invalid}: it does not fit.
  Result<Prompt> prepare(const ModelRequest& request, Form form, const Stop& stop);
  // What the model wrote after the prompt: cut into tokens anew, the same text could differ.
  void wrote(std::string text, Tokens tokens);

 private:
  struct Mark {
    Digest digest = {};       // of the transcript up to a message
    std::size_t end = 0;      // of its tokens in the context
  };
  Tokens tokens_of(const Transcript& transcript, std::size_t index, const Message& message,
                   Form form) const;
  std::size_t messages_held(const Transcript& transcript) const;
  // Adds the messages from `index` on, and their marks, to `tokens`, which begin at `begin`.
  void add_messages(const Transcript& transcript, std::size_t index, std::size_t end, Form form,
                    std::size_t begin, Tokens& tokens);
  Result<std::size_t> hold_stable(const ModelRequest& request, std::size_t count, Form form,
                                  const Stop& stop);
  Result<void> check_fits(std::size_t tokens) const;
  std::size_t keep_common(std::size_t begin, const Tokens& tokens);
  std::string path_of(const std::string& tenant, const Tokens& tokens) const;
  void save(const std::string& path) const;

  LlamaContext& context_;
  std::string cache_dir_;
  std::string tenant_ = {};
  std::vector<Mark> marks_ = {};  // of message 0, 1, … of the transcript in the context
  std::string written_text_ = {};
  Tokens written_tokens_ = {};
};

}  // namespace ragent
