// Any bytes as an endpoint's refusal: the first line is its Retry-After, the second its Date, the
// rest its body. The error is printable and bounded, and nobody is told to wait for ever or back.
#include <base/text.h>
#include <model/http/endpoint_error.h>

#include <cstdint>

using namespace ragent;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  HttpResponse response{.status = 300 + data[0] % 300};
  for (const char* name : {"retry-after", "date"}) {
    const std::size_t end = bytes.find('\n');
    response.headers.add(name, std::string(bytes.substr(0, end)));
    bytes = end == std::string_view::npos ? "" : bytes.substr(end + 1);
  }
  response.body = bytes;
  const Error error = wire::error_of(response, "api.example.org");
  RAGENT_ASSERT(error.message.starts_with("api.example.org answered "));
  RAGENT_ASSERT(error.message == printable(error.message, error.message.size() + 1));
  RAGENT_ASSERT(error.message.size() < 2 * limits::kEndpointWordsMax);
  if (error.retry_after) {
    RAGENT_ASSERT(error.retry_after->count() >= 0 && *error.retry_after <= limits::kWaitMax);
  }
  if (const Result<Json> json = parse_json(bytes)) {
    const Error inside = wire::error_of(*json, "");
    RAGENT_ASSERT(inside.message.starts_with("the endpoint reported an error"));
    RAGENT_ASSERT(inside.message == printable(inside.message, inside.message.size() + 1));
  }
  return 0;
}
