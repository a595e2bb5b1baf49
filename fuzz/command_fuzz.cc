// Any line: the command of an `exec` tool is refused or split into words that, quoted, split into
// the same words; and as an argument it fills in the question of a tool without a character that
// could speak to a terminal.
#include <action/exec.h>
#include <action/permission.h>
#include <base/text.h>

#include <cstdint>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ragent;
  std::string_view text(reinterpret_cast<const char*>(data), size);
  Result<std::vector<std::string>> words = split_command(text);
  if (words) {
    RAGENT_ASSERT(!words->empty() && !words->front().empty());
    std::string quoted;
    for (const std::string& word : *words) {
      quoted += " \"";
      for (char c : word)
        quoted += c == '"' || c == '\\' ? std::string("\\") + c : std::string(1, c);
      quoted += '"';
    }
    Result<std::vector<std::string>> again = split_command(quoted);
    RAGENT_ASSERT(again && *again == *words);
  } else {
    RAGENT_ASSERT(words.error().kind == ErrorKind::invalid && valid_utf8(words.error().message));
  }
  // The first line is the question, the rest the value of the argument {a}.
  std::size_t end = std::min(text.find('\n'), text.size());
  std::string_view question = text.substr(0, end);
  std::string_view value = text.substr(std::min(end + 1, text.size()));
  std::string filled = fill_template(question, Json::object({{"a", Json(std::string(value))}}));
  if (question.find("{a}") == question.npos) RAGENT_ASSERT(filled == question);
  for (const Json& argument : {Json(std::string(text)), Json::array({std::string(text)})}) {
    std::string alone = fill_template("{a}", Json::object({{"a", argument}}));
    RAGENT_ASSERT(visible(alone) == alone && alone.find_first_of("\n\t") == alone.npos);
  }
  return 0;
}
