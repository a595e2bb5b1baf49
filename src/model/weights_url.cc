#include <model/weights_url.h>

#include <base/text.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

namespace ragent {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kHub = "hf:";
constexpr std::string_view kHubUrl = "https://huggingface.co/";
constexpr std::string_view kHash = "sha256=";
constexpr std::size_t kHashDigits = 64;
constexpr std::size_t kShown = 200;
constexpr std::string_view kExpected =
    "expected https://HOST/…/FILE.gguf#sha256=HEX or hf:OWNER/REPO/FILE.gguf#sha256=HEX, HEX being "
    "the 64 digits that `sha256sum FILE.gguf` prints and hubs show beside the file";

std::unexpected<Error> wrong(std::string_view name, std::string_view what) {
  return fail(ErrorKind::invalid, "the model `" + printable(name, kShown) + "` " +
                                      std::string(what) + ": " + std::string(kExpected));
}

bool is_web(std::string_view url) {
  return url.starts_with("https://") || url.starts_with("http://");
}

// Of a URL: its user, host and port.
std::string_view authority(std::string_view url) {
  url.remove_prefix(std::min(url.find("://") + 3, url.size()));
  return url.substr(0, url.find_first_of("/?#"));
}

// "OWNER/REPO/…/FILE.gguf" as a hub's URL.
Result<std::string> hub_url(std::string_view name, std::string_view path) {
  std::vector<std::string_view> parts = split(path, '/');
  for (std::string_view part : parts) {
    bool plain = std::ranges::all_of(part, [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
             std::string_view("._-+").find(c) != std::string_view::npos;
    });
    if (!plain || part.empty() || part == "." || part == "..") {
      return wrong(name, "does not name a file of a hub");
    }
  }
  if (parts.size() < 3) return wrong(name, "lacks OWNER, REPO or FILE");
  std::string url =
      std::string(kHubUrl) + std::string(parts[0]) + "/" + std::string(parts[1]) + "/resolve/main";
  for (std::size_t i = 2; i < parts.size(); ++i) url += "/" + std::string(parts[i]);
  return url;
}

Result<std::string> hash_of(std::string_view name, std::string_view fragment) {
  if (!fragment.starts_with(kHash)) return wrong(name, "names no hash to check it by");
  std::string hex = to_lower(fragment.substr(kHash.size()));
  bool digits = hex.find_first_not_of("0123456789abcdef") == hex.npos;
  if (digits && hex.size() == kHashDigits) return hex;
  return wrong(name, "has a hash of " + std::to_string(hex.size()) + " characters" +
                         (digits ? "" : ", not all hexadecimal"));
}

}  // namespace

bool is_loopback(std::string_view url) {
  std::string_view host = authority(url);
  host.remove_prefix(host.rfind('@') + 1);  // a user may look like a host; npos + 1 is 0
  if (host.starts_with('[')) return host == "[::1]" || host.starts_with("[::1]:");
  host = host.substr(0, host.find(':'));
  bool numbers = host.find_first_not_of("0123456789.") == host.npos;
  return host == "localhost" || (numbers && host.starts_with("127."));
}

Result<std::optional<WeightsUrl>> weights_url(std::string_view name) {
  std::string_view url = name.substr(0, name.find('#'));
  std::string_view fragment = url.size() < name.size() ? name.substr(url.size() + 1) : "";
  bool hub = url.starts_with(kHub);
  bool gguf = to_lower(url.substr(0, url.find('?'))).ends_with(".gguf");
  if (!hub && (!is_web(url) || (!gguf && !fragment.starts_with(kHash)))) return std::nullopt;
  if (!gguf) return wrong(name, "does not end in .gguf");
  WeightsUrl out{.name = std::string(name), .url = std::string(url)};
  if (hub) {
    Result<std::string> path = hub_url(name, url.substr(kHub.size()));
    if (!path) return fail(std::move(path.error()));
    out.url = std::move(*path);
  }
  Result<std::string> hash = hash_of(name, fragment);
  if (!hash) return fail(std::move(hash.error()));
  out.sha256 = std::move(*hash);
  if (authority(out.url).contains('@')) {
    return wrong("…", "has a user or password in its URL, and names of models are written down");
  }
  // The name is shown within quotes, in commands to copy.
  if (out.url.find_first_of(" \t\r\n'") != out.url.npos) {
    return wrong(name, "has white space or a quote");
  }
  if (out.url.starts_with("http://") && !is_loopback(out.url)) {
    return wrong(name, "would come over http, which anybody on the way can change");
  }
  return out;
}

std::string models_folder() {
  const char* cache = std::getenv("RAGENT_CACHE");
  if (cache && *cache) return fs::path(cache) / "models";
  const char* home = std::getenv("HOME");
  return fs::path(home ? home : "") / ".cache" / "ragent" / "models";
}

std::string weights_file(const std::string& folder, const WeightsUrl& weights) {
  return fs::path(folder) / ("sha256-" + weights.sha256 + ".gguf");
}

Result<std::string> present_weights(const std::string& folder, const WeightsUrl& weights) {
  std::string file = weights_file(folder, weights);
  std::error_code ignored;
  if (fs::is_regular_file(file, ignored)) return file;
  return fail(ErrorKind::not_found,
              "the weights of " + printable(weights.name, 2 * kShown) +
                  " are not here yet: fetch them with `ragent models fetch '" +
                  printable(weights.name, 2 * kShown) + "'`");
}

}  // namespace ragent
