// Compaction: what a model still sees of a conversation that is longer than its window. Owned by a
// branch; on its shard.
//
//   Transcript seen = co_await compaction.fit(chat, model, options.tokens_max, &note);
//
// Nothing is asked of the model and nothing is lost: the journal and the session keep all of it. In
// this order, and only as far as needed: old turns become one line each, before the first one that
// is kept; old observations of this run keep their beginning; old calls go with their results; the
// latest observations keep their beginning. The stable prefix, the latest message of the user and
// the last call with its results stay. What was done once stays done, so that the beginning of the
// next request is the same bytes; it is done again when the rest has grown over the window.
#pragma once

#include <ragent/model.h>

#include <deque>

namespace ragent {

class Compaction {
 public:
  // Tokens of a transcript that `model` reads beside its answer; one of no more bytes fits.
  static std::int64_t room(const ModelInfo& model, std::uint32_t reply_tokens);
  // `note`: what was done now: {"turns", "observations", "calls", "tokens": [before, after]}; left
  // as it is when nothing was. Error{invalid}: what must stay is larger than the window.
  Task<Transcript> fit(Transcript transcript, Model& model, std::uint32_t reply_tokens, Json* note);

 private:
  struct Piece {
    Message message = {};
    std::int64_t tokens = 0;
    bool shortened = false;
  };
  Task<void> count(const Transcript& transcript, Model& model);
  Task<Json> compact(Model& model, std::int64_t target);  // what was done
  bool drop_turn();
  bool drop_call();
  Task<std::int64_t> shorten(Model& model, std::int64_t target, std::size_t kept);
  std::size_t last_user() const;
  std::size_t turns() const;
  std::int64_t total() const;
  Transcript shown(const std::vector<ToolSpec>& tools) const;

  std::size_t size_ = 0;  // of the transcript that was seen last …
  Digest digest_ = {};  // … and its digest
  std::vector<std::int64_t> tokens_ = {};  // of its messages, while nothing was compacted
  std::int64_t sum_ = 0;  // of them
  std::int64_t tools_ = 0;  // tokens of the tools' definitions
  std::vector<Piece> pieces_ = {};  // what is shown, once something was compacted
  std::deque<std::string> earlier_ = {};  // a line for each turn that was left out
  std::size_t earlier_bytes_ = 0;
  std::size_t earlier_max_ = 0;
  Transcript shown_ = {};
};

}  // namespace ragent
