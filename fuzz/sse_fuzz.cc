// Any bytes: read at once and byte by byte they are the same events, and what is written is read.
#include <net/sse.h>

#include <algorithm>
#include <cstdint>
#include <vector>

namespace {

using namespace ragent;

std::vector<SseEvent> read(std::string_view bytes, std::size_t size) {
  const bool large = bytes.size() > limits::kSseNameBytesMax;
  SseReader reader;
  std::vector<SseEvent> events;
  for (; !bytes.empty(); bytes.remove_prefix(std::min(size, bytes.size()))) {
    const Result<void> fed =
        reader.feed(bytes.substr(0, size), [&](const SseEvent& event) -> Result<void> {
          events.push_back(event);
          return {};
        });
    RAGENT_ASSERT(fed || large);
    if (!fed) break;
  }
  return events;
}

bool same(const SseEvent& a, const SseEvent& b) {
  return a.event == b.event && a.id == b.id && a.data == b.data;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const std::vector<SseEvent> whole = read(bytes, size + 1);
  RAGENT_ASSERT(std::ranges::equal(whole, read(bytes, 1), same));
  for (const SseEvent& event : whole) {
    const std::vector<SseEvent> back = read(*sse_text(event), size + 1);
    RAGENT_ASSERT(back.size() == 1 && same(back[0], event));
  }
  return 0;
}
