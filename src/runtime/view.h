// The reading side: runs, their steps, asks and doubts as a Store holds them, for listings and
// traces (list_runs of store.h lists them).
//
//   Result<RunRow> row = find_run(*store, tenant, "01k8");       // by unique prefix
//   Result<RunView> view = view_run(*store, tenant, row->uid);
//   for (const StepView& step : steps(*view)) print(step);
//
// Pure functions over a Store that may be read-only; they block, so not on a shard.
#pragma once

#include <ragent/engine.h>
#include <runtime/records.h>

#include <map>

namespace ragent {

struct RunView {
  RunRow row = {};
  std::vector<Record> records = {};  // by n, all chapters that are kept
  AgentSpec spec = {};  // empty when the store no longer keeps it
};

// One interaction of a run: its intent and outcome joined, all attempts together.
struct StepView {
  std::uint32_t chapter = 0;
  std::string path = "0";
  std::uint32_t step = kNoStep;
  std::uint32_t call = 0;
  RecordKind kind = RecordKind::start;
  std::uint32_t depth = 0;      // of its branch: 0 for "0", 1 for "0.4.1"
  std::uint32_t attempts = 1;
  std::int64_t began_at = 0;    // ms since the epoch
  std::int64_t ended_at = 0;    // 0: it has no outcome yet
  bool cancelled = false;       // its branch was cancelled
  bool copied = false;          // of a fork: its source took it
  Json intent = {};             // null: none
  Json outcome = {};            // null: none yet
  std::string name() const;  // "0:3", of calls and asks "0:3.1", of start and final their kind
};

// What a run did itself: not what a fork copied of its source.
struct Totals {
  std::int64_t thinks = 0;
  std::int64_t calls = 0;
  Usage usage = {};
};

// What ended runs used, by their ids, and together by their sessions: of the latest runs,
// limits::kRunsListedMax of them.
struct Used {
  std::map<std::string, Usage> runs = {};
  std::map<std::string, Usage> sessions = {};
};

// An ask that waits for a person, with what it is about.
struct AskView {
  Ask ask = {};
  RunRow run = {};
  std::string tool = {};  // empty: a question of the planner
  Json arguments = {};
};

// A call of which nobody knows whether it happened.
struct DoubtView {
  RunRow run = {};
  std::string step = {};  // "0:3.0"
  std::string tool = {};
  Json arguments = {};
  std::int64_t since = 0;
};

// By id or unique beginning of one. Error{not_found}; Error{conflict} names the candidates.
Result<RunRow> find_run(Store& store, const Tenant& tenant, std::string_view prefix);
Result<RunView> view_run(Store& store, const Tenant& tenant, const std::string& uid);
// In the order of a tree: the steps of a fork's children follow the fork.
std::vector<StepView> steps(const RunView& view);
Totals totals(const RunView& view);
Result<Used> list_used(Store& store, const Tenant& tenant);

Result<std::vector<AskView>> list_asks(Store& store, const Tenant& tenant);
Result<std::vector<DoubtView>> list_doubts(Store& store, const Tenant& tenant);

}  // namespace ragent
