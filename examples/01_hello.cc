// An agent with one tool, on the local model.
// prints: .

#include <ragent/ragent.h>

struct Sum {
  int a;
  int b;
};

int main() {
  ragent::Engine engine;                                    // local model, ./.ragent
  ragent::Agent clerk{
      .profile = {.name = "clerk", .instructions = "Answer in one sentence."},
      .tools = {ragent::tool("add", "Add two integers.", [](Sum s) { return s.a + s.b; }).read()},
  };
  auto answer = engine.run(clerk, "What is 2 + 3?");        // blocks; Result<Answer>
  std::puts(answer ? answer->text.c_str() : answer.error().message.c_str());
}
