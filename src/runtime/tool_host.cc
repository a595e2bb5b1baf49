// What the runtime lends to a tool while it runs.
#include <base/pool.h>
#include <runtime/shard.h>

#include <cstdlib>

namespace ragent {
namespace {

// Kept alive by the work it has on the blocking pool: a thread may still be at it when its run is
// gone.
class Host final : public ToolHost, public std::enable_shared_from_this<Host> {
 public:
  Host(Shard& shard, Tenant tenant, std::function<void(std::string)> progress)
      : loop_(shard.loop()),
        pool_(shard.parts().blocking_pool),
        artifacts_(shard.parts().store.artifacts()),
        tenant_(std::move(tenant)),
        progress_(std::move(progress)) {}

  Loop& loop() override { return loop_; }
  Task<Json> blocking(std::move_only_function<Result<Json>()> work) override {
    return offload(loop_, pool_, [self = shared_from_this(), work = std::move(work)]() mutable {
      return work();
    });
  }
  void progress(std::string_view note) override {
    loop_.post([progress = progress_, text = std::string(note)] { progress(text); });
  }
  Result<std::string> artifact(std::string bytes) override {
    return artifacts_.put(tenant_, bytes);
  }
  // Secrets come by reference only: RAGENT_SECRET_NAME of the process.
  Result<std::string> secret(std::string_view name) override {
    std::string variable = "RAGENT_SECRET_" + std::string(name);
    const char* value = std::getenv(variable.c_str());
    if (value) return std::string(value);
    return fail(ErrorKind::not_found, "there is no secret \"" + std::string(name) +
                                          "\": set the environment variable " + variable);
  }

 private:
  Loop& loop_;
  Pool& pool_;
  Artifacts& artifacts_;
  Tenant tenant_;
  std::function<void(std::string)> progress_;
};

}  // namespace

std::shared_ptr<ToolHost> make_tool_host(Shard& shard, Tenant tenant,
                                         std::function<void(std::string)> progress) {
  return std::make_shared<Host>(shard, std::move(tenant), std::move(progress));
}

}  // namespace ragent
