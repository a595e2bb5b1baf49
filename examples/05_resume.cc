// Resume: the first process dies after it paid, before that is recorded. The second asks the tool.
// prints: \{"paid":64\}
// prints: ^1$
#include <ragent/ragent.h>

#include <sys/wait.h>
#include <unistd.h>

using namespace ragent;

Task<Answer> pay_bill(Run& run, Input) {
  Observation seen = co_await run.act({.tool = "pay", .arguments = Json::object({})});
  co_return Answer{.text = seen.text()};
}

Result<Answer> process(bool first) {
  Json receipt = Json::object({{"paid", 64}});
  auto pay = [=](ToolContext&) {
    if (std::system("echo paid >> ledger"); first) _exit(9);
    return receipt;
  };
  auto happened = [=](ToolContext&) {  // a real service looks for the context's key
    return QueryAnswer{QueryAnswer::State::happened, receipt};
  };
  Agent payer{.profile = {.name = "payer"}, .planner = "pay_bill"};
  payer.tools = {tool("pay", "Pays the bill.", pay).once().query(happened)};
  payer.tools[0].spec.timeout = std::chrono::seconds(1);  // asked when no attempt can be alive
  EngineOptions options = embedded();
  options.planners.push_back({"pay_bill", 1, pay_bill});
  Engine engine(std::move(options));
  return engine.run(payer, "Pay the bill.", {.key = "the bill"});  // the key: start it once
}

int main() {
  if (fork() == 0) return process(true) ? 0 : 1;
  wait(nullptr);
  Result<Answer> answer = process(false);
  std::puts(answer ? answer->text.c_str() : answer.error().message.c_str());
  return std::system("wc -l < ledger");
}
