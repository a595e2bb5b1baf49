// What the dialects share when they write: the frame of a request, images, ids, schemas, and what
// is known of hosts and models by their names. Functions of values; any thread.
//
//   HttpRequest out = wire::post(call, "/responses", body);
//   wire::add_bearer(out, call.key);
#pragma once

#include <model/http/dialect.h>

namespace ragent::wire {

// POST of the body to the path below the base URL, without credentials.
HttpRequest post(const WireCall& call, std::string_view path, const Json& body);
// authorization: Bearer KEY, unless there is none.
void add_bearer(HttpRequest& request, std::string_view key);

std::uint32_t tokens_max_of(const ThinkOptions& options);  // of the reply: what is said, or usual

// "data:image/png;base64,…" is what both OpenAI dialects want; Anthropic takes `base64` alone.
struct Image {
  std::string mime = {};
  std::string base64 = {};
};
// Error{invalid}: the request does not carry the bytes, or the type is none that models see.
Result<Image> image_of(const Media& part, const ModelRequest& request);

// As endpoints take the id of a call: A-Z a-z 0-9 _ -, at most 40 bytes; others become _.
std::string call_id(std::string_view id);
// The schema of a tool's arguments as endpoints accept it: an object that has `properties`.
Json parameters_of(const ToolSpec& tool);

// "api.openai.com", in small letters, of "https://api.openai.com:443/v1".
std::string host_of(std::string_view url);
// Whether the name is one of OpenAI's reasoning models (o3-mini, gpt-5, openai/gpt-5.1): these take
// no temperature and no max_tokens.
bool openai_reasons(std::string_view model);

}  // namespace ragent::wire
