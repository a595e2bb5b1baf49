#include <tau_bench/ledger.h>

#include <ragent/result.h>

#include <fcntl.h>
#include <unistd.h>

#include <fstream>
#include <set>
#include <sstream>

namespace ragent::tau_bench {

void Ledger::add(const Entry& entry) const {
  const std::string line = entry.key + " " + std::to_string(entry.turn.conversation) + " " +
                           std::to_string(entry.turn.turn) + " " + std::to_string(entry.call) +
                           " " + entry.tool + "\n";
  const int file = ::open(path_.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
  RAGENT_ASSERT(file >= 0);
  // One write: a process that dies leaves a whole line or none.
  RAGENT_ASSERT(::write(file, line.data(), line.size()) == static_cast<ssize_t>(line.size()));
  ::close(file);
}

std::vector<Entry> Ledger::entries() const {
  std::vector<Entry> out;
  std::ifstream file(path_);
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    Entry entry;
    words >> entry.key >> entry.turn.conversation >> entry.turn.turn >> entry.call >> entry.tool;
    out.push_back(std::move(entry));
  }
  return out;
}

std::optional<Entry> Ledger::find(const std::string& key) const {
  for (Entry& entry : entries()) {
    if (entry.key == key) return std::move(entry);
  }
  return std::nullopt;
}

std::size_t Ledger::call_of(const std::string& key, const Place& turn) const {
  std::set<std::string> keys;
  for (const Entry& entry : entries()) {
    if (entry.key == key) return entry.call;
    if (entry.turn == turn) keys.insert(entry.key);
  }
  return keys.size();
}

}  // namespace ragent::tau_bench
