#include <model/fallback.h>

#include <base/loop.h>
#include <base/text.h>

#include <algorithm>

namespace ragent {
namespace {

using std::chrono::duration_cast;
using std::chrono::milliseconds;

// Another model may do better; where the request itself is wrong, or somebody said no, none will.
bool another_may_answer(const Error& error) {
  return error.kind == ErrorKind::unavailable || error.kind == ErrorKind::timeout;
}

class FallbackModel : public Model {
 public:
  FallbackModel(Loop& loop, std::string name, std::vector<std::unique_ptr<Model>> models)
      : loop_(loop), models_(std::move(models)) {
    info_ = models_.front()->info();
    info_.name = std::move(name);
    for (const auto& model : models_) {
      const ModelInfo& each = model->info();
      info_.context_tokens = std::min(info_.context_tokens, each.context_tokens);
      info_.tools &= each.tools;
      info_.streaming &= each.streaming;
      info_.schema &= each.schema;
      info_.images &= each.images;
    }
  }
  const ModelInfo& info() const override { return info_; }

  // Each gets an equal share of the time that is left, so that a silent one leaves some.
  Task<Reply> reply(ModelRequest request, DeltaSink& deltas) override {
    std::optional<TimePoint> end;
    if (request.time_max.count() > 0) end = loop_.now() + request.time_max;
    bool streamed = false;
    DeltaSink sink = [&](const Delta& delta) {
      streamed = true;
      if (deltas) deltas(delta);
    };
    std::string said;
    for (std::size_t i = 0;; ++i) {
      ModelRequest asked = request;
      auto left = static_cast<std::int64_t>(models_.size() - i);
      if (end) asked.time_max = duration_cast<milliseconds>(*end - loop_.now()) / left;
      if (end && asked.time_max.count() <= 0) asked.time_max = milliseconds(1);
      Result<Reply> reply = co_await models_[i]->reply(std::move(asked), sink).result();
      if (reply) co_return reply;
      said += (said.empty() ? "" : "; ") + reply.error().message;
      if (left == 1 || !another_may_answer(reply.error())) {
        reply.error().message = said;
        co_return reply;
      }
      if (std::exchange(streamed, false) && deltas) deltas({.kind = Delta::Kind::restart});
    }
  }

  // Whoever answers, it fits: the most that any of them counts.
  Task<std::vector<std::int64_t>> tokens(std::vector<std::string> texts) override {
    std::vector<std::int64_t> most(texts.size());
    for (const auto& model : models_) {
      auto counts = co_await model->tokens(texts).result();
      if (!counts) counts = co_await Model::tokens(texts).result();  // it will not answer either
      for (std::size_t i = 0; i < std::min(most.size(), counts->size()); ++i) {
        most[i] = std::max(most[i], counts->at(i));
      }
    }
    co_return most;
  }

 private:
  Loop& loop_;
  std::vector<std::unique_ptr<Model>> models_;
  ModelInfo info_ = {};
};

Result<std::unique_ptr<Model>> open_one(const std::vector<ModelSource>& sources,
                                        const std::string& name, Loop& loop) {
  for (const ModelSource& source : sources) {
    Result<std::unique_ptr<Model>> model = source(name, loop);
    if (!model || *model) return model;
  }
  return nullptr;
}

Result<std::unique_ptr<Model>> open_list(const std::vector<ModelSource>& sources,
                                         const std::string& name, Loop& loop) {
  std::vector<std::unique_ptr<Model>> models;
  for (std::string_view part : split(name, ',')) {
    std::string each(trim(part));
    if (each.empty()) {
      return fail(ErrorKind::invalid, "an empty name in the list `" + name +
                                          "`; expected names of models separated by commas");
    }
    Result<std::unique_ptr<Model>> model = open_one(sources, each, loop);
    if (!model) return fail(within(each, std::move(model.error())));
    if (!*model) {
      return fail(ErrorKind::not_found, "no model is called `" + each + "` (in a list of models)");
    }
    models.push_back(std::move(*model));
  }
  return std::make_unique<FallbackModel>(loop, name, std::move(models));
}

}  // namespace

ModelSource with_fallbacks(std::vector<ModelSource> sources) {
  return [sources = std::move(sources)](const std::string& name, Loop& loop) {
    bool list = name.find(',') != name.npos;
    return list ? open_list(sources, name, loop) : open_one(sources, name, loop);
  };
}

}  // namespace ragent
