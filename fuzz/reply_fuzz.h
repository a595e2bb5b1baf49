// Any bytes as a response of a dialect, plain or streamed as the first byte says: read at once and
// in pieces they are the same reply, its calls are whole, and it can be said again. What holds of
// one dialect alone, its target checks of what came.
//
//   const FuzzedReply got = fuzz_reply(anthropic(), data, size);
#pragma once

#include <model/http/dialect.h>

#include <algorithm>
#include <cstdint>

namespace ragent {

struct ReplyRead {
  Result<Reply> reply = Reply{};
  std::string text = {};  // that was streamed
};

struct FuzzedReply {
  std::string_view bytes = {};
  bool stream = false;
  ReplyRead whole = {};
  std::string_view begin = {};  // of a stream: what came before the connection broke
  ReplyRead cut = {};
};

inline ReplyRead read_reply(const Dialect& dialect, std::string_view bytes, bool stream,
                            std::size_t size) {
  ReplyRead out;
  const DeltaSink deltas = [&](const Delta& delta) {
    if (delta.kind == Delta::Kind::text) out.text += delta.text;
  };
  const HttpResponse head{
      .headers = {{"content-type", stream ? "text/event-stream" : "application/json"}}};
  const std::unique_ptr<ReplyReader> reader = std::move(*dialect.reader(head));
  for (; !bytes.empty(); bytes.remove_prefix(std::min(size, bytes.size()))) {
    if (!reader->feed(bytes.substr(0, size), deltas)) break;
  }
  out.reply = reader->finish();
  return out;
}

inline void check_reply(const Dialect& dialect, const Reply& reply) {
  RAGENT_ASSERT(reply.calls.size() <= limits::kCallsPerStepMax);
  RAGENT_ASSERT((reply.finish == Finish::calls) == !reply.calls.empty());
  for (const ToolCall& call : reply.calls) {
    RAGENT_ASSERT(!call.tool.empty() && call.arguments.is_object());
  }
  ModelRequest next;
  next.transcript.add(reply);
  RAGENT_ASSERT(dialect.request({.model = "m", .request = next}));
}

inline FuzzedReply fuzz_reply(const Dialect& dialect, const std::uint8_t* data, std::size_t size) {
  if (size == 0) return {};
  FuzzedReply out{.bytes = {reinterpret_cast<const char*>(data) + 1, size - 1},
                  .stream = data[0] % 2 == 0};
  const std::size_t half = data[0] / 2;
  out.whole = read_reply(dialect, out.bytes, out.stream, size);
  const ReplyRead pieces = read_reply(dialect, out.bytes, out.stream, half % 8 + 1);
  RAGENT_ASSERT(pieces.reply == out.whole.reply && pieces.text == out.whole.text);
  if (out.whole.reply) {
    check_reply(dialect, *out.whole.reply);
  } else {
    RAGENT_ASSERT(!out.whole.reply.error().message.empty());
  }
  if (!out.stream) return out;
  out.begin = out.bytes.substr(0, out.bytes.size() * half / 128);
  out.cut = read_reply(dialect, out.begin, true, size);
  return out;
}

}  // namespace ragent
