#include <cli/args.h>

#include <base/text.h>
#include <profile/names.h>

#include <algorithm>
#include <charconv>

#include <CLI/CLI.hpp>
#include <fmt/core.h>

namespace ragent::cli {
namespace {

using Parser = CLI::App;

constexpr std::size_t kShownBytesMax = 60;  // of what was given, in a message
constexpr std::int64_t kBudgetStepsMax = 1'000'000'000;

// Rules for what is given: the library asks for "" or what is wrong.
std::string wrong(std::string_view expected, std::string_view got) {
  return fmt::format("expected {}, got {}", expected,
                     got.empty() ? "nothing" : "`" + printable(got, kShownBytesMax) + "`");
}
std::string named(const std::string& text) {
  return trim(text).empty() ? wrong("a name", trim(text)) : "";
}
std::string in_words(const std::string& text) {
  return valid_utf8(text) ? "" : wrong("text in UTF-8", text);
}
std::string task(const std::string& text) {
  if (trim(text).empty()) return wrong("what the agent shall do, in words", "");
  return in_words(text);
}
std::string session(const std::string& text) {
  return is_session_name(text) ? "" : wrong(kSessionExpected, text);
}
std::string steps(const std::string& text) {
  std::int64_t number = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  bool whole = error == std::errc() && end == text.data() + text.size();
  if (whole && number >= 1 && number <= kBudgetStepsMax) return "";
  return wrong(fmt::format("a whole number from 1 to {}", kBudgetStepsMax), text);
}

std::string shell(const std::string& text) {
  return text == "bash" || text == "zsh" || text == "fish" ? "" : wrong("bash, zsh or fish", text);
}

Parser* add(Parser& root, Args& args, const std::string& name) {
  Parser* command = root.add_subcommand(name);
  command->set_help_flag();  // help_text() is ours
  command->add_option("--home", args.home)->check(named);
  return command;
}

void add_following(Parser* command, Args& args) {
  command->add_flag("--json", args.json);
  command->add_flag("-y,--yes", args.yes);
  command->add_flag("-q,--quiet", args.quiet);
}

void add_starting(Parser& root, Args& args) {
  add(root, args, "new")->add_option("NAME", args.name)->required()->check(named);

  Parser* check = add(root, args, "check");
  check->add_option("AGENT", args.agent)->required()->check(named);
  check->add_flag("--json", args.json);

  Parser* run = add(root, args, "run");
  run->add_option("AGENT", args.agent)->required()->check(named);
  run->add_option("TASK", args.task)->required()->check(task);
  run->add_option("--session", args.session)->check(session);
  run->add_option("--model", args.model)->check(named);
  run->add_option("--planner", args.planner)->check(named);
  run->add_option("--budget-steps", args.budget_steps)->check(steps);
  run->add_option("--image", args.images)->check(named)->allow_extra_args(false);
  run->add_option("--record", args.record)->check(named);
  add_following(run, args);

  Parser* chat = add(root, args, "chat");
  chat->add_option("AGENT", args.agent)->check(named);
  chat->add_option("--session", args.session)->check(session);
  chat->add_option("--model", args.model)->check(named);
  chat->add_flag("--dev", args.dev);

  Parser* fork = add(root, args, "fork");
  fork->add_option("RUN", args.run)->required()->check(named);
  fork->add_option("--at", args.step)->required()->check(named);
  fork->add_option("--edit", args.edit)->check(named);
  fork->add_option("--model", args.model)->check(named);
  add_following(fork, args);

  Parser* doctor = add(root, args, "doctor");
  doctor->add_option("AGENT", args.agent)->check(named);
  doctor->add_flag("--json", args.json);

  Parser* models = add(root, args, "models");
  CLI::Option* what = models->add_option("ENDPOINT", args.what)->check(named);
  models->add_option("NAME", args.name)->check(named)->needs(what);
  models->add_flag("--json", args.json);

  Parser* completion = add(root, args, "completion");
  completion->add_option("SHELL", args.what)->required()->check(shell);
}

void add_looking(Parser& root, Args& args) {
  Parser* runs = add(root, args, "runs");
  runs->add_flag("--in-doubt", args.in_doubt);
  runs->add_flag("--json", args.json);

  Parser* trace = add(root, args, "trace");
  trace->add_option("RUN", args.run)->required()->check(named);
  CLI::Option* html = trace->add_option("--html", args.html)->check(named);
  trace->add_flag("--jsonl", args.jsonl)->excludes(html);
}

void add_deciding(Parser& root, Args& args) {
  Parser* resume = add(root, args, "resume");
  resume->add_option("RUN", args.run)->check(named);
  add_following(resume, args);

  Parser* resolve = add(root, args, "resolve");
  resolve->add_option("RUN", args.run)->required()->check(named);
  resolve->add_option("STEP", args.step)->required();
  CLI::Option_group* verdict = resolve->add_option_group("verdict");
  verdict
      ->add_option_function<std::string>("--happened",
                                         [&args](const std::string& result) {
                                           args.happened = true;
                                           args.result = result;
                                         })
      ->check(in_words);
  verdict->add_flag("--did-not-happen", args.did_not_happen);
  verdict->add_flag("--abandon", args.abandon);
  verdict->require_option(1);
  resolve->add_option("--who", args.who)->check(in_words);
  resolve->add_option("--evidence", args.evidence)->check(in_words);
  resolve->add_flag("--later", args.later);
  add_following(resolve, args);

  Parser* asks = add(root, args, "asks");
  CLI::Option* ask = asks->add_option("ASK", args.ask)->check(named);
  CLI::Option* allow = asks->add_flag("--allow", args.allow)->needs(ask);
  CLI::Option* deny = asks->add_flag("--deny", args.deny)->needs(ask)->excludes(allow);
  asks->add_option_function<std::string>("--answer",
                                         [&args](const std::string& answer) {
                                           args.answers = true;
                                           args.answer = answer;
                                         })
      ->check(in_words)
      ->needs(ask)
      ->excludes(allow)
      ->excludes(deny);
  asks->add_option("--who", args.who)->check(in_words);
  asks->add_flag("--later", args.later);
  add_following(asks, args);

  Parser* cancel = add(root, args, "cancel");
  cancel->add_option("RUN", args.run)->required()->check(named);
  cancel->add_option("--reason", args.reason)->check(in_words);
  add_following(cancel, args);
}

void add_all(Parser& root, Args& args) {
  root.set_help_flag();
  add_starting(root, args);
  add_looking(root, args);
  add_deciding(root, args);
}

std::string did_you_mean(const std::string& word, const std::vector<std::string>& known) {
  std::optional<std::string> near = nearest(word, known);
  return near ? fmt::format("; did you mean `{}`?", *near) : ".";
}

std::vector<std::string> option_names(const Parser& command) {
  std::vector<std::string> names;
  auto collect = [&](const Parser& app) {
    for (const CLI::Option* option : app.get_options()) {
      for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
    }
  };
  collect(command);
  for (const Parser* group : command.get_subcommands(nullptr)) collect(*group);
  return names;
}

// What went wrong, in our words: the library's name options, not what to do.
Error explain(const Parser& root, const CLI::ParseError& error) {
  std::vector<Parser*> chosen = root.get_subcommands();
  const Parser& command = chosen.empty() ? root : *chosen.front();
  std::string where = chosen.empty() ? "ragent" : "ragent " + command.get_name();
  std::string what = error.what();
  std::vector<std::string> rest = root.remaining(true);
  bool extra = error.get_exit_code() == static_cast<int>(CLI::ExitCodes::ExtrasError);
  if (extra && !rest.empty()) {
    // An option that is not known makes extras of what follows it.
    auto option =
        std::ranges::find_if(rest, [](const std::string& word) { return word.starts_with('-'); });
    const std::string& word = option == rest.end() ? rest.front() : *option;
    bool more_words = option == rest.end() && command.get_name() == "run";
    what = more_words ? fmt::format(
                            "{}: more words than AGENT and TASK, the first is `{}`; put the task "
                            "in quotes: ragent run AGENT \"what it shall do\"",
                            where, printable(word, kShownBytesMax))
                      : fmt::format("{} does not know `{}`{}", where, word,
                                    did_you_mean(word, option_names(command)));
  } else {
    what = fmt::format("{}: {}", where, what);
  }
  what += fmt::format("\n`{} --help` shows how it is used.", where);
  return {.kind = ErrorKind::invalid, .message = std::move(what)};
}

}  // namespace

std::span<const std::string> command_names() {
  static const std::vector<std::string> kNames = {"new",    "check",  "run",    "chat",      "fork",
                                                  "runs",   "trace",  "resume", "resolve",   "asks",
                                                  "cancel", "doctor", "models", "completion"};
  return kNames;
}

std::vector<std::string> options_of(const std::string& command) {
  Args args;
  Parser root;
  add_all(root, args);
  std::vector<std::string> names = option_names(*root.get_subcommand(command));
  names.emplace_back("--help");
  return names;
}

Result<Args> parse_args(const std::vector<std::string>& words) {
  Args args;
  if (words.empty() || words[0] == "-h" || words[0] == "--help" || words[0] == "help") {
    args.command = "help";
    if (words.size() > 1) args.topic = words[1];
    return args;
  }
  std::vector<std::string> known(command_names().begin(), command_names().end());
  known.emplace_back("help");
  if (std::ranges::find(known, words[0]) == known.end()) {
    return fail(ErrorKind::invalid,
                fmt::format("there is no command `{}`{}\n`ragent help` lists them.", words[0],
                            did_you_mean(words[0], known)));
  }
  Parser root;
  add_all(root, args);
  // Help is wanted also where the rest of the line is not right yet.
  bool help = std::ranges::any_of(
      words, [](const std::string& word) { return word == "-h" || word == "--help"; });
  if (help) {
    args.command = "help";
    args.topic = words[0];
    return args;
  }
  try {
    std::vector<std::string> reversed(words.rbegin(), words.rend());
    root.parse(std::move(reversed));
  } catch (const CLI::ParseError& error) {
    return fail(explain(root, error));
  }
  args.command = words[0];
  return args;
}

}  // namespace ragent::cli
