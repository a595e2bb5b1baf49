// Any bytes, cut at the place the first byte says: the parser keeps its limits, and what comes of
// it does not depend on the cut.
#include <net/request_parser.h>

#include <cstdint>
#include <vector>

namespace {

using namespace ragent;

// Of every request its parts; of a refusal that there was one.
std::vector<std::string> read(std::string_view bytes, std::size_t first) {
  BodyRoom room{.max = 1500};
  RequestParser parser(1000, 1000, room);
  std::vector<std::string> got;
  for (std::string_view piece : {bytes.substr(0, first), bytes.substr(first)}) {
    while (!piece.empty() && !parser.refused()) {
      piece.remove_prefix(parser.feed(piece));
      const HttpRequest& request = parser.request();
      RAGENT_ASSERT(request.url.size() <= 1000 && request.body.size() <= 1000);
      RAGENT_ASSERT(room.used <= 1500 && request.body.size() <= room.used);
      if (!parser.done()) continue;
      got.push_back(request.method + " " + request.url);
      for (const auto& [name, value] : request.headers.list()) got.push_back(name + ": " + value);
      got.push_back(request.body);
      RAGENT_ASSERT(check_headers(request.headers));
      parser.next();
    }
  }
  if (parser.refused()) got.push_back("refused");
  return got;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  RAGENT_ASSERT(read(bytes, data[0] % size) == read(bytes, 0));
  return 0;
}
