#include <kill/service.h>

#include <base/hash.h>
#include <base/random.h>

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <sstream>

namespace ragent::kill {

using std::chrono::milliseconds;

std::int64_t wall_ms() {
  return std::chrono::duration_cast<milliseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

namespace {

sockaddr_un address_of(const std::string& socket) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  RAGENT_ASSERT(socket.size() < sizeof address.sun_path);
  std::ranges::copy(socket, address.sun_path);
  return address;
}

std::string read_line(int fd) {
  std::string line;
  char byte = 0;
  while (::read(fd, &byte, 1) == 1 && byte != '\n') line += byte;
  return line;
}

void sleep_until_wall(std::int64_t ms) {
  const std::int64_t left = ms - wall_ms();
  if (left > 0) std::this_thread::sleep_for(milliseconds(left));
}

}  // namespace

Service::Service(std::string socket, std::uint64_t seed) : seed_(seed), socket_(std::move(socket)) {
  listener_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_un address = address_of(socket_);
  RAGENT_ASSERT(::bind(listener_, reinterpret_cast<const sockaddr*>(&address), sizeof address) ==
                0);
  RAGENT_ASSERT(::listen(listener_, 64) == 0);
  acceptor_ = std::jthread([this] { accept_all(); });
}

Service::~Service() {
  ::shutdown(listener_, SHUT_RDWR);
  acceptor_.join();
  calls_.clear();
  ::close(listener_);
}

void Service::accept_all() {
  for (;;) {
    const int client = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (client < 0) return;
    calls_.emplace_back([this, client] { serve(client); });
  }
}

void Service::serve(int client) {
  std::istringstream line(read_line(client));
  std::string verb;
  std::string key;
  std::int64_t not_after = 0;
  line >> verb >> key >> not_after;
  std::string reply;
  bool late = false;
  if (verb == "query") {
    reply = count(key) > 0 ? "happened" : "cannot_happen";
  } else {
    reply = call(key, not_after, late);
  }
  reply += '\n';
  // Whoever asked may be dead by now.
  const bool heard = ::send(client, reply.data(), reply.size(), MSG_NOSIGNAL) > 0;
  if (late || !heard) {
    const std::lock_guard lock(mutex_);
    ++late_;
  }
  ::close(client);
}

// Mostly at once; sometimes late, sometimes without an answer, sometimes not at all; never after
// `not_after`.
std::string Service::call(const std::string& key, std::int64_t not_after, bool& late) {
  int attempt = 0;
  {
    const std::lock_guard lock(mutex_);
    attempt = ++attempts_[key];
  }
  SeededRandom random(
      mix(Digest{.high = seed_, .low = static_cast<std::uint64_t>(attempt)}, key).low);
  const std::uint64_t drawn = random.below(10);
  if (drawn == 0) return "rejected";
  late = drawn >= 6;
  std::int64_t when = wall_ms() + static_cast<std::int64_t>(random.below(late ? 100 : 5));
  when = std::min(when, not_after - 10);
  sleep_until_wall(when);
  const bool happens = drawn != 9 && wall_ms() < not_after;
  if (happens) happen(key);
  if (drawn >= 8) sleep_until_wall(not_after + 60);  // hangs, whether it happened or not
  return happens && drawn < 8 ? "done" : "";
}

void Service::happen(const std::string& key) {
  const std::lock_guard lock(mutex_);
  ++counts_[key];
}

int Service::count(const std::string& key) {
  const std::lock_guard lock(mutex_);
  const auto found = counts_.find(key);
  return found == counts_.end() ? 0 : found->second;
}

int Service::repeated() {
  const std::lock_guard lock(mutex_);
  return static_cast<int>(
      std::ranges::count_if(counts_, [](const auto& entry) { return entry.second > 1; }));
}

int Service::late() {
  const std::lock_guard lock(mutex_);
  return late_;
}

std::string ask_service(const std::string& socket, const std::string& line) {
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_un address = address_of(socket);
  std::string reply;
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) {
    const std::string sent = line + "\n";
    if (::send(fd, sent.data(), sent.size(), MSG_NOSIGNAL) > 0) reply = read_line(fd);
  }
  ::close(fd);
  return reply;
}

}  // namespace ragent::kill
