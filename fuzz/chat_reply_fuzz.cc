// Any bytes as a response of chat/completions (reply_fuzz.h): the text of a stream is what was
// streamed, and no call comes from a stream that is cut before its end.
#include "reply_fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ragent;
  const FuzzedReply got = fuzz_reply(openai_chat(), data, size);
  if (!got.stream) return 0;
  const auto ended = [](const ReplyRead& read, std::string_view bytes) {
    return !read.reply || read.reply->calls.empty() || bytes.contains("[DONE]");
  };
  RAGENT_ASSERT(!got.whole.reply || got.whole.text == got.whole.reply->text);
  RAGENT_ASSERT(ended(got.whole, got.bytes) && ended(got.cut, got.begin));
  return 0;
}
