// The conformance suite on the models that need no other part: scripted and recorded ones.
#include <model/conformance.h>

#include <model/recorded.h>
#include <model/scripted.h>
#include <store/test_home.h>

namespace ragent {
namespace {

using std::chrono::milliseconds;

constexpr std::string_view kConforming = R"(
{"user": "text"}
{"answer": "It is five, I should say."}
{"user": "call"}
{"tool": "add", "args": {"a": 2, "b": 3}}
{"user": "schema"}
{"answer": {"sum": 5, "kind": "odd"}}
{"user": "slow"}
{"answer": "At last.", "latency_ms": 60000}
)";

INSTANTIATE_TEST_SUITE_P(
    Scripted, ModelConformance,
    testing::Values(ModelUnderTest{.name = "file",
                                   .make =
                                       [](Loop& loop) {
                                         return make_scripted_model(loop,
                                                                    *parse_script(kConforming));
                                       }},
                    ModelUnderTest{.name = "function",
                                   .make =
                                       [](Loop& loop) {
                                         return make_scripted_model(
                                             loop,
                                             [](const ModelRequest& asked) -> Reply {
                                               std::string word = asked.transcript.last().text();
                                               if (word == "schema")
                                                 return {.text = R"({"sum": 5, "kind": "odd"})"};
                                               if (word != "call") return {.text = "It is five."};
                                               Json args = Json::object({{"a", 2}, {"b", 3}});
                                               return {.calls = {{.tool = "add",
                                                                  .arguments = std::move(args)}}};
                                             },
                                             milliseconds(30));
                                       }}),
    [](const auto& info) { return info.param.name; });

Result<std::unique_ptr<Model>> scripted(const std::string&, Loop& loop) {
  return make_scripted_model(loop, *parse_script(kConforming));
}

// The requests of the suite, recorded while it runs, and said again.
class Rerecorded : public Model {
 public:
  explicit Rerecorded(Loop& loop) : loop_(loop) {
    std::filesystem::create_directories(home_.path());
    auto made = recording(file_, scripted)("test", loop);
    recorder_ = std::move(*made);
  }
  const ModelInfo& info() const override { return recorder_->info(); }
  Task<Reply> reply(ModelRequest request, DeltaSink& deltas) override {
    if (request.transcript.last().text() == "slow") {
      std::chrono::milliseconds time = request.time_max;
      co_await loop_.sleep(time.count() > 0 ? time : std::chrono::minutes(1));
      co_return fail(ErrorKind::timeout, "the recorder waits for its model");
    }
    DeltaSink none;
    co_await recorder_->reply(request, none);
    auto model = recorded()("recorded:" + file_, loop_);
    if (!model) co_return fail(std::move(model.error()));
    co_return co_await (*model)->reply(std::move(request), deltas);
  }

 private:
  Loop& loop_;
  TestHome home_;
  std::string file_ = home_.path() + "/conformance.jsonl";
  std::unique_ptr<Model> recorder_;
};

INSTANTIATE_TEST_SUITE_P(
    Recorded, ModelConformance,
    testing::Values(ModelUnderTest{
        .name = "recorded", .make = [](Loop& loop) { return std::make_unique<Rerecorded>(loop); }}),
    [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace ragent
