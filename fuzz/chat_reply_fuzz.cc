// Any bytes as a response of chat/completions, plain or streamed as the first byte says: read at
// once and in pieces they are the same reply, its text is what was streamed, its calls are whole,
// and a stream that is cut before its end makes none.
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
  const std::unique_ptr<ReplyReader> reader = std::move(*openai_chat().reader(head));
  for (; !bytes.empty(); bytes.remove_prefix(std::min(size, bytes.size()))) {
    if (!reader->feed(bytes.substr(0, size), deltas)) break;
  }
  out.reply = reader->finish();
  return out;
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
    RAGENT_ASSERT(!stream || whole.text == whole.reply->text);
    RAGENT_ASSERT(whole.reply->calls.size() <= limits::kCallsPerStepMax);
    for (const ToolCall& call : whole.reply->calls) {
      RAGENT_ASSERT(!call.tool.empty() && call.arguments.is_object());
    }
    const bool calls = !whole.reply->calls.empty();
    RAGENT_ASSERT((whole.reply->finish == Finish::calls) == calls);
    RAGENT_ASSERT(!calls || !stream || bytes.contains("[DONE]"));
  } else {
    RAGENT_ASSERT(!whole.reply.error().message.empty());
  }
  if (!stream || bytes.empty()) return 0;
  const std::string_view begin = bytes.substr(0, bytes.size() * (data[0] / 2) / 128);
  const Read cut = read(begin, true, size);
  RAGENT_ASSERT(!cut.reply || cut.reply->calls.empty() || begin.contains("[DONE]"));
  return 0;
}
