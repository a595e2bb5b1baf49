// stub_model_server: the stub model as a process of its own. Prints its port, and serves until its
// standard input ends (with --stay: until it is killed).

#include <stub_model/stub_model.h>

#include <fmt/core.h>

#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <span>

namespace ragent::stub {
namespace {

constexpr std::string_view kUsage =
    "usage: stub_model_server [OPTION…]\n"
    "  --text TEXT           what it says\n"
    "  --call TOOL JSON      a call it makes; may be given again\n"
    "  --piece BYTES         of text in one streamed event (16)\n"
    "  --first MS            the most it waits before an answer, a seeded time\n"
    "  --between MS          the most it waits before each further event\n"
    "  --seed N              of these times (1)\n"
    "  --capacity N          more at once are refused with 429\n"
    "  --fault NAME TIMES    how it fails the first requests; may be given again\n"
    "  --faults              prints the names of all faults, and ends\n"
    "  --stay                does not end with its standard input\n";

[[noreturn]] void wrong(std::string_view what) {
  fmt::print(stderr, "stub_model_server: {}\n{}", what, kUsage);
  std::exit(2);
}

class Arguments {
 public:
  explicit Arguments(std::span<char*> words) : words_(words) {}
  bool empty() const { return words_.empty(); }
  std::string text(std::string_view what) {
    if (words_.empty()) wrong(fmt::format("expected {}", what));
    std::string word = words_.front();
    words_ = words_.subspan(1);
    return word;
  }
  std::uint32_t number(std::string_view what) {
    const std::string word = text(what);
    std::uint32_t value = 0;
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
    if (error != std::errc() || end != word.data() + word.size()) {
      wrong(fmt::format("expected {}, a number, got \"{}\"", what, word));
    }
    return value;
  }
  std::chrono::milliseconds time() { return std::chrono::milliseconds(number("milliseconds")); }

 private:
  std::span<char*> words_;
};

Fault fault_named(const std::string& name) {
  for (FaultCase& one : fault_cases()) {
    if (one.name == name) return std::move(one.fault);
  }
  wrong(fmt::format("no fault has the name \"{}\": --faults lists them", name));
}

struct Options {
  StubOptions stub = {};
  bool stay = false;
};

Options read_options(Arguments arguments) {
  Options options;
  options.stub.requests_kept = 0;
  Latency latency;
  bool slow = false;
  while (!arguments.empty()) {
    const std::string option = arguments.text("an option");
    if (option == "--text") {
      options.stub.reply.text = arguments.text("a text");
    } else if (option == "--call") {
      const std::string id = fmt::format("call_{}", options.stub.reply.calls.size() + 1);
      const std::string tool = arguments.text("the name of a tool");
      options.stub.reply.calls.push_back(
          {.id = id, .tool = tool, .arguments = arguments.text("its arguments")});
    } else if (option == "--piece") {
      options.stub.reply.piece_bytes = arguments.number("bytes");
    } else if (option == "--first") {
      latency.first_max = arguments.time();
      slow = true;
    } else if (option == "--between") {
      latency.between_max = arguments.time();
      slow = true;
    } else if (option == "--seed") {
      latency.seed = arguments.number("a seed");
    } else if (option == "--capacity") {
      options.stub.capacity.at_once = arguments.number("how many at once");
    } else if (option == "--fault") {
      Fault fault = fault_named(arguments.text("the name of a fault"));
      fault.times = arguments.number("how often");
      options.stub.faults.push_back(std::move(fault));
    } else if (option == "--faults") {
      for (const FaultCase& one : fault_cases()) fmt::print("{}\n", one.name);
      std::exit(0);
    } else if (option == "--stay") {
      options.stay = true;
    } else {
      wrong(fmt::format("\"{}\" is no option", option));
    }
  }
  if (slow) options.stub.latency = latency;
  return options;
}

Task<void> until_input_ends(Loop& loop, bool& ended) {
  while (!ended) {
    Signal readable(loop);
    const auto watch = loop.watch(STDIN_FILENO, Readiness::readable, [&] { readable.set(); });
    co_await readable;
    char bytes[256];
    const auto got = ::read(STDIN_FILENO, bytes, sizeof bytes);
    ended = got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR);
  }
}

}  // namespace
}  // namespace ragent::stub

int main(int count, char** words) {
  using namespace ragent;
  stub::Options options = stub::read_options(
      stub::Arguments(std::span(words, static_cast<std::size_t>(count)).subspan(1)));
  const std::unique_ptr<Loop> loop = make_loop();
  stub::StubModel model(*loop, std::move(options.stub));
  fmt::print("{}\n", model.port());
  std::fflush(stdout);
  bool ended = false;
  Scope scope(*loop);
  if (!options.stay) scope.spawn(stub::until_input_ends(*loop, ended));
  loop->run([&] { return ended; });
}
