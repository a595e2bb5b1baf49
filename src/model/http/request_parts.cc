#include <model/http/request_parts.h>

#include <base/hash.h>
#include <base/text.h>

#include <algorithm>
#include <array>

namespace ragent::wire {

HttpRequest post(const WireCall& call, std::string_view path, const Json& body) {
  HttpRequest out{
      .method = "POST", .url = std::string(call.base_url) + std::string(path), .body = body.dump()};
  out.headers.add("content-type", "application/json");
  out.headers.add("accept", call.stream ? "text/event-stream" : "application/json");
  return out;
}

std::uint32_t tokens_max_of(const ThinkOptions& options) {
  return options.tokens_max > 0 ? options.tokens_max : limits::kReplyTokensDefault;
}

Result<Image> image_of(const Media& part, const ModelRequest& request) {
  constexpr std::array<std::string_view, 4> kSeen = {"image/png", "image/jpeg", "image/gif",
                                                     "image/webp"};
  const std::string mime = to_lower(part.mime);
  if (std::ranges::find(kSeen, mime) == kSeen.end()) {
    return fail(ErrorKind::invalid, "expected an image as PNG, JPEG, GIF or WebP, got artifact " +
                                        part.artifact + " of type " +
                                        printable(part.mime, limits::kNameBytesMax) +
                                        ": convert it, or leave it out");
  }
  const auto found = std::ranges::find(request.media, part.artifact, &MediaBytes::artifact);
  if (found == request.media.end()) {
    return fail(ErrorKind::invalid, "the request names artifact " + part.artifact +
                                        " but does not carry its bytes: the runtime adds them");
  }
  return Image{.mime = mime, .base64 = base64(found->bytes)};
}

std::string call_id(std::string_view id) {
  constexpr std::size_t kMax = 40;
  std::string out;
  for (char c : id) {
    const bool good = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                      c == '_' || c == '-';
    out += good ? c : '_';
  }
  if (out.size() <= kMax) return out;
  // Two long ids may differ at their ends only.
  return out.substr(0, kMax - 17) + "_" + to_hex(hash128(id)).substr(0, 16);
}

std::string host_of(std::string_view url) {
  url = host_and_port(url);
  const std::size_t end = url.starts_with('[') ? url.find(']') + 1 : url.find(':');
  return to_lower(url.substr(0, end));
}

void add_bearer(HttpRequest& request, std::string_view key) {
  if (!key.empty()) request.headers.add("authorization", "Bearer " + std::string(key));
}

bool openai_reasons(std::string_view model) {
  if (const std::size_t slash = model.rfind('/'); slash != model.npos) {
    model.remove_prefix(slash + 1);
  }
  if (model.starts_with("gpt-5")) return !model.contains("-chat");  // gpt-5-chat-latest does not
  return model.size() >= 2 && model[0] == 'o' && model[1] >= '1' && model[1] <= '9' &&
         (model.size() == 2 || model[2] == '-');
}

Json parameters_of(const ToolSpec& tool) {
  Json out = tool.parameters.is_object() ? tool.parameters : Json::object({{"type", "object"}});
  if (!out.find("properties") && out.text("type") == "object") {
    out["properties"] = Json::object({});
  }
  return out;
}

}  // namespace ragent::wire
