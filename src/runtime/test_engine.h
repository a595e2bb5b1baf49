// What the runtime's tests share: an engine over a memory disk with a scripted model.
#pragma once

#include <gtest/gtest.h>
#include <model/scripted.h>
#include <ragent/ragent.h>
#include <runtime/world.h>
#include <store/store.h>

namespace ragent::testing {

// A source that knows one model, "test".
inline ModelSource scripted(ScriptedReply reply, std::chrono::milliseconds latency = {}) {
  return [=](const std::string& name, Loop& loop) -> Result<std::unique_ptr<Model>> {
    if (name != "test") return nullptr;
    return make_scripted_model(loop, reply, latency);
  };
}

// As many tool calls as `calls` has, one after another; then "done".
inline ScriptedReply call_then_answer(std::vector<ToolCall> calls) {
  return [calls](const ModelRequest& request) -> Result<Reply> {
    std::size_t replies = request.transcript.replies();
    if (replies < calls.size()) return Reply{.calls = {calls[replies]}, .finish = Finish::calls};
    const Message& last = request.transcript.last();
    const ToolResult* result =
        last.parts.empty() ? nullptr : std::get_if<ToolResult>(&last.parts.back());
    return Reply{.text = "done: " + (result ? result->observation.text() : last.text())};
  };
}

inline EngineOptions options(std::unique_ptr<Store> store, ScriptedReply reply) {
  EngineOptions out;
  out.threads = 0;
  out.store = std::move(store);
  out.models.push_back(scripted(std::move(reply)));
  out.planners = {direct(), react()};
  out.check_replay = true;
  out.close_wait = {};  // destroying the engine is a crash
  return out;
}

}  // namespace ragent::testing
