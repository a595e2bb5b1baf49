// The ragent command: wires a command line to a command.
#include <cli/commands.h>

#include <algorithm>
#include <array>
#include <cstring>

namespace {

using namespace ragent::cli;

struct Command {
  std::string_view name;
  int (*run)(const Args&, const Console&);
};

constexpr std::array<Command, 14> kCommands = {{{"new", new_command},
                                                {"check", check_command},
                                                {"run", run_command},
                                                {"chat", chat_command},
                                                {"fork", fork_command},
                                                {"runs", runs_command},
                                                {"trace", trace_command},
                                                {"resume", resume_command},
                                                {"resolve", resolve_command},
                                                {"asks", asks_command},
                                                {"cancel", cancel_command},
                                                {"doctor", doctor_command},
                                                {"models", models_command},
                                                {"completion", completion_command}}};

}  // namespace

int main(int argc, char** argv) {
  // Scripts ask this often: before anything that costs time.
  if (argc == 2 && (std::strcmp(argv[1], "--version") == 0 || std::strcmp(argv[1], "-V") == 0)) {
    std::puts("ragent " RAGENT_VERSION);
    return kExitDone;
  }
  Console console;
  ragent::Result<Args> args = parse_args({argv + 1, argv + argc});
  if (!args) {
    console.report(args.error());
    return kExitUsage;
  }
  auto command = std::ranges::find(kCommands, args->command, &Command::name);
  if (command == kCommands.end()) {
    print(help_text(args->topic, console.out.color));
    return kExitDone;
  }
  int code = command->run(*args, console);
  if (std::fflush(stdout) != 0 || std::ferror(stdout)) {
    console.report({.kind = ragent::ErrorKind::io,
                    .message = reader_left() ? "whoever read the output closed it before its end; "
                                               "`ragent runs` and `ragent trace` tell the rest"
                                             : "the output could not be written whole: is the "
                                               "disk full?"});
    return code == kExitDone ? kExitError : code;
  }
  return code;
}
