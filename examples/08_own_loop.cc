// Your own event loop: without threads the engine works when you poll it; a run's fd() is readable
// while one of its events waits, so that it fits into epoll, GLib or Qt.
// prints: ^ended after \d+ turns
#include <ragent/ragent.h>

using namespace ragent;

Task<Answer> count(Run& run, Input) {
  for (int i = 0; i < 3; ++i) {
    co_await run.sleep(std::chrono::milliseconds(10));
    co_await run.note(Json(i));
  }
  co_return Answer{.text = "counted"};
}

int main() {
  EngineOptions options;
  options.threads = 0;
  options.planners.push_back({"count", 1, count});
  Engine engine(embedded(std::move(options)));
  Agent counter{.profile = {.name = "counter"}, .planner = "count"};
  Result<RunHandle> run = engine.start(counter, "Count.");
  if (!run) return std::fprintf(stderr, "%s\n", run.error().message.c_str()), 1;
  int turns = 0;
  for (bool ended = false; !ended; ++turns) {
    engine.poll(std::chrono::milliseconds(100));  // your loop's idle time
    while (std::optional<Event> event = run->next_event(std::chrono::milliseconds(0))) {
      ended = ended || event->kind == Event::Kind::ended;
    }
  }
  std::printf("ended after %d turns\n", turns);
}
