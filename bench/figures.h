// Figures: what a bench says of many measurements, and the file it leaves: its rows, and the
// machine they are of.
//
//   const Measured ours = measured({3.1, 2.9, 3.0});      // median, least, spread
//   write_figures("bench/out/llama.json", "llama", std::move(rows));
//
// Values; any thread.
#pragma once

#include <ragent/json.h>

#include <fmt/core.h>
#include <sys/utsname.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <thread>
#include <vector>

namespace ragent {

struct Measured {
  double median = 0;
  double least = 0;
  double spread = 0;  // (largest − smallest) / median
};

inline Measured measured(std::vector<double> values) {
  std::ranges::sort(values);
  const double median = values[values.size() / 2];
  return {median, values.front(), (values.back() - values.front()) / median};
}

inline void write_figures(const std::string& file, std::string_view name, Json::Array rows) {
  utsname system = {};
  ::uname(&system);
  const std::string machine = fmt::format("{} {} {}, {} cores", system.sysname, system.release,
                                          system.machine, std::thread::hardware_concurrency());
  const Json out =
      Json::object({{"name", name}, {"machine", machine}, {"rows", Json(std::move(rows))}});
  const std::filesystem::path folder = std::filesystem::path(file).parent_path();
  if (!folder.empty()) std::filesystem::create_directories(folder);
  std::ofstream(file) << out.dump() << '\n';
}

}  // namespace ragent
