// Images that belong to a message: read from a file, kept by the home.
//
//   Result<Media> image = keep_image(host, "plan.png");
//
// Any thread; blocking.
#pragma once

#include <api/host.h>

namespace ragent::cli {

// Error{invalid}: no PNG, JPEG, GIF or WebP by its first bytes, which are what models see.
Result<Media> keep_image(Host& host, const std::string& file);

}  // namespace ragent::cli
