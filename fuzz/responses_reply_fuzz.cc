// Any bytes as a response of the Responses API (reply_fuzz.h): a stream that is cut before its end
// is no reply.
#include "reply_fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ragent;
  const FuzzedReply got = fuzz_reply(openai_responses(), data, size);
  // A cut stream that is a reply had come to its end before the cut.
  RAGENT_ASSERT(!got.stream || !got.cut.reply || got.cut.reply == got.whole.reply);
  return 0;
}
