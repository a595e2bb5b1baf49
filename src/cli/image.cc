#include <cli/image.h>

#include <base/file.h>
#include <ragent/limits.h>

namespace ragent::cli {
namespace {

// By its first bytes; empty: it is no image that models see.
std::string image_type(std::string_view bytes) {
  if (bytes.starts_with("\x89PNG\r\n\x1a\n")) return "image/png";
  if (bytes.starts_with("\xff\xd8\xff")) return "image/jpeg";
  if (bytes.starts_with("GIF8")) return "image/gif";
  if (bytes.starts_with("RIFF") && bytes.substr(0, 12).ends_with("WEBP")) return "image/webp";
  return "";
}

}  // namespace

Result<Media> keep_image(Host& host, const std::string& file) {
  Result<std::string> bytes = read_file(file, limits::kArtifactBytesMax);
  if (!bytes) return fail(std::move(bytes.error()));
  std::string type = image_type(*bytes);
  if (type.empty()) {
    return fail(ErrorKind::invalid, file + " is no PNG, JPEG, GIF or WebP image");
  }
  Result<std::string> id = host.artifact(std::move(*bytes));
  if (!id) return fail(std::move(id.error()));
  return Media{std::move(*id), std::move(type)};
}

}  // namespace ragent::cli
