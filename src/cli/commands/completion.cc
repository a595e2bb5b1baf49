// ragent completion: what a shell asks to complete the words of a command line.
#include <cli/commands.h>

#include <fmt/core.h>

namespace ragent::cli {
namespace {

// Agents and runs are looked up when Tab is pressed: these lines print them, one a line. Only words
// of letters that no shell reads anything into: a folder may be named $(…), and bash expands them.
constexpr std::string_view kAgents =
    R"sh(for f in agents/*/agent.toml; do [ -f "$f" ] && basename "$(dirname "$f")"; done |
  LC_ALL=C grep -x '[A-Za-z0-9._-]*')sh";
constexpr std::string_view kRuns =
    R"sh(ragent runs --json 2>/dev/null | sed -n 's/.*"run": *"\([A-Za-z0-9]*\)".*/\1/p')sh";

// What stands between two @ is put in below: names of commands, their options, the lines above.
constexpr std::string_view kBash = R"sh(# ragent: completion for bash
_ragent_agents() { @AGENTS@; }
_ragent_runs() { @RUNS@; }
_ragent_files() { compopt -o filenames 2>/dev/null; } # they are quoted where that is needed
_ragent() {
  local word="${COMP_WORDS[COMP_CWORD]}" command="${COMP_WORDS[1]}" options=""
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W "@COMMANDS@ help" -- "$word"))
    return
  fi
  case "${COMP_WORDS[COMP_CWORD-1]}" in
    --home) _ragent_files; COMPREPLY=($(compgen -d -- "$word")); return ;;
    --html|--image|--record|--edit)
      _ragent_files; COMPREPLY=($(compgen -f -- "$word")); return ;;
    --planner) COMPREPLY=($(compgen -W "direct react" -- "$word")); return ;;
    --model)
      _ragent_files; COMPREPLY=($(compgen -W "local/default local/small" -f -- "$word")); return ;;
  esac
  case "$command" in
@BASH_CASES@  esac
  if [[ "$word" == -* ]]; then
    COMPREPLY=($(compgen -W "$options" -- "$word"))
    return
  fi
  [ "$COMP_CWORD" -eq 2 ] || return
  case "$command" in
    run|chat|check|doctor)
      _ragent_files; COMPREPLY=($(compgen -W "$(_ragent_agents)" -d -- "$word")) ;;
    fork|trace|resume|resolve|cancel) COMPREPLY=($(compgen -W "$(_ragent_runs)" -- "$word")) ;;
    models) COMPREPLY=($(compgen -W "fetch openai anthropic" -- "$word")) ;;
    completion) COMPREPLY=($(compgen -W "bash zsh fish" -- "$word")) ;;
    help) COMPREPLY=($(compgen -W "@COMMANDS@" -- "$word")) ;;
  esac
}
complete -F _ragent ragent
)sh";

constexpr std::string_view kZsh = R"sh(#compdef ragent
# ragent: completion for zsh
_ragent_agents() { @AGENTS@; }
_ragent_runs() { @RUNS@; }
_ragent() {
  local word="${words[CURRENT]}" command="${words[2]}" options=""
  if (( CURRENT == 2 )); then
    compadd -- @COMMANDS@ help
    return
  fi
  case "${words[CURRENT-1]}" in
    --home) _files -/; return ;;
    --html|--image|--record|--edit) _files; return ;;
    --planner) compadd -- direct react; return ;;
    --model) compadd -- local/default local/small; _files; return ;;
  esac
  case "$command" in
@BASH_CASES@  esac
  if [[ "$word" == -* ]]; then
    compadd -- ${=options}
    return
  fi
  (( CURRENT == 3 )) || return
  case "$command" in
    run|chat|check|doctor) compadd -- ${(f)"$(_ragent_agents)"}; _files -/ ;;
    fork|trace|resume|resolve|cancel) compadd -- ${(f)"$(_ragent_runs)"} ;;
    models) compadd -- fetch openai anthropic ;;
    completion) compadd -- bash zsh fish ;;
    help) compadd -- @COMMANDS@ ;;
  esac
}
if [ "$funcstack[1]" = "_ragent" ]; then _ragent "$@"; else compdef _ragent ragent; fi
)sh";

constexpr std::string_view kFish = R"sh(# ragent: completion for fish
function __ragent_runs; @RUNS@; end
function __ragent_agents; for f in agents/*/agent.toml; basename (dirname $f); end; end
function __ragent_is; contains -- (commandline -opc)[2] $argv; end
function __ragent_second; test (count (commandline -opc)) -eq 2; end
complete -c ragent -f
complete -c ragent -n 'test (count (commandline -opc)) -eq 1' -a '@COMMANDS@ help'
complete -c ragent -n '__ragent_second; and __ragent_is run chat check doctor' \
  -a '(__ragent_agents)'
complete -c ragent -n '__ragent_second; and __ragent_is fork trace resume resolve cancel' \
  -a '(__ragent_runs)'
complete -c ragent -n '__ragent_second; and __ragent_is models' -a 'fetch openai anthropic'
complete -c ragent -n '__ragent_second; and __ragent_is completion' -a 'bash zsh fish'
complete -c ragent -n '__ragent_second; and __ragent_is help' -a '@COMMANDS@'
@FISH_OPTIONS@)sh";

void put(std::string& text, std::string_view mark, std::string_view value) {
  for (std::size_t at = 0; (at = text.find(mark, at)) != text.npos; at += value.size()) {
    text.replace(at, mark.size(), value);
  }
}

}  // namespace

int completion_command(const Args& args, const Console&) {
  std::string commands;
  std::string cases;
  std::string fish;
  for (const std::string& command : command_names()) {
    commands += (commands.empty() ? "" : " ") + command;
    cases += fmt::format("    {}) options=\"{}\" ;;\n", command, join(options_of(command), " "));
    for (const std::string& option : options_of(command)) {
      bool file = option == "--home" || option == "--html" || option == "--image" ||
                  option == "--record" || option == "--edit" || option == "--model";
      fish += fmt::format("complete -c ragent -n '__ragent_is {}' -l {}{}\n", command,
                          option.substr(2), file ? " -r -F" : "");
    }
  }
  std::string text(args.what == "bash" ? kBash : args.what == "zsh" ? kZsh : kFish);
  put(text, "@AGENTS@", kAgents);
  put(text, "@RUNS@", kRuns);
  put(text, "@COMMANDS@", commands);
  put(text, "@BASH_CASES@", cases);
  put(text, "@FISH_OPTIONS@", fish);
  print(text);
  return kExitDone;
}

}  // namespace ragent::cli
