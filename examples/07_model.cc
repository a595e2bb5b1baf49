// A model of your own: whatever answers a transcript. It streams by calling `deltas`; a reply is
// complete or an Error, never half of one.
// prints: You said: Good morning!
#include <ragent/ragent.h>

using namespace ragent;

class Echo : public Model {
 public:
  const ModelInfo& info() const override { return info_; }
  Task<Reply> reply(ModelRequest request, DeltaSink& deltas) override {
    std::string text = "You said: " + request.transcript.last().text();
    deltas({.text = text});
    co_return Reply{.text = text};
  }

 private:
  ModelInfo info_{.name = "echo"};
};

int main() {
  EngineOptions options;
  options.planners = {direct(), react()};
  options.models.push_back([](const std::string& name, Loop&) -> Result<std::unique_ptr<Model>> {
    if (name != "echo") return nullptr;
    return std::make_unique<Echo>();
  });
  Engine engine(std::move(options));
  Agent parrot{.profile = {.name = "parrot"}, .model = "echo"};
  Result<Answer> answer = engine.run(parrot, "Good morning!");
  std::puts(answer ? answer->text.c_str() : answer.error().message.c_str());
}
