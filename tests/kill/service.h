// Service: a service outside the process that is killed, in the driver: it carries out calls late
// or never answers, and keeps the ledger of what really happened. One thread per call.
//
//   Service service("/tmp/x/socket", seed);
//   std::string reply = ask_service(path, "call KEY NOT_AFTER_MS");  // done | rejected | ""
//   EXPECT_LE(service.count(key), 1);
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace ragent::kill {

class Service {
 public:
  Service(std::string socket, std::uint64_t seed);
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;
  ~Service();
  int count(const std::string& key);
  int repeated();  // effects that happened more than once
  int late();  // that happened after their process was gone or had given up

 private:
  void accept_all();
  void serve(int client);
  std::string call(const std::string& key, std::int64_t not_after_ms, bool& late);
  void happen(const std::string& key);

  const std::uint64_t seed_;
  const std::string socket_;
  int listener_ = -1;
  std::mutex mutex_;
  std::map<std::string, int> counts_;  // guarded by mutex_
  std::map<std::string, int> attempts_;  // guarded by mutex_
  int late_ = 0;  // guarded by mutex_
  std::vector<std::jthread> calls_;  // the acceptor's
  std::jthread acceptor_;
};

// Empty: it gave no answer.
std::string ask_service(const std::string& socket, const std::string& line);

std::int64_t wall_ms();

}  // namespace ragent::kill
