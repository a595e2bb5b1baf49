#include <net/sse.h>

#include <algorithm>

namespace ragent {

namespace {

std::unexpected<Error> too_large(const std::string& what, std::size_t most) {
  return fail(ErrorKind::invalid, what + " is larger than " + std::to_string(most) + " bytes");
}

}  // namespace

Result<void> SseReader::feed(std::string_view bytes, const OnEvent& on_event) {
  while (!bytes.empty()) {
    if (std::exchange(after_cr_, false) && bytes.front() == '\n') {
      bytes.remove_prefix(1);
      continue;
    }
    const std::size_t end = bytes.find_first_of("\r\n");
    const std::string_view piece = bytes.substr(0, end);
    const std::size_t kept = event_.data.size() + event_.event.size() + event_.id.size();
    if (line_.size() + piece.size() + kept > limits::kSseEventBytesMax) {
      return too_large("an event of the stream", limits::kSseEventBytesMax);
    }
    if (end == std::string_view::npos) {
      line_ += piece;
      return {};
    }
    after_cr_ = bytes[end] == '\r';
    bytes.remove_prefix(end + 1);
    Result<void> taken;
    if (line_.empty()) {
      taken = line(piece, on_event);
    } else {
      line_ += piece;
      taken = line(line_, on_event);
      line_.clear();
    }
    if (!taken) return taken;
  }
  return {};
}

Result<void> SseReader::line(std::string_view text, const OnEvent& on_event) {
  if (std::exchange(first_, false) && text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  if (text.empty()) {
    begun_ = false;
    if (!std::exchange(has_data_, false)) {
      event_.event.clear();
      return {};
    }
    Result<void> taken = on_event(event_);
    event_.event.clear();  // their memory serves the next event; the last id stays
    event_.data.clear();
    return taken;
  }
  const std::size_t colon = text.find(':');
  const std::string_view field = text.substr(0, colon);
  std::string_view value = colon == std::string_view::npos ? "" : text.substr(colon + 1);
  if (value.starts_with(' ')) value.remove_prefix(1);
  if (field != "data" && field != "event" && field != "id") return {};
  begun_ = true;
  if (field == "data") {
    if (has_data_) event_.data += '\n';
    event_.data += value;
    has_data_ = true;
  } else if (value.size() > limits::kSseNameBytesMax) {
    return too_large("an event's " + std::string(field), limits::kSseNameBytesMax);
  } else if (field == "event") {
    event_.event = value;
  } else if (!value.contains('\0')) {
    event_.id = value;
  }
  return {};
}

bool SseReader::between_events() const { return line_.empty() && !begun_; }

Result<std::string> sse_text(const SseEvent& event) {
  // A line end in a name would begin another field.
  const auto good = [](std::string_view text) {
    return text.size() <= limits::kSseNameBytesMax && text.find_first_of("\r\n") == text.npos;
  };
  if (!good(event.event) || !good(event.id) || event.id.contains('\0')) {
    return fail(ErrorKind::invalid, "expected an event's name and id to be one line of at most " +
                                        std::to_string(limits::kSseNameBytesMax) +
                                        " bytes, the id without zero bytes");
  }
  std::string text;
  text.reserve(event.data.size() + event.event.size() + event.id.size() + 32);
  if (!event.event.empty()) text.append("event: ").append(event.event) += '\n';
  if (!event.id.empty()) text.append("id: ").append(event.id) += '\n';
  std::string_view data = event.data;
  for (;;) {
    const std::size_t end = data.find_first_of("\r\n");
    text.append("data: ").append(data.substr(0, end)) += '\n';
    if (end == std::string_view::npos) break;
    data.remove_prefix(data.substr(end).starts_with("\r\n") ? end + 2 : end + 1);
  }
  text += '\n';
  return text;
}

}  // namespace ragent
