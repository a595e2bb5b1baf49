#include <base/hash.h>
#include <model/messages.h>

#include <algorithm>
#include <atomic>

namespace ragent {
namespace {

Label joined(Label label, const std::vector<Observation>& observations) {
  for (const Observation& each : observations) {
    label.trusted = label.trusted && each.label.trusted;
    label.confidential = label.confidential || each.label.confidential;
  }
  return label;
}

}  // namespace

// Counted by hand rather than by shared_ptr: dropping the last reference to a long transcript
// walks it in a loop, from whichever thread that happens.
struct Transcript::Node {
  Message message;
  const Node* previous;
  const Node* user;      // the latest message of the user, this one included; null: none
  std::size_t size;
  std::size_t replies;   // of the assistant since `user`
  std::size_t bytes;     // of all messages up to this one, as JSON
  bool media;            // a Media part in this message or an earlier one
  Digest digest;
  mutable std::atomic<std::size_t> references = 1;

  static const Node* share(const Node* node) {
    if (node) node->references.fetch_add(1, std::memory_order_relaxed);
    return node;
  }
  static void drop(const Node* node) {
    while (node && node->references.fetch_sub(1, std::memory_order_acq_rel) == 1) {
      const Node* previous = node->previous;
      delete node;
      node = previous;
    }
  }
};

struct Transcript::Tools {
  std::vector<ToolSpec> specs;
  Digest digest;
  std::size_t bytes;
};

Transcript::Transcript(std::vector<ToolSpec> tools) {
  Digest digest;
  std::size_t bytes = 0;
  for (const ToolSpec& tool : tools) {
    std::string parameters = tool.parameters.dump();
    digest = mix(digest, tool.name);
    digest = mix(digest, tool.description);
    digest = mix(digest, parameters);
    bytes += tool.name.size() + tool.description.size() + parameters.size();
  }
  tools_ = std::make_shared<Tools>(std::move(tools), digest, bytes);
}

Transcript::Transcript(const Transcript& other)
    : tail_(Node::share(other.tail_)), tools_(other.tools_) {}
Transcript::Transcript(Transcript&& other) noexcept
    : tail_(std::exchange(other.tail_, nullptr)), tools_(std::move(other.tools_)) {}
Transcript& Transcript::operator=(Transcript other) noexcept {
  std::swap(tail_, other.tail_);
  std::swap(tools_, other.tools_);
  return *this;
}
Transcript::~Transcript() { Node::drop(tail_); }

void Transcript::add(Message message) {
  auto* node = new Node{.message = std::move(message),
                        .previous = tail_,  // our reference becomes the node's
                        .user = tail_ ? tail_->user : nullptr,
                        .size = size() + 1,
                        .replies = replies(),
                        .bytes = 0,
                        .media = has_media(),
                        .digest = {}};
  for (const Part& part : node->message.parts) node->media |= std::holds_alternative<Media>(part);
  std::string json = to_json(node->message).dump();
  node->bytes = bytes() + json.size();
  node->digest = mix(digest(), json);
  if (node->message.role == Role::user) {
    node->user = node;
    node->replies = 0;
  } else if (node->message.role == Role::assistant) {
    ++node->replies;
  }
  tail_ = node;
}

void Transcript::add(const Reply& reply, std::vector<Observation> observations) {
  RAGENT_ASSERT(observations.empty() || observations.size() == reply.calls.size());
  Message said{.role = Role::assistant};
  for (const Reasoning& part : reply.reasoning) said.parts.push_back(part);
  if (!reply.text.empty()) said.parts.push_back(Text{reply.text});
  for (const ToolCall& call : reply.calls) said.parts.push_back(call);
  add(std::move(said));
  if (observations.empty()) return;
  Message brought{.role = Role::tool, .label = joined({}, observations)};
  for (std::size_t i = 0; i < observations.size(); ++i) {
    brought.parts.push_back(ToolResult{.call = reply.calls[i].id,
                                       .tool = reply.calls[i].tool,
                                       .observation = std::move(observations[i])});
  }
  add(std::move(brought));
}

std::size_t Transcript::size() const { return tail_ ? tail_->size : 0; }

const Message& Transcript::last() const {
  RAGENT_ASSERT(tail_);
  return tail_->message;
}

std::vector<const Message*> Transcript::messages(std::size_t from) const {
  std::vector<const Message*> out;
  if (from >= size()) return out;
  out.reserve(size() - from);
  for (const Node* node = tail_; node && node->size > from; node = node->previous) {
    out.push_back(&node->message);
  }
  std::ranges::reverse(out);
  return out;
}

const Message* Transcript::last_user() const {
  return tail_ && tail_->user ? &tail_->user->message : nullptr;
}

std::size_t Transcript::replies() const { return tail_ ? tail_->replies : 0; }

std::size_t Transcript::bytes() const {
  if (tail_) return tail_->bytes;
  return tools_ ? tools_->bytes : 0;
}

bool Transcript::has_media() const { return tail_ && tail_->media; }

const std::vector<ToolSpec>& Transcript::tools() const {
  static const std::vector<ToolSpec> kNone;
  return tools_ ? tools_->specs : kNone;
}

Digest Transcript::digest() const {
  if (tail_) return tail_->digest;
  return tools_ ? tools_->digest : Digest{};
}

Digest Transcript::digest(std::size_t count) const {
  const Node* node = tail_;
  while (node && node->size > count) node = node->previous;
  if (node) return node->digest;
  return tools_ ? tools_->digest : Digest{};
}

}  // namespace ragent
