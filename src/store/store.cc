#include <store/store.h>

#include <ragent/limits.h>

#include <algorithm>
#include <array>
#include <unordered_set>

namespace ragent {
namespace {

using namespace std::string_view_literals;

constexpr std::array kKindNames = {
    "start"sv,    "open"sv,     "think"sv,   "act"sv,        "ask"sv,      "recall"sv,
    "remember"sv, "compact"sv,  "value"sv,   "patched"sv,    "send"sv,     "wait"sv,
    "fork"sv,     "next"sv,     "cancel"sv,  "call_agent"sv, "hand_off"sv, "resolve"sv,
    "stop"sv,     "feedback"sv, "chapter"sv, "final"sv,
};
static_assert(kKindNames.size() == static_cast<std::size_t>(RecordKind::final) + 1);

template <class T>
void append_to(std::vector<T>& list, std::vector<T>&& later) {
  if (list.empty()) {
    list = std::move(later);
  } else {
    list.insert(list.end(), std::make_move_iterator(later.begin()),
                std::make_move_iterator(later.end()));
  }
}

}  // namespace

std::string_view to_string(RecordKind kind) { return kKindNames[static_cast<std::size_t>(kind)]; }

std::optional<RecordKind> record_kind_from(std::string_view name) {
  const auto found = std::ranges::find(kKindNames, name);
  if (found == kKindNames.end()) return {};
  return static_cast<RecordKind>(found - kKindNames.begin());
}

bool Group::empty() const {
  return specs.empty() && runs.empty() && records.empty() && waits.empty() && inbox.empty() &&
         inbox_done.empty() && forget.empty();
}

void Group::append(Group&& later) {
  append_to(specs, std::move(later.specs));
  append_to(runs, std::move(later.runs));
  append_to(records, std::move(later.records));
  append_to(waits, std::move(later.waits));
  append_to(inbox, std::move(later.inbox));
  append_to(inbox_done, std::move(later.inbox_done));
  append_to(forget, std::move(later.forget));
}

Result<std::vector<RunRow>> list_runs(Store& store, const Tenant& tenant) {
  // The journal first: a run that is filed meanwhile is then in both, never in neither.
  Result<std::vector<RunRow>> live = store.journal().runs();
  if (!live) return live;
  Result<std::vector<RunRow>> filed = store.tenants().runs(tenant);
  if (!filed) return filed;
  std::erase_if(*live, [&](const RunRow& row) { return row.tenant != tenant.id(); });
  std::unordered_set<RunId> ids;
  for (const RunRow& row : *live) ids.insert(row.id);
  for (RunRow& row : *filed) {
    if (!ids.contains(row.id)) live->push_back(std::move(row));
  }
  std::ranges::sort(*live, std::greater(), &RunRow::id);
  if (live->size() > limits::kRunsListedMax) live->resize(limits::kRunsListedMax);
  return live;
}

}  // namespace ragent
