#include <runtime/compaction.h>

#include <base/text.h>
#include <model/messages.h>

#include <algorithm>

namespace ragent {
namespace {

constexpr double kTarget = 0.6;            // of the window, after compacting
constexpr std::size_t kTurnsKept = 3;      // of history, before observations are shortened
constexpr std::size_t kInputBytes = 160;   // of a turn's line
constexpr std::size_t kAnswerBytes = 240;
constexpr std::size_t kObservationBytes = 240;  // of a shortened observation
constexpr std::size_t kEarlierBytesMax = 4096;  // of all lines; the oldest go first …
constexpr std::int64_t kEarlierShare = 4;  // … and of the window
constexpr std::int64_t kBytesPerToken = 3;  // of those lines
constexpr std::string_view kEarlier = "Earlier in this conversation:\n";

bool has_calls(const Message& message) {
  return std::ranges::any_of(
      message.parts, [](const Part& part) { return std::holds_alternative<ToolCall>(part); });
}

std::string text_of(const Part& part) {
  if (const auto* text = std::get_if<Text>(&part)) return text->text;
  if (const auto* call = std::get_if<ToolCall>(&part)) {
    return call->tool + call->arguments.dump();
  }
  if (const auto* result = std::get_if<ToolResult>(&part)) {
    return result->observation.text() + files_text(result->observation);
  }
  if (const auto* reasoning = std::get_if<Reasoning>(&part)) return reasoning->text;
  return "";
}

std::string text_of(const Message& message) {
  std::string out;
  for (const Part& part : message.parts) out += text_of(part) + "\n";
  return out;
}

bool shorten(Message& message) {
  bool done = false;
  for (Part& part : message.parts) {
    auto* result = std::get_if<ToolResult>(&part);
    if (!result) continue;
    std::string text = result->observation.text();
    if (text.size() <= 2 * kObservationBytes) continue;
    result->observation.value =
        Json(utf8_prefix(text, kObservationBytes) + "… (" + std::to_string(text.size()) +
             " bytes; shortened, as the conversation is long)");
    done = true;
  }
  return done;
}

std::string line_of(std::string_view text, std::size_t bytes_max) {
  std::string out = utf8_prefix(trim(text), bytes_max);
  std::ranges::replace(out, '\n', ' ');
  return out.size() < trim(text).size() ? out + "…" : out;
}

}  // namespace

std::int64_t Compaction::room(const ModelInfo& model, std::uint32_t reply_tokens) {
  std::int64_t window = model.context_tokens;
  return window - reply_tokens - window / 32;
}

Task<Transcript> Compaction::fit(Transcript transcript, Model& model, std::uint32_t reply_tokens,
                                 Json* note) {
  bool goes_on = transcript.size() >= size_ && transcript.digest(size_) == digest_;
  if (!goes_on) *this = Compaction();
  co_await count(transcript, model);
  std::int64_t limit = room(model.info(), reply_tokens);
  earlier_max_ = std::min<std::size_t>(
      kEarlierBytesMax,
      static_cast<std::size_t>(std::max<std::int64_t>(0, limit) * kBytesPerToken / kEarlierShare));
  if (total() > limit) {
    std::int64_t before = total();
    if (pieces_.empty()) {
      std::size_t index = 0;
      for (const Message* message : transcript.messages()) {
        pieces_.push_back({.message = *message, .tokens = tokens_[index++]});
      }
      tokens_.clear();
    }
    Json done = Json::object({});
    co_await compact(model, static_cast<std::int64_t>(kTarget * static_cast<double>(limit)), done);
    shown_ = shown(transcript.tools());
    if (total() > limit) {
      co_return fail(ErrorKind::invalid,
                     "the conversation does not fit: what must stay has about " +
                         std::to_string(total()) + " tokens, " + model.info().name + " reads " +
                         std::to_string(limit) +
                         " beside its answer: ask for less at once, or "
                         "take a model with a larger window");
    }
    done["tokens"] = Json::array({before, total()});
    if (note) *note = std::move(done);
  }
  co_return pieces_.empty() ? std::move(transcript) : shown_;
}

// Counts what is new, and appends it to what is shown.
Task<void> Compaction::count(const Transcript& transcript, Model& model) {
  std::vector<std::string> texts;
  std::vector<const Message*> added = transcript.messages(size_);
  for (const Message* message : added) texts.push_back(text_of(*message));
  if (size_ == 0) {
    std::string tools;
    for (const ToolSpec& tool : transcript.tools()) {
      tools += tool.name + tool.description + tool.parameters.dump();
    }
    texts.push_back(std::move(tools));
  }
  std::vector<std::int64_t> counts = co_await model.tokens(std::move(texts));
  if (size_ == 0 && counts.size() > added.size()) tools_ = counts.back();
  for (std::size_t i = 0; i < added.size() && i < counts.size(); ++i) {
    sum_ += counts[i];
    if (pieces_.empty()) {
      tokens_.push_back(counts[i]);
    } else {
      pieces_.push_back({.message = *added[i], .tokens = counts[i]});
      shown_.add(*added[i]);
    }
  }
  size_ = transcript.size();
  digest_ = transcript.digest();
}

std::int64_t Compaction::total() const {
  return tools_ + sum_ + static_cast<std::int64_t>(earlier_bytes_) / kBytesPerToken;
}

std::size_t Compaction::last_user() const {
  for (std::size_t i = pieces_.size(); i > 0; --i) {
    if (pieces_[i - 1].message.role == Role::user) return i - 1;
  }
  return 0;
}

// The oldest turn that is not stable, when it lies before the latest message of the user.
bool Compaction::drop_turn(std::size_t last_user) {
  auto begin =
      std::ranges::find_if(pieces_, [](const Piece& piece) { return !piece.message.stable; });
  if (begin - pieces_.begin() >= static_cast<std::ptrdiff_t>(last_user)) return false;
  auto end = std::find_if(begin + 1, pieces_.end(),
                          [](const Piece& piece) { return piece.message.role == Role::user; });
  std::string line = "- asked: " + line_of(begin->message.text(), kInputBytes);
  if (std::string said = line_of((end - 1)->message.text(), kAnswerBytes); end - begin > 1) {
    line += "; answered: " + said;
  }
  for (auto piece = begin; piece != end; ++piece) sum_ -= piece->tokens;
  pieces_.erase(begin, end);
  earlier_bytes_ += line.size();
  earlier_.push_back(std::move(line));
  while (earlier_bytes_ > earlier_max_ && !earlier_.empty()) {
    earlier_bytes_ -= earlier_.front().size();
    earlier_.pop_front();
  }
  return true;
}

Task<void> Compaction::compact(Model& model, std::int64_t target, Json& note) {
  std::int64_t turns = 0;
  std::int64_t observations = 0;
  std::int64_t calls = 0;
  auto history = [&] {
    return std::ranges::count_if(pieces_.begin(),
                                 pieces_.begin() + static_cast<std::ptrdiff_t>(last_user()),
                                 [](const Piece& piece) {
                                   return piece.message.role == Role::user && !piece.message.stable;
                                 });
  };
  while (total() > target && history() > static_cast<std::ptrdiff_t>(kTurnsKept)) {
    if (!drop_turn(last_user())) break;
    ++turns;
  }
  // Those of the last step are what the model is about to read.
  std::size_t end = pieces_.empty() ? 0 : pieces_.size() - 1;
  for (int pass = 0; pass < 2; ++pass) {
    for (std::size_t i = last_user(); i < end && total() > target; ++i) {
      Piece& piece = pieces_[i];
      if (piece.shortened || piece.message.role != Role::tool || !shorten(piece.message)) continue;
      piece.shortened = true;
      ++observations;
      std::vector<std::int64_t> counts = co_await model.tokens({text_of(piece.message)});
      sum_ += counts.at(0) - piece.tokens;
      piece.tokens = counts.at(0);
    }
    if (pass == 1) break;
    while (total() > target && drop_turn(last_user())) ++turns;
    for (std::size_t i = last_user() + 1; i + 3 < pieces_.size() && total() > target;) {
      bool pair = has_calls(pieces_[i].message) && pieces_[i + 1].message.role == Role::tool;
      if (!pair) {
        ++i;
        continue;
      }
      sum_ -= pieces_[i].tokens + pieces_[i + 1].tokens;
      auto at = pieces_.begin() + static_cast<std::ptrdiff_t>(i);
      pieces_.erase(at, at + 2);
      ++calls;
    }
    end = pieces_.size();  // the last ones too, when nothing else is left
  }
  if (turns) note["turns"] = turns;
  if (observations) note["observations"] = observations;
  if (calls) note["calls"] = calls;
}

Transcript Compaction::shown(const std::vector<ToolSpec>& tools) const {
  Transcript out(tools);
  bool told = earlier_.empty();
  for (const Piece& piece : pieces_) {
    Message message = piece.message;
    if (!told && message.role == Role::user && !message.stable) {
      std::string text(kEarlier);
      for (const std::string& line : earlier_) text += line + "\n";
      message.parts.insert(message.parts.begin(), Text{text + "\n"});
      told = true;
    }
    out.add(std::move(message));
  }
  return out;
}

}  // namespace ragent
