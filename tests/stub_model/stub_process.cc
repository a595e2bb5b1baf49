#include <stub_model/stub_process.h>

#include <fmt/core.h>

#include <poll.h>
#include <unistd.h>

#include <cstdlib>

namespace ragent::stub {
namespace {

constexpr int kStartMs = 10'000;
constexpr std::size_t kPortDigitsMax = 5;

[[noreturn]] void failed(const std::string& program, std::string_view why) {
  fmt::print(stderr, "{} was expected to print its port: {}\n", program, why);
  std::exit(1);
}

Process started(const std::string& program, std::vector<std::string> options) {
  options.insert(options.begin(), {program, "--stay"});
  Result<Process> process = Process::start({.argv = std::move(options)});
  if (!process) failed(program, process.error().message);
  return std::move(*process);
}

}  // namespace

StubProcess::StubProcess(const std::string& program, std::vector<std::string> options)
    : process_(started(program, std::move(options))) {
  std::string port;
  while (!port.ends_with('\n')) {
    pollfd readable{.fd = process_.out(), .events = POLLIN, .revents = 0};
    if (::poll(&readable, 1, kStartMs) <= 0) failed(program, "it prints nothing");
    char byte = 0;
    if (::read(process_.out(), &byte, 1) != 1) failed(program, "it ended");
    port += byte;
    if (port.size() > kPortDigitsMax + 1) failed(program, "it printed " + port);
  }
  port.pop_back();
  url_ = fmt::format("http://127.0.0.1:{}/v1", port);
}

}  // namespace ragent::stub
