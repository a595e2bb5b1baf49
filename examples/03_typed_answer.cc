// A typed answer: the schema of the struct binds the model, and the text is parsed into it.
// prints: \d+ days in .+
#include <ragent/ragent.h>

using namespace ragent;

struct Itinerary {
  Doc<std::string, "The city to visit."> city;
  Doc<int, "Length of the stay in days."> days;
};

int main() {
  Engine engine;
  Agent planner{.profile = {.name = "planner", .instructions = "Plan short trips."}};
  Result<Itinerary> trip = engine.run<Itinerary>(planner, "Three days in Lisbon, please.");
  if (!trip) return std::fprintf(stderr, "%s\n", trip.error().message.c_str()), 1;
  std::printf("%d days in %s\n", *trip->days, trip->city->c_str());
}
