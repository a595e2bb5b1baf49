// How records look in an `expect` block.
#include <base/text.h>
#include <scenarios/player.h>

namespace ragent::scenarios {
namespace {

constexpr std::size_t kValueBytes = 160;

std::string brief(const Json& value) {
  std::string text = value.dump();
  return text.size() <= kValueBytes ? text : utf8_prefix(text, kValueBytes) + "…";
}

std::string member(const Json& body, std::string_view key) {
  const Json* value = body.find(key);
  return value ? brief(*value) : "";
}

std::string seen(const Json& body) {
  const Json* observation = body.find("observation");
  if (!observation) return "";
  const Json* value = observation->find("value");
  bool kept = observation->find("artifact") != nullptr;
  std::string out = observation->text("status") + (kept ? " (artifact) " : " ");
  if (value) out += brief(*value);
  const Json* files = observation->find("files");
  if (!files) return out;
  out += " files";
  for (const Json& file : *files->array()) {
    out += " " + file.text("name") + " " + std::to_string(file.integer("bytes"));
    if (file.text("artifact").empty()) out += " (left out)";
  }
  return out;
}

std::string think(const Json& body) {
  if (const Json* refused = body.find("refused")) return "refused: " + *refused->string();
  if (const Json* error = body.find("error")) {
    return "error " + error->text("kind") + ": " + error->text("message");
  }
  const Json* recorded = body.find("reply");
  Result<Reply> reply = recorded ? reply_from_json(*recorded) : fail(ErrorKind::invalid, "");
  if (!reply) return "unreadable " + body.dump();
  std::string out = reply->text.empty() ? "" : Json(reply->text).dump();
  for (const ToolCall& call : reply->calls) {
    out += (out.empty() ? "calls " : ", ") + call.tool + " " + call.arguments.dump();
  }
  return out;
}

std::string think_intent(const Json& body, const std::string& offers) {
  std::string out = offers.empty() ? "" : "offers " + offers;
  if (const Json* params = body.find("params"); params && params->size() > 0) {
    out += " " + params->dump();
  }
  if (const Json* steer = body.find("steer")) out += " steer " + steer->dump();
  return out;
}

std::string ask(const Json& body, Phase phase) {
  if (phase == Phase::intent) return Json(body.text("question")).dump();
  std::string out = body.flag("allowed") ? "allowed" : "denied";
  if (const Json* answer = body.find("answer")) out = answer->dump();
  return out + " by " + body.text("who");
}

std::string final_line(const Json& body) {
  std::string out = body.text("outcome");
  if (!body.text("text").empty()) out += " " + Json(body.text("text")).dump();
  if (const Json* error = body.find("error")) {
    out += " " + error->text("kind") + ": " + error->text("message");
  }
  if (const Json* left = body.find("unresolved"); left && left->size() > 0) {
    out += " unresolved " + left->dump();
  }
  return out;
}

std::string detail(const Record& record, const Json& body, const std::string& offers) {
  bool intent = record.phase == Phase::intent;
  switch (record.kind) {
    case RecordKind::start: {
      std::string out =
          body.text("planner") + (body.find("state") ? " state " + member(body, "state") : "");
      const Json* forked = body.find("forked");
      return forked ? out + " fork of " + forked->text("run") + " at " + forked->text("at") : out;
    }
    case RecordKind::open:
      return body.integer("head") > 0 ? "after turn " + std::to_string(body.integer("head")) : "";
    case RecordKind::think: return intent ? think_intent(body, offers) : think(body);
    case RecordKind::act:
      return body.text("tool") + " " + member(body, "arguments") + " " +
             (intent ? body.text("effect") : seen(body));
    case RecordKind::ask: return ask(body, record.phase);
    case RecordKind::value: {
      std::string what = body.text("what");
      return what == "note" ? what + " " + member(body, "value") : what;
    }
    case RecordKind::patched: return body.text("name") + " " + member(body, "value");
    case RecordKind::wait: return body.text("fired");
    case RecordKind::fork:
      return member(body, "children") + (body.flag("speculative") ? " speculative" : "");
    case RecordKind::next: return "child " + member(body, "child");
    case RecordKind::cancel: return member(body, "children") + " " + body.text("reason");
    case RecordKind::resolve:
      return body.text("verdict") + " " + member(body, "result") + " by " + body.text("who");
    case RecordKind::stop: return body.text("reason") + " by " + body.text("who");
    case RecordKind::chapter: return "state " + member(body, "state");
    case RecordKind::final: return final_line(body);
    default: return body.dump();
  }
}

std::string padded(std::string text, std::size_t width) {
  if (text.size() < width) text.append(width - text.size(), ' ');
  return text + " ";
}

}  // namespace

std::string shown(const Record& record, const std::string& offers) {
  bool of_call = record.kind == RecordKind::act || record.kind == RecordKind::ask ||
                 record.kind == RecordKind::resolve;
  std::string where = record.step == kNoStep ? ""
                      : of_call              ? call_name(record.path, record.step, record.call)
                                             : step_name(record.path, record.step);
  std::string what(to_string(record.kind));
  if (record.phase == Phase::intent) what += " intent";
  if (record.attempt > 1) what += " attempt " + std::to_string(record.attempt);
  Result<Json> body = parse_json(record.body);
  std::string text = body ? detail(record, *body, offers) : "unreadable " + record.body;
  if (body && body->flag("edited")) text += " edited by " + body->text("who");
  std::string line = padded(std::move(where), 6) + padded(std::move(what), 12) + text;
  return line.substr(0, line.find_last_not_of(' ') + 1);
}

// ---- comparing

namespace {

std::string squeezed(std::string_view text) {
  std::string out;
  for (std::string_view word : words(text)) out += (out.empty() ? "" : " ") + std::string(word);
  return out;
}

constexpr std::string_view kAny = "…";

}  // namespace

bool fits(std::string_view expected, std::string_view actual) {
  std::string pattern = squeezed(expected);
  std::string text = squeezed(actual);
  std::size_t at = 0;
  std::string_view rest = pattern;
  bool first = true;
  for (;;) {
    std::size_t gap = rest.find(kAny);
    std::string_view piece = trim(rest.substr(0, gap));  // a gap takes the spaces beside it
    bool last = gap == rest.npos;
    std::size_t found = last && !first ? text.rfind(piece) : text.find(piece, at);
    if (found == text.npos || found < at || (first && found != 0)) return false;
    at = found + piece.size();
    if (last) return at == text.size();
    rest = rest.substr(gap + kAny.size());
    first = false;
  }
}

bool same(const std::vector<std::string>& expected, const std::vector<std::string>& actual) {
  if (expected.size() != actual.size()) return false;
  for (std::size_t i = 0; i < actual.size(); ++i) {
    if (!fits(expected[i], actual[i])) return false;
  }
  return true;
}

namespace {

// For each actual line the expected line that stands for it, in order; −1: none does.
std::vector<std::ptrdiff_t> aligned(const std::vector<std::string>& expected,
                                    const std::vector<std::string>& actual) {
  // Longest common subsequence from the ends; scenarios have tens of lines.
  std::size_t rows = actual.size();
  std::size_t columns = expected.size();
  std::vector<std::vector<std::size_t>> best(rows + 1, std::vector<std::size_t>(columns + 1));
  for (std::size_t i = rows; i-- > 0;) {
    for (std::size_t j = columns; j-- > 0;) {
      best[i][j] = fits(expected[j], actual[i]) ? best[i + 1][j + 1] + 1
                                                : std::max(best[i + 1][j], best[i][j + 1]);
    }
  }
  std::vector<std::ptrdiff_t> out(rows, -1);
  for (std::size_t i = 0, j = 0; i < rows && j < columns;) {
    if (fits(expected[j], actual[i])) {
      out[i++] = static_cast<std::ptrdiff_t>(j++);
    } else if (best[i + 1][j] >= best[i][j + 1]) {
      ++i;
    } else {
      ++j;
    }
  }
  return out;
}

}  // namespace

std::string difference(const std::vector<std::string>& expected,
                       const std::vector<std::string>& actual) {
  std::vector<std::ptrdiff_t> pairs = aligned(expected, actual);
  std::string out;
  std::size_t next = 0;
  auto missing_until = [&](std::size_t end) {
    for (; next < end; ++next) out += "- " + expected[next] + "\n";
  };
  for (std::size_t i = 0; i < actual.size(); ++i) {
    if (pairs[i] < 0) {
      out += "+ " + actual[i] + "\n";
      continue;
    }
    missing_until(static_cast<std::size_t>(pairs[i]));
    out += "  " + actual[i] + "\n";
    next = static_cast<std::size_t>(pairs[i]) + 1;
  }
  missing_until(expected.size());
  return out;
}

std::vector<std::string> merged(const std::vector<std::string>& expected,
                                const std::vector<std::string>& actual) {
  std::vector<std::ptrdiff_t> pairs = aligned(expected, actual);
  std::vector<std::string> out = actual;
  for (std::size_t i = 0; i < out.size(); ++i) {
    if (pairs[i] < 0) continue;
    const std::string& line = expected[static_cast<std::size_t>(pairs[i])];
    if (line.find(kAny) != line.npos) out[i] = line;
  }
  return out;
}

}  // namespace ragent::scenarios
