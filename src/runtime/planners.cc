#include <base/text.h>
#include <runtime/planners.h>

#include <algorithm>

namespace ragent {

Result<Planner> find_planner(std::span<const Planner> planners, const std::string& name) {
  bool with_version = name.find('@') != name.npos;
  const Planner* best = nullptr;
  std::vector<std::string> known;
  for (const Planner& planner : planners) {
    std::string called = planner.name;
    if (with_version) called += "@" + std::to_string(planner.version);
    if (called == name && (!best || planner.version > best->version)) best = &planner;
    if (std::ranges::find(known, called) == known.end()) known.push_back(called);
  }
  if (best) return *best;
  std::string text = "there is no planner `" + name + "`";
  if (auto near = nearest(name, known)) text += "; did you mean `" + *near + "`?";
  text += " (there are " + (known.empty() ? "none" : join(known, ", ")) + ")";
  return fail(ErrorKind::not_found, std::move(text));
}

}  // namespace ragent
