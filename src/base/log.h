// Logger: one JSON object a line, on stderr. A value, given to a part in its constructor.
//
//   Logger log = Logger::from_environment();    // RAGENT_LOG=debug|info|warn|error|off
//   log.warn("a shard turn was slow", {{"ms", 12}});
//   Logger of_run = log.with({{"run", uid}});
//
// A line: {"at":"2026-11-25T03:50:29.123Z","level":"warn","message":"…","ms":12}. Any thread; each
// is one write(2). Users' data goes into fields, never into the message.
#pragma once

#include <ragent/json.h>

#include <initializer_list>
#include <string_view>

namespace ragent {

enum class LogLevel : std::uint8_t { debug, info, warn, error, off };

class Logger {
 public:
  using Fields = std::initializer_list<Json::Member>;

  Logger() = default;  // warn and above, on stderr
  explicit Logger(LogLevel level, int fd = 2) : level_(level), fd_(fd) {}
  // The level of RAGENT_LOG; an unknown word is warn.
  static Logger from_environment();

  Logger with(Fields fields) const;  // these fields in every line
  bool enabled(LogLevel level) const { return level >= level_; }

  void debug(std::string_view message, Fields fields = {}) const;
  void info(std::string_view message, Fields fields = {}) const;
  void warn(std::string_view message, Fields fields = {}) const;
  void error(std::string_view message, Fields fields = {}) const;

 private:
  void write(LogLevel level, std::string_view message, Fields fields) const;

  LogLevel level_ = LogLevel::warn;
  int fd_ = 2;
  Json::Object fields_ = {};
};

}  // namespace ragent
