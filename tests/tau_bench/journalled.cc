#include <tau_bench/journalled.h>

#include <runtime/records.h>

namespace ragent::tau_bench {
namespace {

// A turn, as its records come.
class Reading {
 public:
  Result<void> add(const Record& record);
  Result<Journalled> end() &&;

 private:
  Result<void> add_reply(const Json& body);
  Result<void> add_outcome(const Record& record, const Json& body);

  Journalled out_ = {};
  std::vector<ToolCall> open_ = {};  // of the last reply, whose outcomes have not come
  bool ended_ = false;
};

Result<void> Reading::add_reply(const Json& body) {
  const Json* json = body.find("reply");
  if (!json) return fail(ErrorKind::invalid, "expected a reply, got " + body.dump());
  Result<Reply> reply = reply_from_json(*json);
  if (!reply) return fail(reply.error());
  if (!open_.empty()) return fail(ErrorKind::invalid, "a reply came before " + open_[0].tool);
  std::vector<Json> calls;
  for (const ToolCall& call : reply->calls) {
    calls.push_back(call_line(call.id, call.tool, call.arguments));
  }
  out_.calls += calls.size();
  out_.lines.push_back(line_of_reply(reply->text, calls));
  open_ = std::move(reply->calls);
  return {};
}

Result<void> Reading::add_outcome(const Record& record, const Json& body) {
  // The log's replies call one tool each.
  if (open_.size() != 1 || record.call != 0 || body.text("tool") != open_[0].tool ||
      *body.find("arguments") != open_[0].arguments) {
    return fail(ErrorKind::invalid, "the outcome of no open call: " + body.dump());
  }
  const Json* json = body.find("observation");
  const Result<Observation> seen =
      json ? observation_from_json(*json) : fail(ErrorKind::invalid, "it has no observation");
  if (!seen) return fail(seen.error());
  const std::string* text = seen->value.string();
  if (seen->status != Observation::Status::done || !text) {
    return fail(ErrorKind::invalid, "expected what the tool said, got " + body.dump());
  }
  out_.lines.push_back(line_of_result(open_[0].id, *text));
  open_.clear();
  return {};
}

Result<void> Reading::add(const Record& record) {
  const Result<Json> body = parse_json(record.body);
  if (!body) return fail(body.error());
  if (ended_) return fail(ErrorKind::invalid, "a record after the last");
  const bool outcome = record.phase == Phase::outcome;
  switch (record.kind) {
    case RecordKind::start: {
      const Json* input = body->find("input");
      const Result<Message> message =
          input ? message_from_json(*input) : fail(ErrorKind::invalid, "it has no input");
      if (!message) return fail(message.error());
      out_.lines.push_back(line_of_text("user", message->text()));
      return {};
    }
    case RecordKind::think: return outcome ? add_reply(*body) : Result<void>();
    case RecordKind::act:
      if (outcome) return add_outcome(record, *body);
      out_.keys.insert(body->text("key"));
      return {};
    case RecordKind::final: ended_ = true; return {};
    case RecordKind::open: return {};
    default:
      return fail(ErrorKind::invalid, "a record of kind " + std::string(to_string(record.kind)));
  }
}

Result<Journalled> Reading::end() && {
  if (ended_ && open_.empty()) return std::move(out_);
  return fail(ErrorKind::invalid, "the turn has no end");
}

}  // namespace

Result<Journalled> messages_of(const std::vector<Record>& records) {
  Reading reading;
  std::uint32_t number = 0;
  for (const Record& record : records) {
    if (record.n != ++number) {
      return fail(ErrorKind::invalid, "record " + std::to_string(number) + " is not there");
    }
    if (Result<void> added = reading.add(record); !added) {
      return fail(within("record " + std::to_string(number), added.error()));
    }
  }
  return std::move(reading).end();
}

std::string last_of(const std::vector<Record>& records) {
  if (records.empty()) return "nothing";
  const Record& last = records.back();
  return std::string(to_string(last.kind)) + (last.phase == Phase::intent ? " intent" : " outcome");
}

}  // namespace ragent::tau_bench
