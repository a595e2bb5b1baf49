// The first line: a JSON Schema, or the short form of an argument as agent.toml has it. The rest:
// the arguments of a call. A schema that is right never breaks on a value, and what is wrong is
// said in bounded, printable words.
#include <action/arguments.h>
#include <action/schema.h>
#include <base/text.h>
#include <ragent/limits.h>

#include <cstdint>

namespace {

using namespace ragent;

void check_faults(const std::vector<std::string>& faults) {
  RAGENT_ASSERT(faults.size() <= limits::kFaultsMax);
  for (const std::string& fault : faults) RAGENT_ASSERT(!fault.empty() && valid_utf8(fault));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  std::size_t end = std::min(text.find('\n'), text.size());
  std::string first(text.substr(0, end));
  Result<Json> value = parse_json(text.substr(std::min(end + 1, text.size())));
  Result<Json> schema = parse_json(first);
  if (!schema) {
    Result<ParsedArguments> parsed = parse_arguments({{"a", first}});
    if (!parsed) {
      RAGENT_ASSERT(parsed.error().kind == ErrorKind::invalid);
      return 0;
    }
    RAGENT_ASSERT(validate_schema(parsed->schema).empty());
    schema = parsed->schema;
  }
  std::vector<std::string> wrong = validate_schema(*schema);
  check_faults(wrong);
  if (wrong.empty() && value) check_faults(validate(*schema, *value));
  return 0;
}
