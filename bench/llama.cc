// What concurrent runs on the local model share: eight replies in one batch beside the same eight
// one by one, five branches of a 1,000-token prefix beside five prompts of their own, a start that
// finds the prefix saved beside one that does not, and a machine with other work beside a quiet
// one. Ours and theirs in turns, on the same loaded weights. Rows without a model's name are of the
// small model; the default one's kernels gain less by a batch, and it takes four times as long.
//
// `llama [ROUNDS] [FILE] [MODEL…]` writes bench/out/llama.json: `llama 3 FILE local/default`.

#include "figures.h"

#include <base/scope.h>
#include <model/llama/llama_model.h>

#include <fmt/core.h>
#include <unistd.h>

#include <atomic>

namespace ragent {
namespace {

using Clock = std::chrono::steady_clock;

constexpr char kModel[] = "local/small";
constexpr std::size_t kRuns = 8;
constexpr std::size_t kBranches = 5;
constexpr std::uint32_t kRunTokens = 48;  // of each reply
constexpr std::uint32_t kBranchTokens = 32;  // likewise: a thought, or a call
constexpr std::chrono::seconds kCalm{16};  // all threads are tried again then (pace.h)
constexpr int kPrefixSentences = 62;  // about 1,000 tokens

template <class T>
T must(Result<T> result) {
  if (result) return std::move(*result);
  fmt::print(stderr, "llama: {}\n", result.error().message);
  std::exit(1);
}

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

struct Bench {
  std::unique_ptr<Loop> loop = make_loop();
  LlamaOptions options = {};
  int prompts = 0;  // so far: no two are alike

  std::unique_ptr<Model> open() { return must(open_llama_model(*loop, options)); }

  ModelRequest request(const std::string& system, const std::string& question,
                       std::uint32_t tokens) {
    ModelRequest out;
    Message rules = Message::of(Role::system, system);
    rules.stable = true;
    out.transcript.add(std::move(rules));
    out.transcript.add(Message::of(Role::user, question));
    out.options.tokens_max = tokens;
    return out;
  }
  std::string prefix() {
    std::string out = fmt::format("You plan journeys. These are the notes of case {}.", ++prompts);
    for (int i = 0; i < kPrefixSentences; ++i) {
      out += fmt::format(" Train {} leaves Vienna at {} and has {} seats.", i, i % 24, 7 * i % 50);
    }
    return out;
  }
  // Tokens a second of all requests, at once or one by one.
  double rate(Model& model, std::vector<ModelRequest> requests, bool at_once) {
    DeltaSink sink;
    std::vector<Task<Reply>> tasks;
    const Clock::time_point start = Clock::now();
    std::int64_t tokens = 0;
    for (ModelRequest& each : requests) {
      if (at_once) {
        tasks.push_back(model.reply(std::move(each), sink));
      } else {
        tokens += must(block_on(*loop, model.reply(std::move(each), sink))).usage.tokens_output;
      }
    }
    if (at_once) {
      for (auto& each : must(block_on(*loop, when_all(*loop, std::move(tasks))))) {
        tokens += must(std::move(each)).usage.tokens_output;
      }
    }
    return static_cast<double>(tokens) / seconds_since(start);
  }

  std::vector<ModelRequest> runs() {
    std::vector<ModelRequest> out;
    for (std::size_t i = 0; i < kRuns; ++i) {
      const std::string question =
          fmt::format("Tell a long story about ship number {} and its captain.", ++prompts);
      out.push_back(request("You tell stories.", question, kRunTokens));
    }
    return out;
  }
  // Tenants share nothing: so do branches of a tenant each.
  std::vector<ModelRequest> branches(bool shared) {
    std::vector<ModelRequest> out;
    const std::string system = prefix();
    for (std::size_t i = 0; i < kBranches; ++i) {
      const std::string question =
          fmt::format("Tell a long story about a passenger of train {}.", i + 1);
      out.push_back(request(system, question, kBranchTokens));
      if (!shared) out.back().tenant = fmt::format("tenant {}", i);
    }
    return out;
  }

  // From opening the model to the first piece of text, by one question after `system`.
  double first_text(const std::string& system) {
    const Clock::time_point start = Clock::now();
    const std::unique_ptr<Model> model = open();
    std::optional<double> first;
    DeltaSink sink = [&](const Delta&) {
      if (!first) first = seconds_since(start);
    };
    must(block_on(*loop, model->reply(request(system, "Which train is best?", 8), sink)));
    return first.value_or(seconds_since(start));
  }
};

// Other work on every core, while it lives.
class Neighbour {
 public:
  Neighbour() {
    for (unsigned i = 0; i < std::thread::hardware_concurrency(); ++i) {
      threads_.emplace_back([](const std::stop_token& stop) {
        std::atomic<std::uint64_t> work = 0;
        while (!stop.stop_requested()) work.fetch_add(1, std::memory_order_relaxed);
      });
    }
  }

 private:
  std::vector<std::jthread> threads_;
};

struct Pair {
  std::vector<double> ours = {};
  std::vector<double> theirs = {};
};

Json row(const std::string& metric, const std::string& unit, const std::string& peer, Pair pair) {
  const Measured ours = measured(std::move(pair.ours));
  const Measured theirs = measured(std::move(pair.theirs));
  const bool less_is_better = unit == "s";
  const double ratio = less_is_better ? theirs.median / ours.median : ours.median / theirs.median;
  fmt::print("{:<38}{:>8.2f} {:<9}{:>14}{:>8.2f}{:>8.2f} ± {:.0f} %\n", metric, ours.median, unit,
             peer, theirs.median, ratio, 100 * std::max(ours.spread, theirs.spread));
  std::fflush(stdout);  // the next one takes a while
  return Json::object({{"metric", metric},
                       {"unit", unit},
                       {"ours", ours.median},
                       {"peer", peer},
                       {"theirs", theirs.median},
                       {"ratio", ratio},
                       {"spread", std::max(ours.spread, theirs.spread)}});
}

// Both, the order changing from round to round.
template <class Ours, class Theirs>
void in_turns(int round, Pair& pair, Ours ours, Theirs theirs) {
  if (round % 2 == 0) pair.ours.push_back(ours());
  pair.theirs.push_back(theirs());
  if (round % 2 != 0) pair.ours.push_back(ours());
}

Pair measure_batch(Bench& bench, Model& model, int rounds) {
  Pair out;
  for (int i = 0; i < rounds; ++i) {
    in_turns(
        i, out, [&] { return bench.rate(model, bench.runs(), true); },
        [&] { return bench.rate(model, bench.runs(), false); });
  }
  return out;
}

Pair measure_fork(Bench& bench, Model& model, int rounds) {
  Pair out;
  for (int i = 0; i < rounds; ++i) {
    in_turns(
        i, out, [&] { return bench.rate(model, bench.branches(true), true); },
        [&] { return bench.rate(model, bench.branches(false), false); });
  }
  return out;
}

Pair measure_noise(Bench& bench, Model& model, int rounds) {
  Pair out;
  for (int i = 0; i < rounds; ++i) {
    in_turns(
        i, out,
        [&] {
          const Neighbour neighbour;
          return bench.rate(model, bench.runs(), true);
        },
        [&] {
          std::this_thread::sleep_for(kCalm);
          return bench.rate(model, bench.runs(), true);
        });
  }
  return out;
}

Pair measure_starts(Bench& bench, int rounds) {
  const std::filesystem::path cache =
      std::filesystem::temp_directory_path() / fmt::format("ragent-bench-llama-{}", ::getpid());
  bench.options.cache_dir = cache;
  Pair out;
  for (int i = 0; i < rounds; ++i) {
    const std::string system = bench.prefix();
    out.theirs.push_back(bench.first_text(system));
    out.ours.push_back(bench.first_text(system));
  }
  std::filesystem::remove_all(cache);
  return out;
}

// Nothing where the model is not there: what fetches it is said.
void add_rows(const std::string& name, int rounds, Json::Array& rows) {
  Bench bench{.options = {.model = name}};
  const auto opened = open_llama_model(*bench.loop, bench.options);
  if (!opened) {
    fmt::print(stderr, "llama: {}\n", opened.error().message);
    return;
  }
  const std::string of = name == kModel ? "" : ", " + name;
  Model& model = **opened;
  bench.rate(model, bench.runs(), true);  // loads the weights
  rows.push_back(
      row("batch of 8" + of, "tokens/s", "one by one", measure_batch(bench, model, rounds)));
  rows.push_back(row("kv fork" + of, "tokens/s", "one by one", measure_fork(bench, model, rounds)));
  rows.push_back(
      row("with a busy neighbour" + of, "tokens/s", "quiet", measure_noise(bench, model, rounds)));
  rows.push_back(row("second start" + of, "s", "first start", measure_starts(bench, rounds)));
}

int bench(int rounds, const std::string& file, const std::vector<std::string>& models) {
  Json::Array rows;
  for (const std::string& model : models) add_rows(model, rounds, rows);
  if (rows.empty()) return 1;
  write_figures(file, "llama", std::move(rows));
  return 0;
}

}  // namespace
}  // namespace ragent

int main(int argc, char** argv) {
  const int rounds = argc > 1 ? std::max(1, std::atoi(argv[1])) : 3;
  std::vector<std::string> models(argv + std::min(argc, 3), argv + argc);
  if (models.empty()) models = {ragent::kModel};
  return ragent::bench(rounds, argc > 2 ? argv[2] : "bench/out/llama.json", models);
}
