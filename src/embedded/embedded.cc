#include <base/home.h>
#include <model/llama/llama_model.h>
#include <ragent/engine.h>

#include <cstdlib>

namespace ragent {

EngineOptions embedded(EngineOptions options) {
  options.home = home_folder(options.home);
  if (const char* model = std::getenv("RAGENT_MODEL"); model && options.model.empty()) {
    options.model = model;
  }
  options.planners.push_back(direct());
  options.planners.push_back(react());
  std::string cache = options.home + "/cache";
  options.models.push_back(
      [cache](const std::string& name, Loop& loop) -> Result<std::unique_ptr<Model>> {
        std::string known = local_model_name(name);
        if (known.empty()) return nullptr;
        return open_llama_model(loop, {.model = known, .cache_dir = cache});
      });
  return options;
}

Engine::Engine() : Engine(embedded()) {}

}  // namespace ragent
