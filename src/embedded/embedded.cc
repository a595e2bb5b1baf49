#include <api/server.h>
#include <base/home.h>
#include <model/fallback.h>
#include <model/free_of_charge.h>
#include <model/http/http_model.h>
#include <model/llama/llama_model.h>
#include <model/recorded.h>
#include <model/weights_url.h>
#include <ragent/engine.h>

#include <cstdlib>

namespace ragent {
namespace {

// Shared by the sources and their copies: the shards have one of each model.
using LocalModelsPtr = std::shared_ptr<LocalModels>;

ModelSource local_source(LocalModelsPtr models, std::string cache_dir) {
  return [models = std::move(models), cache_dir = std::move(cache_dir)](
             const std::string& name, Loop& loop) -> Result<std::unique_ptr<Model>> {
    std::string known = local_model_name(name);
    if (known.empty()) return nullptr;
    return models->open(loop, {.model = known, .cache_dir = cache_dir});
  };
}

// Only of what is here: fetching is for a person to wait for.
ModelSource weights_source(LocalModelsPtr models, std::string cache_dir) {
  return [models = std::move(models), cache_dir = std::move(cache_dir)](
             const std::string& name, Loop& loop) -> Result<std::unique_ptr<Model>> {
    Result<std::optional<WeightsUrl>> weights = weights_url(name);
    if (!weights) return fail(std::move(weights.error()));
    if (!*weights) return nullptr;
    Result<std::string> file = present_weights(models_folder(), **weights);
    if (!file) return fail(std::move(file.error()));
    return models->open(loop, {.model = *file, .name = name, .cache_dir = cache_dir});
  };
}

// What nobody else knows: with the near miss and what is here.
Result<std::unique_ptr<Model>> no_such_model(const std::string& name, Loop& loop) {
  return open_llama_model(loop, {.model = name});
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
  sources.push_back(free_of_charge(recorded()));
  auto local = std::make_shared<LocalModels>();
  std::string cache_dir = options.home + "/cache";
  // Before the endpoints, whose names look like these; local names after them, as a model of an
  // endpoint may be called x.gguf.
  sources.push_back(free_of_charge(weights_source(local, cache_dir)));
  sources.push_back(http_models());
  sources.push_back(free_of_charge(local_source(local, cache_dir)));
  sources.push_back(free_of_charge(no_such_model));
  options.models = {with_fallbacks(std::move(sources))};
  if (const char* file = std::getenv("RAGENT_RECORD"); file && *file) {
    options.models = {recording(file, std::move(options.models.front()))};
  }
  return options;
}

Engine::Engine() : Engine(embedded()) {}

}  // namespace ragent
