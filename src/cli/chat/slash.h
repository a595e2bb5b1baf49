// Slash commands of a chat, and answers to what an agent asks: from a line to what is meant.
//
//   Result<std::optional<Slash>> slash = parse_slash("/modle local/small");  // … /model?
//   Result<Json> answer = answer_from(ask.schema, "two nights");
//
// Pure; any thread.
#pragma once

#include <cli/text.h>
#include <ragent/result.h>

#include <optional>

namespace ragent::cli {

struct Slash {
  enum class Name : std::uint8_t {
    help,
    fresh,  // /new
    sessions,
    resume,
    model,
    image,
    steer,
    busy,
    cancel,
    asks,
    tools,
    trace,
    quit,
  };
  Name name = Name::help;
  std::string argument = {};
  friend bool operator==(const Slash&, const Slash&) = default;
};

// Nothing: it is a message. "//x" is the message "/x"; a path such as /etc/hosts is one too.
// Error{invalid}: an unknown command with its near miss, an argument that is missing or too much.
Result<std::optional<Slash>> parse_slash(std::string_view line);
std::string message_of(std::string_view line);
// The rest of a command's name as far as it is certain; `text` as it was where nothing is.
std::string completed(std::string_view text);
std::string slash_help(const Look& look);

// Yes, no, or nothing for a line that is neither; an empty one is a no.
std::optional<bool> approval_from(std::string_view line);
// An answer that has the type of the schema: JSON, or bare text where that is what is asked for.
Result<Json> answer_from(const Json& schema, std::string_view line);
// "yes or no", "one of: window, aisle", "a number": empty where nothing is known.
std::string expected_of(const Json& schema);

}  // namespace ragent::cli
