#include <runtime/compaction.h>

#include <base/text.h>
#include <model/messages.h>

#include <algorithm>
#include <span>

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
    return result->observation.text();
  }
  if (const auto* reasoning = std::get_if<Reasoning>(&part)) return reasoning->text;
  return "";
}

std::string text_of(const Message& message) {
  std::string out;
  for (const Part& part : message.parts) out += text_of(part) + "\n";
  return out;
}

// Answers whether there was one that is long. The names of its files stay.
bool shorten_results(Message& message) {
  bool done = false;
  for (Part& part : message.parts) {
    auto* result = std::get_if<ToolResult>(&part);
    if (!result) continue;
    std::string value = result->observation.value.dump();
    if (value.size() <= 2 * kObservationBytes) continue;
    result->observation.value =
        Json(utf8_prefix(value, kObservationBytes) + "… (" + std::to_string(value.size()) +
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
  std::int64_t before = total();
  if (before <= limit) co_return pieces_.empty() ? std::move(transcript) : shown_;
  if (pieces_.empty()) {
    std::size_t index = 0;
    for (const Message* message : transcript.messages()) {
      pieces_.push_back({.message = *message, .tokens = tokens_[index++]});
    }
    tokens_.clear();
  }
  Json done =
      co_await compact(model, static_cast<std::int64_t>(kTarget * static_cast<double>(limit)));
  shown_ = shown(transcript.tools());
  if (total() > limit) {
    co_return fail(ErrorKind::invalid,
                   "the conversation does not fit: what must stay has about " +
                       std::to_string(total()) + " tokens, " + model.info().name + " reads " +
                       std::to_string(limit) +
                       " beside its answer: ask for less at once, or take a model with a larger "
                       "window");
  }
  done["tokens"] = Json::array({before, total()});
  if (note) *note = std::move(done);
  co_return shown_;
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

// Of history: before the latest message of the user.
std::size_t Compaction::turns() const {
  auto history = std::span(pieces_).first(last_user());
  return static_cast<std::size_t>(std::ranges::count_if(history, [](const Piece& piece) {
    return piece.message.role == Role::user && !piece.message.stable;
  }));
}

// The oldest one that is not stable becomes a line; not that of the latest message of the user.
bool Compaction::drop_turn() {
  auto begin =
      std::ranges::find_if(pieces_, [](const Piece& piece) { return !piece.message.stable; });
  if (begin - pieces_.begin() >= static_cast<std::ptrdiff_t>(last_user())) return false;
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

// The oldest call of this run, with its results; the last one stays.
bool Compaction::drop_call() {
  for (std::size_t i = last_user() + 1; i + 3 < pieces_.size(); ++i) {
    if (!has_calls(pieces_[i].message) || pieces_[i + 1].message.role != Role::tool) continue;
    sum_ -= pieces_[i].tokens + pieces_[i + 1].tokens;
    auto at = pieces_.begin() + static_cast<std::ptrdiff_t>(i);
    pieces_.erase(at, at + 2);
    return true;
  }
  return false;
}

// Observations of this run, the oldest first, but for the last `kept` messages; how many.
Task<std::int64_t> Compaction::shorten(Model& model, std::int64_t target, std::size_t kept) {
  std::int64_t done = 0;
  for (std::size_t i = last_user(); i + kept < pieces_.size() && total() > target; ++i) {
    Piece& piece = pieces_[i];
    if (piece.shortened || piece.message.role != Role::tool) continue;
    if (!shorten_results(piece.message)) continue;
    piece.shortened = true;
    ++done;
    std::vector<std::int64_t> counts = co_await model.tokens({text_of(piece.message)});
    sum_ += counts.at(0) - piece.tokens;
    piece.tokens = counts.at(0);
  }
  co_return done;
}

Task<Json> Compaction::compact(Model& model, std::int64_t target) {
  std::int64_t dropped = 0;
  std::int64_t calls = 0;
  while (total() > target && turns() > kTurnsKept && drop_turn()) ++dropped;
  // Those of the last step are what the model is about to read: they come last.
  std::int64_t observations = co_await shorten(model, target, 1);
  while (total() > target && drop_turn()) ++dropped;
  while (total() > target && drop_call()) ++calls;
  observations += co_await shorten(model, target, 0);
  Json done = Json::object({});
  if (dropped > 0) done["turns"] = dropped;
  if (observations > 0) done["observations"] = observations;
  if (calls > 0) done["calls"] = calls;
  co_return done;
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
