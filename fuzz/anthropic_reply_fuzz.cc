// Any bytes as a response of the Messages API, plain or streamed as the first byte says: read at
// once and in pieces they are the same reply, its text was streamed, its calls are whole, and a
// stream that is cut before its end is none.
#include <model/http/dialect.h>

#include <algorithm>
#include <cstdint>

namespace {

using namespace ragent;

struct Read {
  Result<Reply> reply = Reply{};
  std::string text = {};
};

Read read(std::string_view bytes, bool stream, std::size_t size) {
  Read out;
  const DeltaSink deltas = [&](const Delta& delta) {
    if (delta.kind == Delta::Kind::text) out.text += delta.text;
  };
  const HttpResponse head{
      .headers = {{"content-type", stream ? "text/event-stream" : "application/json"}}};
  const std::unique_ptr<ReplyReader> reader = std::move(*anthropic().reader(head));
  for (; !bytes.empty(); bytes.remove_prefix(std::min(size, bytes.size()))) {
    if (!reader->feed(bytes.substr(0, size), deltas)) break;
  }
  out.reply = reader->finish();
  return out;
}

// What was read can be said again.
void check(const Reply& reply) {
  RAGENT_ASSERT(reply.calls.size() <= limits::kCallsPerStepMax);
  RAGENT_ASSERT((reply.finish == Finish::calls) == !reply.calls.empty());
  for (const ToolCall& call : reply.calls) {
    RAGENT_ASSERT(!call.tool.empty() && call.arguments.is_object());
  }
  ModelRequest next;
  next.transcript.add(reply);
  RAGENT_ASSERT(anthropic().request({.model = "m", .request = next}));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const bool stream = data[0] % 2 == 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const Read whole = read(bytes, stream, size);
  const Read pieces = read(bytes, stream, data[0] / 2 % 8 + 1);
  RAGENT_ASSERT(pieces.reply == whole.reply && pieces.text == whole.text);
  if (whole.reply) {
    check(*whole.reply);
    RAGENT_ASSERT(!stream || whole.text.contains(whole.reply->text));
  } else {
    RAGENT_ASSERT(!whole.reply.error().message.empty());
  }
  if (!stream) return 0;
  // A cut stream that is a reply had come to its end before the cut.
  const Read cut = read(bytes.substr(0, bytes.size() * (data[0] / 2) / 128), true, size);
  RAGENT_ASSERT(!cut.reply || cut.reply == whole.reply);
  return 0;
}
