#include <model/http/placed.h>

#include <algorithm>
#include <charconv>

namespace ragent {

std::string state_of(std::string_view dialect, const Placed& placed) {
  std::string out(dialect);
  if (placed.text > 0 || placed.calls > 0) {
    out += "@" + std::to_string(placed.text) + "," + std::to_string(placed.calls);
  }
  return out + ":" + placed.item.dump();
}

std::optional<Placed> placed_of(std::string_view dialect, std::string_view state) {
  if (!state.starts_with(dialect)) return std::nullopt;
  state.remove_prefix(dialect.size());
  Placed out;
  if (state.starts_with('@')) {
    const char* end = state.data() + state.size();
    const auto [comma, bad] = std::from_chars(state.data() + 1, end, out.text);
    if (bad != std::errc() || comma == end || *comma != ',') return std::nullopt;
    const auto [colon, worse] = std::from_chars(comma + 1, end, out.calls);
    if (worse != std::errc()) return std::nullopt;
    state.remove_prefix(static_cast<std::size_t>(colon - state.data()));
  }
  if (!state.starts_with(':')) return std::nullopt;
  Result<Json> item = parse_json(state.substr(1));
  if (!item || !item->is_object()) return std::nullopt;
  out.item = std::move(*item);
  return out;
}

void read_in_order(const Message& reply, std::string_view dialect, const InOrder& to) {
  const std::string text = reply.text();
  std::vector<const ToolCall*> calls;
  std::vector<Placed> items;
  for (const Part& part : reply.parts) {
    if (const auto* call = std::get_if<ToolCall>(&part)) calls.push_back(call);
    const auto* reasoning = std::get_if<Reasoning>(&part);
    if (!reasoning) continue;
    if (auto placed = placed_of(dialect, reasoning->state)) items.push_back(std::move(*placed));
  }
  std::size_t said = 0, called = 0;
  const auto until = [&](std::size_t text_end, std::size_t calls_end) {
    text_end = std::clamp(text_end, said, text.size());
    if (text_end > said) to.text(std::string_view(text).substr(said, text_end - said));
    said = text_end;
    while (called < std::min(calls_end, calls.size())) to.call(*calls[called++]);
  };
  for (Placed& placed : items) {
    until(placed.text, placed.calls);
    to.item(std::move(placed.item));
  }
  until(text.size(), calls.size());
}

}  // namespace ragent
