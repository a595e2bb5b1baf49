// Placed: what a provider wants back exactly as it wrote it (thinking, encrypted reasoning), and
// where in its reply it stood. Kept as the state of a Reasoning part:
//
//   "anthropic:" ITEM, or "anthropic@" TEXT "," CALLS ":" ITEM
//
// when so many bytes of the reply's text and so many of its calls came before it. Values; any
// thread.
#pragma once

#include <ragent/model.h>

namespace ragent {

struct Placed {
  std::size_t text = 0;
  std::size_t calls = 0;
  Json item = {};
};
std::string state_of(std::string_view dialect, const Placed& placed);
std::optional<Placed> placed_of(std::string_view dialect, std::string_view state);  // none: foreign

// The parts of a reply in the order in which the model wrote them: its text in pieces (none is
// empty), its calls, and what `dialect` placed; all else is left out.
struct InOrder {
  std::function<void(std::string_view text)> text = {};
  std::function<void(const ToolCall& call)> call = {};
  std::function<void(Json item)> item = {};
};
void read_in_order(const Message& reply, std::string_view dialect, const InOrder& to);

}  // namespace ragent
