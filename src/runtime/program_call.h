// ProgramCall: one attempt of an `exec` tool, or its query, among the others of its run; of other
// tools nothing. It knows the labels of what ran meanwhile in the same folder, and ends what the
// program left running outside of its process group when it did not end well. Lives in the
// coroutine of the attempt; shard only, the killing is the pool's.
//
//   ProgramCall call(under_way, pool, tool.spec, context);   // destroyed before end(): cancelled
//   Observation seen = co_await call.end(co_await attempt(tool, context, arguments, when));
#pragma once

#include <action/exec.h>
#include <base/pool.h>

#include <algorithm>

namespace ragent {

class ProgramCall {
 public:
  using UnderWay = std::vector<ProgramCall*>;  // of one run; outlives its calls

  ProgramCall(UnderWay& under_way, Pool& pool, const ToolSpec& spec, const ToolContext& context)
      : under_way_(under_way),
        loop_(context.host.loop()),
        pool_(pool),
        key_(context.key),
        own_(spec.label),
        all_(spec.label),
        over_(spec.kind != ToolSpec::Kind::exec) {
    if (over_) return;
    if (!context.workspace.empty()) workspace_ = canonical_workspace(context.workspace);
    for (ProgramCall* other : under_way_) {
      join(all_, other->own_);
      join(other->all_, own_);
    }
    under_way_.push_back(this);
  }
  ProgramCall(const ProgramCall&) = delete;
  ProgramCall& operator=(const ProgramCall&) = delete;
  ~ProgramCall() {
    std::erase(under_way_, this);
    if (!over_) (void)pool_.run([reap = reap()] { reap(); });
  }

  // Any of the programs that ran meanwhile may have left the files: they have the labels of all.
  Task<Observation> end(Observation seen) {
    if (!seen.files.empty()) join(seen.label, all_);
    co_await end(seen.status == Observation::Status::done);
    co_return seen;
  }
  // Waits for the end of what was left: the next attempt of the call has the same key.
  Task<void> end(bool well) {
    if (!over_ && !well) (void)co_await offload(loop_, pool_, reap()).result();
    over_ = true;
  }

 private:
  static void join(Label& label, const Label& other) {
    label.trusted = label.trusted && other.trusted;
    label.confidential = label.confidential || other.confidential;
  }
  std::function<void()> reap() const {
    return [workspace = workspace_, key = key_] { reap_call(workspace, key); };
  }

  UnderWay& under_way_;
  Loop& loop_;
  Pool& pool_;
  std::string workspace_;  // as it was before the program could swap it
  std::string key_;
  Label own_;
  Label all_;  // of all that ran meanwhile
  bool over_;
};

}  // namespace ragent
