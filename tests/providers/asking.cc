#include <providers/asking.h>

#include <base/text.h>
#include <gtest/gtest.h>

#include <algorithm>

namespace ragent::providers {
namespace {

constexpr std::size_t kMessageBytesMax = 2000;

// Waits before retries: up to a bound that keeps the suite short, or the longest possible.
class Waits final : public Random {
 public:
  explicit Waits(const Sources& sources) : sources_(sources) {}
  std::uint64_t next() override {
    constexpr std::uint64_t kRound = 1'000'000;  // 0 whatever is drawn from
    if (sources_.patient) return kRound - 1;
    return kRound + seeded_.below(static_cast<std::uint64_t>(sources_.wait.count()));
  }

 private:
  const Sources& sources_;
  SeededRandom seeded_{1};
};

// Counts what is sent.
class Counting final : public HttpClient {
 public:
  Counting(Loop& loop, Sources& sources)
      : loop_(loop), sources_(sources), client_(make_http_client(loop)) {}
  Task<HttpResponse> send(HttpCall call) override {
    if (call.request.method == "POST") {
      const std::string& body = call.request.body;
      const std::size_t begin = body.find("call ");
      if (begin != body.npos)
        ++sources_.sent[body.substr(begin, body.find('.', begin) - begin + 1)];
      sources_.times.push_back(loop_.now());
    }
    return client_->send(std::move(call));
  }

 private:
  Loop& loop_;
  Sources& sources_;
  std::unique_ptr<HttpClient> client_;
};

HttpModelsOptions options(Sources& sources, bool stream) {
  return {.environment = [](const char* name) -> const char* {
            return std::string_view(name) == "RAGENT_API_KEY" ? kKey.data() : nullptr;
          },
          .client = [&sources](Loop& loop) { return std::make_unique<Counting>(loop, sources); },
          .random = [&sources] { return std::make_unique<Waits>(sources); },
          .stream = stream};
}

std::string_view scheme_of(Api api) {
  switch (api) {
    case Api::chat: return "";
    case Api::responses: return "responses+";
    case Api::messages: return "anthropic+";
  }
  return "";
}

Offer offer(std::string name) {
  return {.tool = {.name = std::move(name),
                   .description = "Does it.",
                   .parameters = Json::object({{"type", "object"}})}};
}

}  // namespace

Sources::Sources()
    : streamed(http_models(options(*this, true))), plain(http_models(options(*this, false))) {}

std::unique_ptr<Model> Sources::open(const std::string& url, Api api, bool stream,
                                     const std::string& model, Loop& loop) {
  const std::string name = std::string(scheme_of(api)) + url + "#" + model;
  auto opened = (stream ? streamed : plain)(name, loop);
  if (opened && *opened) return std::move(*opened);
  ADD_FAILURE() << name << ": " << (opened ? "no model" : opened.error().message);
  std::abort();
}

Task<Said> ask(Loop& loop, Model& model, std::chrono::milliseconds time_max, std::string words,
               bool tools) {
  Said said;
  ModelRequest request{.time_max = time_max};
  request.transcript.add(Message::of(Role::user, std::move(words)));
  if (tools) request.offers = {offer("lookup"), offer("book")};
  DeltaSink deltas = [&said](const Delta& delta) {
    if (delta.kind == Delta::Kind::restart) said.shown.clear();
    if (delta.kind == Delta::Kind::text) said.shown += delta.text;
  };
  const TimePoint deadline = loop.now() + time_max;
  said.reply = co_await model.reply(std::move(request), deltas).result();
  said.late = loop.now() - deadline;
  co_return said;
}

bool readable(std::string_view text) {
  return !text.empty() && text.size() <= kMessageBytesMax &&
         printable(text, kMessageBytesMax) == text;
}

}  // namespace ragent::providers
