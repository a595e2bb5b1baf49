// What the records of an ended run promise, held against what really happened outside.
#include <runtime/records.h>
#include <simulation/harness.h>

#include <algorithm>
#include <set>

namespace ragent::simulation {
namespace {

struct Call {
  std::string effect = {};
  std::string key = {};
  std::string last = {};  // status of the last outcome, or of the verdict
  bool query = false;
  bool open = false;
  bool resolved = false;
  int unknown = 0;
  int resolves = 0;
};

bool cut(const std::set<std::string>& dead, const std::string& path) {
  return std::ranges::any_of(dead, [&](const std::string& branch) {
    return path.starts_with(branch) && (path.size() == branch.size() || path[branch.size()] == '.');
  });
}

std::string check_call(const std::string& name, const Call& call, bool dead, bool listed,
                       Outside& outside) {
  const int happened = outside.applied(call.key);
  if (happened > 1) return name + " happened " + std::to_string(happened) + " times";
  if (call.open) return name + " has no outcome";
  if (call.effect == "once" && !call.query &&
      (call.unknown > 1 || call.resolves > 1 || call.resolves > call.unknown)) {
    return name + " was in doubt " + std::to_string(call.unknown) + " times and resolved " +
           std::to_string(call.resolves) + " times";
  }
  if (call.last == "done" && happened != 1) return name + " is done but did not happen";
  if (call.last == "failed" && happened != 0 && call.effect != "idempotent") {
    return name + " failed but happened";
  }
  const bool unsettled = call.last == "unknown" && !call.resolved;
  if (unsettled && !dead) return name + " is unknown and nobody settled it";
  if (unsettled != listed) return name + (listed ? " is" : " is not") + " listed as unresolved";
  return "";
}

// Tokens: what each think took and gave back, together with what the final has left, is the start.
std::string check_budget(const FiledRun& run) {
  std::int64_t tokens = 0;
  std::map<std::string, std::int64_t> reserves;
  std::int64_t start = 0;
  for (const Record& record : run.records) {
    const Json body = *parse_json(record.body);
    const std::string name = step_name(record.path, record.step);
    // A fork's is its own, and what it copied was spent by its source.
    if (body.find("forked")) return "";
    if (record.kind == RecordKind::start) start = body.find("budget")->integer("tokens");
    if (record.kind == RecordKind::final) tokens += body.find("budget")->integer("tokens");
    if (record.kind != RecordKind::think) continue;
    if (record.phase == Phase::intent) {
      tokens += reserves[name] = body.integer("reserve");
      continue;
    }
    if (body.find("refused")) continue;
    tokens -= reserves[name];
    if (const Json* reply = body.find("reply")) {
      const Usage usage = reply_from_json(*reply)->usage;
      tokens += usage.tokens_input - usage.tokens_cached + usage.tokens_output;
    }
  }
  if (tokens == start) return "";
  return "the budget of " + std::to_string(start) + " tokens became " + std::to_string(tokens);
}

// Of the children that had ended, `next` handed out the one whose last record came first. Those of
// the same millisecond may not have been told apart.
std::string check_order(const FiledRun& run) {
  std::map<std::string, const Record*> last;  // of each branch
  for (const Record& record : run.records) last[record.path] = &record;
  std::map<std::string, std::vector<std::string>> handed;  // of each fork, in this order
  for (const Record& record : run.records) {
    if (record.kind != RecordKind::next) continue;
    const Json body = *parse_json(record.body);
    const std::string fork = record.path + "." + std::to_string(body.integer("fork"));
    handed[fork].push_back(fork + "." + std::to_string(body.integer("child")));
  }
  for (const auto& [fork, children] : handed) {
    for (std::size_t i = 1; i < children.size(); ++i) {
      const Record* before = last[children[i - 1]];
      const Record* after = last[children[i]];
      if (before && after && after->at < before->at) {
        return children[i] + " had ended before " + children[i - 1] + " and was handed out after";
      }
    }
  }
  return "";
}

}  // namespace

std::string check_promises(const FiledRun& run, Outside& outside) {
  std::map<std::string, std::pair<std::string, Call>> calls;  // by name: path, call
  std::set<std::string> dead;
  std::uint32_t n = 0;
  for (const Record& record : run.records) {
    if (record.n != ++n) return "record " + std::to_string(n) + " is missing";
    const Json body = *parse_json(record.body);
    if (record.kind == RecordKind::stop) dead.insert("0");
    if (record.kind == RecordKind::cancel) {
      for (const Json& path : *body.find("children")->array()) dead.insert(*path.string());
    }
    if (record.kind != RecordKind::act && record.kind != RecordKind::resolve) continue;
    auto& [path, call] = calls[call_name(record.path, record.step, record.call)];
    path = record.path;
    if (record.kind == RecordKind::resolve) {
      ++call.resolves;
      call.resolved = true;
      call.last = body.text("verdict") == "happened" ? "done" : "failed";
    } else if (record.phase == Phase::intent) {
      call.effect = body.text("effect");
      call.key = body.text("key");
      call.query = body.text("tool") == "wire";
      call.open = true;
    } else {
      call.open = false;
      call.last = body.find("observation")->text("status", "done");
      call.unknown += call.last == "unknown" ? 1 : 0;
    }
  }
  if (run.records.empty() || run.records.back().kind != RecordKind::final) return "no final";
  const Json final = *parse_json(run.records.back().body);
  std::set<std::string> listed;
  for (const Json& name : *final.find("unresolved")->array()) listed.insert(*name.string());
  for (const auto& [name, entry] : calls) {
    const auto& [path, call] = entry;
    if (call.effect.empty()) continue;  // a read, or refused
    std::string broken = check_call(name, call, cut(dead, path), listed.contains(name), outside);
    if (!broken.empty()) return broken;
  }
  if (dead.contains("0") && final.text("outcome") != "cancelled") {
    return "stopped, but its outcome is " + final.text("outcome");
  }
  std::string order = check_order(run);
  return order.empty() ? check_budget(run) : order;
}

}  // namespace ragent::simulation
