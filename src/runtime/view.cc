#include <runtime/view.h>

#include <base/written_json.h>
#include <runtime/tape.h>

#include <algorithm>
#include <map>
#include <ranges>
#include <set>
#include <tuple>

namespace ragent {
namespace {

constexpr std::size_t kCandidatesShown = 4;

Json body_of(const Record& record) {
  Result<Json> body = parse_written_json(record.body);
  // A trace of a damaged run still has to be readable.
  return body ? std::move(*body) : Json::object({{"unreadable", record.body}});
}

std::uint32_t depth_of(std::string_view path) {
  return static_cast<std::uint32_t>(std::count(path.begin(), path.end(), '.') / 2);
}

// The children of a fork are "PARENT.STEP.INDEX": `path` is one of them when only INDEX is left.
std::optional<std::uint32_t> child_index(std::string_view path, const StepView& fork) {
  std::string begin = fork.path + "." + std::to_string(fork.step) + ".";
  if (!path.starts_with(begin)) return std::nullopt;
  std::uint32_t index = 0;
  for (char c : path.substr(begin.size())) {
    if (c < '0' || c > '9') return std::nullopt;
    index = index * 10 + static_cast<std::uint32_t>(c - '0');
  }
  return index;
}

// How many records a fork has of its source, what was edited among them.
std::uint32_t copied_of(const std::vector<Record>& records) {
  return records.empty() ? 0 : forked_from(body_of(records.front())).records;
}

using StepKey = std::tuple<std::uint32_t, std::string, std::uint32_t, std::uint32_t, RecordKind>;

void add_record(StepView& step, const Record& record) {
  Json body = body_of(record);
  step.attempts = std::max(step.attempts, record.attempt);
  if (record.phase == Phase::intent) {
    if (step.began_at == 0) step.began_at = record.at;
    step.intent = std::move(body);
    return;
  }
  // A step without an intent (a read) says itself how long it took.
  if (step.began_at == 0) step.began_at = record.at - body.integer("ms");
  step.ended_at = record.at;
  step.outcome = std::move(body);
}

// Steps of each branch, in order of their first record.
std::map<std::string, std::vector<StepView>> by_branch(const std::vector<Record>& records,
                                                       std::vector<std::string>& order) {
  std::map<std::string, std::vector<StepView>> branches;
  std::map<StepKey, std::size_t> index;
  const std::uint32_t copied = copied_of(records);
  for (const Record& record : records) {
    StepKey key{record.chapter, record.path, record.step, record.call, record.kind};
    std::vector<StepView>& branch = branches[record.path];
    if (branch.empty()) order.push_back(record.path);
    auto [at, fresh] = index.emplace(std::move(key), branch.size());
    if (fresh) {
      branch.push_back({.chapter = record.chapter,
                        .path = record.path,
                        .step = record.step,
                        .call = record.call,
                        .kind = record.kind,
                        .depth = depth_of(record.path),
                        .attempts = record.attempt,
                        .copied = copied > 0 && record.n <= copied});
    }
    add_record(branch[at->second], record);
    if (branch[at->second].outcome.flag("edited")) branch[at->second].copied = false;
  }
  return branches;
}

std::vector<std::string> cancelled_branches(const std::vector<Record>& records) {
  std::vector<std::string> out;
  for (const Record& record : records) {
    if (record.kind != RecordKind::cancel) continue;
    Json body = body_of(record);
    const Json* children = body.find("children");
    if (!children || !children->array()) continue;
    for (const Json& child : *children->array()) {
      if (child.string()) out.push_back(*child.string());
    }
  }
  return out;
}

class TreeWalk {
 public:
  explicit TreeWalk(const RunView& view) : branches_(by_branch(view.records, order_)) {}

  std::vector<StepView> walk() {
    branch("0");
    for (const std::string& path : order_) branch(path);  // whose fork is not among the records
    return std::move(out_);
  }

 private:
  void branch(const std::string& path) {
    if (!seen_.insert(path).second) return;
    auto found = branches_.find(path);
    if (found == branches_.end()) return;
    for (StepView& step : found->second) {
      out_.push_back(std::move(step));
      if (out_.back().kind == RecordKind::fork) children(StepView(out_.back()));
    }
  }

  void children(const StepView& fork) {
    std::map<std::uint32_t, std::string> paths;
    for (const std::string& path : order_) {
      if (auto index = child_index(path, fork)) paths.emplace(*index, path);
    }
    for (const auto& [index, path] : paths) branch(path);
  }

  std::vector<std::string> order_;
  std::map<std::string, std::vector<StepView>> branches_;
  std::set<std::string> seen_;
  std::vector<StepView> out_;
};

Result<std::vector<RunRow>> live_runs(Store& store, const Tenant& tenant) {
  Result<std::vector<RunRow>> rows = store.journal().runs();
  if (rows) std::erase_if(*rows, [&](const RunRow& row) { return row.tenant != tenant.id(); });
  return rows;
}

template <class Visit>
Result<void> each_wait(Store& store, const Tenant& tenant, std::string_view kind, Visit visit) {
  Result<std::vector<RunRow>> rows = live_runs(store, tenant);
  if (!rows) return fail(rows.error());
  Result<std::vector<WaitRow>> waits = store.journal().waits();
  if (!waits) return fail(waits.error());
  for (const WaitRow& wait : *waits) {
    if (wait.kind != kind) continue;
    auto row = std::ranges::find(*rows, wait.run, &RunRow::id);
    if (row != rows->end()) visit(*row, wait);
  }
  return {};
}

const Json& either(const Json& first, const Json& second) {
  return first.is_null() ? second : first;
}

}  // namespace

std::string StepView::name() const {
  if (step == kNoStep) return std::string(to_string(kind));
  bool of_call = kind == RecordKind::act || kind == RecordKind::ask || kind == RecordKind::resolve;
  return of_call ? call_name(path, step, call) : step_name(path, step);
}

Result<RunRow> find_run(Store& store, const Tenant& tenant, std::string_view prefix) {
  Result<std::vector<RunRow>> rows = list_runs(store, tenant);
  if (!rows) return fail(rows.error());
  std::string candidates;
  std::size_t count = 0;
  RunRow* match = nullptr;
  for (RunRow& row : *rows) {
    if (row.uid == prefix) return std::move(row);
    if (prefix.empty() || !row.uid.starts_with(prefix)) continue;
    match = &row;
    if (++count <= kCandidatesShown) candidates += (count > 1 ? ", " : "") + row.uid;
  }
  if (count == 1) return std::move(*match);
  if (count == 0) {
    return fail(ErrorKind::not_found,
                "no run begins with '" + std::string(prefix) + "'; `ragent runs` lists them");
  }
  if (count > kCandidatesShown) candidates += ", …";
  return fail(ErrorKind::conflict, "'" + std::string(prefix) + "' is the beginning of " +
                                       std::to_string(count) + " runs (" + candidates +
                                       "); give more of the id");
}

Result<RunView> view_run(Store& store, const Tenant& tenant, const std::string& uid) {
  Result<FiledRun> run = store.tenants().run(tenant, uid);
  if (!run) return fail(run.error());
  RunView view{.row = std::move(run->row), .records = std::move(run->records)};
  Result<Json> json = parse_written_json(run->spec);
  Result<AgentSpec> spec = json ? agent_spec_from_json(*json) : fail(json.error());
  if (spec) view.spec = std::move(*spec);
  return view;
}

std::vector<StepView> steps(const RunView& view) {
  std::vector<StepView> out = TreeWalk(view).walk();
  std::vector<std::string> cancelled = cancelled_branches(view.records);
  for (StepView& step : out) {
    step.cancelled = std::ranges::any_of(
        cancelled, [&](const std::string& child) { return covers(child, step.path); });
  }
  return out;
}

Totals totals(const RunView& view) {
  Totals out;
  for (const Record& record : view.records | std::views::drop(copied_of(view.records))) {
    if (record.phase != Phase::outcome) continue;
    if (record.kind == RecordKind::act) ++out.calls;
    if (record.kind != RecordKind::think) continue;
    ++out.thinks;
    Json body = body_of(record);
    const Json* reply = body.find("reply");
    const Json* usage = reply ? reply->find("usage") : nullptr;
    if (usage) out.usage += usage_from_json(*usage);
  }
  return out;
}

Result<Used> list_used(Store& store, const Tenant& tenant) {
  Result<std::vector<UsageRow>> rows = store.tenants().usage(tenant);
  if (!rows) return fail(std::move(rows.error()));
  Used out;
  for (const UsageRow& row : *rows) {
    Result<Json> json = parse_written_json(row.usage);
    if (!json) continue;
    Usage usage = usage_from_json(*json);
    out.runs[row.run] += usage;
    out.sessions[row.session] += usage;
  }
  return out;
}

Result<std::vector<AskView>> list_asks(Store& store, const Tenant& tenant) {
  std::vector<AskView> out;
  Result<void> done = each_wait(store, tenant, "ask", [&](const RunRow& row, const WaitRow& wait) {
    Result<Json> shown = parse_written_json(wait.body);
    Json body = shown ? std::move(*shown) : Json();
    const Json* schema = body.find("schema");
    const Json* arguments = body.find("arguments");
    out.push_back({.ask = {.id = wait.key,
                           .run = row.uid,
                           .question = body.text("question"),
                           .schema = schema ? *schema : Json(),
                           .digest = body.text("digest")},
                   .run = row,
                   .tool = body.text("tool"),
                   .arguments = arguments ? *arguments : Json()});
  });
  if (!done) return fail(done.error());
  return out;
}

Result<std::vector<DoubtView>> list_doubts(Store& store, const Tenant& tenant) {
  std::vector<DoubtView> out;
  std::map<std::string, std::vector<WaitRow>> waits;
  Result<void> done =
      each_wait(store, tenant, "doubt",
                [&](const RunRow& row, const WaitRow& wait) { waits[row.uid].push_back(wait); });
  if (!done) return fail(done.error());
  for (const auto& [uid, doubts] : waits) {
    Result<RunView> view = view_run(store, tenant, uid);
    if (!view) return fail(view.error());
    for (const StepView& step : steps(*view)) {
      if (step.kind != RecordKind::act) continue;
      for (const WaitRow& wait : doubts) {
        if (wait.path != step.path || wait.step != step.step || wait.call != step.call) continue;
        const Json& call = either(step.intent, step.outcome);
        const Json* arguments = call.find("arguments");
        out.push_back({.run = view->row,
                       .step = step.name(),
                       .tool = call.text("tool"),
                       .arguments = arguments ? *arguments : Json(),
                       .since = step.began_at});
      }
    }
  }
  return out;
}

}  // namespace ragent
