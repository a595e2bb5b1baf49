// Any bytes: parse_json answers without a crash, and what it accepts is written so that it reads
// back as the same value.
#include <ragent/json.h>

#include <cstdint>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ragent;
  const Result<Json> json = parse_json({reinterpret_cast<const char*>(data), size});
  if (!json) {
    RAGENT_ASSERT(json.error().kind == ErrorKind::invalid && !json.error().message.empty());
    return 0;
  }
  const std::string text = json->dump();
  const Result<Json> back = parse_json(text);
  RAGENT_ASSERT(back && *back == *json && back->dump() == text);
  const Result<Json> pretty = parse_json(json->pretty());
  RAGENT_ASSERT(pretty && pretty->dump() == text);
  return 0;
}
