#include <model/http/catalog.h>

namespace ragent {
namespace {

constexpr std::uint32_t kContextUnknown = 128'000;

struct Known {
  std::string_view prefix;
  std::uint32_t context_tokens;
  bool images;
};
// developers.openai.com and docs.anthropic.com, read in 2025. A name takes the longest prefix.
constexpr Known kKnown[] = {
    {"gpt-3.5", 16'385, false},   {"gpt-4", 8'192, false},      {"gpt-4-turbo", 128'000, true},
    {"gpt-4o", 128'000, true},    {"gpt-4.1", 1'047'576, true}, {"gpt-5", 400'000, true},
    {"o1", 200'000, true},        {"o1-mini", 128'000, false},  {"o3", 200'000, true},
    {"o3-mini", 200'000, false},  {"o4-mini", 200'000, true},   {"claude-", 200'000, true},
    {"deepseek-", 64'000, false}, {"mistral-", 128'000, false},
};

}  // namespace

ModelInfo info_of(std::string_view model) {
  const Known* best = nullptr;
  for (const Known& known : kKnown) {
    if (!model.starts_with(known.prefix)) continue;
    if (!best || known.prefix.size() > best->prefix.size()) best = &known;
  }
  // Whether an unknown model sees images, its endpoint says.
  if (!best) return {.context_tokens = kContextUnknown, .images = true};
  return {.context_tokens = best->context_tokens, .images = best->images};
}

}  // namespace ragent
