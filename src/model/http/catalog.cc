#include <model/http/catalog.h>

#include <algorithm>
#include <span>

namespace ragent {
namespace {

constexpr std::uint32_t kContextUnknown = 128'000;

struct Known {
  std::string_view prefix;
  std::uint32_t context_tokens;
  bool images;
};
// The providers' pages of models say it, this is as known in 2025. A name takes the longest prefix.
constexpr Known kKnown[] = {
    {"gpt-3.5", 16'385, false},   {"gpt-4", 8'192, false},      {"gpt-4-turbo", 128'000, true},
    {"gpt-4o", 128'000, true},    {"gpt-4.1", 1'047'576, true}, {"gpt-5", 400'000, true},
    {"o1", 200'000, true},        {"o1-mini", 128'000, false},  {"o3", 200'000, true},
    {"o3-mini", 200'000, false},  {"o4-mini", 200'000, true},   {"claude-", 200'000, true},
    {"deepseek-", 64'000, false}, {"mistral-", 128'000, false},
};

struct Priced {
  std::string_view name;
  Price price;
};
// https://developers.openai.com/api/docs/pricing says them, standard tier, these are as known in
// December 2025. Later models are left out: they cost more for long prompts.
constexpr Priced kOpenAi[] = {
    {"gpt-3.5-turbo", {0.50, 0.50, 0.50, 1.50}},
    {"gpt-4", {30, 30, 30, 60}},
    {"gpt-4-turbo", {10, 10, 10, 30}},
    {"gpt-4o-2024-05-13", {5, 5, 5, 15}},
    {"gpt-4o", {2.50, 1.25, 2.50, 10}},
    {"gpt-4o-mini", {0.15, 0.075, 0.15, 0.60}},
    {"gpt-4.1", {2, 0.50, 2, 8}},
    {"gpt-4.1-mini", {0.40, 0.10, 0.40, 1.60}},
    {"gpt-4.1-nano", {0.10, 0.025, 0.10, 0.40}},
    {"gpt-5", {1.25, 0.125, 1.25, 10}},
    {"gpt-5-mini", {0.25, 0.025, 0.25, 2}},
    {"gpt-5-nano", {0.05, 0.005, 0.05, 0.40}},
    {"gpt-5.1", {1.25, 0.125, 1.25, 10}},
    {"gpt-5.2", {1.75, 0.175, 1.75, 14}},
    {"o1", {15, 7.50, 15, 60}},
    {"o3", {2, 0.50, 2, 8}},
    {"o3-mini", {1.10, 0.55, 1.10, 4.40}},
    {"o4-mini", {1.10, 0.275, 1.10, 4.40}},
};
constexpr std::string_view kOpenAiDate = "20251231";
// https://platform.claude.com/docs/en/about-claude/pricing says them, these are as known in October
// 2026: caches of five minutes, which is what is asked for. Models that are not sure are left out.
constexpr Priced kAnthropic[] = {
    {"claude-3-haiku", {0.25, 0.03, 0.30, 1.25}}, {"claude-3-opus", {15, 1.50, 18.75, 75}},
    {"claude-3-5-haiku", {0.80, 0.08, 1, 4}},     {"claude-3-5-sonnet", {3, 0.30, 3.75, 15}},
    {"claude-3-7-sonnet", {3, 0.30, 3.75, 15}},   {"claude-haiku-4-5", {1, 0.10, 1.25, 5}},
    {"claude-sonnet-4", {3, 0.30, 3.75, 15}},     {"claude-sonnet-4-0", {3, 0.30, 3.75, 15}},
    {"claude-sonnet-4-5", {3, 0.30, 3.75, 15}},   {"claude-sonnet-4-6", {3, 0.30, 3.75, 15}},
    {"claude-sonnet-5", {2, 0.20, 2.50, 10}},     {"claude-opus-4", {15, 1.50, 18.75, 75}},
    {"claude-opus-4-0", {15, 1.50, 18.75, 75}},   {"claude-opus-4-1", {15, 1.50, 18.75, 75}},
    {"claude-opus-4-5", {5, 0.50, 6.25, 25}},     {"claude-opus-4-6", {5, 0.50, 6.25, 25}},
    {"claude-opus-4-7", {5, 0.50, 6.25, 25}},     {"claude-opus-4-8", {5, 0.50, 6.25, 25}},
    {"claude-opus-5", {5, 0.50, 6.25, 25}},
};
constexpr std::string_view kAnthropicDate = "20261031";

// A snapshot that is newer than what was read may have a price of its own.
std::optional<Price> price_in(std::span<const Priced> known, std::string_view model,
                              std::string_view date) {
  auto exact = std::ranges::find(known, model, &Priced::name);
  if (exact != known.end()) return exact->price;
  Snapshot snapshot = snapshot_of(model);
  auto family = std::ranges::find(known, snapshot.family, &Priced::name);
  if (snapshot.date.empty() || snapshot.date > date || family == known.end()) return {};
  return family->price;
}

}  // namespace

std::optional<Price> price_of(std::string_view model) {
  if (auto price = price_in(kOpenAi, model, kOpenAiDate)) return price;
  return price_in(kAnthropic, model, kAnthropicDate);
}

Snapshot snapshot_of(std::string_view model) {
  for (std::string_view form : {"-dddd-dd-dd", "-dddddddd"}) {
    if (model.size() <= form.size()) continue;
    std::string_view end = model.substr(model.size() - form.size());
    auto digit = [](char c) { return c >= '0' && c <= '9'; };
    auto fits = [&](char is, char wanted) { return wanted == 'd' ? digit(is) : is == wanted; };
    if (!std::ranges::equal(end, form, fits)) continue;
    Snapshot out{.family = model.substr(0, model.size() - form.size())};
    std::ranges::copy_if(end, std::back_inserter(out.date), digit);
    return out;
  }
  return {.family = model};
}

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
