// StubProcess: the stub model in a process of its own, so that its work does not count as ours.
//
//   StubProcess stub("build/release/bench/stub_model_server", {"--text", "Hello."});
//   … POST stub.url() + "/chat/completions" …
//
// A resource: destroying it ends the process, and so does the end of the thread that made it.
#pragma once

#include <base/process.h>

namespace ragent::stub {

class StubProcess {
 public:
  // Ends the program with a message when the server does not start: tests and benches have no use
  // for going on.
  explicit StubProcess(const std::string& program, std::vector<std::string> options = {});
  const std::string& url() const { return url_; }  // "http://127.0.0.1:PORT/v1"

 private:
  Process process_;
  std::string url_ = {};
};

}  // namespace ragent::stub
