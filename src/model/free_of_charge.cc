#include <model/free_of_charge.h>

namespace ragent {
namespace {

class FreeModel : public Model {
 public:
  explicit FreeModel(std::unique_ptr<Model> inner) : inner_(std::move(inner)) {}
  const ModelInfo& info() const override { return inner_->info(); }
  Task<Reply> reply(ModelRequest request, DeltaSink& deltas) override {
    Reply reply = co_await inner_->reply(std::move(request), deltas);
    reply.usage.cost_nanodollars = 0;
    reply.usage.cost_partial = false;
    co_return reply;
  }
  Task<std::vector<std::int64_t>> tokens(std::vector<std::string> texts) override {
    return inner_->tokens(std::move(texts));
  }

 private:
  std::unique_ptr<Model> inner_;
};

}  // namespace

ModelSource free_of_charge(ModelSource inner) {
  return [inner = std::move(inner)](const std::string& name,
                                    Loop& loop) -> Result<std::unique_ptr<Model>> {
    Result<std::unique_ptr<Model>> model = inner(name, loop);
    if (!model || !*model) return model;
    return std::make_unique<FreeModel>(std::move(*model));
  };
}

}  // namespace ragent
