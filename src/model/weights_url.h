// WeightsUrl: the name of a model whose weights lie at a URL, and where they are kept here. It only
// reads names; model/http/weights_fetch.h fetches.
//
//   https://HOST/…/x.gguf#sha256=HEX          http as well, of this machine (127.0.0.1)
//   hf:OWNER/REPO/FILE.gguf#sha256=HEX        = https://huggingface.co/OWNER/REPO/resolve/main/…
//
// The hash is the file's name here, so what is there is what was meant. Values; any thread.
#pragma once

#include <ragent/result.h>

#include <optional>
#include <string>
#include <string_view>

namespace ragent {

struct WeightsUrl {
  std::string name = {};  // as it was given
  std::string url = {};  // without the hash
  std::string sha256 = {};  // 64 small hexadecimal digits
};

// Nothing: the name is another model's. Error{invalid}: no hash, or a URL that is not asked; with
// what to write instead.
Result<std::optional<WeightsUrl>> weights_url(std::string_view name);

// $RAGENT_CACHE/models, else ~/.cache/ragent/models.
std::string models_folder();
std::string weights_file(const std::string& folder, const WeightsUrl& weights);
// The path of weights that are here. Error{not_found}: they are not, with the command that fetches
// them.
Result<std::string> present_weights(const std::string& folder, const WeightsUrl& weights);

// Whether the URL's host is this machine: where http needs no TLS.
bool is_loopback(std::string_view url);

}  // namespace ragent
