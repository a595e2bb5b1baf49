#include <base/log.h>

#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>

namespace ragent {

namespace {

constexpr std::string_view kLevels[] = {"debug", "info", "warn", "error", "off"};

std::string timestamp() {
  using namespace std::chrono;
  const auto now = time_point_cast<milliseconds>(system_clock::now()).time_since_epoch().count();
  const std::time_t seconds = now / 1000;
  std::tm utc = {};
  gmtime_r(&seconds, &utc);
  char text[40] = {};
  const std::size_t length = std::strftime(text, sizeof text, "%FT%T", &utc);
  std::snprintf(text + length, sizeof text - length, ".%03dZ", static_cast<int>(now % 1000));
  return text;
}

}  // namespace

Logger Logger::from_environment() {
  const char* word = std::getenv("RAGENT_LOG");
  for (std::size_t i = 0; word && i < std::size(kLevels); ++i) {
    if (kLevels[i] == word) return Logger(static_cast<LogLevel>(i));
  }
  return Logger();
}

Logger Logger::with(Fields fields) const {
  Logger logger = *this;
  logger.fields_.insert(logger.fields_.end(), fields);
  return logger;
}

void Logger::debug(std::string_view message, Fields fields) const {
  write(LogLevel::debug, message, fields);
}
void Logger::info(std::string_view message, Fields fields) const {
  write(LogLevel::info, message, fields);
}
void Logger::warn(std::string_view message, Fields fields) const {
  write(LogLevel::warn, message, fields);
}
void Logger::error(std::string_view message, Fields fields) const {
  write(LogLevel::error, message, fields);
}

void Logger::write(LogLevel level, std::string_view message, Fields fields) const {
  if (!enabled(level)) return;
  Json::Object line = {{"at", timestamp()},
                       {"level", kLevels[static_cast<std::size_t>(level)]},
                       {"message", message}};
  line.insert(line.end(), fields_.begin(), fields_.end());
  line.insert(line.end(), fields);
  const std::string text = Json(std::move(line)).dump() + "\n";
  // A log that cannot be written has nobody to tell.
  [[maybe_unused]] const ssize_t written = ::write(fd_, text.data(), text.size());
}

}  // namespace ragent
