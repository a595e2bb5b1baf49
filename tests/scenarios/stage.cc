#include <scenarios/stage.h>

#include <base/file.h>
#include <base/text.h>
#include <store/forwarding_store.h>

#include <algorithm>

namespace ragent::scenarios {
namespace {

class CaseToolBody final : public ToolBody {
 public:
  CaseToolBody(CaseTool tool, std::shared_ptr<Ledger> ledger)
      : tool_(std::move(tool)), ledger_(std::move(ledger)) {}

  Task<Json> call(ToolContext& context, Json) override {
    Ledger::Use& use = ledger_->tools[tool_.spec.name];
    std::size_t number = use.executions++;
    use.keys.insert(context.key);
    if (tool_.deeds.empty()) co_return Json("ok");
    Deed deed = tool_.deeds[std::min(number, tool_.deeds.size() - 1)];
    Loop& loop = context.host.loop();
    if (deed.after.count() > 0) co_await loop.sleep(deed.after);
    for (const auto& [name, text] : deed.leaves) {
      co_await make_directories(context.workspace);
      co_await write_file_atomic(context.workspace + "/" + name, text);
    }
    switch (deed.kind) {
      case Deed::Kind::does: break;
      case Deed::Kind::fails: co_await fail(ErrorKind::rejected, deed.message); break;
      case Deed::Kind::breaks: co_await fail(ErrorKind::unavailable, deed.message); break;
      case Deed::Kind::hangs: co_await loop.sleep(std::chrono::hours(1000)); break;
    }
    co_return deed.value;
  }

  Task<QueryAnswer> query(ToolContext&, Json) override {
    std::size_t number = ledger_->tools[tool_.spec.name].queries++;
    if (tool_.answers.empty()) co_return QueryAnswer{};
    co_return tool_.answers[std::min(number, tool_.answers.size() - 1)];
  }

 private:
  CaseTool tool_;
  std::shared_ptr<Ledger> ledger_;  // shared with the player and the model
};

class NotingModel final : public Model {
 public:
  NotingModel(std::unique_ptr<Model> inner, std::shared_ptr<Ledger> ledger)
      : inner_(std::move(inner)), ledger_(std::move(ledger)) {}
  const ModelInfo& info() const override { return inner_->info(); }
  Task<Reply> reply(ModelRequest request, DeltaSink& deltas) override {
    std::string& offers = ledger_->offers[request.key];
    offers.clear();
    for (const Offer& offer : request.offers) {
      offers += (offers.empty() ? "" : " ") + offer.tool.name;
      for (const auto& [argument, values] : offer.allowed) {
        offers += "(" + argument + ": " + join(values, "|") + ")";
      }
    }
    if (offers.empty()) offers = "nothing";
    return inner_->reply(std::move(request), deltas);
  }

 private:
  std::unique_ptr<Model> inner_;
  std::shared_ptr<Ledger> ledger_;  // shared with the player and the tools
};

class GatedStore final : public ForwardingStore {
 public:
  GatedStore(std::unique_ptr<Store> inner, std::shared_ptr<Gate> gate)
      : ForwardingStore(std::move(inner)), gate_(std::move(gate)) {}

 private:
  Result<std::uint64_t> commit(const Group& group) override {
    const Error dead{.kind = ErrorKind::io, .message = "the process died"};
    if (gate_->crashed) return fail(dead);
    gate_->crashed = gate_->dies_at && std::ranges::any_of(group.records, [&](const Record& one) {
                       return gate_->dies_at->fits(one);
                     });
    if (gate_->crashed && gate_->loses_it) return fail(dead);
    Result<std::uint64_t> written = ForwardingStore::commit(group);
    if (!written) return written;
    gate_->records.insert(gate_->records.end(), group.records.begin(), group.records.end());
    if (gate_->crashed) return fail(dead);
    return written;
  }

  std::shared_ptr<Gate> gate_;  // shared with the player
};

}  // namespace

std::vector<Tool> make_tools(const std::vector<CaseTool>& tools, std::shared_ptr<Ledger> ledger) {
  std::vector<Tool> out;
  for (const CaseTool& tool : tools) {
    out.push_back({.spec = tool.spec, .body = std::make_shared<CaseToolBody>(tool, ledger)});
  }
  return out;
}

ModelSource make_model(Script script, std::shared_ptr<Ledger> ledger) {
  return [script, ledger](const std::string& name, Loop& loop) -> Result<std::unique_ptr<Model>> {
    if (name != "test") return nullptr;
    return std::make_unique<NotingModel>(make_scripted_model(loop, script), ledger);
  };
}

std::unique_ptr<Store> make_gated_store(std::shared_ptr<MemoryDisk> disk,
                                        std::shared_ptr<Gate> gate) {
  return std::make_unique<GatedStore>(make_memory_store(std::move(disk)), std::move(gate));
}

}  // namespace ragent::scenarios
