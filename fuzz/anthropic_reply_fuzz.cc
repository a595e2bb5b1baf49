// Any bytes as a response of the Messages API (reply_fuzz.h): the text of a stream was streamed,
// and a stream that is cut before its end is no reply.
#include "reply_fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ragent;
  const FuzzedReply got = fuzz_reply(anthropic(), data, size);
  if (!got.stream) return 0;
  RAGENT_ASSERT(!got.whole.reply || got.whole.text.contains(got.whole.reply->text));
  // A cut stream that is a reply had come to its end before the cut.
  RAGENT_ASSERT(!got.cut.reply || got.cut.reply == got.whole.reply);
  return 0;
}
