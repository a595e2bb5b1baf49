// Messages, Transcript and Model: what is said to a language model, and how it answers.
//
//   class Echo : public Model {                          // a model of your own
//     const ModelInfo& info() const override { return info_; }
//     Task<Reply> reply(ModelRequest request, DeltaSink&) override {
//       co_return Reply{.text = request.transcript.last().text()};
//     }
//     ModelInfo info_{.name = "echo"};
//   };
//
// Values may be used on any thread; a Model belongs to the engine and is called on a shard.
#pragma once

#include <ragent/json.h>
#include <ragent/task.h>
#include <ragent/tool.h>

#include <functional>

namespace ragent {

enum class Role : std::uint8_t { system, user, assistant, tool };

struct Text {
  std::string text = {};
  friend bool operator==(const Text&, const Text&) = default;
};
struct Media {  // an image, audio or other file, by artifact id
  std::string artifact = {};
  std::string mime = {};
  friend bool operator==(const Media&, const Media&) = default;
};
struct Reasoning {  // visible text, and opaque provider state returned unchanged
  std::string text = {};
  std::string state = {};
  friend bool operator==(const Reasoning&, const Reasoning&) = default;
};
struct ToolResult {
  std::string call = {};  // ToolCall::id
  std::string tool = {};
  Observation observation = {};
  friend bool operator==(const ToolResult&, const ToolResult&) = default;
};
using Part = std::variant<Text, Media, Reasoning, ToolCall, ToolResult>;

struct Message {
  Role role = Role::user;
  std::vector<Part> parts = {};
  Label label = {};
  bool stable = false;  // part of the byte-stable prefix (system prompt, tools, examples)

  static Message of(Role role, std::string text);
  std::string text() const;  // its Text parts, joined
  friend bool operator==(const Message&, const Message&) = default;
};

struct Usage {
  std::int64_t tokens_input = 0;   // of which tokens_cached were not evaluated again
  std::int64_t tokens_cached = 0;
  std::int64_t tokens_output = 0;
  std::int64_t tokens_written = 0;  // of the input: into a cache whose provider bills that apart
  // Billionths of a US dollar, by the prices of that time. 0: free. Nothing: no price is known.
  std::optional<std::int64_t> cost_nanodollars = {};
  bool cost_partial = false;  // the cost is that of a part: the rest has no price or no count
  Usage& operator+=(const Usage& other);
  friend bool operator==(const Usage&, const Usage&) = default;
};

enum class Finish : std::uint8_t { stop, calls, length };

struct Reply {
  std::string text = {};
  std::vector<ToolCall> calls = {};
  std::vector<Reasoning> reasoning = {};
  Usage usage = {};
  Finish finish = Finish::stop;
  friend bool operator==(const Reply&, const Reply&) = default;
};

// An append-only list of messages: a cheap value. Copies share what they have in common, so a
// step costs O(what it adds). The digest covers the tools and every message.
class Transcript {
 public:
  Transcript() = default;
  explicit Transcript(std::vector<ToolSpec> tools);  // the tools of the agent, in fixed order
  Transcript(const Transcript& other);
  Transcript(Transcript&& other) noexcept;
  Transcript& operator=(Transcript other) noexcept;
  ~Transcript();

  void add(Message message);
  // The model's reply and what its calls brought, in the order of the calls.
  void add(const Reply& reply, std::vector<Observation> observations = {});

  std::size_t size() const;
  const Message& last() const;  // of a transcript that is not empty
  // Messages from index `from` on, oldest first; valid while this transcript lives. O(result).
  std::vector<const Message*> messages(std::size_t from = 0) const;
  const Message* last_user() const;  // the latest message of the user; null: none
  std::size_t replies() const;       // of the assistant after that message
  bool has_media() const;            // a Media part in any message
  std::size_t bytes() const;         // of the tools and the messages, as JSON
  const std::vector<ToolSpec>& tools() const;
  Digest digest() const;
  // The digest of the first `count` messages: how a model finds what it has evaluated already.
  // O(size - count).
  Digest digest(std::size_t count) const;

 private:
  struct Node;
  struct Tools;
  const Node* tail_ = nullptr;                 // counted: shared by copies and forks
  std::shared_ptr<const Tools> tools_ = {};    // shared by copies and forks
};

// One tool as it may be called at this step: its `seen` arguments with the values they may take.
struct Offer {
  ToolSpec tool = {};
  std::vector<std::pair<std::string, std::vector<std::string>>> allowed = {};
};

struct ThinkOptions {
  enum class Calls : std::uint8_t { automatic, none, required };
  Calls calls = Calls::automatic;
  std::optional<Json> schema = {};  // the answer is JSON of this schema
  std::uint32_t tokens_max = 0;     // 0: limits::kReplyTokensDefault, at most what is left
  double temperature = 0;
};

// The bytes of an artifact that a message names.
struct MediaBytes {
  std::string artifact = {};
  std::string bytes = {};
};

struct ModelRequest {
  Transcript transcript = {};
  std::vector<MediaBytes> media = {};  // of the transcript's Media parts; from the runtime
  std::vector<Offer> offers = {};   // empty: answer in text
  ThinkOptions options = {};
  std::chrono::milliseconds time_max = {};  // give up with Error{timeout} after this; 0: none
  std::string tenant = {};          // namespace of every cache
  std::string key = {};             // RUN/PATH:STEP: who asks, for logs and scripted replies
};

struct Delta {
  // restart: the model begins again (a server was asked once more): drop what came before.
  enum class Kind : std::uint8_t { text, reasoning, call, restart };
  Kind kind = Kind::text;
  std::string text = {};
};
using DeltaSink = std::function<void(const Delta&)>;

struct ModelInfo {
  std::string name = {};
  std::uint32_t context_tokens = 8192;
  bool tools = true;
  bool streaming = true;
  bool schema = true;
  bool images = false;  // sees Media parts; a request with one goes to no other
};

// Destroying the Task of a reply cancels it. Errors: unavailable (with retry_after), timeout,
// invalid (the request does not fit). A reply is complete or an Error, never half of one.
class Model {
 public:
  virtual ~Model() = default;
  virtual const ModelInfo& info() const = 0;
  virtual Task<Reply> reply(ModelRequest request, DeltaSink& deltas) = 0;
  // How many tokens each text is, by the model's own tokenizer; without one, three bytes are one.
  virtual Task<std::vector<std::int64_t>> tokens(std::vector<std::string> texts);
};

Json to_json(const Message& message);
Result<Message> message_from_json(const Json& json);
Json to_json(const Reply& reply);
Result<Reply> reply_from_json(const Json& json);

}  // namespace ragent
