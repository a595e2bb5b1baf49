#include <api/server.h>
#include <base/home.h>
#include <model/fallback.h>
#include <model/http/http_model.h>
#include <model/llama/llama_model.h>
#include <model/recorded.h>
#include <ragent/engine.h>

#include <cstdlib>

namespace ragent {
namespace {

ModelSource local_models(std::string cache_dir) {
  // Shared by the copies of this source: the shards have one of each model.
  auto models = std::make_shared<LocalModels>();
  return [models, cache_dir = std::move(cache_dir)](const std::string& name,
                                                    Loop& loop) -> Result<std::unique_ptr<Model>> {
    std::string known = local_model_name(name);
    if (known.empty()) return nullptr;
    return models->open(loop, {.model = known, .cache_dir = cache_dir});
  };
}

}  // namespace

EngineOptions embedded(EngineOptions options) {
  options.home = home_folder(options.home);
  if (const char* model = std::getenv("RAGENT_MODEL"); model && options.model.empty()) {
    options.model = model;
  }
  options.services.push_back(api::api_service());
  options.planners.push_back(direct());
  options.planners.push_back(react());
  std::vector<ModelSource> sources = std::move(options.models);
  sources.push_back(recorded());
  sources.push_back(http_models());
  sources.push_back(local_models(options.home + "/cache"));
  options.models = {with_fallbacks(std::move(sources))};
  if (const char* file = std::getenv("RAGENT_RECORD"); file && *file) {
    options.models = {recording(file, std::move(options.models.front()))};
  }
  return options;
}

Engine::Engine() : Engine(embedded()) {}

}  // namespace ragent
