// Streaming: a run seen from outside, event by event. Deltas come as the model writes; a step
// comes when it is durable, and its id says where to go on after a reconnect.
// prints: ^step 1 start
// prints: answered
#include <ragent/ragent.h>

using namespace ragent;

int main() {
  Engine engine;
  Agent poet{.profile = {.name = "poet", .instructions = "Answer in a few words."}};
  Result<RunHandle> run = engine.start(poet, "Say something nice about the sea.");
  if (!run) return std::fprintf(stderr, "%s\n", run.error().message.c_str()), 1;
  for (bool ended = false; !ended;) {
    std::optional<Event> event = run->next_event(std::chrono::seconds(120));
    if (!event) break;
    switch (event->kind) {
      case Event::Kind::delta: std::printf("%s", event->body.string()->c_str()); break;
      case Event::Kind::step:
        std::printf("\nstep %d %s\n", static_cast<int>(event->id), event->record.c_str());
        break;
      case Event::Kind::ended:
        std::printf("%s\n", event->body.text("outcome").c_str());
        ended = true;
        break;
      default: break;
    }
    std::fflush(stdout);
  }
}
