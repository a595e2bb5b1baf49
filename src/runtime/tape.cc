#include <runtime/tape.h>

#include <base/written_json.h>
#include <ragent/limits.h>

namespace ragent {

bool covers(std::string_view path, std::string_view branch) {
  return branch.starts_with(path) && (branch.size() == path.size() || branch[path.size()] == '.');
}

Result<Tape> Tape::of(std::vector<Record> records) {
  if (records.empty() || records.front().kind != RecordKind::start) {
    return fail(ErrorKind::diverged, "the journal of this run has no start record: it is damaged");
  }
  Tape tape;
  tape.records_ = std::move(records);
  tape.used_.assign(tape.records_.size(), false);
  std::uint32_t n = tape.records_.front().n;
  for (const Record& record : tape.records_) {
    if (record.n != n || record.chapter != tape.start().chapter) {
      return fail(ErrorKind::diverged, "record " + std::to_string(n) +
                                           " is missing from the journal of this run: found " +
                                           std::to_string(record.n));
    }
    ++n;
    switch (record.kind) {
      case RecordKind::stop:
        tape.stop_ = &record;
        tape.stop_n_ = record.n;
        tape.mark(record);
        break;
      case RecordKind::start:
      case RecordKind::final: tape.mark(record); break;
      default: {
        if (record.step > limits::kStepsPerChapterMax) {
          return fail(ErrorKind::diverged,
                      "record " + std::to_string(record.n) + " names an impossible step");
        }
        auto& steps = tape.steps_[record.path];
        if (steps.size() <= record.step) steps.resize(record.step + 1);
        steps[record.step].push_back(&record);
      }
    }
    if (record.kind != RecordKind::cancel) continue;
    Result<Json> body = parse_written_json(record.body);
    const Json* children = body ? body->find("children") : nullptr;
    if (!children || !children->array()) {
      return fail(ErrorKind::diverged,
                  "record " + std::to_string(record.n) + " (cancel) cannot be read");
    }
    for (const Json& child : *children->array()) {
      if (child.string()) tape.cuts_.try_emplace(*child.string(), record.n);
    }
  }
  return tape;
}

const Record* Tape::final() const {
  return !records_.empty() && records_.back().kind == RecordKind::final ? &records_.back()
                                                                        : nullptr;
}

const std::vector<const Record*>& Tape::at(const std::string& path, std::uint32_t step) const {
  static const std::vector<const Record*> none;
  auto found = steps_.find(path);
  if (found == steps_.end() || step >= found->second.size()) return none;
  return found->second[step];
}

std::uint32_t Tape::cut(const std::string& path) const {
  std::uint32_t n = stop_n_;
  if (path == "0") return n;
  // A branch path has two numbers a level: "0", "0.4.1", "0.4.1.2.0".
  for (std::size_t end = path.find('.'); end != path.npos;) {
    end = path.find('.', path.find('.', end + 1) + 1);
    auto found = cuts_.find(path.substr(0, end));
    if (found != cuts_.end()) n = std::min(n, found->second);
  }
  return n;
}

const Record* Tape::not_asked_for() const {
  for (std::size_t i = 0; i < records_.size(); ++i) {
    if (!used_[i] && cut(records_[i].path) == kNever) return &records_[i];
  }
  return nullptr;
}

}  // namespace ragent
