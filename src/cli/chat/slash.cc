#include <cli/chat/slash.h>

#include <cli/home.h>

#include <algorithm>
#include <fmt/core.h>
#include <iterator>

namespace ragent::cli {
namespace {

enum class Takes : std::uint8_t { nothing, perhaps, something };

struct Known {
  std::string_view word;
  Slash::Name name;
  Takes takes;
  std::string_view argument;
  std::string_view what;
};

constexpr Known kKnown[] = {
    {"help", Slash::Name::help, Takes::nothing, "", "this list"},
    {"new", Slash::Name::fresh, Takes::perhaps, "[NAME]", "begin another conversation"},
    {"sessions", Slash::Name::sessions, Takes::nothing, "", "conversations of this home"},
    {"resume", Slash::Name::resume, Takes::something, "NAME", "go on with one of them"},
    {"model", Slash::Name::model, Takes::perhaps, "[NAME]", "the model from the next message on"},
    {"image", Slash::Name::image, Takes::something, "FILE", "send an image with the next message"},
    {"steer", Slash::Name::steer, Takes::something, "TEXT", "tell it to the turn at work"},
    {"busy", Slash::Name::busy, Takes::perhaps, "[steer|enqueue]",
     "what a message does while a turn works"},
    {"cancel", Slash::Name::cancel, Takes::perhaps, "[all]", "stop the turn, as Ctrl-C does"},
    {"asks", Slash::Name::asks, Takes::nothing, "", "what waits for an answer"},
    {"tools", Slash::Name::tools, Takes::nothing, "", "what the agent can do"},
    {"trace", Slash::Name::trace, Takes::perhaps, "[RUN]", "how the last turn went"},
    {"quit", Slash::Name::quit, Takes::nothing, "", "leave, as Ctrl-D does"},
};

constexpr std::string_view kKeys = R"(
  Enter sends; a line that ends in \ goes on, as it does with Alt-Enter.
  Arrows bring older inputs back. Ctrl-A -E -K -U -W -Y edit, Ctrl-L redraws.
  Ctrl-C stops the turn; where none works it clears the line, then leaves.
  //text sends /text.
)";

// The word of a command at the beginning of a line; empty: it is none.
std::string_view command_word(std::string_view line) {
  if (!line.starts_with('/')) return "";
  std::string_view word = line.substr(1, line.find_first_of(" \t\n", 1) - 1);
  auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  return std::ranges::all_of(word, letter) ? word : "";
}

std::vector<std::string_view> command_words() {
  std::vector<std::string_view> out;
  for (const Known& known : kKnown) out.push_back(known.word);
  return out;
}

std::string type_of(const Json& schema) { return schema.text("type"); }

const Json::Array* choices_of(const Json& schema) {
  const Json* list = schema.find("enum");
  return list ? list->array() : nullptr;
}

}  // namespace

std::string message_of(std::string_view line) {
  return std::string(line.starts_with("//") ? line.substr(1) : line);
}

Result<std::optional<Slash>> parse_slash(std::string_view line) {
  std::string_view word = command_word(line);
  if (word.empty()) {
    if (trim(line) != "/") return std::nullopt;
    return fail(ErrorKind::invalid, "expected a command after /; /help lists them");
  }
  std::string lower = to_lower(word);
  if (lower == "exit") lower = "quit";
  std::string_view argument = trim(line.substr(1 + word.size()));
  auto found = std::ranges::find(kKnown, lower, &Known::word);
  if (found == std::end(kKnown)) {
    std::vector<std::string_view> words = command_words();
    std::optional<std::string> near = nearest(lower, std::span<const std::string_view>(words));
    return fail(ErrorKind::invalid,
                fmt::format("there is no command /{}{}; /help lists them, //{} sends it as it is",
                            lower, near ? "; did you mean /" + *near + "?" : "", lower));
  }
  if (found->takes == Takes::nothing && !argument.empty()) {
    return fail(ErrorKind::invalid,
                fmt::format("/{} takes nothing, got `{}`", lower, printable(argument, 40)));
  }
  if (found->takes == Takes::something && argument.empty()) {
    return fail(ErrorKind::invalid, fmt::format("expected /{} {}", lower, found->argument));
  }
  return Slash{.name = found->name, .argument = std::string(argument)};
}

std::string completed(std::string_view text) {
  std::string_view word = command_word(text);
  if (word.empty() || word.size() + 1 != text.size()) return std::string(text);
  std::string common;
  std::size_t fits = 0;
  for (const Known& known : kKnown) {
    if (!known.word.starts_with(word)) continue;
    if (fits++ == 0) {
      common = known.word;
      continue;
    }
    auto end = std::ranges::mismatch(common, known.word).in1;
    common.erase(end, common.end());
  }
  if (fits == 0) return std::string(text);
  return "/" + common + (fits == 1 ? " " : "");
}

std::string slash_help(const Look& look) {
  std::vector<std::vector<std::string>> rows;
  std::size_t width = 0;
  for (const Known& known : kKnown) {
    width = std::max(width, known.word.size() + known.argument.size() + 2);
  }
  std::string out;
  for (const Known& known : kKnown) {
    std::string usage = fmt::format("/{} {}", known.word, known.argument);
    out += "  " + bold(look, pad(usage, width)) + "  " + std::string(known.what) + "\n";
  }
  return out + std::string(kKeys);
}

std::optional<bool> approval_from(std::string_view line) {
  std::string word = to_lower(trim(line));
  if (word == "y" || word == "yes") return true;
  if (word.empty() || word == "n" || word == "no") return false;
  return std::nullopt;
}

std::string expected_of(const Json& schema) {
  if (const Json::Array* choices = choices_of(schema)) {
    std::vector<std::string> words;
    for (const Json& choice : *choices) words.push_back(plain(choice));
    return "one of: " + join(words, ", ");
  }
  std::string type = type_of(schema);
  if (type == "boolean") return "yes or no";
  if (type == "number") return "a number";
  if (type == "integer") return "a whole number";
  if (type == "array" || type == "object") return "JSON: " + one_line(schema.dump());
  return "";
}

Result<Json> answer_from(const Json& schema, std::string_view line) {
  std::string text(trim(line));
  if (const Json::Array* choices = choices_of(schema)) {
    for (const Json& choice : *choices) {
      if (plain(choice) == text || choice.dump() == text) return choice;
    }
    return fail(ErrorKind::invalid,
                "expected " + expected_of(schema) + "; got `" + printable(text, 40) + "`");
  }
  std::string type = type_of(schema);
  if (type == "string" && !text.starts_with('"')) return Json(text);
  std::optional<bool> yes = approval_from(text);
  if (type == "boolean" && !text.empty() && yes) return Json(*yes);
  return json_or_text(text);
}

}  // namespace ragent::cli
